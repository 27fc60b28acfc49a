"""The protocol of a sweep in words."""

from __future__ import annotations

from ctviz.experiments.protocol import Protocol
from ctviz.ui.tradeoffs.method import lines
from tests.studies.sweeps.small import base, small


def test_every_setting_of_the_protocol_can_be_read() -> None:
    protocol = Protocol(rounds=7, factuals=11, lambda_egy=(0.25, 3.0), tau=0.7, steps=13, step_size=0.3, level=0.9)
    said = " ".join(lines(small(seeds=3, protocol=protocol)))
    for words in (
        "3 seeds", "7 rounds", "11 test samples", "each λ_egy of 0.25, 3", "τ = 0.7", "T = 13", "η = 0.3",
        "λ_cost = 0.001", "90 %", "Student’s t", "uniform up to 1/√in", "The page Paper",
    ):  # fmt: skip
        assert words in said
    assert "exactly" not in said
    judged = " ".join(lines(small(protocol=protocol.change({"exact": 40}))))
    assert "40 samples of each model are also solved exactly: their cheapest counterfactual at τ = 0.7" in judged
    alone = " ".join(lines(small(base=base(model__initial="glorot"))))
    assert "as in the paper’s tables" in alone
    assert "one seed" in alone
    assert "bootstrap" in alone
