"""The counterfactuals of an epoch as further samples of the classes that they were to have."""

from __future__ import annotations

from ctviz.models.stack import Stack
from ctviz.training.draws import EpochDraws
from ctviz.training.methods.augmentation import AUGMENTATION, AUGMENTED
from ctviz.training.methods.method import Examples
from ctviz.training.sampler import Sampler


class Augmenter(Sampler):
    """Makes what arms of ``augmentation`` learn from: the end points of the searches of ``Sampler``, with the targets.

    As there, a real sample of the target class, under its own class, takes the place of one that is not mature.
    """

    method = AUGMENTATION.name

    def epoch(self, stack: Stack, draws: EpochDraws) -> Examples | None:
        found = self.sample(stack, draws)
        if found is None:
            return None
        columns, labels = {AUGMENTED.name: found.counterfactuals}, {AUGMENTED.name: found.targets}
        return Examples(columns, labels, {"mature": found.mature, "steps": found.steps})
