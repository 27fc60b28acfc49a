"""Engines by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctviz.errors import ConfigError
from ctviz.experiments.engines.local import LocalEngine

if TYPE_CHECKING:
    from ctviz.experiments.engines.ray import RayEngine

ENGINES = ("local", "ray")


def engine_of(name: str, workers: int | None = None, address: str | None = None) -> LocalEngine | RayEngine:
    """The engine of this name, a context manager that ends its workers.

    Args:
        workers: processes; by default one for each processor.
        address: of a Ray cluster.

    Raises:
        ConfigError: an unknown name, or settings that this engine does not have.
    """
    if name == "ray":
        from ctviz.experiments.engines.ray import RayEngine  # imported late: it needs ray

        return RayEngine(address=address, workers=workers)
    if name != "local":
        raise ConfigError("engine", name, " or ".join(ENGINES))
    if address is not None:
        raise ConfigError("address", address, "none for the local engine; it is for ray")
    return LocalEngine(workers)
