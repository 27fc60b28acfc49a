"""What the link of Trade-offs says, read and written."""

from __future__ import annotations

import pytest

from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.experiments.protocol import Protocol
from ctviz.ui.kit import link
from ctviz.ui.tradeoffs.tradeoffs_view import TradeoffsView, changed, is_range, linked, range_of, range_text

MOONS = Experiment.preset("moons")


def test_a_view_written_to_a_link_and_read_again_is_the_same() -> None:
    view = TradeoffsView(
        sweep="penalties-moons", chart="front", metric="ip_star", against="accuracy", show="value", x="lambda_adv",
        by="training.n_ce", only={"metric.ip": "10:40", "lambda_div": "0.1|1", "tau": 0.5}, cell=3, draw=1,
        grid={"lambda_div": "0.1, 1", "training.n_ce": 100}, seeds=2, rounds=30, lock="x1",
    )  # fmt: skip
    opened = link.read(link.write(MOONS, view), TradeoffsView)
    assert opened.view == view
    assert opened.problems == ()


def test_what_is_at_its_default_is_left_out_of_the_link() -> None:
    assert link.write(MOONS, TradeoffsView()) == {"preset": "moons"}


@pytest.mark.parametrize("key", ["0123456789012345", "1234567890123456", "12345e6789012345", "6ac6347aa9e3335a"])
def test_a_key_of_digits_is_no_number(key: str) -> None:
    opened = link.read(link.write(MOONS, TradeoffsView(sweep=linked(key))), TradeoffsView)
    assert opened.view.sweep.rstrip(",") == key


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("chart", "pie"), ("cell", "-1"), ("seeds", "0"), ("rounds", "1"), ("rounds", "5000"), ("exact", "-1"),
        ("exact", "999"), ("lock", "x9"),
        ("x", "lambda div"), ("metric", "ip; drop"), ("only.metric.ip", "abc"), ("grid.Lambda", "1"),
        ("grid.zzz", "1,2"), ("grid.data.name", "moons"), ("grid.locked", "x1"), ("grid.seed", "1"),
        ("grid.data.n_train", "10"), ("grid.tau", "{}"), ("grid.tau", "0.5,[1]"), ("grid.tau", "null"),
        ("only.lambda_div", "{}"), ("seeds", "1e99"),
        ("sweep", "s" * 100), ("show", "both"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_left_out_and_named(name: str, text: str) -> None:
    opened = link.read({name: text}, TradeoffsView)
    assert opened.view == TradeoffsView()
    assert len(opened.problems) == 1
    assert name.partition(".")[0] in opened.problems[0]


def test_a_view_of_another_sweep_points_at_nothing_in_this_one() -> None:
    view = TradeoffsView(x="lambda_adv", only={"tau": "0.5"}, cell=3, draw=1, chart="front", metric="cost")
    assert view.elsewhere() == TradeoffsView(chart="front", metric="cost")


def test_ranges_have_two_ends_or_one() -> None:
    assert range_of("10:40") == (10.0, 40.0)
    assert range_of(":-2.5") == (float("-inf"), -2.5)
    assert range_of(range_text(-1.23456, 7e-5)) == (-1.235, 7e-5)
    assert is_range("1e-05:3")
    assert not is_range("0.1|1")


def test_one_of_several_changes_is_set_or_taken_out() -> None:
    changes = (("tau", "0.5"), ("steps", "5"))
    assert changed(changes, "tau", "0.9") == (("tau", "0.9"), ("steps", "5"))
    assert changed(changes, "tau", None) == (("steps", "5"),)


def test_the_protocol_has_the_rounds_of_the_view() -> None:
    assert TradeoffsView(rounds=7).protocol().rounds == 7
    assert TradeoffsView(exact=25).protocol() == Protocol(rounds=20, exact=25)
    assert TradeoffsView(exact=0).protocol().key == Protocol(rounds=20).key
    with pytest.raises(ConfigError, match="rounds"):
        TradeoffsView(rounds=1)
