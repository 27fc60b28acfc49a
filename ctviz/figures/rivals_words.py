"""The comparison with rivals in words: gain, price and caveat, each counted from intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ctviz.catalogue.settings import SETTINGS
from ctviz.prose import begun, decimal, inside, listed, number, spelled
from ctviz.studies.rivals.choosing import ALIKE, choose_valid
from ctviz.studies.rivals.methods import BY_NAME, CONVENTIONAL, COUNTERFACTUAL
from ctviz.studies.rivals.result import MEASURES, ChosenSettings, Measure, MethodWords, VerdictResult, VerdictRow
from ctviz.studies.summary import Mean

SIDES = {1: "ahead", -1: "behind", 0: "level"}
"""How counterfactual training stands to a method, by the side of its standing."""

SEARCHES = {"paper": "the paper's search", "careful": "a careful search"}
"""What the two searches are called."""

STANDS = {1: "behind", -1: "ahead", 0: "no clear difference"}
"""How a method stands to counterfactual training, by the sign of the latter's lead."""

QUESTION = "Is it better than …?"


@dataclass(frozen=True)
class Standing:
    """How often one method beats another beyond chance, and how often it is beaten, of so many comparisons: a data set
    and a search each."""

    won: int
    lost: int
    of: int

    @property
    def side(self) -> int:
        """1 where it wins more often than it loses, −1 where less often, else 0."""
        return (self.won > self.lost) - (self.won < self.lost)

    @property
    def words(self) -> str:
        """``9 : 1``."""
        return f"{self.won} : {self.lost}"


def standing(
    result: VerdictResult,
    first: str,
    second: str,
    measure: Measure,
    searches: Sequence[str] = (),
    *,
    alike: bool = False,
) -> Standing:
    """The standing of the first against the second over all data sets, with some searches or with both; with ``alike``
    only where the advice of both is valid about as often (``ALIKE``)."""
    signs = [
        found.sign
        for row in result.rows
        for search in (searches or tuple(result.searches) if measure.by_search else ("",))
        if (found := result.compared(row, first, second, measure, search)).n
        and (not alike or abs(result.compared(row, first, second, MEASURES["validity"], search).value) <= ALIKE)
    ]
    return Standing(signs.count(1), signs.count(-1), len(signs))


def rivals(result: VerdictResult) -> list[MethodWords]:
    """The methods that are not counterfactual training."""
    return [method for method in result.methods if not method.ours]


def against_all(result: VerdictResult, first: str, measure: Measure, others: Iterable[MethodWords]) -> str:
    """``ahead of A (9 : 0) and B (5 : 2), behind C (1 : 7), level with D (2 : 2)``; empty without comparisons."""
    groups: dict[int, list[str]] = {1: [], -1: [], 0: []}
    for method in others:
        found = standing(result, first, method.name, measure)
        if found.of:
            groups[found.side].append(f"{_name(method)} ({found.words})")
    named = ((1, "ahead of"), (-1, "behind"), (0, "level with"))
    return ", ".join(f"{words} {listed(groups[side])}" for side, words in named if groups[side])


def _name(method: MethodWords) -> str:
    """Within a sentence; what begins with an abbreviation or a name of its own stays as it is."""
    own = method.title.partition(" ")[0][1:]
    return method.title if own != own.lower() else inside(method.title)


def headline(result: VerdictResult) -> str:
    """Gain, price and caveat, counted: what ``gains``, ``price`` and ``caveats`` tell in full."""
    if not (told := _counted(result, COUNTERFACTUAL, MEASURES["ip"])):
        return "Nothing has been compared yet."
    said = [f"By the distance to real data counterfactual training is {told}.", _losing(result)]
    if len(result.searches) > 1:
        name, found = min(_each_search(result).items(), key=lambda one: one[1].won - one[1].lost)
        said.append(f"{begun(_won_with(name, found))} comparisons.")
    return " ".join(said)


def _losing(result: VerdictResult) -> str:
    """The price: on how many data sets something is clearly worse than with conventional training."""
    words = {"accuracy": "loses accuracy", "cost": "takes more effort under the lock", "validity": FAILS}
    found = {text: len(_losses(result, COUNTERFACTUAL, name)) for name, text in words.items()}
    told = [f"{text} on {many}" for text, many in found.items() if many]
    if not told:
        return "Beside conventional training it has no clear price in accuracy, effort or validity."
    return f"Beside conventional training it {listed(told)} of {_sets(result)}."


def _each_search(result: VerdictResult) -> dict[str, Standing]:
    """Search → comparisons with all rivals together by the distance to real data."""
    standings = {}
    for search in result.searches:
        found = [standing(result, COUNTERFACTUAL, m.name, MEASURES["ip"], (search,)) for m in rivals(result)]
        won, lost, of = (sum(getattr(one, name) for one in found) for name in ("won", "lost", "of"))
        standings[search] = Standing(won, lost, of)
    return standings


def _won_with(search: str, found: Standing) -> str:
    return f"with {SEARCHES.get(search, search)} it wins {found.won} and loses {found.lost} of {found.of}"


def gains(result: VerdictResult) -> str:
    """The gain, in one sentence: how counterfactual training stands to each rival by the distance to real data; empty
    where nothing has been compared."""
    measure = MEASURES["ip"]
    phrase = against_all(result, COUNTERFACTUAL, measure, rivals(result))
    if not phrase:
        return ""
    many = _comparisons(result)
    return (
        f"By how close its advice lies to real data, counterfactual training is {phrase}: comparisons won and lost "
        f"beyond chance, of {many}."
    )


def _comparisons(result: VerdictResult) -> str:
    searches = len(result.searches)
    return f"{len(result.rows) * searches} ({_sets(result)}, {searches} searches)"


def _sets(result: VerdictResult) -> str:
    return f"{len(result.rows)} data set{'s' * (len(result.rows) != 1)}"


def price(result: VerdictResult) -> str:
    """What it costs beside conventional training, and how it stands to the rivals there."""
    parts = [
        _lost(result, COUNTERFACTUAL, "accuracy", "loses accuracy"),
        _lost(result, COUNTERFACTUAL, "cost", "takes more effort under the lock"),
        _lost(result, COUNTERFACTUAL, "validity", FAILS),
    ]
    told = [part for part in parts if part]
    no = "Beside conventional training it clearly loses no accuracy and takes no more effort under the lock"
    said = f"Beside conventional training it {listed(told)}" if told else no
    if own := _times(result, [COUNTERFACTUAL]):
        said += f"; its training takes {_span(own)} times as long"
    theirs = _times(result, [one.name for one in rivals(result) if one.name != CONVENTIONAL])
    if own and theirs:
        said += f", that of the rivals {_span(theirs)} times"
    attack = _counted(result, COUNTERFACTUAL, MEASURES["pgd"])
    return f"{said}." + (f" In accuracy under attack it is {attack}." if attack else "")


def _counted(result: VerdictResult, first: str, measure: Measure, *, alike: bool = False) -> str:
    """``ahead of 5 of 8 methods, behind 2``; empty without comparisons."""
    found = [standing(result, first, method.name, measure, alike=alike) for method in rivals(result)]
    sides = [one.side for one in found if one.of]
    return f"ahead of {sides.count(1)} of {len(sides)} methods, behind {sides.count(-1)}" if sides else ""


FAILS = "reaches its class less often"
"""What is said of lost validity."""


def _lost(result: VerdictResult, method: str, name: str, words: str) -> str:
    """On which data sets a measure is clearly worse than with conventional training, by how much at most."""
    unit = " points" if MEASURES[name].unit == "points" else " %"
    told = [f"{title} ({number(value, trim=True)}{unit})" for title, value in _losses(result, method, name).items()]
    return f"{words} on {listed(told)}" if told else ""


def _losses(result: VerdictResult, method: str, name: str) -> dict[str, float]:
    """Data sets on which a measure is clearly worse than with conventional training, with the larger loss of both
    searches."""
    measure = MEASURES[name]
    places: dict[str, float] = {}
    for row in result.rows:
        for search in result.searches if measure.by_search else ("",):
            found = result.compared(row, method, CONVENTIONAL, measure, search)
            if found.sign < 0:
                places[row.title] = max(places.get(row.title, 0.0), -found.value)
    return places


def _times(result: VerdictResult, methods: Sequence[str]) -> list[float]:
    """How many times as long as conventional training methods take, on each data set."""
    measure = MEASURES["seconds"]
    found = [result.compared(row, method, CONVENTIONAL, measure, "") for row in result.rows for method in methods]
    return [2**-one.value for one in found if one.n]


def _span(values: Sequence[float]) -> str:
    low, high = (number(value, trim=True) for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


@dataclass(frozen=True)
class Caveat:
    """One thing that the answer hangs on: what it is about, what is said of it, and details under a title each."""

    about: str
    said: str
    details: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All of it without titles."""
        return " ".join([*([self.said] if self.said else []), *self.details.values()])


def caveat(result: VerdictResult) -> str:
    """What the answer hangs on, in one paragraph."""
    return " ".join(one.text for one in caveats(result))


def caveats(result: VerdictResult) -> list[Caveat]:
    """What the answer hangs on, one thing each: another measure, validity, and each search by itself."""
    said = []
    nearest = _counted(result, COUNTERFACTUAL, MEASURES["nearest"])
    if nearest:
        said.append(Caveat("Nearest sample", f"By the distance to the nearest real sample it is {nearest}."))
    for method in result.methods:
        if method.ours and method.name != COUNTERFACTUAL:
            phrase = _counted(result, method.name, MEASURES["ip"])
            also = _counted(result, method.name, MEASURES["nearest"])
            beside = f"; by that to the nearest sample {also}" if also else ""
            fails = _lost(result, method.name, "validity", FAILS)
            lost = f" Than that of conventional training, its advice {fails}." if fails else ""
            told = f"{method.title}, by the distance to real data, is {phrase}{beside}.{lost}" if phrase else ""
            said.append(Caveat(method.short, told))
    said += [_alike(result), Caveat("Readable digits", _readable(result)), Caveat("All measures", _favoured(result))]
    parts = [_won_with(search, found) for search, found in _each_search(result).items()]
    told = f"Of its comparisons by the distance to real data, {'; '.join(parts)}."
    said.append(Caveat("Each search", told if parts else ""))
    return [one for one in said if one.text]


def _readable(result: VerdictResult) -> str:
    """How often an independent reader takes digits for the class that they aim at, after the careful search: of
    conventional training, ours, and the best of the rivals, with their accuracy, which may be the price."""
    measure, told = MEASURES["read_as"], []
    for row in result.rows:
        shares = {
            method: share
            for method in result.methods
            if (share := result.average(row, method.name, measure, "careful").value) == share
        }
        if not shares:
            continue
        best = max((method for method in shares if not method.ours), key=lambda method: shares[method], default=None)
        right = {m: result.average(row, m.name, MEASURES["accuracy"], "").value for m in shares}
        each = listed(
            [
                f"{100 * share:.0f} % with {_name(m)} (accuracy {100 * right[m]:.0f} %)"
                for m, share in shares.items()
                if m.ours or m.name == CONVENTIONAL or m is best
            ]
        )
        told.append(f"In advice on {row.title} an independent reader sees the class it aims at in {each}.")
    return " ".join(told)


def _alike(result: VerdictResult) -> Caveat:
    """How counterfactual training stands where methods are valid about as often, which rivals are not, and what a rule
    would choose that asks for validity."""
    told = [
        f"{inside(method.title)} is {phrase}"
        for method in result.methods
        if method.ours and (phrase := _counted(result, method.name, MEASURES["ip"], alike=True))
    ]
    why = (
        "The rule that chooses settings does not ask that advice reaches its class. Counted only where that of both "
        f"does so about as often (within {ALIKE:g} points), by the distance to real data"
    )
    said = [f"{why} {'; '.join(told)}."] if told else []
    details = {
        "Rivals whose advice reaches its class less often": _seldom(result),
        "What a rule that does ask for that would choose": _stricter(result),
    }
    return Caveat("Advice that works", " ".join(said), {title: text for title, text in details.items() if text})


def _seldom(result: VerdictResult) -> str:
    """Rivals whose advice with the settings chosen is valid clearly less often than that of conventional training, by
    more than ``ALIKE`` points; ours are told elsewhere."""
    told = []
    for method in rivals(result):
        places = {title: lost for title, lost in _losses(result, method.name, "validity").items() if lost > ALIKE}
        if places:
            lost = [f"{title} ({number(value, trim=True)} points)" for title, value in places.items()]
            told.append(f"{_name(method)} on {listed(lost)}")
    why = f"Of rivals too, advice with the settings that it chose {FAILS} than that of conventional training"
    return f"{why}, by more than {ALIKE:g} points: {'; '.join(told)}." if told else ""


def _stricter(result: VerdictResult) -> str:
    """For which methods, of those whose tries' validity is known, a rule that looks at validity chooses otherwise."""
    known, other = 0, []
    for method in result.methods:
        places = []
        for row in result.rows:
            own = row.of(method.name)
            if own is None or (place := choose_valid(own.settings.tries)) is None:
                continue
            known += 1
            if own.settings.tries[place].changes != own.settings.changes:
                places.append(row.title)
        if places:
            other.append(f"{_name(method)} on {listed(places)}")
    if not known:
        return ""
    asked = (
        f"A rule that asks for it, so that advice reaches its class at most {ALIKE:g} points less often than with a "
        "method's best try that keeps accuracy, would choose"
    )
    choices = f"this can be told of the {known} choices whose tries' validity was kept"
    return f"{asked} {f'other settings for {listed(other)}' if other else 'the same settings'}; {choices}."


def _favoured(result: VerdictResult) -> str:
    """Which methods are ahead of counterfactual training by more measures than they are behind by, time apart."""
    measures = [measure for measure in result.measures() if measure.unit != "times"]
    ahead = [
        _name(method)
        for method in rivals(result)
        if sum(standing(result, COUNTERFACTUAL, method.name, measure).side for measure in measures) < 0
    ]
    who = begun(listed(ahead)) or "No method"
    verb = "are" if len(ahead) > 1 else "is"
    return f"{who} {verb} ahead of counterfactual training by more measures than behind it, training time apart."


def how(result: VerdictResult) -> str:
    """How the numbers came about."""
    return f"{drawn(result)} {measured(result)}"


def drawn(result: VerdictResult) -> str:
    """How often each method was trained, and what is alike for all."""
    least, most = result.draws()
    many = f"{most}" if least == most else f"{least} to {most}"
    return (
        f"{many} draws of data and training for each method, all with the same first weights, batches and rounds of "
        "evaluation."
    )


def measured(result: VerdictResult) -> str:
    """How differences are told from chance, the searches, and where less was computed."""
    level = 100 * result.level
    steps = "; ".join(
        f"{SEARCHES.get(name, name)}: η {one['step_size']:g}, at most {one['steps']:,.0f} steps"
        for name, one in result.searches.items()
    )
    return (
        f"Differences are taken draw by draw; intervals of {level:g} % are Student's over draws, so about "
        f"one in {round(100 / max(100 - level, 1e-9)):,} of equal pairs would look unequal by chance. "
        f"{begun(steps)}.{_inner(result)}{''.join(map(_less, result.rows))} Seconds are those of one processor."
    )


def _inner(result: VerdictResult) -> str:
    """Which methods are trained with shorter inner loops than by default; begins with a space unless it is empty."""
    told = [
        f"{_name(method)} {steps[0]} steps ({steps[1]} by default)"
        for method in result.methods
        if method.name in BY_NAME and (steps := BY_NAME[method.name].fewer_steps)
    ]
    return f" For speed, the inner loop of training is shorter than usual: {listed(told)}." if told else ""


def _less(row: VerdictRow) -> str:
    """How much of a data set was computed where that is less; begins with a space unless it is empty."""
    if not (less := row.extent):
        return ""
    draws = max((len(one.draws) for one in row.methods), default=0)
    tries = max((len(one.settings.tries) for one in row.methods), default=0)
    careful, selecting = less["careful"], less["selecting"]
    return (
        f" Of {row.title} less is computed, alike for all methods: {draws} draws, {tries} tries of each on "
        f"{selecting} draw{'s' * (selecting != 1)}, {less['changes']['data.n_train']:,} training samples, "
        f"{less['epochs']} epochs, {less['rounds']} rounds{'' if less['locked'] else ', no lock'}; the careful search "
        f"goes on until a model is sure: τ {careful['tau']:g}, η {careful['step_size']:g}, at most "
        f"{careful['steps']} steps."
    )


def gain(found: Mean, measure: Measure) -> str:
    """``12.3 [10.1, 14.5] *``: how much better, and a star where zero lies outside; of times ``2.1 ×``."""
    if not found.n:
        return "–"
    if measure.unit == "times":
        return f"{number(2**-found.value, trim=True)} ×"
    span = "" if found.low != found.low else f" [{decimal(found.low)}, {decimal(found.high)}]"
    return f"{decimal(found.value)}{span}{' *' if found.significant else ''}"


def settings(chosen: ChosenSettings) -> str:
    """``τ 0.75, λ_reg 0.1``; with a word where no try qualified."""
    told = ", ".join(f"{_setting(name)} {spelled(value)}" for name, value in chosen.changes.items())
    return (told or "none of its own") + (" (as no try qualified)" if chosen.chosen_by == "fallback" else "")


def _setting(name: str) -> str:
    """Its symbol, or its title; the name itself of one that this version does not have."""
    known = SETTINGS.get(name if "." in name else f"arms.{name}")
    return (known.symbol or inside(known.title)) if known else name


def unit(measure: Measure) -> str:
    """What a comparison by a measure is counted in."""
    return {"%": "% of conventional training", "points": "points", "times": "times as long"}[measure.unit]
