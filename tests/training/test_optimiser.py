"""Adam on the stack's flat vector beside ``torch.optim.Adam``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack
from ctviz.training.optimiser import Adam
from ctviz.training.schedule import Schedule

TIGHT = {"rtol": 1e-10, "atol": 1e-12}
both = pytest.mark.parametrize("optimiser", ["adam", "amsgrad"])


def stack(m: int = 3) -> Stack:
    return Stack.initialise(ModelSettings(hidden=(4,)), 2, 2, range(m)).to(torch.float64)


def gradients(stack: Stack, steps: int) -> Iterator[Tensor]:
    """Growing, then shrinking: so that AMSGrad's maximum matters."""
    chance = torch.Generator().manual_seed(0)
    for i in range(steps):
        yield torch.randn(stack.flat.shape, generator=chance, dtype=torch.float64) * (3 if i < steps / 3 else 0.1)


def torch_adam(parameters: Tensor, schedule: Schedule) -> torch.optim.Adam:
    return torch.optim.Adam([parameters], lr=schedule.lr, amsgrad=schedule.optimiser == "amsgrad")


@both
@pytest.mark.parametrize("epoch", [1, 7, 50], ids=lambda n: f"{n} at a time")
def test_fifty_steps_are_those_of_torch(optimiser: str, epoch: int) -> None:
    schedule = Schedule(optimiser=optimiser, lr=0.02)
    mine = stack()
    theirs = mine.flat.clone().requires_grad_()
    adam, reference = Adam(mine, schedule), torch_adam(theirs, schedule)
    steps = list(gradients(mine, 50))
    for start in range(0, 50, epoch):
        part = steps[start : start + epoch]
        for gradient, scale in zip(part, adam.scales(len(part)), strict=True):
            adam.step(gradient, scale)
            theirs.grad = gradient.clone()
            reference.step()
            torch.testing.assert_close(mine.flat, theirs.detach(), **TIGHT)
        adam.taken += len(part)
    assert (mine.flat - stack().flat).abs().median() > 0.05


@both
def test_a_model_that_skips_a_batch_is_as_if_it_had_an_optimiser_of_its_own(optimiser: str) -> None:
    schedule = Schedule(optimiser=optimiser, lr=0.05)
    mine = stack()
    adam, owners = Adam(mine, schedule), mine.owners()
    own = [mine.flat[owners == i].clone().requires_grad_() for i in range(3)]
    references = [torch_adam(parameters, schedule) for parameters in own]
    chance = np.random.default_rng(0)
    for gradient in gradients(mine, 50):
        taking = chance.random(3) < np.array([1.0, 0.8, 0.5])
        kept = [tensor.clone() for tensor in adam.state()]
        spoilt = torch.where(torch.from_numpy(taking)[owners], gradient, torch.nan)
        adam.step(spoilt, adam.scales(1)[0])
        adam.restore(kept, arms=torch.from_numpy(~taking))
        adam.taken += taking
        for i in np.flatnonzero(taking):
            own[i].grad = gradient[owners == i].clone()
            references[i].step()
        for i in range(3):
            torch.testing.assert_close(mine.flat[owners == i], own[i].detach(), **TIGHT)
    assert len(set(adam.taken.tolist())) == 3


def test_counts_that_differ_give_the_same_bits_as_counts_that_agree() -> None:
    """What another arm skipped must not be seen in the last bit of this one."""
    together, apart = (Stack.initialise(ModelSettings(), 2, 2, [0, 0]) for _ in range(2))
    adams = [Adam(together, Schedule()), Adam(apart, Schedule())]
    adams[1].taken[1] = 17
    chance = torch.Generator().manual_seed(0)
    for _ in range(20):
        gradient = torch.randn(together.flat.shape, generator=chance)
        for adam in adams:
            adam.step(gradient, adam.scales(1)[0])
            adam.taken += 1
    for one, other in zip(together.layers, apart.layers, strict=True):
        assert torch.equal(one[0], other[0]) and not torch.equal(one[1], other[1])


@both
def test_restore_puts_back_everything(optimiser: str) -> None:
    mine = stack()
    adam = Adam(mine, Schedule(optimiser=optimiser))
    assert len(adam.state()) == (4 if optimiser == "amsgrad" else 3)
    kept = [tensor.clone() for tensor in adam.state()]
    adam.step(torch.ones_like(mine.flat), adam.scales(1)[0])
    assert not any(torch.equal(now, before) for now, before in zip(adam.state(), kept, strict=True))
    adam.restore(kept)
    assert all(torch.equal(now, before) for now, before in zip(adam.state(), kept, strict=True))
    assert all((layer == 0).all() for layer in mine.split(adam.mean))
