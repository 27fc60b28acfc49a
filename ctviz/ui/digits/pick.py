"""The digit that is looked at: one to choose from, or one's own, drawn on the page or read from a file."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ctviz.data.drawing import prepare, prepare_file
from ctviz.errors import ConfigError, CtvizError
from ctviz.ui.digits import pictures
from ctviz.ui.digits.answers import gallery
from ctviz.ui.digits.components import draw_pad, show_image_grid
from ctviz.ui.digits.digits_view import CLASS, HARD, OWN, RANDOM, DigitsView
from ctviz.ui.digits.drawing import decode, encode
from ctviz.ui.digits.memory import Pad, memory
from ctviz.ui.kit import bind, rights
from ctviz.ui.kit.draft import Draft, run_again, write_link
from ctviz.ui.kit.frame import literal
from ctviz.ui.kit.service import Service

PICKS = {CLASS: "Class", HARD: "Hard", RANDOM: "Random", OWN: "Own"}

MOST_FILE = 2 * 2**20
"""Bytes of an uploaded picture."""

PAD_SHARES = (0.36, 0.64)
"""Of the width of the picture: the pad, and what the models make of the drawing."""


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
        _upload(draft)
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

    show_image_grid(pictures.of_gallery(picked, draft.view.at), key="digits-gallery", on_cell=take)
    if draft.view.pick == HARD:
        st.caption("Test digits that these models get wrong, or are least sure of.")


def _upload(draft: Draft[DigitsView]) -> None:
    """Takes over a picture, once for each file; one that cannot be used is answered in a sentence."""
    asked = "A picture of a digit (PNG or JPEG, up to 2 MB)"
    file = rights.uploader(asked, type=["png", "jpg", "jpeg"], key="digits-file")
    if file is None:
        return
    taken = memory().files
    if file.file_id not in taken:
        try:
            if file.size > MOST_FILE:
                raise ConfigError("The file", f"{file.size:,} bytes", f"at most {MOST_FILE:,} bytes")
            found = prepare_file(file.getvalue())
        except CtvizError as error:
            st.error(literal(str(error)), icon=":material/error:")
            return
        taken[file.file_id] = found.notes
        draft.look(drawing=encode(found.pixels))
        run_again()
    if taken[file.file_id]:
        st.caption(literal(" ".join(taken[file.file_id])))


def show_pad(draft: Draft[DigitsView]) -> DeltaGenerator:
    """The drawing pad; returns the place beside it, for the picture of what was drawn.

    A drawing that came by a link or from a file is on a new pad from the start; one that was wiped off leaves the link.
    """
    pad = memory().pad
    if draft.view.drawing != pad.taken:
        pad = Pad(pad.number + 1, draft.view.drawing, draft.view.drawing)
    left, place = st.columns(PAD_SHARES, gap="medium")
    with left:
        drawn = draw_pad(prepare, key=pad.key, initial=decode(pad.start) if pad.start else None)
    if drawn.digest != pad.digest or (drawn.cleared and pad.taken):
        text = "" if drawn.cleared else pad.taken
        text = encode(drawn.prepared.pixels) if drawn.prepared is not None else text
        pad = replace(pad, taken=text, digest=drawn.digest)
        draft.view = draft.view.model_copy(update={"drawing": text})
        write_link(draft)
    memory().pad = pad
    return place
