"""The questions, by noun. Each file has one `put(asker)` that asks them and cleans up after itself."""
