"""What a person looks at on Limits, all of it in the link."""

from __future__ import annotations

from typing import Any

from pydantic import field_validator, model_validator

from ctviz.errors import ConfigError
from ctviz.studies.registry import LIMITS
from ctviz.studies.study import Study, StudyMetric
from ctviz.ui.kit.link import BaseView

FIRST = next(iter(LIMITS))


class LimitsView(BaseView):
    """``limit`` is the story that is told; ``metric`` what its picture shows, empty for the story's own choice."""

    limit: str = FIRST
    metric: str = ""

    # Before the type is looked at: a link may hold a number, and what is allowed is to be said of that too.
    @field_validator("limit", mode="before")
    @classmethod
    def _known(cls, limit: Any) -> Any:
        if not isinstance(limit, str) or limit not in LIMITS:
            raise ConfigError("limit", limit, f"one of {', '.join(LIMITS)}")
        return limit

    @field_validator("metric", mode="before")
    @classmethod
    def _of_some_limit(cls, metric: Any) -> Any:
        known = dict.fromkeys(shown.name for told in LIMITS.values() for shown in told.shown)
        if metric != "" and not (isinstance(metric, str) and metric in known):
            raise ConfigError("metric", metric, f"one of {', '.join(known)}")
        return metric

    @model_validator(mode="after")
    def _of_this_limit(self) -> LimitsView:
        names = [shown.name for shown in self.study.shown]
        # A link is read one parameter after the other: a metric without a limit may belong to any of them.
        if self.metric and self.metric not in names and "limit" in self.model_fields_set:
            raise ConfigError("metric", self.metric, f"for {self.limit} one of {', '.join(names)}")
        return self

    @property
    def study(self) -> Study:
        return LIMITS[self.limit]

    @property
    def chosen(self) -> StudyMetric:
        names = [shown.name for shown in self.study.shown]
        return self.study.metric(self.metric if self.metric in names else None)
