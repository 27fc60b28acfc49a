"""What a person chooses on Digits: the part, the digit, how it is explained, searched or attacked.

What a control shows comes from the draft, so that the link, a click in a picture and a reset move it too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.drawing import prepare_file
from ctviz.errors import ConfigError, CtvizError
from ctviz.evaluation.attribution import AttributionSettings
from ctviz.evaluation.baselines import BASELINES
from ctviz.evaluation.methods import METHODS
from ctviz.figures import digit_words as words
from ctviz.ui.digits import pictures
from ctviz.ui.digits.answers import gallery
from ctviz.ui.digits.stage import show_wall
from ctviz.ui.digits.view import (
    CLASS,
    HARD,
    OWN,
    PARTS,
    RANDOM,
    DigitsView,
    attribution_of,
    change_attribution,
    change_search,
    encode,
    search_of,
)
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import literal
from ctviz.ui.kit.service import Service
from ctviz.ui.vocabulary import WORDS, Words, bounds

PICKS = {CLASS: "Class", HARD: "Hard", RANDOM: "Random", OWN: "Own"}
EACH = -1
"""The choice that explains each model's own answer."""

MOST_FILE = 2 * 2**20
"""Bytes of an uploaded picture."""

ATTRIBUTION = {
    "steps": Words("Steps", "How many places between baseline and digit are looked at; more add up better.", 10),
    "smooth": Words(
        "Noisy copies", "How many noisy copies of the digit are explained and averaged (noise tunnel); 0 for none.", 5
    ),
    "noise": Words("Noise of the copies", "Spread of the noise on the copies, as a share of a pixel's range.", 0.05),
    "seed": Words("Seed of the baseline", "Another number draws another noise; the same for all models and digits."),
}
"""Settings of attributions that experts find below the method."""


def parts(draft: Draft[DigitsView]) -> None:
    """The choice of the part."""
    shown = draft.view.part
    st.segmented_control(
        "Part of the story", list(PARTS), default=shown, required=True, label_visibility="collapsed",
        format_func=lambda name: PARTS[name].title,
        **control("part", shown, lambda part: draft.look(part=part, frame=None, play=0)),
    )  # fmt: skip


def choices(service: Service, draft: Draft[DigitsView]) -> None:
    """What is looked at, and how."""
    view = draft.view
    st.markdown(PARTS[view.part].lead)
    if view.part != "classes":
        _pick(service, draft)
    if view.part in ("digit", "classes"):
        _method(draft)
    elif view.part == "counterfactuals":
        _search(draft)
    else:
        _attack(draft)
    for refused in (why for name, why in draft.refused.items() if name.startswith("view.")):
        st.error(literal(refused), icon=":material/block:")


# -- which digit -------------------------------------------------------------------------------------


def _pick(service: Service, draft: Draft[DigitsView]) -> None:
    view = draft.view
    shown = CLASS if view.own_class is not None else view.pick
    st.segmented_control(
        "Digit", list(PICKS), default=shown, required=True, format_func=PICKS.__getitem__,
        help="By class, those that are hard for these models, at random, or your own: drawn here or from a file.",
        **control("pick", shown, lambda pick: draft.look(pick=f"{CLASS}3" if pick == CLASS else pick, at=0)),
    )  # fmt: skip
    if shown == OWN:
        _upload(draft)
        return
    if shown == CLASS:
        own = view.own_class or 0
        st.segmented_control(
            "Class", range(10), default=own, required=True, label_visibility="collapsed",
            **control("class", own, lambda c: draft.look(pick=f"{CLASS}{c}", at=0)),
        )  # fmt: skip
    _gallery(service, draft)
    if shown != HARD:
        st.button(
            "Others", key="digits-others", type="tertiary", icon=":material/casino:", help="Draws other test digits.",
            on_click=lambda: draft.look(draw=(draft.view.draw + 1) % 10_000, at=0),
        )  # fmt: skip


def _gallery(service: Service, draft: Draft[DigitsView]) -> None:
    """Digits to click on; those that are hard say themselves what makes them so."""
    run_view = service.run_view(draft.experiment.key)
    if run_view is None:
        return
    try:
        picked = gallery(run_view, draft.view)
    except CtvizError as error:
        st.error(literal(str(error)), icon=":material/block:")
        return
    if picked is None or not len(picked.y):
        return

    def take(cell: tuple[int, int]) -> None:
        draft.look(at=min(cell[0] * pictures.PER_ROW + cell[1], len(picked.y) - 1))

    show_wall(pictures.of_gallery(picked, draft.view.at), key="digits-gallery", on_cell=take)
    if draft.view.pick == HARD:
        st.caption("Test digits that these models get wrong, or are least sure of.")


def _upload(draft: Draft[DigitsView]) -> None:
    """Takes over a picture, once for each file; one that cannot be used is answered in a sentence."""
    asked = "A picture of a digit (PNG or JPEG, up to 2 MB)"
    file = st.file_uploader(asked, type=["png", "jpg", "jpeg"], key="digits-file")
    taken = st.session_state.setdefault("digits-files", {})
    if file is None:
        return
    if file.file_id not in taken:
        try:
            if file.size > MOST_FILE:
                raise ConfigError("The file", f"{file.size:,} bytes", f"at most {MOST_FILE:,} bytes")
            found = prepare_file(file.getvalue())
        except CtvizError as error:
            st.error(literal(str(error)), icon=":material/error:")
            return
        taken[file.file_id] = found.notes
        draft.look(drawing=encode(found.pixels))
        st.rerun()
    if taken[file.file_id]:
        st.caption(literal(" ".join(taken[file.file_id])))


# -- how it is explained -----------------------------------------------------------------------------


def _method(draft: Draft[DigitsView]) -> None:
    view, settings = draft.view, attribution_of(draft.view)
    st.selectbox(
        "Method", list(METHODS), list(METHODS).index(settings.method), format_func=lambda name: METHODS[name].title,
        help="How an answer is handed out to the pixels (attribution).",
        **control("method", settings.method, lambda name: _explain(draft, {"method": name})),
    )  # fmt: skip
    method = METHODS[settings.method]
    st.caption(f"{method.words} ({method.source})")
    if "baseline" in method.settings:
        st.segmented_control(
            "Compared with", list(BASELINES), default=settings.baseline, required=True,
            format_func=lambda name: words.BASELINES.get(name, name),
            help="The baseline: a picture that is taken to say nothing. It matters: try another one.",
            **control("baseline", settings.baseline, lambda name: _explain(draft, {"baseline": name})),
        )  # fmt: skip
        st.caption(BASELINES[settings.baseline])
    if view.part == "digit":
        shown = EACH if view.explain is None else view.explain
        st.selectbox(
            "Explain", [EACH, *range(10)], shown + 1,
            format_func=lambda c: "each model's own answer" if c == EACH else f"the answer {c}",
            help="What would have to speak for which answer? The same for all models, or each one's own.",
            **control("explain", shown, lambda c: draft.look(explain=None if c == EACH else c)),
        )  # fmt: skip
    else:
        st.segmented_control(
            "Shown", ["signed", "strength"], default=view.sign, required=True,
            format_func={"signed": "for and against", "strength": "how much"}.__getitem__,
            help="What speaks for a class and what against it, or how much a pixel matters either way (the paper's "
            "measure: |attribution| of each digit on a scale from 0 to 1).",
            **control("sign", view.sign, lambda sign: draft.look(sign=sign)),
        )  # fmt: skip
    with st.expander("More on the method", key="group-method"):
        for name in ("steps", "seed", "smooth", "noise"):
            if name in ("smooth", "noise") or name in method.settings:
                _attribution_knob(draft, settings, name)


def _attribution_knob(draft: Draft[DigitsView], settings: AttributionSettings, name: str) -> None:
    said, value = ATTRIBUTION[name], getattr(settings, name)
    declared = AttributionSettings.model_fields[name].metadata
    ends = {key: getattr(rule, key) for rule in declared for key in ("ge", "le", "lt") if hasattr(rule, key)}
    cast: Callable[[Any], Any] = int if isinstance(value, int) else float
    low, high = cast(ends.get("ge", 0)), cast(max(min(ends.get("le", ends.get("lt", 1000)), 9999), value))
    st.number_input(
        said.label, low, high, cast(value), step=cast(said.step), format="%d" if cast is int else "%g", help=said.help,
        **control(f"attribution.{name}", cast(value), lambda chosen: _explain(draft, {name: chosen})),
    )  # fmt: skip


def _explain(draft: Draft[DigitsView], changes: dict[str, Any]) -> None:
    _change(draft, "attribution", lambda: change_attribution(draft.view, changes))


# -- how counterfactuals are searched ------------------------------------------------------------------


FIRST_KNOBS = ("lambda_egy", "tau", "steps")
"""Settings of a search that everybody sees."""


def _search(draft: Draft[DigitsView]) -> None:
    settings = search_of(draft.experiment, draft.view)
    st.selectbox(
        "Search", list(GENERATORS), list(GENERATORS).index(settings.generator),
        format_func=lambda name: GENERATORS[name].title, help="How counterfactual digits are found (generator).",
        **control("generator", settings.generator, lambda name: _seek(draft, {"generator": name})),
    )  # fmt: skip
    st.caption(f"{GENERATORS[settings.generator].words} ({GENERATORS[settings.generator].source})")
    used = GENERATORS[settings.generator].settings
    _knobs(draft, settings, [name for name in FIRST_KNOBS if name in used])
    rest = [name for name in used if name not in FIRST_KNOBS]
    if rest:
        with st.expander("More on the search", key="group-search-view"):
            _knobs(draft, settings, rest)
    if draft.view.search:
        st.button(
            "Back to the run's own search", key="reset-search", type="tertiary", icon=":material/undo:",
            on_click=draft.look, kwargs={"search": (), "frame": None},
        )  # fmt: skip
    else:
        st.caption("The search that this run was measured with after each epoch.")


def _knobs(draft: Draft[DigitsView], settings: SearchSettings, names: Sequence[str]) -> None:
    for name in names:
        said, value = WORDS[f"arms.{name}"], getattr(settings, name)
        low, high = bounds(f"arms.any.{name}")
        if name == "tau":
            low = max(low or 0.0, 1 / draft.experiment.data.classes)
        if name == "steps":
            high = max(MOST_STEPS, value)  # a link may ask for more
        cast: Callable[[Any], Any] = int if isinstance(value, int) else float

        def take(chosen: Any, name: str = name) -> None:
            _seek(draft, {name: chosen})

        st.number_input(
            said.label, None if low is None else cast(low), None if high is None else cast(high), cast(value),
            step=cast(said.step), format="%d" if cast is int else "%g", help=said.help,
            **control(f"search.{name}", cast(value), take),
        )  # fmt: skip


MOST_STEPS = 200
"""Steps of a search that the page offers."""


def _seek(draft: Draft[DigitsView], changes: dict[str, Any]) -> None:
    _change(draft, "search", lambda: change_search(draft.experiment, draft.view, changes))


def _change(draft: Draft[DigitsView], name: str, make: Callable[[], DigitsView]) -> None:
    """Takes over what ``make`` makes of the view, or says why it is not possible."""
    refused = {known: why for known, why in draft.refused.items() if known != f"view.{name}"}
    try:
        view = make()
    except ConfigError as error:
        draft.refused = {**refused, f"view.{name}": f"{error.value!r} is not possible; allowed: {error.allowed}."}
        return
    draft.refused = refused
    draft.look(**{name: getattr(view, name)}, frame=None if name == "search" else draft.view.frame)


# -- how it is attacked --------------------------------------------------------------------------------


def _attack(draft: Draft[DigitsView]) -> None:
    view = draft.view
    st.segmented_control(
        "Attack", ["fgsm", "pgd"], default=view.attack, required=True,
        format_func={"fgsm": "one step (FGSM)", "pgd": "40 steps (PGD)"}.__getitem__,
        help="One step along the gradient, or many small ones, which find more.",
        **control("attack", view.attack, lambda attack: draft.look(attack=attack)),
    )  # fmt: skip
    st.toggle(
        "Pixels may leave their range", not view.within,
        help="Blacker than black and whiter than white, as the paper's attack seems to have allowed; it fools more.",
        **control("within", not view.within, lambda beyond: draft.look(within=0 if beyond else 1)),
    )  # fmt: skip
    st.caption("The strength ε is the slider below the picture: how far each pixel may move, of a range from −1 to 1.")


# -- one control ---------------------------------------------------------------------------------------


def control(name: str, shown: Any, take: Callable[[Any], None]) -> dict[str, Any]:
    """Makes a control show ``shown``, and what every widget needs: its key, and what becomes of a new value."""
    key = f"digits-{name}"
    if key not in st.session_state or st.session_state[key] != shown:
        st.session_state[key] = shown

    def changed() -> None:
        value = st.session_state[key]
        # A control that is still being loaded when something else is clicked reports what it shows.
        if value != shown and value is not None:
            take(value)

    return {"key": key, "on_change": changed}
