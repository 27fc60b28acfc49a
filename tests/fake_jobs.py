"""A manager of jobs without workers: it notes what it is asked, and a job ends when it is told to."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from ctviz.jobs import JobStatus
from tests.waiting import until


class FakeJobs:
    """``states`` says what is answered; each job begins as ``begins``."""

    def __init__(self, slots: int = 1, begins: JobStatus | None = None) -> None:
        self.slots, self.begins = slots, begins or JobStatus("", "queued", 1)
        self.submitted: list[str] = []
        self.cancelled: list[str] = []
        self.states: dict[str, JobStatus] = {}
        self.most = 0
        """Most jobs that were live at the same time."""
        self._lock = threading.Lock()

    def submit(self, key: str, *_: object, seconds: float = 0.0, tries: int = 1) -> FakeJob:
        with self._lock:
            self.submitted.append(key)
            self.states[key] = JobStatus(key, self.begins.state, self.begins.position, self.begins.message)
            self.most = max(self.most, sum(live(status) for status in self.states.values()))
        return FakeJob(self, key)

    def status(self, key: str) -> JobStatus | None:
        with self._lock:
            return self.states.get(key)

    def cancel(self, key: str) -> None:
        self.cancelled.append(key)
        self.end(key, "cancelled")

    def end(self, key: str, state: str = "done", message: str = "") -> None:
        with self._lock:
            self.states[key] = JobStatus(key, state, message=message)


def live(status: JobStatus) -> bool:
    return status.state in ("queued", "running")


@dataclass(frozen=True)
class FakeJob:
    jobs: FakeJobs
    key: str

    def cancel(self) -> None:
        self.jobs.cancel(self.key)

    def wait(self) -> JobStatus:
        until(lambda: not live(self.jobs.states[self.key]), "the end of a job")
        return self.jobs.states[self.key]
