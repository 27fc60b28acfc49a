"""Settings that differ between experiments, and experiments with a given setting."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ctviz.experiments.config import Experiment, parse_value
from ctviz.training.arm import Arm

Table = dict[str, Any]

ALL_ARMS = "arms.*"
"""Stands for all arms of a run, where they have the same value."""


@dataclass(frozen=True)
class SettingDifference:
    """One setting: its dotted path, its value in each experiment (None where an experiment lacks it), and whether it
    differs.

    A setting that some experiments lack, such as the noise of images, does not differ for that alone. For an arm that
    only some experiments have, a setting differs if it is not the default of an arm of that name.
    """

    path: str
    values: tuple[Any, ...]
    differs: bool


def differences(experiments: Sequence[Experiment], *, alike: bool = False) -> tuple[SettingDifference, ...]:
    """The settings that differ between experiments, in the order in which an experiment holds them.

    Arms are matched by name. A setting with one value for all arms of each experiment is listed once, as
    ``arms.*.tau``.

    Args:
        experiments: one or more.
        alike: also list settings that do not differ.
    """
    tables = [_values(experiment) for experiment in experiments]
    paths = list(dict.fromkeys(path for table in tables for path in table))
    of_arms: dict[str, list[str]] = {}
    for path in paths:
        if path.startswith("arms."):
            of_arms.setdefault(path.rpartition(".")[2], []).append(path)
    rest = [_plain(path, tables) for path in paths if not path.startswith("arms.")]
    names = tuple(tuple(arm.name for arm in experiment.arms) for experiment in experiments)
    merged = [line for field, lines in of_arms.items() for line in _merged(field, lines, tables)]
    found = [
        *(line for line in rest if line.path != "seed"),
        SettingDifference("arms", names, len(set(names)) > 1),
        *merged,
        *(line for line in rest if line.path == "seed"),
    ]
    return tuple(line for line in found if alike or line.differs)


def _values(experiment: Experiment) -> Table:
    """Dotted path → value of every setting, except the names of the arms."""
    flat: Table = {}
    for section, value in experiment.model_dump(mode="json").items():
        if section == "arms":
            for arm in value:
                name = arm.pop("name")
                flat |= {f"arms.{name}.{field}": entry for field, entry in arm.items()}
        elif isinstance(value, dict):
            flat |= {f"{section}.{field}": entry for field, entry in value.items()}
        else:
            flat[section] = value
    return flat


def _plain(path: str, tables: Sequence[Table]) -> SettingDifference:
    had = [table[path] for table in tables if path in table]
    return SettingDifference(path, tuple(table.get(path) for table in tables), any(value != had[0] for value in had))


def _merged(field: str, paths: Sequence[str], tables: Sequence[Table]) -> list[SettingDifference]:
    """One line for a setting of the arms if each experiment has a single value of it, else one line per arm."""
    common = []
    for table in tables:
        own = [table[path] for path in paths if path in table]
        if any(value != own[0] for value in own):
            return [_of_arm(path, tables) for path in paths]
        common.append(own[0])
    return [SettingDifference(f"{ALL_ARMS}.{field}", tuple(common), any(value != common[0] for value in common))]


def _of_arm(path: str, tables: Sequence[Table]) -> SettingDifference:
    line = _plain(path, tables)
    if all(path in table for table in tables):
        return line
    _, name, field = path.split(".")
    usual = Arm.variant(name).model_dump(mode="json")[field]
    unusual = any(table[path] != usual for table in tables if path in table)
    return SettingDifference(path, line.values, line.differs or unusual)


def has(experiment: Experiment, name: str, text: str) -> bool:
    """Whether a setting has a value, given as text as in a link: ``has(e, "tau", "0.5")``.

    Args:
        name: a dotted path, or the end of one: ``tau`` is that of any arm or of the evaluation, ``full.tau`` an arm's.
        text: numbers are compared as numbers (0.50 is 0.5), lists by their entries, other values as text.
    """
    ending = "." + name.lower()
    wanted = parse_value(text)
    return any(
        _same(value, wanted, text)
        for path, value in _values(experiment).items()
        if ("." + path.lower()).endswith(ending)
    )


def _same(value: Any, wanted: Any, text: str) -> bool:
    if isinstance(value, list):
        inside = wanted if isinstance(wanted, list) else [parse_value(part) for part in text.split(",") if part]
        return value == inside
    if isinstance(value, str):
        return str(value).lower() == str(wanted).lower()
    try:
        return bool(value == (float(wanted) if isinstance(value, int | float) else wanted))
    except (TypeError, ValueError):  # text where a number is expected
        return False


def written(value: Any) -> str:
    """A setting's value as text; a dash if it is empty."""
    if value is None or value == [] or value == ():
        return "—"
    if isinstance(value, list | tuple) and not any(isinstance(part, list | tuple) for part in value):
        return ", ".join(str(part) for part in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
