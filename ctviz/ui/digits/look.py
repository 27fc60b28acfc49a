"""Digits as they are looked at: the finding, the picture of a part, and the numbers beside it, at any stored epoch.

All of it is one fragment: it polls the store while a run is being trained, and goes from epoch to epoch while it plays.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ctviz.data.drawing import prepare
from ctviz.errors import CtvizError
from ctviz.evaluation.methods import METHODS
from ctviz.experiments.config import Experiment
from ctviz.experiments.images.explorer import ImageExplorer
from ctviz.experiments.snapshot import Snapshot
from ctviz.figures import digit_words as words
from ctviz.figures.digit_curves import by_row, robust
from ctviz.figures.digits.wall import Wall
from ctviz.figures.theme import ArmStyle
from ctviz.ui.digits import answers as ask
from ctviz.ui.digits import beside, pictures
from ctviz.ui.digits.answers import Digit, answers
from ctviz.ui.digits.controls import control
from ctviz.ui.digits.stage import WallState, draw_pad, show_wall
from ctviz.ui.digits.view import EPSILONS, OWN, USUAL, DigitsView, attribution_of, decode, encode, search_of
from ctviz.ui.kit import results
from ctviz.ui.kit.autoencoder import awaited, say_fitting
from ctviz.ui.kit.draft import Draft, write_link
from ctviz.ui.kit.frame import guarded, literal
from ctviz.ui.kit.pages import DIGITS
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.service import Service
from ctviz.ui.kit.watch import POLL, expectation, run_view_of, status

SHARES = (0.72, 0.28)
"""Of the width: the picture, and what is beside it."""

TICK = 1.2
"""Seconds that an epoch is shown for, where the epochs of a part play."""

SEEN = "digits-seen"
"""Session: the run that was shown last."""

SAID = "digits-said"
"""Session: of each part, the run that was spoken of last and the headline that was said of it."""

PADS = "digits-pads"
"""Session: the drawing pad that is on the page."""

PAD_SHARES = (0.36, 0.64)
"""Of the width of the picture: the pad, and what the models make of the drawing."""

ASKING = "Asking the models …"
"""The headline until there is a first finding."""

NO_CHART_BAR = {"displayModeBar": False}


@dataclass
class Frame:
    """Where on the page the picture of a part goes, and what all parts need to know."""

    draft: Draft[DigitsView]
    run_view: RunView
    snapshot: Snapshot
    live: bool
    headline: DeltaGenerator
    left: DeltaGenerator
    right: DeltaGenerator

    @property
    def view(self) -> DigitsView:
        return self.draft.view

    @property
    def experiment(self) -> Experiment:
        return self.run_view.experiment

    @property
    def explorer(self) -> ImageExplorer:
        return answers().explorer(self.experiment)

    @property
    def styles(self) -> tuple[ArmStyle, ...]:
        return pictures.styles_of(self.experiment)

    def say(self, finding: str) -> None:
        """Writes the headline, which stays until this part has another one to say of this run."""
        st.session_state.setdefault(SAID, {})[self.view.part] = self.run_view.key, finding
        with self.headline:
            results.title(finding)

    @property
    def prefix(self) -> str:
        """Says where in training this is, where it is not the end."""
        return words.when(self.snapshot.epoch, self.experiment.training.epochs)

    @property
    def locked(self) -> int:
        """How many pixels any model is trained not to count on."""
        return int(self.explorer.locked.sum())


def look(service: Service, draft: Draft[DigitsView]) -> None:
    """Finding, picture and numbers of the part that is open; growing while the run trains."""
    results.follow_theme()
    live = service.state(draft.experiment.key).live
    waits = live or _awaits_vae(service, draft)
    polled = waits or _plays(draft.view)
    body: Callable[[], None] = guarded(lambda: _look(service, polled))
    with st.container(key="digits-look"):
        st.fragment(body, run_every=(POLL if waits else TICK) if polled else None)()


def _awaits_vae(service: Service, draft: Draft[DigitsView]) -> bool:
    """Whether the chosen search needs an autoencoder that is still to be fitted."""
    if draft.view.part != "counterfactuals":
        return False
    return awaited(service, draft.experiment.data, search_of(draft.experiment, draft.view))


def _plays(view: DigitsView) -> bool:
    """Whether the page itself goes from epoch to epoch; a single digit's film plays in the browser."""
    return bool(view.play) and view.part != "digit"


def _look(service: Service, polled: bool) -> None:
    draft: Draft[DigitsView] = st.session_state["draft"]
    state = service.state(draft.experiment.key)
    if polled != (state.live or _awaits_vae(service, draft) or _plays(draft.view)):
        st.rerun()
    run_view = run_view_of(service, draft, state)
    with st.container(key="digits-headline-playing" if _plays(draft.view) else "digits-headline"):
        headline = results.title(expectation(state) if run_view is None else _said_before(draft, run_view))
    with st.container(key="status"):
        status(service, draft, state, run_view)
    if run_view is None:
        _show_another(service, draft)
        return
    projecting = draft.view.view == "project"
    left, right = (st.container(),) * 2 if projecting else st.columns(SHARES, gap="medium")
    if draft.view.part != "digit":
        with left:
            _timeline(draft, run_view)
    if _awaits_vae(service, draft):
        with headline:
            results.title("Nothing has been searched yet.")
        with left:
            say_fitting(service, draft.experiment.data, search_of(draft.experiment, draft.view))
        return
    st.session_state[SEEN] = run_view.key
    frame = Frame(draft, run_view, run_view.at(draft.view.epoch), state.live, headline, left, right)
    try:
        SHOWN[draft.view.part](frame)
    except CtvizError as error:
        headline.empty()
        left.error(literal(str(error)), icon=":material/block:")
    except Exception:
        headline.empty()  # what went wrong is said below
        raise


def _said_before(draft: Draft[DigitsView], run_view: RunView) -> str:
    """The last headline: a page that loses it while something is computed jumps up and down again."""
    key, finding = st.session_state.get(SAID, {}).get(draft.view.part, ("", ""))
    return finding if key == run_view.key else ASKING


def _show_another(service: Service, draft: Draft[DigitsView]) -> None:
    """Keeps a run in sight, dimmed and named, until there is something to show of the one that was asked for."""
    run_view, name = seen_last(service)
    if run_view is None:
        return
    view = DigitsView(pick=draft.view.pick, at=draft.view.at, draw=draft.view.draw, drawing=draft.view.drawing)
    digit = ask.digit_of(run_view, view)
    if digit is None:
        return
    st.caption(f"Dimmed, until then: {name}.")
    left, _ = st.columns(SHARES, gap="medium")
    with left, st.container(key="earlier"):
        explorer = answers().explorer(run_view.experiment)
        show_wall(
            pictures.of_digit(digit, ask.seen(run_view, digit, view), run_view.experiment, explorer.locked), "another"
        )


def seen_last(service: Service) -> tuple[RunView | None, str]:
    """The run on digits that this session saw last, else the one that ships; and what it is called."""
    keys = {
        "the run you saw last": st.session_state.get(SEEN),
        "the run that ships": Experiment.preset(DIGITS.preset).key,
    }
    found = ((service.run_view(key), name) for name, key in keys.items() if key)
    return next(((run_view, name) for run_view, name in found if run_view is not None), (None, ""))


# -- epochs ------------------------------------------------------------------------------------------


def _timeline(draft: Draft[DigitsView], run_view: RunView) -> None:
    """The stored epochs, to choose from or to play; the newest unless another one was chosen."""
    epochs = [snapshot.epoch for snapshot in run_view.snapshots]
    if len(epochs) < 2:
        return
    _advance(draft, epochs)
    now = run_view.at(draft.view.epoch).epoch
    plays = bool(draft.view.play)

    def take(chosen: int) -> None:
        draft.look(epoch=None if chosen == epochs[-1] else chosen, play=0)

    with st.container(key="digits-timeline"):
        play, said, choice = st.columns([0.06, 0.13, 0.81], vertical_alignment="center")
        play.button(
            "Stop" if plays else "Play", key="digits-play", type="tertiary",
            icon=":material/pause:" if plays else ":material/play_arrow:",
            help="Stop here" if plays else "Go through the stored epochs: watch it form",
            on_click=_press_play, args=(draft, epochs, plays),
        )  # fmt: skip
        said.markdown(f"Epoch **{now}**")
        choice.select_slider(
            "Epoch: the models as they were after it", epochs, now, label_visibility="collapsed",
            **(_moved_by_play(now) if plays else control("epoch", now, take)),
        )  # fmt: skip


def _moved_by_play(now: int) -> dict[str, Any]:
    """What the slider needs while epochs play: it shows them and takes nothing, under a key of its own.

    A browser reports late what a slider was told to show; taken for a choice, that would stop the play or jump back.
    """
    st.session_state["digits-playing"] = now
    return {"key": "digits-playing", "disabled": True}


def _press_play(draft: Draft[DigitsView], epochs: list[int], plays: bool) -> None:
    at_end = draft.view.epoch is None or draft.view.epoch >= epochs[-1]
    draft.look(play=0 if plays else 1, **({"epoch": epochs[0]} if at_end and not plays else {}))
    st.session_state["digits-played"] = time.monotonic()


def _advance(draft: Draft[DigitsView], epochs: list[int]) -> None:
    """The next epoch, where they play and this one has been shown long enough; the newest ends it."""
    if not _plays(draft.view) or time.monotonic() - st.session_state.get("digits-played", 0.0) < 0.9 * TICK:
        return
    st.session_state["digits-played"] = time.monotonic()
    now = draft.view.epoch
    following = [epoch for epoch in epochs if now is not None and epoch > now]
    if len(following) > 1:
        draft.view = draft.view.model_copy(update={"epoch": following[0]})
    else:
        draft.view = draft.view.model_copy(update={"epoch": None, "play": 0})
        st.rerun()


# -- one digit ---------------------------------------------------------------------------------------


def _digit(frame: Frame) -> None:
    draft, run_view = frame.draft, frame.run_view
    with frame.left:
        place = _own(draft) if draft.view.pick == OWN else st.container()
    digit = ask.digit_of(run_view, draft.view)
    if digit is None:
        frame.say("Draw a digit: what do the models read, and where do they look?")
        return
    with place, st.spinner("Asking every model where it looks, at every stored epoch …"):
        found = ask.seen(run_view, digit, draft.view)
    experiment, explorer = frame.experiment, frame.explorer
    with place:
        resting = show_wall(
            pictures.of_digit(digit, found, experiment, explorer.locked, bare=draft.view.pick != OWN),
            key=f"digits-one-{draft.opened}",
            initial=WallState(_frame_of(found.epochs, draft.view.epoch), draft.view.strength, bool(draft.view.play)),
        )
    epoch = pictures.epochs_at(found.epochs, resting.frame)
    _rest(draft, epoch=epoch, strength=resting.strength, play=int(resting.playing))
    at = found.at(run_view.last if epoch is None else epoch)
    frame.snapshot = run_view.at(epoch)
    said, shares = found.probabilities[at], found.shares[at]
    predicted, where = [int(c) for c in said.argmax(-1)], pictures.whose_lock(experiment)
    frame.say(words.headline_of_digit(frame.styles, predicted, digit.label, list(shares), frame.prefix, where))
    with frame.right:
        readings = beside.readings(said, frame.styles, digit.label)
        beside.show(readings + beside.shares(list(shares), frame.styles, where))
        st.caption(_small_print(frame.view, found.error[at]))


def _frame_of(epochs: tuple[int, ...], epoch: int | None) -> int | None:
    return None if epoch is None else max(int(np.searchsorted(epochs, epoch, side="right")) - 1, 0)


def _small_print(view: DigitsView, errors: Any) -> str:
    """How the picture was made, and how far its parts miss their sum."""
    whose = "each model's own answer" if view.explain is None else f"the answer {view.explain}"
    return f"{_how(view)}. Explained: {whose}. {words.of_completeness(list(np.ravel(errors)))}"


def _how(view: DigitsView) -> str:
    """The method, what it compares with, and the seed of that."""
    settings = attribution_of(view)
    drawn = f", seed {settings.seed}" if settings.baseline == "uniform" else ""
    method = METHODS[settings.method]
    parts = [method.title]
    if "baseline" in method.settings:
        parts.append(f"baseline: {words.BASELINES[settings.baseline].lower()}{drawn}")
    if "steps" in method.settings:
        parts.append(f"{settings.steps} steps")
    if settings.smooth:
        parts.append(f"mean of {settings.smooth} noisy copies")
    return "; ".join(parts)


@dataclass(frozen=True)
class Pad:
    """A drawing pad: the drawing that it began with, as in the link, and what was taken from it last."""

    number: int = 0
    start: str = ""
    taken: str = ""
    digest: str = ""

    @property
    def key(self) -> str:
        return f"digits-pad-{self.number}"


def _own(draft: Draft[DigitsView]) -> DeltaGenerator:
    """The pad, and beside it the place for the picture of what was drawn.

    A drawing that came otherwise, by a link or from a file, is on a new pad from the start; one that was wiped off
    leaves the link.
    """
    pad = st.session_state.get(PADS, Pad())
    if draft.view.drawing != pad.taken:
        pad = Pad(pad.number + 1, draft.view.drawing, draft.view.drawing)
    left, place = st.columns(PAD_SHARES, gap="medium")
    with left:
        drawn = draw_pad(prepare, key=pad.key, initial=decode(pad.start) if pad.start else None)
    if drawn.digest != pad.digest or (drawn.cleared and pad.taken):
        text = "" if drawn.cleared else pad.taken
        text = encode(drawn.prepared.pixels) if drawn.prepared is not None else text
        pad = replace(pad, taken=text, digest=drawn.digest)
        draft.view = draft.view.model_copy(update={"drawing": text})
        write_link(draft)
    st.session_state[PADS] = pad
    return place


# -- all classes -------------------------------------------------------------------------------------


def _classes(frame: Frame) -> None:
    draft, run_view = frame.draft, frame.run_view
    count = 10 * ask.PER_CLASS
    with frame.left, st.spinner(f"Averaging where the models look, over {count} test digits (a few seconds) …"):
        means = ask.class_means(run_view, frame.snapshot, draft.view)
        digits = ask.mean_digits(run_view)
    explorer = frame.explorer
    with frame.left:
        resting = show_wall(
            pictures.of_classes(means, digits, frame.experiment, explorer.locked, draft.view.sign),
            key=f"digits-classes-{draft.opened}",
            initial=WallState(None, draft.view.strength),
        )
    _rest(draft, strength=resting.strength)
    shares, apart = ask.spans(means.share), ask.spans(means.difference)
    frame.say(words.headline_of_classes(frame.styles, shares, apart, frame.locked, frame.prefix))
    with frame.right:
        beside.show(beside.attention(means, frame.styles, frame.locked))
        st.caption(
            f"{count} test digits, {ask.PER_CLASS} of each class, the same for all models; attribution to the class "
            f"that each model reads. {_how(draft.view)}. {words.of_mean_completeness(list(means.error))}"
        )
    if draft.view.view == "page":
        with frame.left:
            _rows(frame, means)


def _rows(frame: Frame, means: Any) -> None:
    rows = means.rows.value
    locked = np.asarray(frame.explorer.locked.reshape(frame.explorer.grid).all(axis=1))
    title = "Where each model looks, row by row" + (", locked rows shaded" if locked.any() else "")
    st.html(f'<p class="ctviz-chart-title">{title}</p>')
    st.plotly_chart(
        by_row(rows, frame.styles, results.palette(), locked if locked.any() else None),
        key="digits-rows", theme=None, alt=title, config=NO_CHART_BAR,
    )  # fmt: skip


# -- counterfactual digits -----------------------------------------------------------------------------


def _counterfactuals(frame: Frame) -> None:
    run_view, view = frame.run_view, frame.view
    digit = _chosen(frame)
    if digit is None:
        return
    with frame.left, st.spinner("Searching this digit's way to every class …"):
        trace = ask.counterfactuals(run_view, frame.snapshot, digit, view)
    wall = pictures.of_counterfactuals(trace, digit, frame.experiment)
    _framed(frame, wall, "digits-counterfactuals")
    with frame.right:
        beside.show(beside.one_digit_taken(trace, frame.styles))
        with st.spinner(f"Searching counterfactuals of {ask.GROUP} test digits (a few seconds) …"):
            numbers = ask.counterfactual_numbers(run_view, frame.snapshot, view)
        limits, begun = pictures.limits_apart(frame.experiment), frame.snapshot.epoch > 0
        beside.show(beside.taken(numbers, frame.styles, limits, begun=begun))
        st.caption(
            "Each test digit is on its way to another class drawn at random, the same for all models. Beside each "
            "number its 99 % interval. A lock, which leaves fewer pixels to change, lowers unevenness by itself."
        )
    variation, apart = (ask.spans(part["variation"]) for part in (numbers.metrics, numbers.differences))
    frame.say(words.headline_of_counterfactuals(frame.styles, variation, apart, frame.prefix, limits, begun=begun))


def _chosen(frame: Frame) -> Digit | None:
    """The digit that is looked at; where it is to be drawn first, where to do that."""
    digit = ask.digit_of(frame.run_view, frame.view)
    if digit is None:
        frame.say("There is no drawing yet.")
        choose = "" if frame.view.view == "project" else ", or choose one on the left"
        frame.left.info(f"Draw a digit under “One digit”{choose}.", icon=":material/draw:")
    return digit


def _framed(frame: Frame, wall: Wall, key: str) -> int:
    """Shows a wall whose frames are steps or strengths; the frame that it rests on."""
    draft, last = frame.draft, wall.shape[2] - 1
    usual = USUAL if draft.view.part == "fool" else last
    start = usual if draft.view.frame is None else draft.view.frame
    with frame.left:
        resting = show_wall(wall, key=f"{key}-{draft.opened}", initial=WallState(start, draft.view.tint, False))
    at = last if resting.frame is None else min(resting.frame, last)
    _rest(draft, frame=None if at == usual else at, tint=resting.strength)
    return at


# -- fool it -------------------------------------------------------------------------------------------


def _fool(frame: Frame) -> None:
    run_view, view = frame.run_view, frame.view
    digit = _chosen(frame)
    if digit is None:
        return
    labels = ask.labels_of(frame.explorer, frame.snapshot, digit)
    with frame.left, st.spinner("Attacking this digit at 31 strengths …"):
        found = ask.fooled(run_view, frame.snapshot, digit, labels, view)
    at = _framed(frame, pictures.of_fooled(found, digit, labels, frame.experiment), "digits-fool")
    said = np.asarray(found.probabilities)[:, at, 0]
    with frame.right:
        beside.show(beside.readings(said, frame.styles, digit.label))
    count = ask.attacked(run_view, view)
    with frame.left, st.spinner(f"Attacking {count:,} test digits (a few seconds) …"):
        robust_ = ask.robustness(run_view, frame.snapshot, view)
    strengths = ask.strengths(view)
    near = int(np.abs(np.array(strengths) - EPSILONS[at]).argmin())
    shares, differences = ask.at_strength(robust_.accuracy, near), ask.at_strength(robust_.difference, near)
    at_ = strengths[near], EPSILONS[at]
    frame.say(words.headline_of_fooling(frame.styles, shares, differences, at_[0], frame.prefix, at_[1]))
    with frame.right:
        beside.show(beside.right_at(shares, differences, frame.styles, *at_))
        st.caption(_attack_in_words(view, count))
    with frame.left:
        title = f"How often each model is right under attack ({count:,} test digits, bands: 99 % intervals)"
        st.html(f'<p class="ctviz-chart-title">{title}</p>')
        ends = (robust_.accuracy.value, robust_.accuracy.low, robust_.accuracy.high)
        st.plotly_chart(
            robust(strengths, ends, frame.styles, results.palette(), EPSILONS[at]),
            key="digits-robust", theme=None, alt=title, config=NO_CHART_BAR,
        )  # fmt: skip


def _attack_in_words(view: DigitsView, count: int) -> str:
    how = {
        "fgsm": "FGSM moves every pixel once, by ε, up or down as the gradient of the model's own loss says.",
        "pgd": "PGD does so in 40 small steps, never farther than ε from the digit.",
    }[view.attack]
    where = "Pixels stay between black and white." if view.within else "Pixels may leave their range."
    own = " A drawing counts as what each model reads unattacked." if view.pick == OWN else ""
    return f"{how} {where} Each model is attacked by what hurts it most itself.{own}"


# -- the view ------------------------------------------------------------------------------------------


def _rest(draft: Draft[DigitsView], **rest: Any) -> None:
    """Takes what the person has come to rest on into the view, and so into the link and what is taken away."""
    before = draft.view
    draft.view = before.model_copy(update=rest)
    if draft.view == before:
        return
    write_link(draft)
    if not draft.view.play and before.view == "page":
        st.rerun()


SHOWN: dict[str, Callable[[Frame], None]] = {
    "digit": _digit,
    "classes": _classes,
    "counterfactuals": _counterfactuals,
    "fool": _fool,
}
"""Part → what shows it."""
