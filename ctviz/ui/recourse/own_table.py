"""A table of one's own: upload, what is read from it, corrections, and models that learn from it in the background.

Nothing of it is written to the disk unless asked for: ``uploads`` holds it in memory.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from ctviz.data.rules import Change
from ctviz.data.tables.own import KINDS, ColumnLook
from ctviz.data.tables.reading import MOST_BYTES, MOST_COLUMNS
from ctviz.data.tables.reading import MOST_ROWS as MOST_FILE_ROWS
from ctviz.data.tables.table import Table
from ctviz.errors import CtvizError
from ctviz.experiments.run import Run, keep
from ctviz.progress import duration
from ctviz.ui.kit import bind, messages, rights
from ctviz.ui.kit.draft import Draft, run_again
from ctviz.ui.kit.frame import literal, live
from ctviz.ui.kit.service import about_seconds, service
from ctviz.ui.kit.settings import group
from ctviz.ui.kit.tables import heads, row, scrolling, words
from ctviz.ui.kit.tables import table as html_table
from ctviz.ui.kit.watch import how_far
from ctviz.ui.recourse import uploads
from ctviz.ui.recourse.context import AdviceContext, context_of
from ctviz.ui.recourse.recourse_view import RecourseView
from ctviz.ui.recourse.uploads import OwnTable

POLL = 0.5
"""Seconds between two looks at a training."""

IN_ORDER = "levels in order"

TYPES = {
    "number": "number",
    "integer": "whole number",
    "category": "category",
    IN_ORDER: "levels in order",
    "leave out": "leave out",
}
"""What may be chosen as the type of a column, in words."""

CHANGES: dict[Change, str] = {
    "free": "may change",
    "up": "may only rise",
    "down": "may only fall",
    "locked": "stays",
}
"""What a plan may do with a feature, in words."""

WHAT = (
    "CSV or Parquet with a line of names: at most "
    f"{MOST_BYTES // 10**6} MB, {MOST_FILE_ROWS:,} rows and {MOST_COLUMNS} columns. The table stays in the memory of "
    "the computer that runs ctviz. It is not written to its disk unless you ask for that, and it is gone when you "
    "close this page."
)

_ERROR, _FILES = "own-table-error", "own-table-files"


def own_table(draft: Draft[RecourseView]) -> AdviceContext | None:
    """The section: a place for a file, or the table that it held; returns what the page advises with on it."""
    found = uploads.named(draft.view.own) if draft.view.own else None
    with st.container(key="own-table"):
        return _section(draft, found)


def _section(draft: Draft[RecourseView], found: OwnTable | None) -> AdviceContext | None:
    kept = uploads.kept_run(draft.view.own)
    if kept is not None:
        st.caption(f"This page is about a run that was kept with its table: {kept.key}.")
    elif draft.view.own and found is None:
        st.warning(
            "The table of this link is not in memory: it was opened in another browser, or the page that held it was "
            "closed. Upload the file again.",
            icon=":material/link_off:",
        )
    if found is None:
        group("Use your own table", "recourse-own", lambda: _upload(draft))
        return None
    st.subheader("Your own table", anchor=False)
    training = found.training
    found.settle()
    if training is not None and found.training is None:
        run_again()  # it has ended since the page above was drawn
    _title(draft, found)
    _card(found)
    _training(found)
    return context_of(draft) if found.run is not None else None


# -- the file -------------------------------------------------------------------------------------------


def _upload(draft: Draft[RecourseView]) -> None:
    number = st.session_state.get(_FILES, 0)
    file = rights.uploader(
        "A table as CSV or Parquet", type=["csv", "tsv", "txt", "parquet"], key=f"own-file-{number}", help=WHAT,
        megabytes=-(-MOST_BYTES // 2**20),
    )  # fmt: skip
    st.caption(WHAT)
    if error := st.session_state.get(_ERROR):
        st.error(literal(error), icon=":material/error:")
    if file is None:
        return
    st.session_state[_FILES] = number + 1  # an empty place next time
    st.session_state.pop(_ERROR, None)
    try:
        with st.spinner(f"Reading {file.name} …"):
            table = uploads.take(file.getvalue(), file.name)
    except CtvizError as error:
        st.session_state[_ERROR] = str(error)
    else:
        uploads.turn_to(draft, table)
    _release(file)
    run_again()


def _release(file: UploadedFile) -> None:
    """Has Streamlit let go of a file: who opened the table holds it."""
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)


def _title(draft: Draft[RecourseView], own: OwnTable) -> None:
    said, away = st.columns([0.75, 0.25], vertical_alignment="center")
    said.markdown(f"**{literal(own.name)}**: {own.rows:,} rows, {len(own.columns)} columns")
    away.button(
        "Forget this table", key="own-forget", icon=":material/close:", width="stretch", on_click=_forget,
        args=(draft,), help="Frees the memory that it takes; models that were not kept are gone with it.",
    )  # fmt: skip


def _forget(draft: Draft[RecourseView]) -> None:
    uploads.forget()
    draft.view = draft.view.elsewhere()
    draft.look()


# -- the card -------------------------------------------------------------------------------------------


def _card(own: OwnTable) -> None:
    """What was read, shown for correction."""
    if own.why_not:
        st.error(literal(own.why_not), icon=":material/block:")
        if own.table is not None:
            st.caption("Everything is as it was before.")
    _target(own)
    if own.table is None:
        return
    _columns(own, own.table)
    _one_column(own, own.table)
    if own.table.notes:
        st.markdown("\n".join(f"- {literal(note)}" for note in own.table.notes))


def _target(own: OwnTable) -> None:
    said = own.corrections
    names = [look.name for look in own.columns]
    left, middle, right = st.columns(3)
    with left:
        bind.choice(
            "What is decided", names,
            bind.to("own-target", said.target or None, lambda name: own.correct(target=name), renewed=True),
            placeholder="Choose a column",
            help="The column of classes: granted or refused, repaid or not. Models learn to tell it from all others.",
        )  # fmt: skip
    if own.table is None:
        return
    classes = sorted(own.table.classes)
    with middle:
        bind.choice(
            "What people want", classes,
            bind.to(
                "own-favourable", own.table.classes[own.table.favourable],
                lambda name: own.correct(favourable=name), renewed=True,
            ),
            help="Advice is about how to get there.",
        )  # fmt: skip
    if any(look.missing for look in own.columns if look.name != said.target):
        with right:
            bind.choice(
                "Missing values", ["impute", "drop"],
                bind.to("own-missing", said.missing, lambda how: own.correct(missing=how), renewed=True),
                words={"impute": "Fill in usual ones", "drop": "Leave such rows out"},
                help="Usual are the median of a number, and for a category a level of its own.",
            )  # fmt: skip


def _columns(own: OwnTable, table: Table) -> None:
    """Every column as it is read: its type, some values, what is missing, and what a plan may do with it."""
    lines = []
    for look in own.columns:
        examples = ", ".join(text for text in own.samples[look.name] if text)
        missing = f"{look.missing:,}" if look.missing else "–"
        if look.name == own.corrections.target:
            said = ["what is decided", examples, missing, "–", "–"]
        elif look.name in table.schema.names:
            protected = "yes" if look.name in table.protected else "–"
            change = CHANGES[table.rules.of(look.name).change]
            said = [TYPES[_type_of(own, table, look)], examples, missing, change, protected]
        else:
            said = ["left out", examples, missing, "–", "–"]
        lines.append(row(look.name, words(*said), help=look.note))
    head = heads("Column", "Type", "Such as", "Missing", "In a plan", "Protected", number=False)
    scrolling("Columns of the table", html_table(head, lines, width=44))


def _type_of(own: OwnTable, table: Table, look: ColumnLook) -> str:
    """The type of a column as it is used."""
    if look.name not in table.schema.names:
        return "leave out"
    kind = table.schema.features[table.schema.names.index(look.name)].kind
    return IN_ORDER if kind == "ordered" else kind


def _one_column(own: OwnTable, table: Table) -> None:
    """The corrections of one column, which is chosen by name: any number of columns takes as few controls."""
    names = [look.name for look in own.columns if look.name != own.corrections.target]
    chosen = st.session_state.get("own-column-shown")
    chosen = chosen if chosen in names else names[0]

    def turn(name: str) -> None:
        st.session_state["own-column-shown"] = name

    pick, kind, plan = st.columns(3)
    with pick:
        bind.choice("Correct a column", names, bind.to("own-column", chosen, turn, renewed=True))
    look = next(look for look in own.columns if look.name == chosen)
    shown = _type_of(own, table, look)
    waits = st.session_state.get("own-order") == chosen
    with kind:
        bind.choice(
            "Type", [*KINDS[:3], IN_ORDER, KINDS[3]],
            bind.to(
                f"own-kind-{chosen}", IN_ORDER if waits else shown, partial(_take_kind, own, chosen), renewed=True
            ),
            words=TYPES,
        )  # fmt: skip
    if waits or shown == IN_ORDER:
        _order(own, table, look)
    if look.name not in table.schema.names:
        return
    feature = table.schema.features[table.schema.names.index(chosen)]
    ways: list[Change] = ["free", "locked"] if feature.kind == "category" else list(CHANGES)
    with plan:
        bind.choice(
            "In a plan it", ways,
            bind.to(
                f"own-change-{chosen}", table.rules.of(chosen).change,
                lambda way: own.correct(changes={**own.corrections.changes, chosen: way}), renewed=True,
            ),
            words=CHANGES, help="The usual rule of this feature; each person's rules start from it.",
        )  # fmt: skip
    bind.toggle(
        "The law protects it",
        bind.to(
            f"own-protected-{chosen}", chosen in table.protected,
            lambda on: own.correct(protected={**own.corrections.protected, chosen: on}), renewed=True,
        ),
        help="Protected features, such as sex, race or religion, stay as they are under the rules “Law”.",
    )  # fmt: skip


def _take_kind(own: OwnTable, column: str, kind: Any) -> None:
    """Takes over a type; levels in order need to be told first."""
    st.session_state.pop("own-order", None)
    if kind == IN_ORDER:
        st.session_state["own-order"] = column
    else:
        own.correct(kinds={**own.corrections.kinds, column: kind})


def _order(own: OwnTable, table: Table, look: ColumnLook) -> None:
    """The levels of a column from the lowest to the highest."""
    names = table.schema.names
    known = table.schema.features[names.index(look.name)].levels if look.name in names else ()

    def take(text: str) -> None:
        levels = tuple(part.strip() for part in text.split("|"))
        own.correct(kinds={**own.corrections.kinds, look.name: levels})
        if not own.why_not:
            st.session_state.pop("own-order", None)

    bind.text(
        "Its levels from the lowest to the highest, with | between them",
        bind.to(f"own-levels-{look.name}", " | ".join(known or look.levels), take, renewed=True),
        help="All levels that there are, each once. Press Enter to use them.",
    )
    if not own.why_not:
        st.button(
            "Use this order", key="own-use-order",
            on_click=lambda: take(" | ".join(known or look.levels)),
        )  # fmt: skip


# -- learning -------------------------------------------------------------------------------------------


def _training(own: OwnTable) -> None:
    """The button that has models learn from the table, how far they are, and what became of it."""
    experiment = own.experiment
    if experiment is None:
        return
    live(partial(_progress, own), lambda: POLL if _learns(own) else None)
    if _learns(own):
        return
    if own.run is not None and not own.stale:
        st.success(
            f"Two models have learned from {literal(own.name)} in {duration(own.run.seconds)}: everything above is "
            "about it now.",
            icon=":material/check:",
        )
        _keep(own, own.run)
        return
    if own.stale:
        st.info("The models have learned from the table as it was before your corrections.", icon=":material/pending:")
    data = experiment.data
    about = f"About {duration(about_seconds(experiment))} on an idle computer."
    st.button(
        "Learn again" if own.stale else "Have models learn from it", key="own-train", type="primary",
        icon=":material/play_arrow:", help=about, on_click=_train, args=(own,),
    )  # fmt: skip
    st.caption(
        f"Two models, conventional and counterfactual training, learn from {data.n_train:,} rows in "
        f"{experiment.training.epochs} epochs. {about} {data.n_test:,} other rows are the people to advise."
    )


def _keep(own: OwnTable, run: Run) -> None:
    """The button that writes table and models to the disk, and what became of it."""
    if service().store.status(run.key).state == "done":
        st.caption(
            f"Kept on the disk of the computer that runs ctviz, with its table: run {run.key}. It is among the runs of "
            "Trade-offs, and `ctviz runs` lists it."
        )
        return
    rights.button(
        "upload", "Keep this run", key="own-keep", icon=":material/save:", on_click=_write, args=(run,),
        help="Writes the table and both models to the disk of the computer that runs ctviz, where they stay until "
        "somebody deletes the run. Until then nothing of them is written.",
    )  # fmt: skip


def _write(run: Run) -> None:
    with messages.errors_as("error"):
        keep(run, service().store)


def _learns(own: OwnTable) -> bool:
    return own.training is not None and (own.training.status.live or own.training.run is not None)


def _train(own: OwnTable) -> None:
    with messages.errors_as("error"):
        rights.check("upload")
        own.train()


def _progress(own: OwnTable) -> None:
    training = own.training
    if training is None:
        return
    if training.run is not None:
        run_again()  # the page turns to it
    status = training.status
    if status.live:
        bar, stop = st.columns([0.84, 0.16], vertical_alignment="center")
        share = status.epochs_done / max(status.epochs, 1)
        bar.progress(min(share, 1.0), text=how_far(status, status.epochs, "Learning"))
        stop.button("Cancel", key="own-cancel", icon=":material/stop:", width="stretch", on_click=own.cancel)
    elif status.state == "failed":
        st.error(f"{literal(status.message)} Your table is still here: try again.", icon=":material/error:")
    elif status.state == "cancelled":
        st.info("This training was stopped; your table is still here.", icon=":material/pause:")
