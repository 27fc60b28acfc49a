"""An engine without other processes, which notes what it is given."""

from collections.abc import Callable, Iterator, Sequence

from ctviz.errors import CtvizError
from ctviz.experiments.engines.base import Outcome
from ctviz.experiments.engines.portion import Portion, carry_out
from ctviz.experiments.store import Store


class Here:
    """Carries portions out one after the other, in this process."""

    def __init__(self) -> None:
        self.given: list[Portion] = []

    def run(self, portions: Sequence[Portion], store: Store, cancelled: Callable[[], bool]) -> Iterator[Outcome]:
        for portion in portions:
            self.given.append(portion)
            message = ""
            try:
                carry_out(portion, store, "cpu", cancelled)
            except CtvizError as error:
                message = str(error)
            yield Outcome(portion, message, 0.0)
