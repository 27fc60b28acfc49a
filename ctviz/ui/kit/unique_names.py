"""Entries of a list under names that differ: two with the same words cannot be told apart, by a person or a browser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence


def apart(names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """For each key the shortest of its names that is nobody else's; where there is none, the last one with the key.

    Args:
        names: key → names from short to long, one or more.
    """
    chosen: dict[str, str] = {}
    left = dict(names)
    for level in range(max(map(len, names.values()), default=0)):
        at = {key: all_[min(level, len(all_) - 1)] for key, all_ in left.items()}
        often = Counter(at.values())
        found = {key: name for key, name in at.items() if often[name] == 1 and name not in chosen.values()}
        chosen |= found
        left = {key: all_ for key, all_ in left.items() if key not in found}
    chosen |= {key: f"{all_[-1]} · {key}" for key, all_ in left.items()}
    return {key: chosen[key] for key in names}
