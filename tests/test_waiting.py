"""The one way in which tests wait."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import waiting


def test_it_goes_on_as_soon_as_the_state_is_there():
    states = iter([0, "", "there"])
    waiting.until(lambda: next(states))
    assert next(states, None) is None


def test_what_does_not_come_is_named(monkeypatch):
    monkeypatch.setattr(waiting, "PATIENCE", 0.0)
    with pytest.raises(AssertionError, match="the end did not happen"):
        waiting.until(lambda: False, "the end")


def test_of_a_server_that_ends_its_last_words_are_told(tmp_path):
    log = tmp_path / "log"
    log.write_text("no such file", encoding="utf-8")
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    with pytest.raises(AssertionError, match="no such file"):
        waiting.served("http://127.0.0.1:1", process, log)
