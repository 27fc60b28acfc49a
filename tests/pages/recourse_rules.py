"""Rules of German credit that tests of Recourse share."""

from __future__ import annotations

FREE = (
    "account", "duration", "amount", "savings", "employed for", "instalment rate", "other debtors", "residence",
    "property", "age", "other instalment plans", "housing", "job",
)  # fmt: skip

ALL_LOCKED = ";".join(f"{name}:locked" for name in FREE)
"""Rules under which the telephone alone may change, beside the ready set."""
