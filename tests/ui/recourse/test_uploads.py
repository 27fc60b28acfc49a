"""Uploaded tables as sessions hold them: what is guessed of them, how much is held, and when it is gone."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

from ctviz.errors import DataError
from ctviz.ui.recourse import uploads
from ctviz.ui.recourse.uploads import OwnTable, Uploads, _Hold


def raw(classes: tuple[str, str] = ("granted", "refused"), target: str = "loan", n: int = 120) -> bytes:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"pay": rng.normal(size=n).round(2), "group": rng.choice(["a", "b"], n)})
    frame[target] = rng.choice(classes, n)
    frame["code"] = rng.integers(0, 5, n)
    return frame.to_csv(index=False).encode()


@pytest.mark.parametrize(
    ("classes", "target", "wanted"),
    [
        (("granted", "refused"), "loan_status", "granted"), (("yes", "no"), "approved", "yes"),
        (("0", "1"), "target", "1"), (("0", "1"), "default", "0"), (("bad", "good"), "risk", "good"),
        (("rejected", "waiting"), "decision", "waiting"), (("ja", "nein"), "result", "nein"),
    ],
)  # fmt: skip
def test_target_and_favourable_class_are_guessed_by_their_names(classes, target, wanted) -> None:
    found = OwnTable(raw(classes, target), "people.csv")
    assert found.corrections.target == target and not found.why_not
    assert found.table.classes[found.table.favourable] == wanted


def test_without_a_telling_name_the_last_column_of_few_values_is_the_target() -> None:
    assert OwnTable(raw(target="x"), "people.csv").corrections.target == "code"


def test_of_a_large_table_a_sample_is_used(monkeypatch) -> None:
    monkeypatch.setattr(uploads, "MOST_ROWS", 80)
    found = OwnTable(raw(), "people.csv")
    assert found.rows == 120 and found.table.notes[0] == "Of its 120 rows, 80 drawn at random are used."
    assert sum(len(part[1]) for part in (found.table.train, found.table.validation, found.table.test)) == 80
    monkeypatch.setattr(uploads, "MOST_CELLS", 100)
    found.correct(missing="drop")
    assert "allowed: 100" in found.why_not and found.table is not None and found.corrections.missing == "impute"


def test_no_more_is_held_than_a_server_may() -> None:
    content = raw()
    known = Uploads(most=2 * len(content))
    first = known.take(content, "first.csv", "browser")
    with pytest.raises(DataError, match=r"second\.csv can be opened when others are closed"):
        known.take(content, "second.csv", "browser")
    gone = weakref.ref(first)
    del first
    gc.collect()
    assert gone() is None and known.take(content, "second.csv", "browser").name == "second.csv"


def test_a_table_is_found_in_its_own_browser_alone() -> None:
    known = Uploads()
    table = known.take(raw(), "people.csv", "mine")
    assert known.find(table.key, "mine") is table
    assert known.find(table.key, "another") is None and known.find("t000000000000", "mine") is None


def test_a_table_is_freed_when_nobody_holds_it() -> None:
    table = OwnTable(raw(), "people.csv")
    first, second = _Hold(table), _Hold(table)
    table.holds.discard(first)
    table.close()
    assert table.table is not None and second.table is table, "another session holds it still"
    table.holds.discard(second)
    table.close()
    assert table.table is None and table.nbytes == 0 and table.experiment is None


def test_rules_are_corrected_without_reading_the_file_again(monkeypatch) -> None:
    table = OwnTable(raw(), "people.csv")
    before = table.table
    monkeypatch.setattr(uploads, "sample_of", lambda *_: pytest.fail("the file was read again"))
    table.correct(changes={"pay": "up"}, protected={"group": True})
    assert table.table.rules.of("pay").change == "up" and table.table.protected == ("group",)
    assert table.table.train[0] is before.train[0] and table.version == 2
    table.correct(changes={"group": "up"})
    assert "without an order" in table.why_not and table.table.rules.of("pay").change == "up"


def test_a_browser_is_the_same_however_its_cookie_is_masked(monkeypatch) -> None:
    cookies: dict[str, str] = {}
    monkeypatch.setattr(uploads.st, "context", SimpleNamespace(cookies=cookies))
    monkeypatch.setattr(uploads, "session", lambda: "this session")
    assert uploads.browser() == "this session"
    found = set()
    for token in (b"0123456789abcdef", b"0123456789abcdef", b"fedcba9876543210"):
        cookies[XSRF_COOKIE_NAME] = generate_xsrf_token_string(token, 1)
        found.add(uploads.browser())
    assert len(found) == 2 and "this session" not in found
