"""Benchmark of a class: thirty visitors and three browsers at one server on two processors.

The visitors speak Streamlit's protocol (``streamlit_client``) and behave as people do: they open a page when they are
told to, look, change a setting, move the slider, train something small, turn to another page, and now and then their
line breaks and comes back. The three browsers among them are real ones. What holds on any machine, however busy, is
the server's own time on a processor for each action; the seconds that people wait are those of this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import random
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ctviz.bench import browser
from ctviz.bench.measure import BenchRow, Goal, say
from ctviz.errors import CtvizError
from ctviz.experiments.config import Experiment
from ctviz.network import network_address

if TYPE_CHECKING:
    from ctviz.bench.streamlit_client import Received, Visitor

GROUP = "A class at one server, two processors"
VISITORS = 30
BROWSERS = 3
THINK = (2.0, 8.0)
"""Seconds between two actions of one person."""

ARRIVE = 5.0
"""Seconds within which everybody opens the first page: the teacher has just said so."""

STAY = (3, 7)
"""Actions on a page before turning to another one."""

PATIENCE = 60.0
"""Seconds for which people watch a training."""

GLANCE = 4.0
"""Seconds for which people look whether a proof has come, before they go on."""

AWAY = 2.0
"""Seconds after which a broken line comes back."""


@dataclass
class Tally:
    """What was measured: seconds of each kind of action, by page, and what went wrong."""

    opened: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    reruns: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    shown: list[float] = field(default_factory=list)  # by real browsers
    looked: list[float] = field(default_factory=list)  # seconds of each look at a run that grows
    trained: list[float] = field(default_factory=list)  # seconds from a press on Train to the end
    sent: list[int] = field(default_factory=list)  # bytes of a rerun
    lost: list[str] = field(default_factory=list)
    actions: int = 0

    def take(self, where: dict[str, list[float]], title: str, received: Received) -> None:
        where[title].append(received.seconds)
        self.actions += 1
        self.lost.extend(f"{title}: {said}" for said in received.errors)
        if where is self.reruns:
            self.sent.append(received.bytes)


@dataclass(frozen=True)
class Person:
    """One of the class: their line, their chances, and where it is noted what they see."""

    visitor: Visitor
    chance: random.Random
    tally: Tally


Act = Callable[[Person], Awaitable[list["Received"]]]
"""What a person does, and what each rerun brought that they asked for."""


@dataclass(frozen=True)
class Place:
    """A page that the class visits: its title, path and link, and what people do there."""

    title: str
    path: str
    query: dict[str, str]
    actions: tuple[Act, ...]
    goal: float | None
    """Seconds in which a rerun answers, for 95 of 100."""


# -- what people do ---------------------------------------------------------------------------------------


def header(message: bytes) -> dict[str, Any]:
    """The header of a message to a component, see ``figures/stage/recording.py``."""
    length = int.from_bytes(message[4:8], "little")
    found: dict[str, Any] = json.loads(message[8 : 8 + length])
    return found


def player(keys: Sequence[str], kind: str) -> str | None:
    """The key of the player that a person sees, None where there is none: another link that is opened on a page mounts
    another one (``stage-0``, ``stage-1`` …), and until there is something to show, a run seen before stands in its
    place (``stage-earlier``)."""
    return next((key for key in keys if re.fullmatch(rf"{kind}-\d+", key)), None)


def _scrub(kind: str) -> Act:
    """Moves the slider of a player to another epoch, and lets go."""

    async def act(person: Person) -> list[Received]:
        visitor = person.visitor
        await _watch_until(person, lambda: player(visitor.keys(), kind) is not None)
        key = player(visitor.keys(), kind)
        if key is None and visitor.again:
            return []  # the training still waits for a worker, and so does the person
        if key is None:
            raise CtvizError(f"There is no {kind} to move, and none is to come: {' '.join(visitor.texts())[:300]}")
        shown = header(visitor.proto(key).bytes)
        view = {**shown["initial"], "key": shown["key"], "epoch": person.chance.randrange(shown["total"] + 1)}
        return [await visitor.tell(key, {"view": view})]

    return act


async def _scroll_down(person: Person) -> list[Received]:
    """Scrolls to what lies below the picture, which is drawn once it is in sight; nothing happens where it is."""
    shown = person.visitor.keys()
    watched = next((key for key in shown if key.startswith("seen-on-")), None)
    return [] if watched is None else [await person.visitor.tell(watched, {"seen": True})]


def _number(key: str, lowest: float, highest: float, digits: int) -> Act:
    """Types another number."""

    async def act(person: Person) -> list[Received]:
        value = round(person.chance.uniform(lowest, highest), digits)
        return [await person.visitor.enter(key, double_value=value)]

    return act


def _press(key: str) -> Act:
    """Presses a button."""

    async def act(person: Person) -> list[Received]:
        return [await person.visitor.press(key)]

    return act


def _choose(key: str, *among: str) -> Act:
    """Chooses one of several buttons."""

    async def act(person: Person) -> list[Received]:
        return [await person.visitor.enter(key, string_array_value=[person.chance.choice(among)])]

    return act


_part_of_digits = _choose("digits-part", "One digit", "All classes", "Counterfactual digits", "Fool it")
_class_of_digits = _choose("digits-class", *"0123456789")


async def _digit(person: Person) -> list[Received]:
    """Chooses another class of digits where there is a choice, else another part of the story."""
    return await (_class_of_digits if person.visitor.shows("digits-class") else _part_of_digits)(person)


async def _train(person: Person) -> list[Received]:
    """Changes the number of epochs, presses Train and watches until it is done.

    How long the training takes, with others before it in the queue, is not how long the page takes to answer: the
    change and the press are two reruns, each look at the run that grows has a row of its own, and so has the training.
    """
    visitor = person.visitor
    changed = await visitor.enter("set-training.epochs", double_value=person.chance.randrange(15, 40))
    if visitor.proto("train").disabled:  # somebody has trained the same
        return [changed]
    began = time.monotonic()
    pressed = await visitor.press("train")
    await _watch_until(person, lambda: False)
    person.tally.trained.append(time.monotonic() - began)
    return [changed, pressed]


def control(keys: Sequence[str], key: str) -> str | None:
    """The key under which a control is shown, None where it is not: once the page has moved it, a number follows."""
    return next((shown for shown in keys if re.fullmatch(rf"{re.escape(key)}(-\d+)?", shown)), None)


async def _glance(person: Person, received: Received) -> list[Received]:
    """Looks for a while whether the proofs have come, as an open page does by itself."""
    await _watch_until(person, lambda: False, GLANCE)
    return [received]


async def _another_person(person: Person) -> list[Received]:
    """Asks for advice for another person, at random."""
    return await _glance(person, await person.visitor.press("recourse-next"))


async def _another_plan(person: Person) -> list[Received]:
    """Looks at another plan, or at another person where there is none."""
    visitor = person.visitor
    key = control(visitor.keys(), "recourse-plans-shown")
    if key is None:
        return await _another_person(person)
    plans = [option.content for option in visitor.proto(key).options]
    return [await visitor.enter(key, string_array_value=[person.chance.choice(plans)])]


async def _other_locks(person: Person) -> list[Received]:
    """Locks some of the features that are offered at a press, and releases the others."""
    visitor = person.visitor
    key = control(visitor.keys(), "recourse-fixed")
    if key is None:
        return await _rule(person)
    offered = [option.content for option in visitor.proto(key).options]
    locked = person.chance.sample(offered, person.chance.randint(0, len(offered)))
    return await _glance(person, await visitor.enter(key, string_array_value=locked))


async def _rule(person: Person) -> list[Received]:
    """Changes the rule of a feature that a plan changes, or looks at another person where no plan changes any."""
    visitor, shown = person.visitor, person.visitor.keys()
    cards = [key for key in shown if re.fullmatch(r"rule-(?!more-).+", key)]
    if not cards:
        return await _another_person(person)
    key = person.chance.choice(cards)
    ways = [option.content for option in visitor.proto(key).options]
    return await _glance(person, await visitor.enter(key, string_array_value=[person.chance.choice(ways)]))


async def _another_table(person: Person) -> list[Received]:
    """Turns to the people of another table."""
    visitor = person.visitor
    key = control(visitor.keys(), "recourse-data")
    if key is None:
        raise CtvizError(f"There is no menu of tables: {' '.join(visitor.texts())[:300]}")
    tables = list(visitor.proto(key).options)
    return await _glance(person, await visitor.enter(key, string_value=person.chance.choice(tables)))


async def _watch_until(person: Person, seen: Callable[[], bool], most: float | None = None) -> None:
    """Watches what runs again by itself, each part at its own pace, until something is seen or all of it rests; for
    ``most`` seconds, by default those of people's patience."""
    visitor, end = person.visitor, time.monotonic() + (PATIENCE if most is None else most)
    due: dict[str, float] = {}
    while visitor.again and not seen() and (now := time.monotonic()) < end:
        due = {part: due.get(part, now + pause) for part, pause in visitor.again.items()}
        part = min(due, key=lambda waiting: due[waiting])
        await asyncio.sleep(max(0.0, due.pop(part) - now))
        looked = await visitor.look_again(part)
        person.tally.looked.append(looked.seconds)
        person.tally.lost.extend(looked.errors)


PLACES = (
    Place(
        "Boundaries", "boundaries", {"preset": "moons"},
        (*[_scrub("stage")] * 6, _scroll_down, *[_train] * 2), 1.0,
    ),
    Place(
        "Trajectories", "trajectories", {"preset": "circles", "pick": "point", "at": "0,0"},
        (
            _scrub("tracks"), _scrub("tracks"), _scroll_down,
            _number("explore-at-0", -1, 1, 2), _number("explore-at-1", -1, 1, 2),
            _number("explore-search.tau", 0.6, 0.95, 2), _number("explore-search.step_size", 0.02, 0.2, 2),
        ), 1.0,
    ),
    Place(
        "Actionability", "actionability", {"preset": "figure1-short"},
        (_scrub("stage"), _scrub("stage"), _choose("part", "What a lock does", "Where the lock acts")), 1.0,
    ),
    Place(
        "Digits", "digits", {"preset": "mnist"},
        (_digit, _digit, _part_of_digits), 3.0,
    ),
    Place(
        "Recourse", "recourse", {},
        (
            *[_another_person] * 2, *[_other_locks] * 2, *[_rule] * 2, *[_another_plan] * 2, _another_table,
        ), 1.0,
    ),
    Place("Learn", "learn", {"step": "2"}, (_press("learn-next"), _press("learn-back")), 1.0),
    Place("Home", "", {}, (), None),
)  # fmt: skip


# -- measuring --------------------------------------------------------------------------------------------


def measure(seconds: float, visitors: int = VISITORS) -> list[BenchRow]:
    """The rows of a class that works for so many seconds, or the reason why they could not be measured."""
    known = network_address()
    try:
        say("class: starting the server")
        with two_processors(), browser.server(*(["--class"] if known else [])) as (url, process):
            url = url.replace("127.0.0.1", known) if known else url  # who comes from this computer is the teacher
            tally = Tally()
            asyncio.run(_warm_up(url))
            before, below = processor_seconds(process), workers_seconds(process)
            asyncio.run(_class(url, seconds, visitors, tally))
            used = processor_seconds(process) - before, workers_seconds(process) - below
            return _rows(tally, used, memory(process), seconds)
    except (CtvizError, OSError) as error:
        goal = Goal("≤", 4)
        return [BenchRow(GROUP, "a page opens, 95 of 100", "s", goal=goal, note=f"not measured: {error}")]


async def _class(url: str, seconds: float, visitors: int, tally: Tally) -> None:
    end = time.monotonic() + seconds
    people = [_person(url, number, end, tally) for number in range(visitors)]
    await asyncio.gather(*people, _browsers(url, end, tally), _tell(end, tally))


async def _warm_up(url: str) -> None:
    """The teacher opens each page before the class comes."""
    from ctviz.bench.streamlit_client import Visitor

    for place in PLACES:
        say(f"class: opening {place.title}")
        async with Visitor(url) as visitor:
            await visitor.visit(place.path, urlencode(place.query))


async def _tell(end: float, tally: Tally) -> None:
    while (left := end - time.monotonic()) > 0:
        say(f"class: {tally.actions} actions, {left:.0f} s left")
        await asyncio.sleep(min(left, 2))


async def _person(url: str, number: int, end: float, tally: Tally) -> None:
    """One of the class, whose chances follow from the number."""
    from ctviz.bench.streamlit_client import Visitor

    chance, visitor = random.Random(number), Visitor(url)
    person = Person(visitor, chance, tally)
    await asyncio.sleep(chance.uniform(0, ARRIVE))
    try:
        await visitor.connect()
        place = PLACES[0]
        while time.monotonic() < end:
            tally.take(tally.opened, place.title, await visitor.visit(place.path, urlencode(place.query)))
            await _stay(person, place, end)
            await _break_off(person)
            place = chance.choice(PLACES)
    except (CtvizError, OSError, KeyError) as error:
        tally.lost.append(f"visitor {number}: {error!r}")
    finally:
        if len(visitor.sessions) > 1:
            tally.lost.append(f"visitor {number} was given {len(visitor.sessions)} sessions")
        with contextlib.suppress(OSError):
            await visitor.leave()


async def _stay(person: Person, place: Place, end: float) -> None:
    chance, tally = person.chance, person.tally
    for _ in range(chance.randint(*STAY) if place.actions else 0):
        await asyncio.sleep(chance.uniform(*THINK))
        if time.monotonic() > end:
            return
        for received in await chance.choice(place.actions)(person):
            tally.take(tally.reruns, place.title, received)
    await asyncio.sleep(chance.uniform(*THINK))


async def _break_off(person: Person) -> None:
    """One time in five the line breaks and comes back: the session must be the same."""
    if person.chance.random() < 0.2:
        await person.visitor.leave()
        await asyncio.sleep(AWAY)
        await person.visitor.connect()


async def _browsers(url: str, end: float, tally: Tally) -> None:
    """Three real browsers, that open pages with a player and move its slider."""
    try:
        from playwright.async_api import Error, async_playwright
    except ImportError:
        return
    runs = [("boundaries", Experiment.preset("moons")), ("actionability", Experiment.preset("figure1-short"))]
    try:
        async with async_playwright() as playwright:
            chromium = await playwright.chromium.launch(
                executable_path=browser.chromium_path(), args=["--no-sandbox", "--disable-gpu", "--process-per-site"]
            )

            async def one(number: int) -> None:
                chance = random.Random(1000 + number)
                context = await chromium.new_context(viewport={"width": 1440, "height": 900})  # keeps what it loads
                await asyncio.sleep(chance.uniform(0, ARRIVE))
                while time.monotonic() < end:
                    path, experiment = chance.choice(runs)
                    page = await context.new_page()
                    link = urlencode(experiment.to_query())
                    await page.goto(f"{url}/{path}?{link}", wait_until="commit", timeout=60_000)
                    tally.shown.append(float(await page.evaluate(browser.ARRIVAL, experiment.key)) / 1000)
                    for _ in range(4):
                        await asyncio.sleep(chance.uniform(*THINK))
                        await page.keyboard.press("ArrowLeft")
                    await page.close()

            await asyncio.gather(*(one(number) for number in range(BROWSERS)))
            await chromium.close()
    except Error as error:
        tally.lost.append(f"a browser: {str(error).splitlines()[0]}")


# -- the report -------------------------------------------------------------------------------------------


def share(values: Sequence[float], part: float = 0.95) -> float:
    """The smallest of the values that so large a part of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * part) - 1)]


def _rows(tally: Tally, used: tuple[float, float], held: float, seconds: float) -> list[BenchRow]:
    opened = [taken for values in tally.opened.values() for taken in values]
    slowest = max(tally.opened, key=lambda title: share(tally.opened[title]), default="")
    rows = [_row("a page opens, 95 of 100", opened, 4.0, f"slowest: {slowest}")]
    rows += [
        _row(f"{place.title}: a rerun, 95 of 100", tally.reruns[place.title], place.goal)
        for place in PLACES
        if tally.reruns[place.title]
    ]
    rows.append(_row("a look at a run or a proof under way, 95 of 100", tally.looked, 1.0))
    rows.append(_row("Train pressed → trained, 95 of 100", tally.trained, None))
    rows.append(_row("Boundaries or Actionability in a real browser → drawn, 95 of 100", tally.shown, None))
    rows.append(_figure("server's memory after that", "MB", held, 900, f"after {seconds:.0f} s"))
    rows.append(_figure("sessions lost, pages that failed", "", len(tally.lost), 0, "; ".join(tally.lost[:3])))
    each = f"{tally.actions} actions in {seconds:.0f} s"
    for whose, spent in zip(("server's", "workers' (trainings, proofs)"), used, strict=True):
        what = f"{whose} processor time for an action"
        rows.append(_figure(what, "ms", 1000 * spent / max(tally.actions, 1), None, each))
    if tally.sent:
        sent = f"median; mean {statistics.fmean(tally.sent) / 1000:.0f}"
        rows.append(_figure("sent for a rerun", "kB", statistics.median(tally.sent) / 1000, None, sent))
    return rows


def _row(what: str, values: Sequence[float], goal: float | None, besides: str = "") -> BenchRow:
    if not values:
        return BenchRow(GROUP, what, "s", goal=Goal("≤", goal) if goal else None, note="not measured")
    note = f"median {statistics.median(values):.2g} of {len(values)}, at most {max(values):.2g}"
    return _figure(what, "s", share(values), goal, f"{note}; {besides}" if besides else note)


def _figure(what: str, unit: str, value: float, goal: float | None, note: str) -> BenchRow:
    sign = None if goal is None else Goal("≤", goal)
    return BenchRow(GROUP, what, unit, ours=value, figure=value if sign else None, goal=sign, note=note)


# -- the server as the system sees it ----------------------------------------------------------------------


@contextmanager
def two_processors() -> Iterator[None]:
    """Keeps this process, and those started within this context, on two processors if the system allows."""
    found = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if len(found) > 2:
        os.sched_setaffinity(0, set(sorted(found)[:2]))
    try:
        yield
    finally:
        if len(found) > 2:
            os.sched_setaffinity(0, found)


def processor_seconds(process: int) -> float:
    """Seconds that a process has spent on processors, without its children."""
    fields = _stat(process)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _stat(process: int) -> list[str]:
    """What the system says of a process: its state, its parent, and so on."""
    return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()


def workers_seconds(process: int) -> float:
    """Seconds that the children of a process have spent on processors, those that have ended included."""
    found = sum(map(float, _stat(process)[13:15]))
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):  # it has just ended
                fields = _stat(int(folder.name))
                if int(fields[1]) == process:
                    found += sum(map(float, fields[11:15]))
    return found / os.sysconf("SC_CLK_TCK")


def memory(process: int) -> float:
    """Megabytes of memory that a process holds."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024
