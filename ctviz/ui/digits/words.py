"""What Digits says below the picture: what is measured, what is not, and what the paper and we found."""

from __future__ import annotations

import streamlit as st

from ctviz.evaluation.methods import METHODS
from ctviz.figures.digit_words import NOT_MEASURED, PAPER, SHIPPED


def explanation() -> None:
    """Plain words about attributions, each method in two sentences, and the paper's findings without a gloss."""
    colours, methods, paper = st.columns(3, gap="large")
    with colours:
        st.subheader("What the colours say, and what not", anchor=False)
        st.markdown(NOT_MEASURED)
    with methods:
        st.subheader("The methods", anchor=False)
        for method in METHODS.values():
            st.markdown(f"**{method.title}.** {method.words}")
    with paper:
        st.subheader("What the paper found", anchor=False)
        st.markdown(PAPER)
        st.subheader("What we found besides", anchor=False)
        st.markdown(SHIPPED)
