"""A daily digest of articles, mailed to lists of subscribers."""

__version__ = "0.1.0"
