"""What this page bears: a server shows and trains sweeps of limited size, wherever their settings come from."""

from __future__ import annotations

from ctviz.errors import ConfigError
from ctviz.studies.sweeps.declaration import Sweep
from ctviz.ui.tradeoffs.tradeoffs_view import MOST_AXES, MOST_EXACT, MOST_ROUNDS

MOST_MODELS = 300
"""Of a sweep that is started from the page; the command line bears more."""

MOST_SHOWN = 2000
"""Models of a sweep that is shown: every look at one that grows goes over all of them."""

MOST_FACTUALS = 250
MOST_PULLS = 10
MOST_STEPS = 100

ELSEWHERE = "on this page; the command line bears more"


def within_page(sweep: Sweep) -> None:
    """Raises ``ConfigError`` for a sweep that is too much to be brought here, or to be trained from here."""
    if len(sweep.axes) > MOST_AXES:
        raise ConfigError("grid", f"{len(sweep.axes)} settings", f"at most {MOST_AXES} on this page")
    if sweep.models > MOST_MODELS:
        raise ConfigError(
            "grid", f"{sweep.size:,} cells × {sweep.seeds} seeds", f"at most {MOST_MODELS} models {ELSEWHERE}"
        )
    protocol = sweep.protocol
    bounds = {
        "rounds": (protocol.rounds, MOST_ROUNDS),
        "factuals": (protocol.factuals, MOST_FACTUALS),
        "values of lambda_egy": (len(protocol.pulls), MOST_PULLS),
        "steps": (protocol.steps, MOST_STEPS),
        "points solved exactly": (protocol.exact, MOST_EXACT),
    }
    for name, (wanted, most) in bounds.items():
        if wanted > most:
            raise ConfigError(f"{name} of the evaluation", wanted, f"at most {most} {ELSEWHERE}")


def within_sight(sweep: Sweep) -> None:
    """Raises ``ConfigError`` for a sweep with more models than the page can go over at every look."""
    if sweep.models > MOST_SHOWN:
        raise ConfigError(
            "grid", f"{sweep.size:,} cells × {sweep.seeds} seeds", f"at most {MOST_SHOWN:,} models are shown here"
        )
