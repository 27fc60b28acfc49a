"""The draft of a page: whose links count, and whose do not."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.words import query_of


def _page() -> None:
    """A page with one control, and a part that runs by itself: such a part does not read the link."""
    import streamlit as st

    from ctviz.ui.kit.draft import current, draft_now, run_again, write_link
    from ctviz.ui.kit.pages import BOUNDARIES

    part = st.session_state.pop("part", "")
    if part == "ours":
        run_again()
    if part == "streamlit's":
        st.rerun()
    draft = current(BOUNDARIES)
    st.button("Another seed", on_click=lambda: draft_now().change("seed", {"seed": 3}))
    write_link(draft)


@pytest.mark.parametrize(("part", "kept"), [("ours", True), ("streamlit's", False)])
def test_a_page_that_runs_again_by_itself_keeps_a_change_that_the_browser_has_not_heard_of(
    part: str, kept: bool
) -> None:
    at = AppTest.from_function(_page)
    at.query_params["preset"] = "moons"
    at.run()
    at.button[0].click().run()
    assert query_of(at) == {"preset": "moons", "seed": "3"}
    at.query_params.clear()
    at.query_params["preset"] = "moons"
    at.session_state["part"] = part
    at.run()
    assert not at.exception
    assert ("seed" in query_of(at)) is kept
