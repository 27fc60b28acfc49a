"""Advises everyone: draws people, asks two models for their plans in parts, and puts all numbers together.

People are drawn in a random order from those of a split whom at least one of the two models refuses, until as many as
asked for are refused by both. So those whom one model alone refuses are there in the proportion in which they occur:
numbers of one model alone are over all whom it refuses (``each``), comparisons over those whom both refuse (``both``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ctviz.counterfactuals.person_lattice import PersonLattices
from ctviz.data.rules import Rules
from ctviz.data.tables.table import Table
from ctviz.errors import ConfigError, DataError
from ctviz.evaluation.bootstrap import ROUNDS, Bootstrap, Estimate
from ctviz.experiments.adviser import Adviser
from ctviz.experiments.engines.base import never_cancelled
from ctviz.experiments.groups import Grouping, groupings
from ctviz.experiments.planner import margins
from ctviz.experiments.population import (
    LEVEL,
    METRICS,
    Bools,
    Drawn,
    Floats,
    Metric,
    Part,
    Population,
    PopulationSettings,
    Row,
    Scope,
    Span,
    ThreeModels,
)
from ctviz.experiments.reliance import Spread, measure_reliance
from ctviz.experiments.run import Run
from ctviz.experiments.snapshot import stack_of
from ctviz.isolation import isolated

PART, PROVED_PART = 100, 20
"""People of one part: of polished plans, and of proofs, which take longer."""

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
    """Who is advised: in the order of a random permutation by the seed (see the module)."""
    pair, X = pair_in(adviser, settings), getattr(adviser.table, settings.split)[0].numpy()
    models, target = [adviser.models[m] for m in pair], adviser.table.favourable
    refused = np.stack([margins(model.judge, X, target) < model.least for model in models])
    order = np.random.default_rng(settings.seed).permutation(len(X))
    order = order[refused[:, order].any(axis=0)]
    reached = np.cumsum(refused[:, order].all(axis=0))
    # Up to the last whom both refuse; all, where there are fewer.
    last = np.searchsorted(reached, settings.people) + 1 if len(order) and reached[-1] >= settings.people else None
    rows = order[:last].astype(np.int64)
    in_all = int(refused[0].sum()), int(refused[1].sum())
    return Drawn(rows, refused[:, rows], len(X), in_all, int(refused.all(axis=0).sum()))


@isolated()
def advised(
    adviser: Adviser,
    settings: PopulationSettings,
    drawn: Drawn,
    span: Span,
    workers: int = 1,
    cancelled: Callable[[], bool] = never_cancelled,
) -> Part:
    """The plans of some of those drawn; ``workers`` and ``cancelled`` as of ``Adviser.many``."""
    rules, pair = adviser.rules(settings.rules), list(pair_in(adviser, settings))
    people = getattr(adviser.table, settings.split)[0].numpy()[drawn.rows[span.start : span.stop]]
    able = _able(adviser, rules, people)
    plans = adviser.many(
        people[able], rules, exact=span.proved, time_limit=settings.time_limit, workers=workers, cancelled=cancelled
    )
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
        valid[m, b] = margins(adviser.models[m].judge, row, table.favourable) >= adviser.models[m].least
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
    plain = [arm.name for arm in arms if arm.conventional]
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
    arms: tuple[str, ...], refused: npt.ArrayLike, arrays: Mapping[str, Any], groups: Sequence[Grouping]
) -> tuple[Row, ...]:
    """All numbers: both scopes, differences of the second model to the first, and of each group to the others."""
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


@isolated()
def three_models(table: Table, without: Population, with_rules: Population) -> ThreeModels:
    """What a conventional model and two others ask of the same people, from the populations of both pairs.

    Both are drawn in the same random order, so that those whom all three refuse and who are in both are drawn at random
    from all of them.

    Raises:
        DataError: another conventional model, or people who were drawn in another way.
    """
    one, other = without.settings, with_rules.settings
    if (one.arms[0], one.seed, one.split, one.tau) != (other.arms[0], other.seed, other.split, other.tau):
        raise DataError("These populations are not drawn from the same people.")
    rows, first, second = np.intersect1d(without.drawn.rows, with_rules.drawn.rows, return_indices=True)
    kept = without.both[first] & with_rules.both[second]
    rows, first, second = rows[kept], first[kept], second[kept]
    places = (without, 1, first), (with_rules, 1, second), (without, 0, first)

    def of(name: str) -> npt.NDArray[Any]:
        return np.stack([getattr(found, name)[m][at] for found, m, at in places])

    refused = np.ones((3, len(rows)), dtype=bool)
    X = getattr(table, one.split)[0].numpy()[rows]
    groups = groupings(table, X, refused[0])
    arms = one.arms[1], other.arms[1], one.arms[0]
    numbers = summarised(arms, refused, {name: of(name) for name in ("found", "effort", "distance", "closer")}, groups)
    proved = [int((at < found.proved).sum()) for found, _, at in places]
    return ThreeModels(
        without.data, (*one.arms, other.arms[1]), len(rows), (proved[2], proved[0], proved[1]), groups, numbers
    )


@dataclass(frozen=True)
class _Boot:
    """Numbers with intervals, from the same resamples throughout."""

    bootstrap: Bootstrap
    arms: tuple[str, ...]
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
