"""How fast ctviz is, as ratios within one run; and the plain implementation that it is measured and tested against."""

from ctviz.bench.report import main

__all__ = ["main"]
