"""Stored runs: found, named, pinned, deleted and brought back, and compared with one another."""
