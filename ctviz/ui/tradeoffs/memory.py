"""What a session remembers of Trade-offs besides the draft: nothing of it is in the link."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import streamlit as st

from ctviz.studies.sweeps.declaration import Sweep

MEMORY = "tradeoffs"


@dataclass
class TradeoffsMemory:
    """What one session remembers.

    Attributes:
        visitor: names the session among those of the server.
        forgotten: the sweep that was taken off the list last, until it is put back.
        deleted: key → title of the runs that were deleted last, until they are brought back.
        cost: what a sweep would take, and the sweep and the others under way for which that was worked out.
    """

    visitor: str = field(default_factory=lambda: uuid.uuid4().hex)
    forgotten: Sweep | None = None
    deleted: Mapping[str, str] = field(default_factory=dict)
    cost: tuple[tuple[str, frozenset[str]], str] | None = None


def memory() -> TradeoffsMemory:
    """That of this session."""
    found: TradeoffsMemory = st.session_state.setdefault(MEMORY, TradeoffsMemory())
    return found
