"""A small app around the image grid, the pad and the painter, for their tests: digits of nobody's.

A radio offers two grids, a single digit, class means and a page without a grid. Another one offers what lies below:
an empty pad, two with a given drawing, the painter.
"""

import numpy as np
import streamlit as st

from ctviz.data.drawing import prepare
from ctviz.ui.digits.components import ImageGridState, draw_pad, paint_mask, show_image_grid
from tests.figures import digits

st.set_page_config(layout="wide")
which = st.radio("grid", ["many", "other", "single", "means", "none"], horizontal=True)


if which != "none":
    frame = st.query_params.get("frame")
    state = show_image_grid(
        digits.GRIDS[which](),
        key=f"grid-{which == 'single'}",
        initial=ImageGridState(frame=int(frame) if frame else None),
    )
    st.text(f"frame={state.frame} strength={state.strength} cell={state.cell}")
below = st.radio("below", ["nothing", "pad", "given", "given too", "mask"], horizontal=True)
if below in ("pad", "given", "given too"):
    drawn = draw_pad(prepare, key=below, initial=None if below == "pad" else digits.x(7))
    ink = 0 if drawn.image is None else int((drawn.image > 127).sum())
    st.text(f"ink={ink} seen={drawn.prepared is not None} digest={drawn.digest[:4]} cleared={drawn.cleared}")
if below == "mask":
    painted = paint_mask(digits.x(3), key="mask", initial=("rows 1-2",))
    st.text(f"locked={painted.count} rows={np.flatnonzero(painted.mask.reshape(28, 28).all(1)).tolist()}")
