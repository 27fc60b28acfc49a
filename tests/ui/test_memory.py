"""Free memory goes back to the system."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from ctviz.ui.kit import memory


def held() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.skipif(memory._trim() is None, reason="another C library than glibc")
def test_what_is_free_between_what_is_used_goes_back() -> None:
    kept = [np.ones(12_000) for _ in range(1000)]  # each too small for pages of its own
    full = held()
    kept = kept[::100]
    assert held() > full - 20e6, "the C library keeps it by itself"
    assert memory.give_back() and held() < full - 60e6
    assert all(values.sum() == 12_000 for values in kept)


def test_another_c_library_keeps_it(monkeypatch) -> None:
    monkeypatch.setattr(memory, "_trim", lambda: None)
    assert not memory.give_back()
