"""Boundaries: four controls that a newcomer sees, and all other settings under headings."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ctviz.catalogue.settings import CHOICES, differences, value_of
from ctviz.catalogue.settings import setting as described
from ctviz.data.catalogue import DATASETS, PLANES, columns_of
from ctviz.data.drawn import DRAWN
from ctviz.experiments.config import Experiment
from ctviz.training.arm import Arm
from ctviz.ui.boundaries.models import pick_arm
from ctviz.ui.kit import bind, link
from ctviz.ui.kit.constraints import allowed_range, mutability
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.export import share_run
from ctviz.ui.kit.frame import project_button
from ctviz.ui.kit.painted import go_on, paint
from ctviz.ui.kit.service import Service
from ctviz.ui.kit.settings import group, of_search, setting, settings
from ctviz.ui.kit.training import train_button

FIRST = {"preset": "loans"}
"""What those see who come with no wish: the run of Home, whose searches go in short steps. A link without a preset
means the moons."""


def origin(experiment: Experiment) -> str:
    """The preset that an experiment is told from: that of its data, or that which the page starts from."""
    name = experiment.to_query()["preset"]
    return name if name == FIRST["preset"] else experiment.data.name


def panel(service: Service, draft: Draft[Any]) -> None:
    """Everything left of the picture."""
    controls(service, draft)
    train_button(service, draft)
    what_differs(draft)
    share_run(draft, service.run_view(draft.experiment.key))
    project_button(draft)
    st.markdown("##### All settings")
    expert(draft)


STRENGTHS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Multiples of the preset's λ_div and λ_adv that the newcomer's control offers."""

OWN = "own"


def controls(service: Service, draft: Draft[Any]) -> None:
    """All controls; the caller adds the button that trains."""
    _data(draft)
    if draft.experiment.data.name == DRAWN:
        paint(draft, service)
    else:
        _noise(draft)
    _strength(draft)
    setting(draft, "training.epochs")


def expert(draft: Draft[Any]) -> None:
    """The settings a newcomer need not see, grouped."""
    group("Data", "group-data", lambda: settings(draft, "data.", _of_data(draft.experiment.data.name)))
    group("Model", "group-model", lambda: _model(draft))
    group("Training", "group-training", lambda: _training(draft))
    arm = pick_arm(draft)
    own = f"arms.{arm.name}."
    group(f"Objective of {arm.name}", "group-objective", lambda: settings(draft, own, (*arm.own_settings, "averaging")))
    group(f"Search of {arm.name}", "group-search", lambda: settings(draft, own, (*of_search(arm), "seed")))
    group(f"Locked features of {arm.name}", "group-locked", lambda: _locked(draft, arm))
    names = ("every", "factuals", "attack", "field", "paths", *of_search(draft.experiment.evaluation))
    group("Measuring", "group-evaluation", lambda: settings(draft, "evaluation.", names))


def _model(draft: Draft[Any]) -> None:
    _hidden(draft)
    setting(draft, "model.activation")


def _training(draft: Draft[Any]) -> None:
    settings(draft, "training.", ("batch", "n_ce", "burnin", "optimiser", "lr"))
    setting(draft, "seed")


def _locked(draft: Draft[Any], arm: Arm) -> None:
    for position, feature in enumerate(columns_of(draft.experiment.data)):
        mutability(draft, (arm,), position, f"Feature {feature}")
        allowed_range(draft, (arm,), position, f"Range of {feature}")
    settings(draft, f"arms.{arm.name}.", ("lock_when", "shield"))


def _of_data(name: str) -> tuple[str, ...]:
    """The settings that a data set listens to, besides its noise."""
    if name == DRAWN:
        return ("seed",)
    own = {"blobs": ("classes",), "gaussians": ("signal", "correlation")}.get(name, ())
    return ("separation", *own, "n_train", "n_validation", "n_test", "seed")


def what_differs(draft: Draft[Any]) -> None:
    """What differs from the preset of the data, and the way back."""
    preset = origin(draft.experiment)
    said = differences(draft.experiment, preset)
    if not said:
        how = {DRAWN: "a short training", FIRST["preset"]: "searches in short steps"}
        st.caption(f"The preset of these data: {how.get(preset, 'training as in the paper')}.")
        return
    st.caption(f"Differs from the preset of these data: {'; '.join(said[:6])}{'; …' if len(said) > 6 else '.'}")
    st.button(
        "Back to the preset", key="reset", type="tertiary", icon=":material/undo:",
        on_click=lambda: draft.start_from(Experiment.preset(preset)),
    )  # fmt: skip


# -- the four that a newcomer sees ---------------------------------------------------------------


def _data(draft: Draft[Any]) -> None:
    words, name = described("data.name"), draft.experiment.data.name

    def take(chosen: str) -> None:
        change_data(draft, chosen)
        if chosen == DRAWN:
            go_on(draft)

    bind.choice(words.label, PLANES, bind.to("set-data.name", name, take), words=CHOICES, help=words.help)
    if name != DRAWN:  # the pad says it
        st.caption(PLANES[name])


def change_data(draft: Draft[Any], name: str) -> None:
    """Goes to another data set's preset, and keeps what the person has changed besides the data."""
    query = draft.experiment.to_query(origin(draft.experiment))
    kept = {path: text for path, text in query.items() if not path.startswith("data.")}
    draft.start_from(link.read({**kept, "preset": name}).experiment)


def _noise(draft: Draft[Any]) -> None:
    words, noise = described("data.noise"), value_of(draft.experiment, "data.noise")
    own = DATASETS[draft.experiment.data.name].noise.default or 0.0
    most = max(1.0, 3 * own)
    shown = own if noise is None else min(noise, most)

    def read(value: float) -> dict[str, Any]:
        return {"data.noise": None if value == own else value}

    binding = bind.to_settings(draft, "data.noise", float(shown), read)
    bind.slider(words.label, 0.0, most, binding, step=words.step, help=words.help)


def strength_of(experiment: Experiment) -> float | str:
    """The multiple of the preset's λ_div and λ_adv that all counterfactual arms have in common, or ``OWN``."""
    base = Experiment.preset(origin(experiment))
    found = set()
    for arm in experiment.arms:
        usual = _usual(base, arm.name)
        if usual is None:
            continue
        pairs = [(arm.lambda_div, usual.lambda_div), (arm.lambda_adv, usual.lambda_adv)]
        found |= {round(mine / theirs, 6) if theirs else (OWN if mine else None) for mine, theirs in pairs}
    found.discard(None)
    only = found.pop() if len(found) == 1 else OWN
    return only if only in STRENGTHS else OWN


def _usual(base: Experiment, name: str) -> Arm | None:
    """The preset's arm of that name, else the paper's variant; None for conventional arms."""
    known = {arm.name: arm for arm in base.arms}
    arm = known.get(name) or Arm.variant(name)
    return arm if arm.trains_on_counterfactuals else None


def _strength(draft: Draft[Any]) -> None:
    shown = strength_of(draft.experiment)
    options = [*STRENGTHS, *([OWN] if shown == OWN else [])]

    def read(strength: float | str) -> dict[str, Any]:
        if strength == OWN:
            return {}
        base = Experiment.preset(origin(draft.experiment))
        usual = {arm.name: _usual(base, arm.name) for arm in draft.experiment.arms}
        return {
            f"arms.{name}.{weight}": float(f"{float(strength) * getattr(arm, weight):.6g}")
            for name, arm in usual.items()
            if arm is not None
            for weight in ("lambda_div", "lambda_adv")
        }

    bind.choice(
        "Strength of counterfactual training", options,
        bind.to_settings(draft, "strength", shown, read, lambda _: shown), kind="slider", words=_say_strength,
        help="How much weight plausible (λ_div) and robust (λ_adv) counterfactuals have in training, "
        "as a multiple of the paper's; 0 is conventional training.",
    )  # fmt: skip


def _say_strength(strength: float | str) -> str:
    if strength == OWN:
        return "own weights"
    return "none" if strength == 0 else f"{strength:g} ×"


def _hidden(draft: Draft[Any]) -> None:
    path, words = "model.hidden", described("model.hidden")

    def read(text: str) -> dict[str, Any]:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return {path: tuple(int(part) if part.isdecimal() else part for part in parts)}

    def written(widths: Any) -> str:
        return ", ".join(str(width) for width in widths)

    binding = bind.to_settings(
        draft, path, written(draft.experiment.model.hidden), read, lambda waiting: written(waiting[path])
    )
    bind.text(words.label, binding, help=words.help, placeholder="none: a linear model", max_chars=60)
