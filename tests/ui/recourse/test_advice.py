"""What is said while proofs are under way."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import streamlit as st

from ctviz.experiments.advice import ModelAdvice
from ctviz.ui.recourse import advice
from ctviz.ui.recourse.proofs import Proofs, Task


class AgainError(Exception):
    """The page is run again."""


@pytest.fixture
def proofs(monkeypatch) -> Proofs:
    """Proofs that wait for ever, on a page that says when it runs again, and what."""
    made = Proofs(start=lambda work: None)

    def again() -> None:
        raise AgainError

    monkeypatch.setattr(advice, "proofs", lambda: made)
    monkeypatch.setattr(st, "rerun", again)
    return made


def shown(*names: str) -> SimpleNamespace:
    def never(*_: object) -> ModelAdvice:
        raise AssertionError

    tasks = [Task(name, never) for name in names]
    return SimpleNamespace(asked=SimpleNamespace(tasks=lambda _: tasks), advice=None, open=len(tasks), all=tasks)


def test_who_waits_is_told_and_the_page_stays(proofs, monkeypatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(st, "caption", told.append)
    found = shown("a", "b")
    proofs.want("ann", found.all)
    advice.proof_status(found)
    assert len(told) == 1 and "begins when those before it" in told[0]


def test_a_page_whose_proofs_were_dropped_asks_for_them_again(proofs) -> None:
    found = shown("a", "b")
    proofs.want("ann", found.all)
    proofs.want("ann", shown("c").all)
    with pytest.raises(AgainError):
        advice.proof_status(found)
