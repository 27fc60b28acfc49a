"""Tables that people have uploaded: held in memory by their sessions alone, with what is corrected and learned of them.

A session holds its table, and the server only knows where it is. So a reload finds it again, by the link and in the
same browser, as long as Streamlit keeps the session before (``disconnectedSessionTTL``); and when the last session that
holds it has ended, table, models and trainings are gone. Nothing of it is in the caches that sessions share.
"""

from __future__ import annotations

import hashlib
import re
import threading
import uuid
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.web.server.starlette.starlette_app_utils import decode_xsrf_token_string
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

from ctviz.cache import Cache, Gate
from ctviz.data.given import given
from ctviz.data.rules import Change
from ctviz.data.tables.own import ColumnLook, Kind, TableOptions, looks, table_from
from ctviz.data.tables.reading import sample_of
from ctviz.data.tables.table import Table
from ctviz.errors import CtvizError, DataError
from ctviz.experiments.config import Experiment
from ctviz.experiments.in_memory import InMemory, InMemoryTraining
from ctviz.experiments.run import Run
from ctviz.ui.kit import rights
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.elsewhere import RUN
from ctviz.ui.kit.service import service, session
from ctviz.ui.recourse.recourse_view import RecourseView

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 30_000
"""Rows of a table that are used; of larger ones so many are drawn at random."""

MOST_CELLS = 8_000_000
"""Numbers in the columns of these rows, one-hot: 32 MB."""

MOST_HELD = 400_000_000
"""Bytes of all tables that one server holds, as files and as numbers."""

MOST_RUNS = 4
"""Runs of one table that are kept: its pair, and models that were trained under rules."""

PAIR = ("vanilla", "full")
"""The arms that are trained on a table: conventional and counterfactual training."""

SHOWN = 3
"""Values of a column that are shown."""

_reading = Gate(1)
"""One table is taken apart at a time: the largest takes a second of one processor and 250 MB."""

_TARGETS = re.compile(
    r"(target|label|class|outcome|result|decision|approved|granted|accepted|admitted|hired|status|default|risk|y)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Corrections:
    """What a person has said of a table, beside what it tells by itself.

    Attributes:
        target: the column of classes. ``favourable``: the class that people want.
        kinds: columns whose type was corrected. ``missing``: as of ``load_table``.
        changes: features whose usual rule was corrected.
        protected: features of which was said whether the law protects them.
    """

    target: str
    favourable: str | None = None
    kinds: Mapping[str, Kind | tuple[str, ...]] = field(default_factory=dict)
    missing: str = "impute"
    changes: Mapping[str, Change] = field(default_factory=dict)
    protected: Mapping[str, bool] = field(default_factory=dict)


_YES, _NO = (re.compile(words, re.IGNORECASE) for words in ("yes|y|true|1|positive", "no|n|false|0|negative"))
"""Whether these are good hangs on what is asked."""

_ILL = re.compile(r"default|risk|fraud|churn|late|delinquen|refus|reject|denied|arrest|recid", re.IGNORECASE)
"""Of what is called so, yes is bad."""

_GOOD = re.compile(
    r"(good|granted|grant|approved?|accept(ed)?|admit(ted)?|hired|paid|repaid|pass(ed)?|success(ful)?|eligible|"
    r"qualified|fully paid|no default|>50K|survived)\.?",
    re.IGNORECASE,
)
_BAD = re.compile(
    r"(bad|refused?|reject(ed)?|den(ied|y)|declined?|default(ed)?|fail(ed|ure)?|ineligible|charged off|unpaid|late|"
    r"<=50K|died)\.?",
    re.IGNORECASE,
)


class OwnTable:
    """One table, what is corrected of it, and the models that learn from it.

    Raises:
        DataError: a file that is no table.
    """

    def __init__(self, raw: bytes, name: str) -> None:
        self.key, self.name, self._raw = f"t{uuid.uuid4().hex[:12]}", name, raw
        self._guard = threading.RLock()
        self.table: Table | None = None
        self._plain: Table | None = None  # without what is said of rules and protected features
        self.why_not = ""
        self.version = 0
        """How often it was corrected: what was made of the rules before is not used again."""
        self.training: InMemoryTraining | None = None
        self.run: Run | None = None
        self.shown = False
        """Whether a page has turned to its people, from those that it showed while models learned."""
        self.trainings_with_rules: dict[str, InMemoryTraining] = {}
        """By their keys."""
        self.kept = Cache(2 * MOST_RUNS)
        """What a page makes of its runs; it goes when the table goes."""
        self.holds: weakref.WeakSet[_Hold] = weakref.WeakSet()
        with _reading:
            frame, self.rows = self._read()
            self.columns = looks(frame)
            self.samples = {column: _examples(frame[column]) for column in frame.columns}
        target = _guessed_target(self.columns)
        self.corrections = Corrections(target, self._guessed_favourable(target))
        if self.corrections.target:
            self._take(self.corrections)
        else:
            self.why_not = f"No column of {name} holds the classes, of which there may be two to ten."

    @property
    def stem(self) -> str:
        """Its name without the ending of the file."""
        return self.name.rpartition(".")[0] or self.name

    @property
    def nbytes(self) -> int:
        """Bytes of the file and of the columns."""
        parts = (self.table.train, self.table.validation, self.table.test) if self.table else ()
        return len(self._raw) + sum(X.nbytes for X, _ in parts)

    def _read(self, target: str = "") -> tuple[pd.DataFrame, int]:
        """The rows that are used, and how many there are."""
        import pyarrow as pa

        found = sample_of(self._raw, self.name, MOST_ROWS, target)
        pa.default_memory_pool().release_unused()  # it would keep some 100 MB of a large file
        return found

    # -- corrections ------------------------------------------------------------------------------

    def correct(self, **changes: Any) -> None:
        """Takes over corrections; those that do not fit are left, and ``why_not`` says why."""
        with self._guard:
            self._take(replace(self.corrections, **changes))

    def _take(self, wanted: Corrections) -> None:
        if wanted.target != self.corrections.target:  # its classes and its type are others
            kinds = {name: kind for name, kind in wanted.kinds.items() if name != wanted.target}
            wanted = replace(wanted, favourable=self._guessed_favourable(wanted.target), kinds=kinds)
        try:
            with _reading:
                self.table = self._made(wanted)
        except CtvizError as error:
            self.why_not = str(error)
            return
        self.corrections, self.why_not, self.version = wanted, "", self.version + 1
        if self.run is not None and self._learned(self.table):
            self._rebind(self.table)

    def _made(self, wanted: Corrections) -> Table:
        read_otherwise = replace(wanted, changes={}, protected={}) != replace(
            self.corrections, changes={}, protected={}
        )
        if self._plain is None or read_otherwise:
            frame, _ = self._read(wanted.target)
            options = TableOptions(wanted.target, wanted.favourable, dict(wanted.kinds), wanted.missing)
            plain = table_from(frame, self.stem, options, MOST_CELLS)
        else:
            plain = self._plain
        names = plain.schema.names
        rules = plain.rules
        for name, change in wanted.changes.items():
            if name in names:
                rules = rules.changed(name, change=change)
        rules.on(plain.schema)
        said = {name: name in plain.protected for name in names} | dict(wanted.protected)
        notes = plain.notes
        if self.rows > MOST_ROWS:
            notes = (f"Of its {self.rows:,} rows, {MOST_ROWS:,} drawn at random are used.", *notes)
        self._plain = plain
        return replace(plain, rules=rules, protected=tuple(name for name in names if said[name]), notes=notes)

    def _guessed_favourable(self, target: str) -> str | None:
        """The class that people want, by its name or that of the other one; None where they tell nothing."""
        levels = next((look.levels for look in self.columns if look.name == target), ())
        yes, no = (_NO, _YES) if _ILL.search(target) else (_YES, _NO)
        good, bad = (
            [level for level in levels if any(word.fullmatch(level) for word in words)]
            for words in ((_GOOD, yes), (_BAD, no))
        )
        if len(good) == 1:
            return good[0]
        return next(level for level in levels if level not in bad) if len(levels) == 2 and len(bad) == 1 else None

    # -- models -----------------------------------------------------------------------------------

    @property
    def experiment(self) -> Experiment | None:
        """The training of its pair, with the settings of the tables that ctviz knows; None without a table."""
        return None if self.table is None else Experiment.on_table(self.table).replace({"arms": ",".join(PAIR)})

    @property
    def stale(self) -> bool:
        """Whether the models have learned from the table as it was before corrections."""
        return self.run is not None and self.table is not None and not self._learned(self.table)

    def _learned(self, table: Table) -> bool:
        assert self.run is not None
        return given(table).digest == getattr(self.run.experiment.data, "digest", "")

    def _rebind(self, table: Table) -> None:
        """Has the models advise with the rules of the table as they are corrected now."""
        assert self.run is not None
        self.run = bound(self.run, table)

    def train(self) -> None:
        """Begins to learn from the table; a training that is under way gives way.

        Raises:
            CtvizError: too many are under way, or the table is too large.
        """
        with self._guard:
            if (experiment := self.experiment) is None:
                raise DataError(self.why_not)
            self.cancel()
            self.training = memory().train(experiment)

    def train_under(self, experiment: Experiment) -> None:
        """Begins to train a model under rules, as ``train``; the same twice is trained once."""
        with self._guard:
            found = self.trainings_with_rules.get(experiment.key)
            if found is not None and (found.status.live or found.run is not None):
                return
            for other in self.trainings_with_rules.values():
                other.cancel()
            for old in list(self.trainings_with_rules)[: 1 - MOST_RUNS]:
                del self.trainings_with_rules[old]
            self.trainings_with_rules[experiment.key] = memory().train(experiment)

    def cancel(self) -> None:
        """Stops learning."""
        if self.training is not None:
            self.training.cancel()

    def settle(self) -> Run | None:
        """The pair's run, after taking over what has been trained since the last look; None before the first."""
        with self._guard:
            if self.training is not None and (run := self.training.run) is not None:
                self.training, self.run = None, run
                if self.table is not None and self._learned(self.table):
                    self._rebind(self.table)
            return self.run

    def close(self) -> None:
        """Frees all that takes memory, where nobody holds it any more: Streamlit keeps the callbacks of controls that
        have left the page, and with them what they were about."""
        with self._guard:
            if self.holds:
                return
            self.cancel()
            for training in self.trainings_with_rules.values():
                training.cancel()
            self._raw, self.table, self._plain, self.run, self.training = b"", None, None, None, None
            self.trainings_with_rules = {}
            self.kept = Cache(1)


class _Hold:
    """A session's hold of a table: it ends with the session."""

    def __init__(self, table: OwnTable) -> None:
        self.table = table
        table.holds.add(self)


def bound(run: Run, table: Table) -> Run:
    """A run whose data are this table, which is equal to its own but for rules and words."""
    return replace(run, experiment=run.experiment.model_copy(update={"data": given(table, run.experiment.data.seed)}))


def _guessed_target(columns: tuple[ColumnLook, ...]) -> str:
    """The column of classes by its name, else the last one that can be it; empty where there is none."""
    possible = [look.name for look in columns if look.classes and look.kind != "leave out"]
    named = [name for name in possible if _TARGETS.search(name)]
    return next(reversed(named or possible), "")


def _examples(values: pd.Series[Any]) -> tuple[str, ...]:
    """The first different values of a column, as people read them."""
    return tuple(f"{value:g}" if isinstance(value, float) else str(value) for value in values.dropna().unique()[:SHOWN])


# -- who holds which ---------------------------------------------------------------------------------------


class Uploads:
    """Where the tables of all sessions are; it holds none of them. Safe to call from any thread.

    Args:
        most: bytes of all that are held at the same time.
    """

    def __init__(self, most: int = MOST_HELD) -> None:
        self._most, self._guard = most, threading.Lock()
        self._tables: weakref.WeakValueDictionary[tuple[str, str], OwnTable] = weakref.WeakValueDictionary()

    def take(self, raw: bytes, name: str, browser: str) -> OwnTable:
        """The table of a file; the caller holds it.

        Raises:
            DataError: it is no table, or the server holds as many as it may.
        """
        held = sum(table.nbytes for table in list(self._tables.values()))
        if held + len(raw) > self._most:
            raise DataError(
                f"The tables that are open on this server take {held / 1e6:,.0f} MB of {self._most / 1e6:,.0f} MB; "
                f"{name} can be opened when others are closed."
            )
        found = OwnTable(raw, name)
        with self._guard:
            self._tables[browser, found.key] = found
        return found

    def find(self, key: str, browser: str) -> OwnTable | None:
        """The table that a link names, where it was uploaded in this browser and is still held."""
        return self._tables.get((browser, key))


def browser() -> str:
    """Names the browser of this session, by the token that Streamlit gives it against forged requests; a session
    without one is on its own. The cookie masks the token, otherwise each time."""
    token, _ = decode_xsrf_token_string(st.context.cookies.get(XSRF_COOKIE_NAME, ""))
    return hashlib.sha256(token).hexdigest() if token else session()


@st.cache_resource(show_spinner=False)
def uploads() -> Uploads:
    """The server's one."""
    return Uploads()


@st.cache_resource(show_spinner=False)
def memory() -> InMemory:
    """What trains on tables in memory, with the workers of the server."""
    return InMemory(service().jobs)


HELD = "own-table"
"""Where a session holds its table."""


def held() -> OwnTable | None:
    """The table that this session holds."""
    found: _Hold | None = st.session_state.get(HELD)
    return None if found is None else found.table


def turn_to(draft: Draft[RecourseView], table: OwnTable) -> None:
    """Turns the page to a table, which has other people, rules and models than the one before; whom it showed stays
    until there are these models."""
    if table.run is not None:
        draft.view = draft.view.elsewhere()
    draft.look(own=table.key)


def _hold(table: OwnTable) -> None:
    forget()
    st.session_state[HELD] = _Hold(table)


def take(raw: bytes, name: str) -> OwnTable:
    """Has this session hold the table of a file, in the place of the one before.

    Raises:
        CtvizError: as ``Uploads.take``; in a class, a student may not.
    """
    rights.check("upload")
    found = uploads().take(raw, name, browser())
    _hold(found)
    return found


def named(key: str) -> OwnTable | None:
    """The table that a link names: this session's own, or one that a session of the same browser holds."""
    found = held()
    if found is not None and found.key == key:
        return found
    found = uploads().find(key, browser())
    if found is None or not found.holds:  # it was closed
        return None
    _hold(found)
    return found


def kept_run(name: str) -> Experiment | None:
    """The experiment of a run that was kept with its table, by what a link calls it; None for anything else."""
    key = name.removeprefix(RUN)
    if key == name or not re.fullmatch("[0-9a-f]{16}", key):
        return None
    store = service().store
    return store.experiment(key) if store.status(key).state == "done" else None


def forget() -> None:
    """Lets go of this session's table; its memory is freed and its trainings end, unless another session holds it."""
    found: _Hold | None = st.session_state.pop(HELD, None)
    if found is not None:
        found.table.holds.discard(found)
        found.table.close()
