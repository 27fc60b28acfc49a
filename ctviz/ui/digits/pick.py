"""The controls for the digit that is looked at."""

from __future__ import annotations

import streamlit as st

from ctviz.errors import CtvizError
from ctviz.ui.digits import pictures
from ctviz.ui.digits.answers import gallery
from ctviz.ui.digits.own import upload
from ctviz.ui.digits.stage import show_wall
from ctviz.ui.digits.view import CLASS, HARD, OWN, RANDOM, DigitsView
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import literal
from ctviz.ui.kit.service import Service

PICKS = {CLASS: "Class", HARD: "Hard", RANDOM: "Random", OWN: "Own"}


def pick_digit(service: Service, draft: Draft[DigitsView]) -> None:
    """Which digit is looked at: one of a class, a hard one, a random one, or one's own."""
    own_class = draft.view.own_class
    kind = draft.view.pick if own_class is None else CLASS

    def take(chosen: str) -> None:
        draft.look(pick=f"{CLASS}3" if chosen == CLASS else chosen, at=0)

    bind.choice(
        "Digit", PICKS, bind.to("digits-pick", kind, take), kind="buttons", words=PICKS,
        help="By class, those that are hard for these models, at random, or your own: drawn here or from a file.",
    )  # fmt: skip
    if kind == OWN:
        upload(draft)
        return
    if own_class is not None:
        binding = bind.to("digits-class", own_class, lambda c: draft.look(pick=f"{CLASS}{c}", at=0))
        bind.choice("Class", range(10), binding, kind="buttons", hidden=True)
    _gallery(service, draft)
    if kind != HARD:
        st.button(
            "Others", key="digits-others", type="tertiary", icon=":material/casino:", help="Draws other test digits.",
            on_click=lambda: draft.look(draw=(draft.view.draw + 1) % 10_000, at=0),
        )  # fmt: skip


def _gallery(service: Service, draft: Draft[DigitsView]) -> None:
    """Digits to click on."""
    run_view = service.run_view(draft.experiment.key)
    if run_view is None:
        return
    try:
        picked = gallery(run_view, draft.view)
    except CtvizError as error:
        st.error(literal(str(error)), icon=":material/block:")
        return
    if picked is None or not len(picked.y):
        return

    def take(cell: tuple[int, int]) -> None:
        draft.look(at=min(cell[0] * pictures.PER_ROW + cell[1], len(picked.y) - 1))

    show_wall(pictures.of_gallery(picked, draft.view.at), key="digits-gallery", on_cell=take)
    if draft.view.pick == HARD:
        st.caption("Test digits that these models get wrong, or are least sure of.")
