"""Who may do what in a class: who is the teacher, what students are refused, one training each; the address to scan."""

from __future__ import annotations

from types import SimpleNamespace
from typing import get_args
from urllib.parse import unquote

import pytest
import segno

from ctviz.experiments.config import Experiment
from ctviz.jobs import JobStatus
from ctviz.ui.kit import class_sign, messages, rights
from ctviz.ui.kit import service as shared
from ctviz.ui.kit.rights import NotAllowedError, Right
from ctviz.ui.kit.service import Service, WantedRuns, about_seconds

ADDRESS = "http://192.168.1.20:8501"
LOCAL = {"Host": "localhost:8501"}
SMALL = Experiment.preset("moons").replace({"training.epochs": 20})
OTHER = SMALL.replace({"seed": 1})
LARGE = SMALL.replace({"training.epochs": 10_000})


@pytest.fixture
def come(monkeypatch: pytest.MonkeyPatch):
    """Lets a session of a class come from an address with headers, as Streamlit tells of it."""

    def from_(ip: str | None, headers: dict[str, str], name: str = "one") -> None:
        monkeypatch.setenv(rights.ADDRESS, ADDRESS)
        context = SimpleNamespace(ip_address=ip, headers=headers)
        monkeypatch.setattr(rights, "st", SimpleNamespace(context=context))
        monkeypatch.setattr(shared, "session", lambda: name)

    return from_


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(messages, "say", lambda kind, words: found.append(words))
    return found


# -- who is who -------------------------------------------------------------------------------------------


def test_without_a_class_everybody_may_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(rights.ADDRESS, raising=False)
    assert rights.is_teacher()
    assert [rights.refusal(right) for right in get_args(Right)] == [None] * len(get_args(Right))


@pytest.mark.parametrize(
    ("ip", "headers", "teacher"),
    [
        (None, LOCAL, True),
        ("192.168.1.7", {"Host": "192.168.1.20:8501"}, False),
        ("192.168.1.7", LOCAL, False),
        ("192.168.1.20", {"Host": "192.168.1.20:8501"}, False),  # the computer itself, by its name in the network
        (None, {}, False),  # a line that has been closed: Streamlit knows nothing of it
        *((None, {**LOCAL, name: "192.168.1.7"}, False) for name in ("X-Forwarded-For", "Forwarded", "Via")),
        (None, {**LOCAL, "x-real-ip": "192.168.1.7"}, False),
    ],
)
def test_the_teacher_is_who_sits_at_the_computer(come, ip, headers, teacher: bool) -> None:
    come(ip, headers)
    assert rights.is_teacher() is teacher


@pytest.mark.parametrize("right", get_args(Right))
def test_a_student_is_refused_and_told_what(come, said: list[str], right: Right) -> None:
    done: list[int] = []
    come("192.168.1.7", LOCAL)
    rights.only(right, done.append)(1)
    assert done == []
    assert said == [f"In a class, students cannot {rights.REFUSED[right]}; the teacher can."]
    with pytest.raises(NotAllowedError, match="students cannot"):
        rights.check(right)
    come(None, LOCAL)
    rights.only(right, done.append)(2)
    rights.check(right)
    assert (done, len(said)) == ([2], 1)


# -- one training each ------------------------------------------------------------------------------------


class Jobs:
    """Every job waits until it is cancelled."""

    def __init__(self) -> None:
        self.waiting: dict[str, float] = {}

    def submit(self, key: str, *_: object, seconds: float) -> None:
        self.waiting.setdefault(key, seconds)

    def status(self, key: str) -> JobStatus | None:
        return JobStatus(key, "queued", 1) if key in self.waiting else None

    def cancel(self, key: str) -> None:
        self.waiting.pop(key)


@pytest.fixture
def service() -> Service:
    absent = SimpleNamespace(
        state="absent", message="", epochs_done=0, epochs=0, updated=0.0, started=0.0, preset=False
    )
    store = SimpleNamespace(status=lambda key: absent, root="nowhere")
    return Service(store, Jobs(), None, WantedRuns())


def test_a_student_has_one_training_at_a_time(come, service: Service) -> None:
    come("192.168.1.7", LOCAL)
    assert service.train(SMALL) is False
    assert service.train(SMALL) is False  # the same once more
    assert service.jobs.waiting == {SMALL.key: about_seconds(SMALL)}
    assert service.train(OTHER) is True
    assert list(service.jobs.waiting) == [OTHER.key]


def test_what_another_student_waits_for_goes_on(come, service: Service) -> None:
    for name in ("one", "two"):
        come("192.168.1.7", LOCAL, name)
        service.train(SMALL)
    with pytest.raises(NotAllowedError, match="others wait for"):
        service.cancel(SMALL.key)
    service.train(OTHER)
    assert set(service.jobs.waiting) == {SMALL.key, OTHER.key}
    service.cancel(OTHER.key)
    assert set(service.jobs.waiting) == {SMALL.key}


def test_what_another_student_watches_goes_on(come, service: Service) -> None:
    come("192.168.1.7", LOCAL, "watches")
    service.watch(SMALL.key)
    come("192.168.1.7", LOCAL, "trains")
    service.train(SMALL)
    assert service.train(OTHER) is False
    assert set(service.jobs.waiting) == {SMALL.key, OTHER.key}


def test_a_student_trains_nothing_large(come, service: Service) -> None:
    come("192.168.1.7", LOCAL)
    with pytest.raises(NotAllowedError, match="students train what takes up to 30 s; this would take about"):
        service.train(LARGE)
    assert service.jobs.waiting == {}


def test_the_teacher_trains_and_stops_what_they_want(come, service: Service) -> None:
    come("192.168.1.7", LOCAL, "student")
    service.train(SMALL)
    come(None, LOCAL, "teacher")
    for experiment in (LARGE, OTHER):
        assert service.train(experiment) is False
    assert set(service.jobs.waiting) == {SMALL.key, LARGE.key, OTHER.key}
    service.cancel(SMALL.key)
    assert SMALL.key not in service.jobs.waiting


# -- the address ------------------------------------------------------------------------------------------


def test_the_code_is_that_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    quiet = SimpleNamespace(markdown=lambda *_: None, button=lambda *_, **__: None, html=drawn.append)
    monkeypatch.setattr(class_sign, "st", quiet)
    monkeypatch.setenv(rights.ADDRESS, ADDRESS)
    class_sign.sign()
    expected = segno.make_qr(ADDRESS, error="q")
    assert list(class_sign.qr_code(ADDRESS).matrix) == list(expected.matrix)
    other = segno.make_qr(ADDRESS.replace("20", "21"), error="q")
    assert list(other.matrix) != list(expected.matrix)
    path = expected.svg_inline(border=4, omitsize=True).partition(' d="')[2].partition('"')[0]
    assert path and path in unquote(drawn[0])
    assert f'alt="QR code of {ADDRESS}"' in drawn[0] and f">{ADDRESS}</p>" in drawn[0]
