"""How much pages keep in memory of runs, over all sessions: one bound for all that is read, searched and packed."""

from __future__ import annotations

from ctviz.cache import Budget

MOST_BYTES = 64 * 2**20

KEPT = Budget(MOST_BYTES)
"""What was used least recently goes first, be it a run's snapshots, a search, an attribution or a packed recording."""
