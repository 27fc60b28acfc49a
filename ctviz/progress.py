"""Progress of a long piece of work, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` units after ``seconds`` of work; all three are at least zero."""

    done: int
    total: int
    seconds: float

    @property
    def share(self) -> float:
        """Finished share of the work, 0 to 1; work without any units is finished."""
        return min(self.done / self.total, 1.0) if self.total > 0 else 1.0

    @property
    def rate(self) -> float | None:
        """Units per second; None as long as it is unknown."""
        return self.done / self.seconds if self.done > 0 and self.seconds > 0 else None

    @property
    def eta(self) -> float | None:
        """Estimated seconds left, at the mean rate so far; None as long as it is unknown."""
        if self.done >= self.total:
            return 0.0
        return (self.total - self.done) / self.rate if self.rate else None

    def words(self, unit: str = "epoch") -> str:
        """For a person: ``epoch 12 of 100, about 8 s left``."""
        said = f"{unit} {self.done} of {self.total}"
        if self.done >= self.total or self.eta is None:
            return said
        return f"{said}, about {duration(self.eta)} left"


def duration(seconds: float) -> str:
    """A rounded length of time for a person: ``8 s``, ``3 min``, ``2 h 10 min``; at least one second."""
    whole = max(1, round(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
