"""Advice for everyone: what two models ask of many people whom they refuse, side by side, by group, with intervals.

People are drawn in a random order from those of a split whom at least one of the two models refuses, until as many as
asked for are refused by both. So those whom one model alone refuses are there in the proportion in which they occur:
numbers of one model alone are over all whom it refuses (``each``), comparisons over those whom both refuse (``both``).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, model_validator

from ctviz.counterfactuals.exact.cheapest import GAP, TOLERANCE
from ctviz.counterfactuals.exact.network import margin
from ctviz.counterfactuals.person_lattice import PersonLattices
from ctviz.data.rules import Rule, Rules
from ctviz.errors import ConfigError, DataError
from ctviz.evaluation.bootstrap import Bootstrap, Estimate
from ctviz.experiments.adviser import SPLITS, Adviser
from ctviz.experiments.groups import Grouping, groupings
from ctviz.experiments.reliance import Proxy, Reliance, Spread, measure_reliance
from ctviz.experiments.run import Run
from ctviz.experiments.snapshot import stack_of
from ctviz.isolation import isolated
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

ROUNDS = 2000
"""Resamples."""

PART, PROVED_PART = 100, 20
"""People of one part: of polished plans, and of proofs, which take longer."""

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


@dataclass(frozen=True, repr=False, eq=False)
class Population(ShortRepr):
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
    def both(self) -> Bools:
        """Whom both models refuse, (n)."""
        return np.asarray(self.drawn.refused.all(axis=0))

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


# -- drawing and advising --------------------------------------------------------------------------------


def pair_in(adviser: Adviser, settings: PopulationSettings) -> tuple[int, int]:
    """Where the two models are among those of an adviser.

    Raises:
        ConfigError: it lacks one of them, or has another threshold.
    """
    own = [model.arm for model in adviser.models]
    for arm in settings.arms:
        if arm not in own:
            raise ConfigError("arms", arm, f"some of {', '.join(own)}")
    if adviser.tau != settings.tau:
        raise ConfigError("tau", settings.tau, f"that of the adviser, {adviser.tau}")
    return own.index(settings.arms[0]), own.index(settings.arms[1])


@isolated()
def draw(adviser: Adviser, settings: PopulationSettings) -> Drawn:
    """Who is advised: in the order of a random permutation by the seed (see above)."""
    pair, X = pair_in(adviser, settings), getattr(adviser.table, settings.split)[0].numpy()
    refused = np.stack([_margins(adviser, m, X) < adviser.models[m].least for m in pair])
    order = np.random.default_rng(settings.seed).permutation(len(X))
    order = order[refused[:, order].any(axis=0)]
    reached = np.cumsum(refused[:, order].all(axis=0))
    # Up to the last whom both refuse; all, where there are fewer.
    last = np.searchsorted(reached, settings.people) + 1 if len(order) and reached[-1] >= settings.people else None
    rows = order[:last].astype(np.int64)
    in_all = int(refused[0].sum()), int(refused[1].sum())
    return Drawn(rows, refused[:, rows], len(X), in_all, int(refused.all(axis=0).sum()))


@isolated()
def advised(adviser: Adviser, settings: PopulationSettings, drawn: Drawn, span: Span) -> Part:
    """The plans of some of those drawn."""
    rules, pair = adviser.rules(settings.rules), list(pair_in(adviser, settings))
    people = getattr(adviser.table, settings.split)[0].numpy()[drawn.rows[span.start : span.stop]]
    able = _able(adviser, rules, people)
    plans = adviser.many(people[able], rules, exact=span.proved, time_limit=settings.time_limit)
    valid, obeys = checked(adviser, rules, people[able], plans.columns, plans.found)
    # Of who may not stay as they are, nor change, it is known that there is no plan.
    bound = np.where(drawn.refused[:, span.start : span.stop], np.inf, 0.0)
    return Part(
        span.start,
        _spread_out(plans.found[pair], able, False),
        _spread_out(plans.effort[pair], able, math.nan),
        np.where(able, _spread_out(plans.bound[pair], able, 0.0), bound),
        _spread_out(plans.distance[pair], able, math.nan),
        _spread_out(plans.closer_than[pair], able, math.nan),
        _spread_out(valid[pair], able, False),
        _spread_out(obeys[pair], able, False),
    )


def _able(adviser: Adviser, rules: Rules, people: npt.NDArray[np.float32]) -> Bools:
    """Whom of people (b d) the rules leave a value for each feature, (b)."""
    lattices, found = PersonLattices(adviser.table.schema, rules, adviser.table.unseen_pairs), []
    for person in people:
        try:
            lattices.of(person)
        except DataError:
            found.append(False)
        else:
            found.append(True)
    return np.array(found, dtype=bool)


def _spread_out(values: npt.NDArray[Any], able: Bools, otherwise: float | bool) -> Any:
    """Values of those who are able (2 n) among all (2 b), with another value for the rest."""
    found = np.full((len(values), len(able)), otherwise, dtype=values.dtype)
    found[:, able] = values
    return found


def checked(
    adviser: Adviser, rules: Rules, X: npt.ArrayLike, columns: npt.ArrayLike, found: npt.ArrayLike
) -> tuple[Bools, Bools]:
    """Of plans as people read them, whether the model accepts, and whether no rule is broken, (m b) each.

    What a plan changes is written in the table's own units and levels, read again, and given to the model anew; what it
    does not change stays as it is.

    Args:
        X: the people (b d). columns: their plans (m b d). found: whether there is one, (m b).
    """
    people, planned = np.asarray(X, dtype=np.float32), np.asarray(columns, dtype=np.float32)
    there, table = np.asarray(found, dtype=bool), adviser.table
    lattices = PersonLattices(table.schema, rules, table.unseen_pairs)
    valid, obeys = np.zeros(there.shape, dtype=bool), np.zeros(there.shape, dtype=bool)
    for m, b in np.argwhere(there).tolist():
        row = _as_read(adviser, people[b], planned[m, b])
        if row is None:
            continue
        valid[m, b] = _margins(adviser, m, row) >= adviser.models[m].least
        lattice = lattices.of(people[b])
        point = lattice.project(row)
        obeys[m, b] = lattice.broken(point) is None and bool((lattice.encode(point) == row).all())
    return valid, obeys


def _as_read(adviser: Adviser, person: npt.NDArray[np.float32], plan: npt.NDArray[np.float32]) -> Any:
    """The columns (d) of a plan once people have read it; None where a value is none that the feature can have."""
    table, row = adviser.table, person.copy()
    try:
        read = table.row(table.person(plan))
    except DataError:
        return None
    for span in table.schema.spans:
        if (plan[span] != person[span]).any():
            row[span] = read[span]
    return row


def _margins(adviser: Adviser, m: int, X: npt.ArrayLike) -> Floats:
    judge = adviser.models[m].judge
    return margin(judge.rest(judge.first(X)), adviser.table.favourable)


def spans_of(settings: PopulationSettings, drawn: Drawn) -> list[Span]:
    """All parts, polished ones first."""
    n = len(drawn.rows)
    polished = [Span(start, min(start + PART, n), False) for start in range(0, n, PART)]
    known = min(settings.proofs, n)
    return polished + [
        Span(start, min(start + PROVED_PART, known), True) for start in range(0, known, PROVED_PART)
    ]  # fmt: skip


def parts_of(adviser: Adviser, settings: PopulationSettings, drawn: Drawn) -> Iterator[tuple[Span, Part]]:
    """All parts, one after the other: stop asking to cancel."""
    for span in spans_of(settings, drawn):
        yield span, advised(adviser, settings, drawn, span)


@isolated()
def advise_everyone(
    adviser: Adviser, settings: PopulationSettings, progress: Callable[[int, int], None] = lambda done, total: None
) -> Population:
    """All of it in this process and without a store; ``studies.population`` divides it among processes.

    Args:
        progress: called with the people that are done, those of proofs too, and their total; its exceptions end the
            work.
    """
    drawn, found = draw(adviser, settings), []
    total = sum(span.people for span in spans_of(settings, drawn))
    progress(0, total)
    for part in parts_of(adviser, settings, drawn):
        found.append(part)
        progress(sum(span.people for span, _ in found), total)
    return assembled(adviser, settings, drawn, found)


def pair_of(run: Run) -> tuple[str, str]:
    """The names of the conventional model and of that which is compared with it: ``full`` if there is one, else the
    last.

    Raises:
        ConfigError: a run without either of the two.
    """
    arms = run.experiment.arms
    plain = [arm.name for arm in arms if not arm.trains_on_counterfactuals]
    trained = [arm.name for arm in arms if arm.trains_on_counterfactuals]
    if not (plain and trained):
        raise ConfigError("arms", list(run.arms), "a conventional model and one of counterfactual training")
    return plain[0], "full" if "full" in trained else trained[-1]


# -- putting together ------------------------------------------------------------------------------------


@isolated()
def assembled(
    adviser: Adviser, settings: PopulationSettings, drawn: Drawn, parts: Iterable[tuple[Span, Part]]
) -> Population:
    """The whole of parts in any order: all polished ones, and as many proved ones as follow each other from the first
    person on.

    Raises:
        DataError: a polished part is missing.
    """
    pair = pair_in(adviser, settings)
    found = sorted(parts, key=lambda pair: pair[0].start)
    arrays = _joined([part for span, part in found if not span.proved], len(drawn.rows))
    rules, polished, known = adviser.rules(settings.rules), _short(arrays["effort"]), 0
    for span, part in found:
        if span.proved and span.start == known:
            known = span.stop
            _take_better(arrays, part)
    arrays |= {name: _short(values) for name, values in arrays.items() if values.dtype != np.bool_}
    X = getattr(adviser.table, settings.split)[0].numpy()[drawn.rows]
    groups = groupings(adviser.table, X, drawn.refused.all(axis=0))
    held = rules.named("locked")
    snapshot = adviser.run.snapshot(adviser.epoch)
    stack = stack_of([snapshot], adviser.run.experiment).take([adviser.run.arms.index(arm) for arm in settings.arms])
    return Population(
        run=adviser.run.key,
        epoch=adviser.epoch,
        data=adviser.table.name,
        wanted=adviser.table.classes[adviser.table.favourable],
        settings=settings,
        rules=rules,
        thresholds=(adviser.models[pair[0]].threshold, adviser.models[pair[1]].threshold),
        drawn=drawn,
        **arrays,
        polished=polished,
        proved=known,
        groupings=groups,
        rows=summarised(settings.arms, drawn.refused, arrays, groups),
        reliance=measure_reliance(stack, adviser.table, held or adviser.table.protected, LEVEL),
        protected=not held and bool(adviser.table.protected),
    )


def _short(values: Floats) -> Floats:
    """Numbers as they are kept: in seven digits."""
    return np.array([float(f"{value:.7g}") for value in values.ravel().tolist()]).reshape(values.shape)


def _joined(parts: Sequence[Part], n: int) -> dict[str, Any]:
    """The arrays of all parts, (2 n) each."""
    starts = np.cumsum([0, *(part.found.shape[1] for part in parts)])
    if [part.start for part in parts] != starts[:-1].tolist() or starts[-1] != n:
        raise DataError("Parts of these people are missing.")
    names = [field.name for field in fields(Part) if field.name != "start"]
    masks = ("found", "valid", "obeys")
    empty = {name: np.zeros((2, 0), dtype=bool if name in masks else np.float64) for name in names}
    return {name: np.concatenate([empty[name], *(getattr(p, name) for p in parts)], axis=1) for name in names}


def _take_better(arrays: dict[str, Any], part: Part) -> None:
    """Put proved plans in place of dearer ones, and what is proved beside the others."""
    at = slice(part.start, part.start + part.found.shape[1])
    cheaper = part.found & ~(arrays["effort"][:, at] <= part.effort)
    for name in ("found", "effort", "distance", "closer", "valid", "obeys"):
        arrays[name][:, at] = np.where(cheaper, getattr(part, name), arrays[name][:, at])
    arrays["bound"][:, at] = part.bound


@isolated()
def summarised(
    arms: tuple[str, str], refused: npt.ArrayLike, arrays: Mapping[str, Any], groups: Sequence[Grouping]
) -> tuple[Row, ...]:
    """All numbers: both scopes, differences of the models, and of each group to the others."""
    who = torch.from_numpy(np.asarray(refused, dtype=bool))
    found = torch.from_numpy(np.asarray(arrays["found"], dtype=bool))
    both = who.all(dim=0).expand_as(who)
    boot = _Boot(Bootstrap.of(who.shape[1], ROUNDS), arms, found, arrays)
    rows = [*boot.rows("each", who, who & found), *boot.rows("both", both, both & found.all(dim=0), compared=True)]
    for one in groups:
        inside = [torch.from_numpy(one.members(group)) for group in range(len(one.names))]
        anywhere = torch.from_numpy(one.of >= 0)
        for name, members in zip(one.names, inside, strict=True):
            of = both & members
            rest = both & anywhere & ~members
            rows += boot.rows("both", of, of & found.all(dim=0), compared=True, feature=one.feature, group=name)
            rows += boot.apart(of, rest, feature=one.feature, group=name)
    return tuple(rows)


@dataclass(frozen=True)
class _Boot:
    """Numbers with intervals, from the same resamples throughout."""

    bootstrap: Bootstrap
    arms: tuple[str, str]
    found: torch.Tensor
    arrays: Mapping[str, Any]

    def metric(self, name: Metric, people: torch.Tensor, planned: torch.Tensor) -> Estimate:
        """One metric of both models: the share of ``people`` (2 n) with a plan, or of the plans of ``planned``."""
        if name == "planned":
            return self.bootstrap.mean(self.found.double(), people)
        values = torch.from_numpy(self.arrays[name])
        return self.bootstrap.median(values, planned) if name == "effort" else self.bootstrap.mean(values, planned)

    def rows(
        self, scope: Scope, people: torch.Tensor, planned: torch.Tensor, *, compared: bool = False, feature: str = "",
        group: str = "",
    ) -> list[Row]:  # fmt: skip
        """Of each model, and of their difference: the same people count for both where they are compared."""
        rows = []
        for name in METRICS:
            estimate, counted = self.metric(name, people, planned), people if name == "planned" else planned
            for m, arm in enumerate(self.arms):
                spread = _spread_of(estimate, m)
                rows.append(Row(scope, feature, group, arm, name, "", int(counted[m].sum()), spread))
            if compared:
                spread, n = _spread_of(estimate.against_first(), 1), int(counted[1].sum())
                rows.append(Row(scope, feature, group, self.arms[1], name, "conventional", n, spread))
        return rows

    def apart(self, members: torch.Tensor, others: torch.Tensor, *, feature: str, group: str) -> list[Row]:
        """What each model asks of a group less what it asks of the others."""
        rows = []
        for name in METRICS:
            own, rest = (
                self.metric(name, part, part & (self.found if name == "planned" else self.found.all(dim=0)))
                for part in (members, others)
            )
            apart = Estimate(own.value - rest.value, own.resampled - rest.resampled)
            counted = members if name == "planned" else members & self.found.all(dim=0)
            for m, arm in enumerate(self.arms):
                spread = _spread_of(apart, m)
                rows.append(Row("both", feature, group, arm, name, "others", int(counted[m].sum()), spread))
        return rows


def _spread_of(estimate: Estimate, m: int) -> Spread:
    one = Estimate(estimate.value[m : m + 1], estimate.resampled[:, m : m + 1])
    if bool(one.value.isnan()) or bool(one.resampled.isnan().all()):
        return Spread(float(one.value), math.nan, math.nan)
    found = one.interval(LEVEL)
    return Spread(float(found.value[0]), float(found.low[0]), float(found.high[0]))


# -- JSON ------------------------------------------------------------------------------------------------


def key_of(run: str, epoch: int, settings: PopulationSettings, rules: Rules, *more: Any) -> str:
    """16 hexadecimal digits of what advice for everyone, or a part of it (``more``), is computed from.

    Not of how far it goes (``people``, ``proofs``, ``time_limit``): who is drawn first stays the same. Nor of the order
    in which rules stand.
    """
    facts = settings.model_dump(mode="json", exclude={"rules", "people", "proofs", "time_limit"})
    ruled = rules.model_dump(mode="json")
    ruled["rules"] = sorted((rule for rule in ruled["rules"] if rule != _free(rule)), key=lambda one: one["feature"])
    ruled["links"] = sorted(ruled["links"], key=lambda one: (one["feature"], one["follows"]))
    text = json.dumps([VERSION, run, epoch, facts, ruled, *more], sort_keys=True, separators=(",", ":"))
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
