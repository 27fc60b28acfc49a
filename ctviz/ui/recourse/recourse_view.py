"""How Recourse looks at a run: the person, the rules, and which plan is shown; all of it is in the link."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, field_validator

from ctviz.errors import ConfigError
from ctviz.experiments.advice import Tau
from ctviz.experiments.adviser import MOST_PLANS
from ctviz.ui.kit.link import BaseView

FIRST = {"preset": "german", "person": "147"}
"""Who is shown to whoever comes without a link: one to whom both models say something, at a price."""

UNSENT = "unsent"
"""In place of a typed-in person, where they are not to be in the link."""

SetName = Literal["realistic", "law", "anything"]


class RecourseView(BaseView):
    """How Recourse looks at a run.

    Attributes:
        person: the row of the test data; None for the first one whom both models refuse, or one who is typed in.
        who: among whom a person is picked at random, such as ``sex=female;age<=30``.
        typed: a person who was typed in, where they are to be in the link; else ``UNSENT``.
        set: the ready set of rules. ``rules``: what differs from it.
        score: from which on a person is accepted; "rate" accepts as many as are of the favourable class in the data.
        plans: how many at most of each model. ``plan``: which of them is large, from 0.
        arm: the model of counterfactual training; empty for the first one.
        third: whether all models of the run are shown.
        trained: whether the model is shown beside the two that is trained with the rules of the page.
        kept: the plans that are kept, as ``pins`` writes them.
        everyone: whether the part about all people is open; 2: with the model that is trained with the rules;
            3: with all three models.
        own: names a table of one's own that the server holds in memory; empty for the table of the run.
    """

    person: int | None = Field(None, ge=0)
    who: str = ""
    typed: str = ""
    set: SetName = "realistic"
    rules: str = ""
    score: Tau = "rate"
    plans: int = Field(3, ge=1, le=MOST_PLANS)
    plan: int = Field(0, ge=0, lt=MOST_PLANS)
    arm: str = ""
    third: Literal[0, 1] = 0
    trained: Literal[0, 1] = 0
    kept: str = ""
    everyone: Literal[0, 1, 2, 3] = 0
    own: str = ""

    @field_validator("score", mode="before")
    @classmethod
    def _between(cls, score: Any) -> Any:
        if score == "rate" or (isinstance(score, int | float) and 0 < score < 1):
            return score
        raise ConfigError("score", score, "between 0 and 1, or rate")

    @field_validator("who", "typed", "rules", "arm", "kept", "own", mode="before")
    @classmethod
    def _text(cls, text: Any) -> Any:
        return str(text)

    def elsewhere(self) -> Self:
        """The same way of looking at another table: without the person, the rules and the model of this one."""
        kept = {"person": None, "who": "", "typed": "", "rules": "", "plan": 0, "arm": "", "kept": "", "own": ""}
        kept |= {"trained": 0, "everyone": min(self.everyone, 1)}
        return super().elsewhere().model_copy(update=kept)
