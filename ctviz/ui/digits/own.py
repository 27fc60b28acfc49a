"""A digit of the person's own: drawn on the page, or read from a file."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ctviz.data.drawing import prepare, prepare_file
from ctviz.errors import ConfigError, CtvizError
from ctviz.ui.digits.drawing import decode, encode
from ctviz.ui.digits.memory import Pad, memory
from ctviz.ui.digits.stage import draw_pad
from ctviz.ui.digits.view import DigitsView
from ctviz.ui.kit.draft import Draft, write_link
from ctviz.ui.kit.frame import literal

MOST_FILE = 2 * 2**20
"""Bytes of an uploaded picture."""

PAD_SHARES = (0.36, 0.64)
"""Of the width of the picture: the pad, and what the models make of the drawing."""


def upload(draft: Draft[DigitsView]) -> None:
    """Takes over a picture, once for each file; one that cannot be used is answered in a sentence."""
    asked = "A picture of a digit (PNG or JPEG, up to 2 MB)"
    file = st.file_uploader(asked, type=["png", "jpg", "jpeg"], key="digits-file")
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
        st.rerun()
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
