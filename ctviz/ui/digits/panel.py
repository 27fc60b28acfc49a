"""What stands left of the picture on Digits: what is looked at, what is trained, what can be exported."""

from __future__ import annotations

import streamlit as st

from ctviz.ui.digits.digits_view import DigitsView
from ctviz.ui.digits.export import files
from ctviz.ui.digits.parts import PARTS
from ctviz.ui.digits.pick import pick_digit
from ctviz.ui.digits.training import training
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.export import share_run
from ctviz.ui.kit.frame import project_button
from ctviz.ui.kit.service import Service


def panel(service: Service, draft: Draft[DigitsView]) -> None:
    """Everything left of the picture."""
    part = PARTS[draft.view.part]
    st.markdown(part.lead)
    if part.one_digit:
        pick_digit(service, draft)
    part.controls(draft)
    training(service, draft)
    share_run(draft, service.run_view(draft.experiment.key), lambda run_view: files(run_view, draft.view))
    project_button(draft)
