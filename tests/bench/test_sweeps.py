"""What the benchmark of sweeps measures, without measuring it."""

from ctviz.bench import sweeps
from ctviz.studies.sweeps.paper_studies import study


def test_its_grids_are_those_of_the_paper():
    assert sweeps.whole_grid(epochs=7).models == 270
    assert sweeps.whole_grid(epochs=7).base.training.epochs == 7
    stacks = sweeps.stacks_of(study("penalties", "moons", protocol=sweeps.SHORT))
    assert [len(task.experiment.arms) for task in stacks] == [24, 23]
