"""Advice for everyone as records: what is asked, who is drawn, parts of it, and the whole as tables and JSON.

``experiments.everyone`` computes what they hold.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from ctviz.counterfactuals.exact.cheapest import GAP, TOLERANCE
from ctviz.data.rules import Rule, Rules
from ctviz.errors import ConfigError, DataError
from ctviz.experiments.adviser import SPLITS
from ctviz.experiments.groups import Grouping
from ctviz.experiments.reliance import Proxy, Reliance, Spread
from ctviz.settings import Document
from ctviz.short_repr import ShortRepr

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

Metric = Literal["planned", "effort", "distance", "closer"]
Scope = Literal["both", "each"]
Against = Literal["", "conventional", "others"]

PEOPLE = 1000
MOST_PEOPLE = 5000

LEVEL = 0.99
"""Of all intervals."""

TIME_LIMIT = 2.0
"""Seconds for the proof of one plan where nobody says."""

VERSION = 1
"""Of what is computed; raised when results change."""

METRICS: tuple[Metric, ...] = ("planned", "effort", "distance", "closer")
"""Share with any plan; median effort; mean distance to the nearest real accepted person; mean share of accepted people
who are farther from the nearest other one."""

COLUMNS = ("scope", "feature", "group", "model", "metric", "against", "people", "value", "low", "high")


class PopulationSettings(Document):
    """Who is advised, by which models, under which rules.

    Attributes:
        arms: the names of the two models; differences are the second less the first.
        rules: what may change; None: the table's usual rules.
        tau: as in ``advise``.
        people: how many whom both models refuse, at most.
        seed: of the order in which they are drawn.
        split: the data that they are drawn from.
        proofs: of how many of them, in that order, plans are proved to be the cheapest; a random part of all.
        time_limit: seconds for each of these plans.
    """

    called = "population"

    arms: tuple[str, str]
    rules: Rules | None = None
    tau: float | Literal["rate"] = 0.5
    people: int = Field(PEOPLE, ge=1, le=MOST_PEOPLE)
    seed: int = Field(0, ge=0, lt=2**31)
    split: str = "test"
    proofs: int = Field(0, ge=0, le=2 * MOST_PEOPLE)
    time_limit: float = Field(TIME_LIMIT, gt=0)

    @model_validator(mode="after")
    def _known(self) -> PopulationSettings:
        if self.split not in SPLITS:
            raise ConfigError("split", self.split, f"one of {', '.join(SPLITS)}")
        if len(set(self.arms)) < 2:
            raise ConfigError("arms", list(self.arms), "two different models")
        return self


@dataclass(frozen=True, eq=False)
class Drawn:
    """The people who are advised: rows of the split (n), who of them each model refuses (2 n); and how many there are.

    ``refused_in_all``: of each model, of the ``people`` of the split; ``by_both`` of both.
    """

    rows: Ints
    refused: Bools
    people: int
    refused_in_all: tuple[int, int]
    by_both: int


@dataclass(frozen=True)
class Span:
    """A part that is to be computed: those drawn from ``start`` to before ``stop``, polished or proved."""

    start: int
    stop: int
    proved: bool

    @property
    def people(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, eq=False)
class Part:
    """The plans of some of those who were drawn, from ``start`` on: b people, 2 models.

    ``valid``: whether the plan as people read it, in rounded numbers and names of levels, reaches the threshold when
    the model is asked anew; ``obeys``: whether that breaks no rule. Both are False where there is no plan.
    ``bound``: no plan takes less; ∞ where it is proved that there is none, 0 without a proof.
    """

    start: int
    found: Bools  # 2 b
    effort: Floats  # 2 b
    bound: Floats  # 2 b
    distance: Floats  # 2 b
    closer: Floats  # 2 b
    valid: Bools  # 2 b
    obeys: Bools  # 2 b


@dataclass(frozen=True)
class Row:
    """One number with its interval: ``metric`` of ``model`` over ``people`` of a scope and a group.

    ``against`` "conventional": the paired difference of the second model to the first; "others": the difference to all
    others whom the same feature puts into another group. ``feature`` and ``group`` are empty for all people.
    """

    scope: Scope
    feature: str
    group: str
    model: str
    metric: Metric
    against: Against
    people: int
    spread: Spread


@dataclass(frozen=True)
class Proofs:
    """What is proved of one model's plans.

    Attributes:
        asked: whom it refuses of those whose plans were to be proved.
        cheapest: plans of which it is proved that none is cheaper; ``open`` other plans.
        none: people of whom it is proved that there is no plan; ``unknown`` other people without one.
        gap: by which share of their effort plans may be above the cheapest, on average; ``most`` at most.
        polished: by which share of the proved effort the polished plans are above it, on average.
    """

    asked: int
    cheapest: int
    open: int
    none: int
    unknown: int
    gap: float
    most: float
    polished: float


class ModelNumbers(ShortRepr):
    """What models ask of people, in numbers; base of the records of two models and of three."""

    rows: tuple[Row, ...]

    def row(
        self, metric: Metric, model: str, *, feature: str = "", group: str = "", against: Against = "",
        scope: Scope = "both",
    ) -> Row:  # fmt: skip
        """One of ``rows``."""
        return self._rows[scope, feature, group, model, metric, against]

    @cached_property
    def _rows(self) -> dict[tuple[str, ...], Row]:
        return {(one.scope, one.feature, one.group, one.model, one.metric, one.against): one for one in self.rows}

    @cached_property
    def table(self) -> pd.DataFrame:
        """All numbers as a tidy table, with ``COLUMNS``: those of ``rows``."""
        import pandas as pd

        lines = [
            (r.scope, r.feature, r.group, r.model, r.metric, r.against, r.people, *asdict(r.spread).values())
            for r in self.rows
        ]
        return pd.DataFrame(lines, columns=list(COLUMNS))


@dataclass(frozen=True, repr=False, eq=False)
class Population(ModelNumbers):
    """What two models ask of everyone; n people, the first model the conventional one.

    Arrays are of the best known plan of each: the proved one where there is a proof, else the polished one. Of people
    without a plan, or whom the model accepts, numbers are NaN.
    """

    run: str
    epoch: int
    data: str
    wanted: str
    settings: PopulationSettings
    rules: Rules
    thresholds: tuple[float, float]
    drawn: Drawn
    found: Bools  # 2 n
    effort: Floats  # 2 n
    polished: Floats  # 2 n: effort of the polished plan
    bound: Floats  # 2 n
    distance: Floats  # 2 n
    closer: Floats  # 2 n
    valid: Bools  # 2 n
    obeys: Bools  # 2 n
    proved: int  # so many of the first people were to be proved
    groupings: tuple[Grouping, ...]
    rows: tuple[Row, ...]
    reliance: Reliance | None
    protected: bool  # whether ``reliance`` is about protected features, since the rules lock none

    @property
    def n(self) -> int:
        """How many people were drawn."""
        return len(self.drawn.rows)

    @property
    def arms(self) -> tuple[str, str]:
        """The names of the two models."""
        return self.settings.arms

    @property
    def both(self) -> Bools:
        """Whom both models refuse, (n)."""
        return np.asarray(self.drawn.refused.all(axis=0))

    def people_table(self) -> pd.DataFrame:
        """A line for each person and model that refuses them: row, groups, and what is known of the plan."""
        import pandas as pd

        parts = []
        for m, arm in enumerate(self.settings.arms):
            who = self.drawn.refused[m]
            columns: dict[str, Any] = {"row": self.drawn.rows[who], "model": arm, "planned": self.found[m][who]}
            for name in ("effort", "bound", "distance", "closer", "valid", "obeys"):
                columns[name] = getattr(self, name)[m][who]
            for one in self.groupings:
                named = np.array([*one.names, ""], dtype=object)
                columns[one.feature] = named[one.of[who]]
            parts.append(pd.DataFrame(columns))
        return pd.concat(parts, ignore_index=True)

    def proofs(self, m: int) -> Proofs:
        """What is proved of model m's plans."""
        who = self.drawn.refused[m] & (np.arange(self.n) < self.proved)
        effort, bound, polished = self.effort[m][who], self.bound[m][who], self.polished[m][who]
        planned = np.isfinite(effort)
        cheapest = planned & (effort - bound <= GAP * effort + TOLERANCE)
        none = ~planned & np.isinf(bound)
        gaps = np.maximum(effort - bound, 0.0)[planned] / np.maximum(effort[planned], 1e-12)
        above = polished[cheapest] / np.maximum(effort[cheapest], 1e-12) - 1
        return Proofs(
            asked=int(who.sum()),
            cheapest=int(cheapest.sum()),
            open=int((planned & ~cheapest).sum()),
            none=int(none.sum()),
            unknown=int((~planned & ~none).sum()),
            gap=_mean(gaps),
            most=float(gaps.max()) if len(gaps) else math.nan,
            polished=_mean(above[np.isfinite(above)]),
        )

    def words(self) -> str:
        """All of it in sentences."""
        from ctviz.catalogue.population import population_text  # words lie a floor higher; this is the way to them

        return population_text(self)

    def record(self) -> dict[str, Any]:
        """All of it as JSON holds it, numbers that are not finite as None."""
        arrays = ("found", "effort", "polished", "bound", "distance", "closer", "valid", "obeys")
        drawn = {**vars(self.drawn), "rows": self.drawn.rows.tolist(), "refused": self.drawn.refused.tolist()}
        return {
            "version": VERSION,
            "run": self.run,
            "epoch": self.epoch,
            "data": self.data,
            "wanted": self.wanted,
            "settings": self.settings.model_dump(mode="json"),
            "rules": self.rules.model_dump(mode="json"),
            "thresholds": list(self.thresholds),
            "drawn": drawn,
            **{name: [[_plain(v) for v in line] for line in getattr(self, name).tolist()] for name in arrays},
            "proved": self.proved,
            "groupings": [{**vars(one), "of": one.of.tolist()} for one in self.groupings],
            "rows": [{**vars(one), "spread": _spread_record(one.spread)} for one in self.rows],
            "proofs": [{k: _plain(v) for k, v in asdict(self.proofs(m)).items()} for m in range(2)],
            "reliance": None if self.reliance is None else _finite(asdict(self.reliance)),
            "protected": self.protected,
        }

    def to_json(self) -> str:
        """All of it as JSON, with ``words``; infinite bounds, of those without any plan, are the text “Infinity”."""
        return json.dumps({**self.record(), "words": self.words()}, ensure_ascii=False, allow_nan=False)

    @classmethod
    def of_record(cls, values: Mapping[str, Any]) -> Population:
        """Inverse of ``record``; raises any error for other values."""
        if values["version"] != VERSION:
            raise DataError(f"This population is of version {values['version']}; known is {VERSION}.")
        drawn = values["drawn"]
        n = len(drawn["rows"])
        return cls(
            run=values["run"],
            epoch=values["epoch"],
            data=values["data"],
            wanted=values["wanted"],
            proved=values["proved"],
            protected=values["protected"],
            settings=PopulationSettings.from_mapping(values["settings"]),
            rules=Rules.from_mapping(values["rules"]),
            thresholds=(values["thresholds"][0], values["thresholds"][1]),
            drawn=Drawn(
                np.array(drawn["rows"], dtype=np.int64), _bools(drawn["refused"], n), drawn["people"],
                (drawn["refused_in_all"][0], drawn["refused_in_all"][1]), drawn["by_both"],
            ),
            found=_bools(values["found"], n),
            effort=_floats(values["effort"]),
            polished=_floats(values["polished"]),
            bound=_floats(values["bound"]),
            distance=_floats(values["distance"]),
            closer=_floats(values["closer"]),
            valid=_bools(values["valid"], n),
            obeys=_bools(values["obeys"], n),
            groupings=tuple(
                Grouping(
                    one["feature"], tuple(one["names"]), np.array(one["of"], dtype=np.int64), tuple(one["merged"]),
                    tuple(one["left_out"]),
                )
                for one in values["groupings"]
            ),
            rows=tuple(Row(**{**one, "spread": _spread(one["spread"])}) for one in values["rows"]),
            reliance=None if values["reliance"] is None else _reliance(values["reliance"]),
        )  # fmt: skip


@dataclass(frozen=True, repr=False, eq=False)
class ThreeModels(ModelNumbers):
    """What three models ask of the same people: conventional, of counterfactual training, and of that with rules.

    Attributes:
        data: the name of the table.
        arms: the names of the models.
        n: people of two populations whom all three refuse.
        proved: of each model, of how many of them it was asked whether a plan is the cheapest.
        rows: of each model; differences are those of the third model to the second one, although ``against`` is
            “conventional”.
    """

    data: str
    arms: tuple[str, str, str]
    n: int
    proved: tuple[int, int, int]
    groupings: tuple[Grouping, ...]
    rows: tuple[Row, ...]


Compared = Population | ThreeModels


# -- JSON ------------------------------------------------------------------------------------------------


def key_of(run: str, epoch: int, settings: PopulationSettings, rules: Rules, *more: Any) -> str:
    """16 hexadecimal digits of what advice for everyone, or a part of it (``more``), is computed from.

    Not of how far it goes (``people``, ``proofs``, ``time_limit``): who is drawn first stays the same. Nor of the order
    in which rules stand.
    """
    facts = settings.model_dump(mode="json", exclude={"rules", "people", "proofs", "time_limit"})
    values = rules.model_dump(mode="json")
    values["rules"] = sorted((rule for rule in values["rules"] if rule != _free(rule)), key=lambda one: one["feature"])
    values["links"] = sorted(values["links"], key=lambda one: (one["feature"], one["follows"]))
    text = json.dumps([VERSION, run, epoch, facts, values, *more], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _free(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule that says nothing of this feature."""
    return Rule(feature=rule["feature"]).model_dump(mode="json")


def _plain(value: Any) -> Any:
    """A number as JSON holds it, in seven digits: NaN as None, infinity as a text."""
    if not isinstance(value, float):
        return value
    if math.isfinite(value):
        return float(f"{value:.7g}")
    return None if math.isnan(value) else "Infinity"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return _plain(value)


def _floats(lines: Any) -> Floats:
    return np.array([[_number(v) for v in line] for line in lines], dtype=np.float64).reshape(2, -1)


def _bools(lines: Any, n: int) -> Bools:
    return np.array(lines, dtype=bool).reshape(2, n)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _spread_record(spread: Spread) -> list[Any]:
    return [_plain(spread.value), _plain(spread.low), _plain(spread.high)]


def _spread(values: Any) -> Spread:
    parts = values.values() if isinstance(values, Mapping) else values
    return Spread(*map(_number, parts))


def _reliance(values: Mapping[str, Any]) -> Reliance:
    proxies = tuple(
        Proxy(
            one["feature"], one["like"], one["association"], tuple(map(_spread, one["shares"])),
            tuple(map(_spread, one["weights"])), _spread(one["moved"]),
        )
        for one in values["proxies"]
    )  # fmt: skip
    return Reliance(
        tuple(values["locked"]), values["samples"], values["level"], tuple(map(_spread, values["shares"])),
        _spread(values["moved"]), proxies, tuple(map(_spread, values["proxy_shares"])), _spread(values["proxy_moved"]),
    )  # fmt: skip


def _mean(values: Floats) -> float:
    """Their mean; NaN of none."""
    return float(values.mean()) if len(values) else math.nan
