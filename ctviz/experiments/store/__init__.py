"""Runs on disk, by the key of their experiment; the only channel between processes that compute and those that show."""

from ctviz.experiments.store.files import Busy
from ctviz.experiments.store.labels import RunLabel, RunLabels
from ctviz.experiments.store.sharing import claim, open_store, wait_for_other_writer
from ctviz.experiments.store.store import Absent, Finished, RunInfo, RunStatus, Store, default_root
from ctviz.experiments.store.writer import RunWriter

__all__ = [
    "Absent",
    "Busy",
    "Finished",
    "RunInfo",
    "RunLabel",
    "RunLabels",
    "RunStatus",
    "RunWriter",
    "Store",
    "claim",
    "default_root",
    "open_store",
    "wait_for_other_writer",
]
