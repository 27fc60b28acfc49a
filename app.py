"""Home: what counterfactual training is, at a glance and moving, and the ways into it."""

import streamlit as st

from ctviz.ui.home import cards, door, explanation, moving_picture
from ctviz.ui.kit.class_sign import projects_sign, sign, sign_button
from ctviz.ui.kit.frame import page
from ctviz.ui.kit.pages import HOME
from ctviz.ui.kit.service import service

with page(HOME, projecting=projects_sign()) as projecting:
    words, picture = st.columns([0.34, 0.66], gap="large", vertical_alignment="center")
    with words:
        if projecting:
            sign()
        else:
            explanation()
            sign_button()
    with picture, st.container(key="home-picture"):
        moving_picture(service())
    if not projecting:
        door()
        cards()
