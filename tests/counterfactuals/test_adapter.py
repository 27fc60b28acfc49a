"""Modules of anybody's: explained as they answer in evaluation mode, left as they were, or refused."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ctviz
from ctviz.errors import ConfigError, DataError

X = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return make()


def layers(*last: nn.Module) -> nn.Module:
    """A model with everything that differs in training mode."""
    parts = nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2)
    model = seeded(lambda: nn.Sequential(*(copy.deepcopy(part) for part in parts), *last))
    for _ in range(3):
        model(X)  # the statistics are no longer those of the start
    return model


def plain() -> nn.Module:
    return seeded(lambda: nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2)))


class Locked(nn.Module):
    """A model that cannot be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.parts, self.lock = layers(), threading.Lock()

    def forward(self, x: Tensor) -> Tensor:
        with self.lock:
            return self.parts(x)


class Remembering(nn.Module):
    """A model that keeps a tensor with a history, which cannot be copied, and counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = layers()
        self.register_buffer("calls", torch.zeros(()))
        self.last = self.parts(X)

    def forward(self, x: Tensor) -> Tensor:
        self.last = self.parts(x)
        return self.last


class Counting(nn.Module):
    """A model that changes a buffer in evaluation mode too."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = layers()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.parts(x)


class Listed(nn.Module):
    """A model that reaches its parts past torch's own register of them."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = layers()
        self.steps, self.way = [self.parts], self.parts.forward

    def forward(self, x: Tensor) -> Tensor:
        return self.steps[0](x) + self.way(x)


class Closed(nn.Module):
    """A model whose forward pass is a closure over itself."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = layers()
        self.way = lambda x: self.parts(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.way(x)


class Hooked(nn.Module):
    """A model whose hook keeps what a layer answers, and which goes on from there."""

    def __init__(self) -> None:
        super().__init__()
        self.parts, self.head, self.seen = layers(), nn.Identity(), {}
        self.parts.register_forward_hook(lambda module, args, out: self.seen.update(last=out))

    def forward(self, x: Tensor) -> Tensor:
        self.parts(x)
        return self.head(self.seen["last"])


class Itself(nn.Module):
    """A model whose copy is itself."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = layers()

    def forward(self, x: Tensor) -> Tensor:
        return self.parts(x)

    def __deepcopy__(self, memo: Any) -> Itself:
        return self


MODELS: dict[str, Callable[[], nn.Module]] = {
    "layers": layers, "locked": Locked, "remembering": Remembering, "counting": Counting, "listed": Listed,
    "closed": Closed, "hooked": Hooked, "itself": Itself,
}  # fmt: skip


def state(model: nn.Module) -> dict[str, Any]:
    """Everything that an explanation might change."""
    modes = {f"mode of {name}": module.training for name, module in model.named_modules()}
    return modes | {name: value.clone() for name, value in model.state_dict().items()}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(bool(torch.as_tensor(one[name] == other[name]).all()) for name in one)


def answers(model: nn.Module) -> list[Tensor]:
    found = ctviz.search(model, X, [0, 1] * 10, tau=0.9, steps=8)
    assert found.path is not None
    return [found.path, found.mature, ctviz.integrated_gradients(model, X).values]


@pytest.mark.parametrize("kind", MODELS)
def test_threads_get_the_same_answers_and_leave_the_model_as_it_was(kind: str) -> None:
    model = MODELS[kind]()
    model.train()
    before, alone = state(model), answers(model)
    assert same(state(model), before)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: answers(model), range(8)))
    for found in together:
        assert all(torch.equal(one, other) for one, other in zip(found, alone, strict=True))
    assert same(state(model), before)


def test_models_that_have_a_part_in_common_are_explained_by_threads() -> None:
    common = layers()
    pair = [nn.Sequential(common, nn.Identity()).train(), nn.Sequential(common).train()]
    before, alone = state(common), [answers(model) for model in pair]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda i: answers(pair[i % 2]), range(12)))
    for i, found in enumerate(together):
        assert all(torch.equal(one, other) for one, other in zip(found, alone[i % 2], strict=True))
    assert same(state(common), before)


@pytest.mark.parametrize("error", [KeyError("key"), AssertionError("only one"), ZeroDivisionError()])
def test_what_a_model_raises_is_told(error: Exception) -> None:
    class Failing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise error

    with pytest.raises(DataError, match=f"does not take 1 sample of 2 columns: {type(error).__name__}"):
        ctviz.search(Failing(), X, 1)


def test_attributions_of_a_model_in_training_mode_are_those_of_its_evaluation_mode() -> None:
    model = layers()
    for method in ("integrated_gradients", "deep_lift", "occlusion", "gradient_shap"):
        settings = ctviz.AttributionSettings(method=method)
        before = state(model)
        found = ctviz.attribute(model.train(), X, 1, settings, background=X).values
        assert same(state(model), before)
        assert torch.equal(found, ctviz.attribute(copy.deepcopy(model).eval(), X, 1, settings, background=X).values)


# -- other kinds of modules --------------------------------------------------------------------------------


def traced(model: nn.Module) -> nn.Module:
    return torch.jit.trace(model, X)


def frozen(model: nn.Module) -> nn.Module:
    return torch.jit.freeze(torch.jit.script(model))


def exported(model: nn.Module) -> nn.Module:
    return torch.export.export(model, (X,), dynamic_shapes=({0: torch.export.Dim("b")},)).module()


KINDS = {
    "scripted": torch.jit.script, "traced": traced, "frozen": frozen, "exported": exported,
    "symbolic": torch.fx.symbolic_trace,
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_a_module_of_another_kind_is_searched_like_the_one_it_was_made_from(kind: str) -> None:
    model = plain().eval()
    other = KINDS[kind](model)
    one, two = (ctviz.search(m, X, 1, tau=0.9) for m in (model, other))
    torch.testing.assert_close(one.final, two.final, atol=1e-5, rtol=1e-5)
    one, two = (ctviz.integrated_gradients(m, X).values for m in (model, other))
    torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-5)


def test_a_model_made_in_inference_mode_is_searched() -> None:
    with torch.inference_mode():
        model = plain()
    assert torch.equal(ctviz.search(model, X, 1).final, ctviz.search(plain(), X, 1).final)


def test_a_model_whose_weights_have_no_size_yet_is_refused() -> None:
    with pytest.raises(DataError, match="weights without a size"):
        ctviz.search(nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2)), X, 1)


# -- answers that are no logits ----------------------------------------------------------------------------


class Answering(nn.Module):
    """Whatever a function makes of the logits of a plain model."""

    def __init__(self, then: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.parts, self.then = plain(), then

    def forward(self, x: Tensor) -> Tensor:
        return self.then(self.parts(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize(
    "then",
    [lambda z: z.softmax(dim=1), lambda z: torch.cat([1 - z[:, :1].sigmoid(), z[:, :1].sigmoid()], dim=1)],
)
def test_probabilities_are_refused(then: Callable[[Tensor], Tensor], dtype: torch.dtype) -> None:
    model = Answering(then).to(dtype)
    for generator in ("eccco", "nearest"):
        with pytest.raises(DataError, match="answers in probabilities"):
            ctviz.search(model, X, 1, generator=generator, samples=(X, [0, 1] * 10))
    settings = ctviz.AttributionSettings(output="probability")
    with pytest.raises(DataError, match="probabilities"):
        ctviz.attribute(model, X, 1, settings)
    with pytest.raises(DataError, match="probabilities"):
        ctviz.integrated_gradients(model, X, output="probability")


@pytest.mark.parametrize("then", [torch.sigmoid, lambda z: z.softmax(dim=1) * 0.9])
def test_answers_within_0_and_1_are_told(then: Callable[[Tensor], Tensor]) -> None:
    with pytest.warns(UserWarning, match="lie within 0 and 1, as after a sigmoid"):
        ctviz.search(Answering(then), X, 1, steps=1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "then",
    [
        lambda z: z,
        lambda z: z.log_softmax(dim=1),
        lambda z: z / 100 + 1,
        lambda z: 0 * z,
        lambda z: 0 * z + 0.5,
        lambda z: 0 * z + torch.tensor([1.0, 0.0]),
    ],
)
def test_logits_are_not_taken_for_probabilities(then: Callable[[Tensor], Tensor]) -> None:
    assert len(ctviz.search(Answering(then), X, 1, steps=1)) == 20  # and gives no warning
    assert len(ctviz.search(Answering(then), X[:1], 1, steps=1)) == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_answers_that_are_no_numbers_are_named(dtype: torch.dtype) -> None:
    def broken(z: Tensor) -> Tensor:
        return torch.where(torch.arange(len(z)).unsqueeze(1) == 7, torch.nan, z)

    model = Answering(broken).to(dtype)
    with pytest.raises(DataError, match=r"answers to 1 of 20 factuals are not finite numbers, .* position 7"):
        ctviz.search(model, X, 1)
    with pytest.raises(DataError, match="answers to 1 of 20 samples"):
        ctviz.attribute(model, X, 1)
    with pytest.raises(DataError, match="answers to 1 of 20 samples"):
        ctviz.integrated_gradients(model, X)
    with pytest.raises(DataError, match="are not finite"):
        ctviz.search(Answering(lambda z: z + torch.inf), X, 1)


def test_a_target_that_cannot_be_is_named() -> None:
    never = Answering(lambda z: torch.cat([8 * z, torch.full_like(z[:, :1], -torch.inf)], dim=1))
    assert ctviz.search(never, X, 1).mature.any()
    with pytest.raises(ConfigError, match="targets is \\[2\\]"):
        ctviz.search(never, X, 2)
    with pytest.raises(ConfigError, match="targets"):
        ctviz.search(never, X, 3)


def test_a_single_logit_is_named_with_what_to_do() -> None:
    one = nn.Linear(2, 1)
    with pytest.raises(DataError, match="of a single logit z, return the columns 0 and z"):
        ctviz.search(one, X, 1)
    with pytest.raises(DataError, match="single logit"):
        ctviz.integrated_gradients(nn.Sequential(one, nn.Flatten(0)), X)

    class Both(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([torch.zeros_like(x[:, :1]), x[:, :1]], dim=1)

    assert ctviz.search(Both(), X, 1).mature.all()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_bits_of_a_search_are_the_same_on_any_number_of_threads(threads: int) -> None:
    wide = seeded(
        lambda: nn.Sequential(nn.Linear(2, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 2))
    )
    many = torch.randn(400, 2, generator=torch.Generator().manual_seed(2))
    before = torch.get_num_threads()

    def found(number: int) -> bytes:
        torch.set_num_threads(number)
        try:
            path = ctviz.search(wide, many, 1, steps=5).path
            assert path is not None and torch.get_num_threads() == number
            return np.asarray(path).tobytes()
        finally:
            torch.set_num_threads(before)

    assert found(threads) == found(1)
