"""Points as they may be painted."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays


@st.composite
def paintings(draw, most=60):
    """Any points and classes, whether or not models can learn from them."""
    n = draw(st.integers(0, most))
    places = draw(arrays.arrays(np.uint8, (n, 2)))
    return places, draw(arrays.arrays(np.uint8, n, elements=st.integers(0, 3)))


def spread(counts, seed=0):
    """Points all over the square, so many of each class."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (sum(counts), 2)).astype(np.uint8), np.repeat(np.arange(len(counts)), counts).astype(
        "u1"
    )


def triples(places, labels):
    return sorted((int(c), int(x), int(y)) for (x, y), c in zip(places, labels, strict=True))
