"""A self-service portal on OpenStack."""

__version__ = "0.1.0"
