"""Engines by name. Each is a plug-in: nothing but this table names the module of Ray, and it is loaded when it is
asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from ctviz.errors import ConfigError
from ctviz.experiments.engines.base import Engine

ENGINES = {
    "local": ("ctviz.experiments.engines.local", "LocalEngine"),
    "ray": ("ctviz.experiments.engines.ray", "RayEngine"),
}
"""Name → the module and class."""


def engine_of(name: str, workers: int | None = None, address: str | None = None) -> Any:
    """The engine of this name, a context manager that ends its workers.

    Args:
        workers: processes; by default one for each processor.
        address: of a Ray cluster.

    Raises:
        ConfigError: an unknown name, or settings that this engine does not have.
    """
    if name not in ENGINES:
        raise ConfigError("engine", name, " or ".join(ENGINES))
    module, engine = ENGINES[name]
    return getattr(import_module(module), engine)(workers=workers, address=address)


@contextlib.contextmanager
def opened(engine: str | Engine, workers: int | None = None, address: str | None = None) -> Iterator[Engine]:
    """The engine of this name, which is closed afterwards; or an engine of the caller's, which is left as it is."""
    if not isinstance(engine, str):
        yield engine
        return
    made = engine_of(engine, workers, address)
    try:
        yield made
    finally:
        made.close()
