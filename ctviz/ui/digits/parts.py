"""The parts of the story, in its order."""

from __future__ import annotations

from ctviz.ui.digits import another, attack, classes, counterfactuals, digit
from ctviz.ui.digits.digits_view import DigitsView, PartName
from ctviz.ui.digits.layout import DigitsPart
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft

PARTS: dict[PartName, DigitsPart] = {
    "read": another.PART,
    "digit": digit.PART,
    "classes": classes.PART,
    "counterfactuals": counterfactuals.PART,
    "fool": attack.PART,
}


def choose_part(draft: Draft[DigitsView]) -> None:
    """The choice of the part."""
    bind.choice(
        "Part of the story", PARTS, bind.to_view(draft, "part", key="digits-part", frame=None, play=0), kind="buttons",
        words=lambda name: PARTS[name].title, hidden=True,
    )  # fmt: skip
