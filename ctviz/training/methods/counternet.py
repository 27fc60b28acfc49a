"""CounterNet: beside each model a network that learns to answer with the model's counterfactuals."""

from __future__ import annotations

from ctviz.training.methods.method import CROSS_ENTROPY, SAMPLES, ExampleMaker, Setup, TrainingMethod, Variant


def _maker(setup: Setup) -> ExampleMaker:
    from ctviz.training.counternet import CounterNet

    return CounterNet(setup)


COUNTERNET = TrainingMethod(
    name="counternet",
    title="CounterNet",
    short="CounterNet",
    words="Beside the model a second network learns, batch by batch, to answer with a counterfactual at once.",
    source="Guo, Nguyen and Yadav 2023, block-wise: the model learns from its samples alone, the network from validity "
    "and proximity while the model stays as it is",
    terms={"class": {SAMPLES.name: CROSS_ENTROPY}},
    maker=_maker,
    network=True,
    settings=("validity_weight", "proximity_weight"),
    variants={"counternet": Variant("CounterNet", {"method": "counternet"})},
)
