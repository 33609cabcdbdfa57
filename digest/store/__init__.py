"""The store: every SQL statement of the house, one module a subject, behind one door for writing."""

from digest.store.store import Store, create, open_store

__all__ = ["Store", "create", "open_store"]
