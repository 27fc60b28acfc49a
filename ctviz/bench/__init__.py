"""The benchmark of ctviz, as ratios within one run; and the plain implementation as its baseline, also for tests."""

from ctviz.bench.report import main

__all__ = ["main"]
