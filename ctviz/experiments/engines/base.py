"""What an engine is: something that carries portions out and says of each when it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol as Interface

from ctviz.experiments.engines.portion import Portion
from ctviz.experiments.store import Store


@dataclass(frozen=True)
class Outcome:
    """A portion that has ended: ``message`` is empty where it is in the store, else a sentence why it is not."""

    portion: Portion
    message: str
    seconds: float  # from when it was begun

    @property
    def done(self) -> bool:
        return not self.message


class Engine(Interface):
    """Carries portions out, so that their runs and reports are in ``store`` when it says that they have ended.

    One that fails is told by its outcome and stops no other. Once ``cancelled()`` is true the iterator ends soon,
    without outcomes for what was left; what is done by then stays in the store. So it does when the iterator is closed.
    """

    def run(self, portions: Sequence[Portion], store: Store, cancelled: Callable[[], bool]) -> Iterator[Outcome]:
        """Outcomes in the order in which the portions end."""
        ...
