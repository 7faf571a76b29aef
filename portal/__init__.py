"""A self-service portal on OpenStack."""
