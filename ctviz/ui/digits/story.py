"""The part of Digits that is open: its finding, its picture and the numbers beside it, at any stored epoch.

It runs again by itself while a run is being trained, and while epochs play.
"""

from __future__ import annotations

import time

import streamlit as st

from ctviz.errors import CtvizError
from ctviz.evaluation.methods import METHODS
from ctviz.figures.digit_words import NOT_MEASURED, PAPER, SHIPPED
from ctviz.ui.digits import digit
from ctviz.ui.digits.components import show_image_grid
from ctviz.ui.digits.digits_view import DigitsView
from ctviz.ui.digits.layout import SHARES, Layout
from ctviz.ui.digits.memory import memory, seen_last
from ctviz.ui.digits.parts import PARTS
from ctviz.ui.kit import bind
from ctviz.ui.kit.autoencoder import awaited, say_fitting
from ctviz.ui.kit.draft import Draft, run_again
from ctviz.ui.kit.frame import literal, live, page_title
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.search import search_of
from ctviz.ui.kit.service import Service
from ctviz.ui.kit.theme import follow_theme
from ctviz.ui.kit.watch import POLL, expectation, run_view_of, slower, status

TICK = 1.2
"""Seconds that an epoch is shown for, where the epochs of a part play."""

ASKING = "Asking the models …"
"""The headline until there is a first finding."""


def show_story(service: Service, draft: Draft[DigitsView]) -> None:
    """Finding, picture and numbers of the part that is open; growing while the run trains."""
    follow_theme()

    def every() -> float | None:
        if service.state(draft.experiment.key).live or _awaits_autoencoder(service, draft):
            return POLL
        return TICK if _plays(draft.view) else None

    with st.container(key="digits-look"):
        live(lambda: _show(service, draft), every, slower(service))


def _awaits_autoencoder(service: Service, draft: Draft[DigitsView]) -> bool:
    """Whether the chosen search needs an autoencoder that is still to be fitted."""
    if draft.view.part != "counterfactuals":
        return False
    return awaited(service, draft.experiment.data, search_of(draft.experiment, draft.view.search))


def _plays(view: DigitsView) -> bool:
    """Whether the page itself goes from epoch to epoch; the epochs of a single digit play in the browser."""
    return bool(view.play) and view.part != "digit"


def _timed(view: DigitsView) -> bool:
    """Whether epochs can be chosen above the picture: not where they play in it, nor where the finished models are what
    it is about, unless another epoch was asked for."""
    return view.part not in ("digit", "read") or (view.part == "read" and view.epoch is not None)


def _show(service: Service, draft: Draft[DigitsView]) -> None:
    state = service.state(draft.experiment.key)
    run_view = run_view_of(service, draft, state)
    part = draft.view.part
    lines = "-playing" if _plays(draft.view) else {"digit": "", "read": "-read"}.get(part, "-many")
    with st.container(key=f"digits-headline{lines}"):
        headline = page_title(expectation(state) if run_view is None else _said_before(draft, run_view))
    with st.container(key="status"):
        status(service, draft, state, run_view)
    if run_view is None:
        _show_another(service, draft)
        return
    projecting = draft.view.view == "project"
    left, right = (st.container(),) * 2 if projecting else st.columns(SHARES, gap="medium")
    if _timed(draft.view):
        with left:
            _timeline(draft, run_view)
    if _awaits_autoencoder(service, draft):
        with headline:
            page_title("Nothing has been searched yet.")
        with left:
            say_fitting(service, draft.experiment.data, search_of(draft.experiment, draft.view.search))
        return
    memory().run = run_view.key
    try:
        PARTS[draft.view.part].show(Layout(draft, run_view, run_view.at(draft.view.epoch), headline, left, right))
    except CtvizError as error:
        headline.empty()
        left.error(literal(str(error)), icon=":material/block:")
    except Exception:
        headline.empty()  # what went wrong is said below
        raise


def _said_before(draft: Draft[DigitsView], run_view: RunView) -> str:
    """The last headline: a page that loses it while something is computed jumps up and down again."""
    key, finding = memory().headlines.get(draft.view.part, ("", ""))
    return finding if key == run_view.key else ASKING


def _show_another(service: Service, draft: Draft[DigitsView]) -> None:
    """Keeps a run in sight, dimmed and named, until there is something to show of the one that was asked for."""
    run_view, name = seen_last(service)
    if run_view is None:
        return
    view = DigitsView(pick=draft.view.pick, at=draft.view.at, draw=draft.view.draw, drawing=draft.view.drawing)
    shown = digit.picture(run_view, run_view.at(None), view)
    if shown is None:
        return
    st.caption(f"Dimmed, until then: {name}.")
    left, _ = st.columns(SHARES, gap="medium")
    with left, st.container(key="earlier"):
        show_image_grid(shown.grid, "another")


# -- epochs ------------------------------------------------------------------------------------------


def _timeline(draft: Draft[DigitsView], run_view: RunView) -> None:
    """The stored epochs, to choose from or to play; the newest unless another one was chosen."""
    epochs = [snapshot.epoch for snapshot in run_view.snapshots]
    if len(epochs) < 2:
        return
    _advance(draft, epochs)
    now = run_view.at(draft.view.epoch).epoch
    plays = bool(draft.view.play)
    with st.container(key="digits-timeline"):
        button, name, slider = st.columns([0.06, 0.13, 0.81], vertical_alignment="center")
        button.button(
            "Stop" if plays else "Play", key="digits-play", type="tertiary",
            icon=":material/pause:" if plays else ":material/play_arrow:",
            help="Stop here" if plays else "Go through the stored epochs: watch it form",
            on_click=_press_play, args=(draft, epochs, plays),
        )  # fmt: skip
        name.markdown(f"Epoch **{now}**")
        if plays:
            # A browser reports late what a slider was told to show; taken for a choice, that would stop the play or
            # jump back. So while epochs play, the slider has another key and changes nothing.
            binding = bind.to("digits-playing", now, lambda epoch: None)
        else:
            last = epochs[-1]
            binding = bind.to(
                "digits-epoch", now, lambda epoch: draft.look(epoch=None if epoch == last else epoch, play=0)
            )
        with slider:
            bind.choice(
                "Epoch: the models as they were after it", epochs, binding, kind="slider", hidden=True, disabled=plays
            )


def _press_play(draft: Draft[DigitsView], epochs: list[int], plays: bool) -> None:
    at_end = draft.view.epoch is None or draft.view.epoch >= epochs[-1]
    draft.look(play=0 if plays else 1, **({"epoch": epochs[0]} if at_end and not plays else {}))
    memory().played = time.monotonic()


def _advance(draft: Draft[DigitsView], epochs: list[int]) -> None:
    """The next epoch, where they play and this one has been shown long enough; the newest ends it."""
    if not _plays(draft.view) or time.monotonic() - memory().played < 0.9 * TICK:
        return
    memory().played = time.monotonic()
    now = draft.view.epoch
    following = [epoch for epoch in epochs if now is not None and epoch > now]
    if len(following) > 1:
        draft.view = draft.view.model_copy(update={"epoch": following[0]})
    else:
        draft.view = draft.view.model_copy(update={"epoch": None, "play": 0})
        run_again()


# -- below -------------------------------------------------------------------------------------------


def explanation() -> None:
    """Below the picture: what attributions measure and what not, the methods, the findings of the paper and of ours."""
    colours, methods, paper = st.columns(3, gap="large")
    with colours:
        st.subheader("What the colours say, and what not", anchor=False)
        st.markdown(NOT_MEASURED)
    with methods:
        st.subheader("The methods", anchor=False)
        for method in METHODS.values():
            st.markdown(f"**{method.title}.** {method.words}")
    with paper:
        st.subheader("What the paper found", anchor=False)
        st.markdown(PAPER)
        st.subheader("What we found besides", anchor=False)
        st.markdown(SHIPPED)
