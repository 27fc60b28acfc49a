"""What makes a part of the story, and where on the page it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ctviz.catalogue.differences import Difference, difference
from ctviz.catalogue.findings import shares_differ
from ctviz.catalogue.metrics import RECORDED
from ctviz.evaluation.bootstrap import Interval
from ctviz.experiments.config import Experiment
from ctviz.experiments.images.explorer import ImageExplorer
from ctviz.experiments.snapshot import Snapshot
from ctviz.figures import digit_words as words
from ctviz.figures.digits.image_grid import ImageGrid
from ctviz.figures.theme import ArmStyle, reference_pair
from ctviz.ui.digits import answers as ask
from ctviz.ui.digits import pictures
from ctviz.ui.digits.components import ImageGridState, show_image_grid
from ctviz.ui.digits.digits_view import DigitsView
from ctviz.ui.digits.memory import memory
from ctviz.ui.kit.draft import Draft, run_again, write_link
from ctviz.ui.kit.frame import page_title
from ctviz.ui.kit.run_view import RunView

SHARES = (0.72, 0.28)
"""Of the width: the picture, and what is beside it."""


@dataclass(frozen=True)
class Picture:
    """The picture of a part, the frame that it rests on, and how strong its colours are."""

    grid: ImageGrid
    frame: int
    strength: int


@dataclass
class Layout:
    """Where the headline, the picture and the numbers of a part go, and what they are about."""

    draft: Draft[DigitsView]
    run_view: RunView
    snapshot: Snapshot
    headline: DeltaGenerator
    left: DeltaGenerator
    right: DeltaGenerator

    @property
    def view(self) -> DigitsView:
        return self.draft.view

    @property
    def experiment(self) -> Experiment:
        return self.run_view.experiment

    @property
    def explorer(self) -> ImageExplorer:
        return ask.answers().explorer(self.experiment)

    @property
    def styles(self) -> tuple[ArmStyle, ...]:
        return pictures.styles_of(self.experiment)

    @property
    def prefix(self) -> str:
        """The epoch in words, where it is not the last one."""
        return words.when(self.snapshot.epoch, self.experiment.training.epochs)

    @property
    def accuracy(self) -> Difference:
        """How often the compared model is right against the conventional one, as far as that is beyond chance."""
        shares, of = self.snapshot.metrics["validation_accuracy"], self.experiment.data.n_validation
        conventional, trained = reference_pair(self.styles)
        if conventional is None or trained is None:
            return Difference()
        ours, theirs = float(shares[trained]), float(shares[conventional])
        return difference(RECORDED["validation_accuracy"], ours, theirs, clear=shares_differ(ours, theirs, of))

    def say(self, finding: str) -> None:
        """Writes the headline, which stays until this part has another one for this run."""
        memory().headlines[self.view.part] = self.run_view.key, finding
        with self.headline:
            page_title(finding)

    def chosen_digit(self) -> ask.Digit | None:
        """The digit that is looked at; where it is to be drawn first, says where to do that."""
        digit = ask.digit_of(self.run_view, self.view)
        if digit is None:
            self.say("There is no drawing yet.")
            choose = "" if self.view.view == "project" else ", or choose one on the left"
            self.left.info(f"Draw a digit under “One digit”{choose}.", icon=":material/draw:")
        return digit

    def show_frames(self, picture: Picture, key: str, usual: int | None = None) -> int:
        """Shows a picture whose frames are steps or strengths; returns the frame that it rests on.

        Args:
            picture: of the part.
            key: of the component.
            usual: the frame that a link need not name; by default the last one.
        """
        last = picture.grid.shape[2] - 1
        initial = ImageGridState(picture.frame, picture.strength, False)
        with self.left:
            resting = show_image_grid(picture.grid, key=f"{key}-{self.draft.opened}", initial=initial)
        frame = last if resting.frame is None else min(resting.frame, last)
        self.rest(frame=None if frame == (last if usual is None else usual) else frame, tint=resting.strength)
        return frame

    def rest(self, **fields: Any) -> None:
        """Takes what the person has come to rest on into the view, and so into the link and the files."""
        before = self.view
        self.draft.view = before.model_copy(update=fields)
        if self.view == before:
            return
        write_link(self.draft)
        if not self.view.play and before.view == "page":
            run_again()

    def chart(self, title: str, figure: Any, key: str) -> None:
        """A chart below the picture."""
        with self.left:
            st.html(f'<p class="ctviz-chart-title">{title}</p>')
            st.plotly_chart(figure, key=key, theme=None, alt=title, config={"displayModeBar": False})


@dataclass(frozen=True)
class DigitsPart:
    """A part of the story.

    Attributes:
        title: what it is called.
        lead: what it is about.
        controls: how digits are explained, searched or attacked.
        show: draws the finding, the picture and the numbers.
        picture: what is seen of a run at a snapshot; None before a digit is drawn.
        rows: its numbers, one row for each model and whatever else they are taken for.
        settings: what the picture and the numbers depend on, by name.
        samples: how many test digits the numbers are of; None where they are of the one that was picked.
        one_digit: whether the picture is of one digit, which the person picks.
    """

    title: str
    lead: str
    controls: Callable[[Draft[DigitsView]], None]
    show: Callable[[Layout], None]
    picture: Callable[[RunView, Snapshot, DigitsView], Picture | None]
    rows: Callable[[RunView, Snapshot, DigitsView], list[dict[str, Any]]]
    settings: Callable[[RunView, DigitsView], dict[str, Any]]
    samples: Callable[[RunView, DigitsView], int] | None = None
    one_digit: bool = True


def interval_rows(
    arms: tuple[str, ...], snapshot: Snapshot, name: str, found: Interval, apart: Interval
) -> list[dict[str, Any]]:
    """A row for each model: a number with its interval, and its difference to the first model."""
    return [
        {
            "model": arm, "epoch": snapshot.epoch, "number": name,
            **{end: float(getattr(found, end)[i]) for end in ("value", "low", "high")},
            **{f"difference_{end}": float(getattr(apart, end)[i]) for end in ("value", "low", "high")},
        }
        for i, arm in enumerate(arms)
    ]  # fmt: skip
