"""Joint energy-based models."""

from __future__ import annotations

from ctviz.training.methods.method import (
    CROSS_ENTROPY,
    SAMPLES,
    ExampleMaker,
    Form,
    Part,
    Setup,
    TrainingMethod,
    Variant,
)

SAMPLED = Part("sampled", "sample")
"""Points that the model itself finds likely: as many as samples, by Langevin dynamics from a replay buffer."""

LOG_DENSITY = Form(logsumexp=1.0)
"""−E(x) = logsumexp M(x): the log density of x up to a constant, whatever its class."""


def _dreamer(setup: Setup) -> ExampleMaker:
    from ctviz.training.langevin import LangevinSampler

    return LangevinSampler(setup)


JEM = TrainingMethod(
    name="jem",
    title="Joint energy-based model",
    short="JEM",
    words="Learns classes and density at once: real samples are to look likelier than what the model itself makes up.",
    source="Grathwohl et al. 2020, equations 5 and 7, with their noise, steps and replay buffer; a tenth of their step "
    "size, with which the energies of small networks run away, and no noise on the samples",
    terms={
        "class": {SAMPLES.name: CROSS_ENTROPY},
        "gen": {SAMPLED.name: LOG_DENSITY, SAMPLES.name: -LOG_DENSITY},
    },
    batch_parts=(SAMPLED,),
    maker=_dreamer,
    settings=("sgld_steps", "sgld_step_size", "sgld_noise", "buffer", "fresh"),
    inner="sgld_steps",
    variants={"jem": Variant("Joint energy-based model", {"method": "jem", "lambda_gen": 1.0})},
)
