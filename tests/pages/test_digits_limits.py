"""The page Digits where a link asks for much: it stays whole, and says what it will not do."""

from __future__ import annotations

import pytest

from ctviz.errors import ConfigError
from ctviz.evaluation.attribution import AttributionSettings
from ctviz.ui.digits import answers, training
from tests.pages.digit_runs import RUN, small
from tests.pages.words import query_of, said

PAGE = "pages/digits.py"


@pytest.mark.parametrize("asked", [{"part": "counterfactuals", "search.steps": "1000"}, {"attribution.seed": "100000"}])
def test_more_than_a_control_offers_is_shown_as_it_is(visit, trained, asked: dict[str, str]) -> None:
    at = visit(PAGE, **{**trained.to_query(), **asked})
    assert not at.exception
    assert at.selectbox(key="digits-source").value == "shipped"
    name, value = next((key, value) for key, value in asked.items() if key != "part")
    assert query_of(at)[name] == value


def test_what_would_hold_up_everybody_is_refused_in_a_sentence(visit, trained, monkeypatch) -> None:
    monkeypatch.setattr(answers, "MOST_EFFORT", 10**8)
    monkeypatch.setattr(answers.ImageExplorer, "attribute_history", lambda *given: pytest.fail("it was computed"))
    asked = {"attribution.steps": "1000", "attribution.smooth": "100"}
    at = visit(PAGE, **{**trained.to_query(), **asked})
    assert len(at.error) == 1
    assert "noisy copies" in at.error[0].value
    assert at.selectbox(key="digits-source").value == "shipped"


class Fed:
    """As much of a run_view as the effort depends on."""

    def __init__(self, **changes: object) -> None:
        self.experiment = small(**changes)


@pytest.mark.parametrize("channels", [(), (6, 16)], ids=["dense", "convolutional"])
def test_usual_questions_are_affordable_and_unusual_ones_are_not(channels: tuple[int, ...]) -> None:
    run_view = Fed(**{"model.channels": channels, "model.hidden": (32,)})
    for settings in (AttributionSettings(), AttributionSettings(steps=100), AttributionSettings(method="saliency")):
        answers.check_effort(run_view, settings, 500)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="smooth"):
        answers.check_effort(run_view, AttributionSettings(steps=50, smooth=100), 500)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="steps"):
        answers.check_effort(run_view, AttributionSettings(steps=1000), 500)  # type: ignore[arg-type]


def test_all_digits_are_learnt_from_once_their_folder_is_known(visit, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(training, "user_folder", lambda name: tmp_path)
    at = visit(PAGE, **RUN.to_query())
    at.selectbox(key="digits-source").set_value("folder").run()
    assert not at.error
    asked = query_of(at)
    assert (asked["data.source"], asked["data.n_train"]) == ("folder", "59000")
    assert str(tmp_path) in at.text_input(key="digits-folder").value
    at.selectbox(key="digits-source").set_value("shipped").run()
    assert "data.source" not in query_of(at)
    assert "10,000" in said(at) or not at.error
