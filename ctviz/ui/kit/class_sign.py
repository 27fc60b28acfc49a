"""The address of a class, to be read and scanned from the back of a room."""

from __future__ import annotations

from html import escape

import segno
import streamlit as st

from ctviz.ui.kit import rights

PARAMETER, PROJECTED = "view", "project"
"""What Home's link says of the projected view."""


def qr_code(address: str) -> segno.QRCode:
    """The code of an address; a quarter of it may be hidden."""
    return segno.make(address, error="q", micro=False)


def projects_sign() -> bool:
    """Whether Home is projected, with the sign of the class."""
    return rights.class_address() is not None and st.query_params.get(PARAMETER) == PROJECTED


def sign() -> None:
    """The address and its QR code, large; and the way back."""
    address = rights.class_address() or ""
    # Black on white in dark themes too: many phones read no other code.
    picture = qr_code(address).svg_data_uri(border=4, omitsize=True, light="#fff")
    st.html(
        f'<img class="ctviz-sign" src="{escape(picture)}" alt="QR code of {escape(address)}">'
        f'<p class="ctviz-sign-address">{escape(address)}</p>'
        '<p class="ctviz-sign-words ctviz-muted">Scan it or type it, in the same network as this computer.</p>'
    )
    st.button("Show the page", key="unproject-sign", type="tertiary", on_click=_leave)


def sign_button() -> None:
    """The way to the projected view, for the teacher of a class; nothing else."""
    if rights.class_address() is not None and rights.is_teacher():
        st.button(
            "Project the address for the class", key="project-sign", icon=":material/qr_code:", on_click=_project,
            help="A QR code and the address in large type.",
        )  # fmt: skip


def _project() -> None:
    st.query_params[PARAMETER] = PROJECTED


def _leave() -> None:
    st.query_params.clear()
