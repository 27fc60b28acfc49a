"""Six ways to attribute, on stacks: by hand on linear models, against autograd and loops, and their axioms."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import nn

from ctviz.errors import ConfigError, DataError
from ctviz.evaluation import attribution, methods
from ctviz.evaluation.attribution import METHODS, AttributionSettings, attribute, integrated_gradients
from ctviz.evaluation.baselines import make_baselines, uniform_baselines
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack
from tests.reference import bootstrap as slow_lines
from tests.reference import images as slow

M, B, K, GRID = 3, 5, 4, (7, 6)
D = GRID[0] * GRID[1]


def stack(hidden=(7,), activation="tanh", members=(1, 1, 1), **settings):
    settings = ModelSettings(hidden=hidden, activation=activation, **settings)
    return Stack.initialise(settings, D, K, range(sum(members)), grid=GRID).in_arms(members)


def samples(seed=7, b=B):
    chance = torch.Generator().manual_seed(seed)
    X = torch.rand(b, D, generator=chance) * 2 - 1
    return X, torch.randint(0, K, (M, b), generator=chance)


BACKGROUND = torch.rand(11, D, generator=torch.Generator().manual_seed(9)) * 2 - 1


def found(model, X, y, grid=GRID, background=BACKGROUND, baselines=None, **settings):
    return attribute(model, X, y, AttributionSettings(**settings), grid, background, baselines)


def weights_of(linear, y):
    """w_y of linear models, (m b d)."""
    return linear.layers[0][..., :-1][torch.arange(M).unsqueeze(1), y]


def gradients(model, X, y, output="logit"):
    """By autograd, one sample of one model after the other, (m b d)."""
    result = torch.zeros(M, *X.shape)
    for arm in range(M):
        module = model.module(arm)
        for i, x in enumerate(X):
            point = x.clone().requires_grad_()
            z = module(point[None])[0]
            z = z if output == "logit" else z.softmax(-1)
            (result[arm, i],) = torch.autograd.grad(z[y[arm, i]], point)
    return result


def output_of(module, target, output="logit"):
    """F of one point (d) or several (n d), in plain numbers."""

    def function(points):
        with torch.no_grad():
            z = module(torch.from_numpy(np.atleast_2d(points)))
        return (z if output == "logit" else z.softmax(-1))[:, target].numpy()

    return function


# -- each by hand ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("baseline", ["uniform", "black", "blurred", "mean"])
@pytest.mark.parametrize("method", ["integrated_gradients", "deep_lift"])
def test_of_linear_models_they_are_weight_times_distance(method, baseline):
    (X, y), linear = samples(), stack(hidden=())
    start = make_baselines(baseline, X, 4, GRID, BACKGROUND)
    values = found(linear, X, y, method=method, baseline=baseline, seed=4)
    torch.testing.assert_close(values.values, weights_of(linear, y) * (X - start), atol=1e-6, rtol=1e-5)
    assert values.error.abs().max() < 1e-5


@pytest.mark.parametrize("output", ["logit", "probability"])
def test_saliency_is_the_size_of_the_gradient(output):
    (X, y), model = samples(), stack()
    values = found(model, X, y, method="saliency", output=output)
    torch.testing.assert_close(values.values, gradients(model, X, y, output).abs())
    assert values.error.isnan().all(), "it does not claim to add up"


def test_input_times_gradient_by_hand():
    (X, y), linear, model = samples(), stack(hidden=()), stack()
    torch.testing.assert_close(found(linear, X, y, method="input_x_gradient").values, weights_of(linear, y) * X)
    expected = gradients(model, X, y) * X
    torch.testing.assert_close(found(model, X, y, method="input_x_gradient").values, expected)


@pytest.mark.parametrize("output", ["logit", "probability"])
def test_integrated_gradients_are_the_riemann_sum(output):
    (X, y), model = samples(), stack(activation="softplus").to(torch.float64)
    values = found(model, X.double(), y, output=output, seed=3).values
    start = uniform_baselines(B, D, 3).double()
    for arm in range(M):
        function = output_of(model.module(arm), int(y[arm, 0]), output)
        expected = slow_lines.integrated_gradients(function, X[0].numpy(), start[0].numpy(), nodes=60)
        np.testing.assert_allclose(values[arm, 0], expected, atol=2e-4)


def test_occlusion_is_that_of_loops():
    (X, y), model = samples(), stack()
    values = found(model, X, y, method="occlusion", baseline="black").values
    for arm in range(M):
        function = output_of(model.module(arm).double(), int(y[arm, 1]))
        expected = slow.occlusion(function, X[1].numpy(), np.full(D, -1.0), GRID)
        np.testing.assert_allclose(values[arm, 1], expected, atol=1e-5)


def test_occlusion_without_a_grid_covers_one_feature_after_the_other():
    (X, y), linear = samples(), stack(hidden=())
    values = found(linear, X, y, grid=None, method="occlusion", baseline="black").values
    torch.testing.assert_close(values, weights_of(linear, y) * (X + 1), atol=1e-5, rtol=1e-4)


def test_gradient_shap_of_linear_models_is_weight_times_mean_distance():
    (X, y), linear = samples(), stack(hidden=())
    # All the same background: whatever is drawn of it, and wherever on the way, it is w (x − x⁰).
    start = BACKGROUND[:1].repeat(5, 1)
    values = found(linear, X, y, background=start, method="gradient_shap", steps=3).values
    torch.testing.assert_close(values, weights_of(linear, y) * (X - start[0]), atol=1e-5, rtol=1e-4)
    many = found(linear, X, y, method="gradient_shap", steps=1000).values
    torch.testing.assert_close(many, weights_of(linear, y) * (X - BACKGROUND.mean(0)), atol=0.03, rtol=0)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "softplus"])
@pytest.mark.parametrize(
    "settings",
    [{"hidden": (9, 6)}, {"hidden": (5,), "channels": (2,)}, {"members": (1, 4, 2)}],
    ids=["dense", "channels", "ensembles"],
)
def test_deep_lift_adds_up(activation, settings):
    (X, y), model = samples(), stack(activation=activation, **settings)
    values = found(model, X, y, method="deep_lift")
    high, low = (
        model(x.expand(M, -1, -1)).gather(-1, y.unsqueeze(-1)).squeeze(-1) for x in (X, uniform_baselines(B, D))
    )
    torch.testing.assert_close(values.values.sum(-1), high - low, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(values.error, values.values.sum(-1) - (high - low), atol=1e-6, rtol=0)


def test_deep_lift_is_no_plain_gradient():
    # ReLU, its kink between baseline and picture: the slope between them, not the one at the picture.
    model = stack(activation="relu")
    (X, y) = samples()
    plain = gradients(model, X, y) * (X + 1)
    assert (found(model, X, y, method="deep_lift", baseline="black").values - plain).abs().max() > 0.01


# -- all of them ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("members", [(1, 1, 1), (1, 4, 2)], ids=["models", "ensembles"])
@pytest.mark.parametrize("method", METHODS)
def test_a_stack_gives_each_model_what_it_gets_alone(method, members):
    (X, y), model = samples(), stack(activation="relu", members=members)
    together = found(model, X, y, method=method, steps=7)
    for arm in range(M):
        alone = found(model.take([arm]), X, y[arm], method=method, steps=7)
        torch.testing.assert_close(alone.values[0], together.values[arm], atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(alone.error[0], together.error[arm], atol=1e-5, rtol=1e-4, equal_nan=True)


@pytest.mark.parametrize(("activation", "members"), [("relu", (1, 2, 1)), ("softplus", (1, 1, 1))])
@pytest.mark.parametrize("method", METHODS)
def test_a_plain_module_gets_what_it_gets_in_a_stack(method, activation, members):
    (X, y), model = samples(), stack(activation=activation, members=members)
    module = model.module(1)
    alone = found(module, X, y[1], method=method, steps=7)
    together = found(model, X, y, method=method, steps=7)
    torch.testing.assert_close(alone.values, together.values[1], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(alone.error, together.error[1], atol=1e-5, rtol=1e-4, equal_nan=True)
    assert all(p.requires_grad and p.grad is None for p in module.parameters()), "the module is left as it was"
    with pytest.raises(DataError, match="one model"):
        found(module, X[None], y[1:2], method=method)


@pytest.mark.parametrize("smooth", [0, 3])
@pytest.mark.parametrize("method", METHODS)
def test_twice_the_same_bits_and_nobody_elses_chance_is_moved(method, smooth):
    (X, y), model = samples(), stack()
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    before, state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = found(model, X, y, method=method, steps=5, smooth=smooth)
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    torch.manual_seed(6)
    second = found(model, X, y, method=method, steps=5, smooth=smooth)
    assert torch.equal(first.values, second.values)
    assert first.values.dtype == X.dtype and not first.values.requires_grad
    other = found(model, X, y, method=method, steps=5, smooth=smooth, seed=1)
    chancy = smooth or "seed" in METHODS[method].settings
    assert torch.equal(first.values, other.values) == (not chancy)


@pytest.mark.parametrize("method", [name for name in METHODS if name != "gradient_shap"])
def test_in_parts_it_is_the_same(method, monkeypatch):
    (X, y), model = samples(b=9), stack()
    whole = found(model, X, y, method=method)
    monkeypatch.setattr(methods, "NUMBERS", 2 * M * D + 1)
    parts = found(model, X, y, method=method)
    torch.testing.assert_close(parts.values, whole.values, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(parts.error, whole.error, atol=1e-6, rtol=1e-5, equal_nan=True)


def test_parts_of_gradient_shap_draw_each_for_itself(monkeypatch):
    X, y = samples(b=2)
    X[1], y[:, 1] = X[0], y[:, 0]
    monkeypatch.setattr(methods, "NUMBERS", 1)
    values = found(stack(), X, y, method="gradient_shap", steps=3).values
    assert not torch.equal(values[:, 0], values[:, 1])


def test_they_are_those_of_the_function_for_any_model():
    (X, y), model = samples(), stack()
    expected = integrated_gradients(model, X.expand(M, -1, -1), y, uniform_baselines(B, D, 2))
    values = found(model, X, y, seed=2)
    assert torch.equal(values.values, expected.values)
    torch.testing.assert_close(values.error, expected.error, atol=1e-6, rtol=0)


def test_smoothing_is_the_mean_over_noisy_copies_that_all_models_share():
    (X, y), model = samples(), stack()
    values = found(model, X, y, method="saliency", smooth=4, noise=0.1, seed=8)
    chance = torch.Generator().manual_seed(8)
    noisy = [X + 0.2 * torch.randn(B, D, generator=chance) for _ in range(4)]
    expected = sum(gradients(model, x, y).abs() for x in noisy) / 4
    torch.testing.assert_close(values.values, expected)
    assert found(model, X, y, smooth=2).error.isnan().all()


def test_without_noise_smoothing_changes_nothing():
    (X, y), model = samples(), stack()
    torch.testing.assert_close(found(model, X, y, smooth=3, noise=0).values, found(model, X, y).values)


def test_samples_of_each_model_and_shared_ones_are_told_apart():
    (X, y), model = samples(), stack()
    own = X.repeat(M, 1, 1)
    own[1] += 0.5
    shared, apart = found(model, X, y), found(model, own, y)
    torch.testing.assert_close(shared.values[0], apart.values[0])
    assert not torch.allclose(shared.values[1], apart.values[1])


@pytest.mark.parametrize("switch", [torch.no_grad, torch.inference_mode])
def test_works_where_gradients_are_switched_off_and_warns_of_nothing(switch, recwarn):
    (X, y), model = samples(), stack()
    expected = {method: found(model, X, y, method=method, steps=3).values for method in METHODS}
    with switch():
        for method, values in expected.items():
            assert torch.equal(found(model, X.clone(), y, method=method, steps=3).values, values)
    assert not recwarn.list


def test_no_samples_have_no_attributions():
    for method in METHODS:
        values = found(stack(), torch.zeros(0, D), torch.zeros(M, 0).long(), method=method)
        assert values.values.shape == (M, 0, D) and values.error.shape == (M, 0)


def test_every_method_is_run_and_told_of():
    assert tuple(METHODS) == tuple(methods.COMPUTE)
    fields = set(AttributionSettings.model_fields)
    for method in METHODS.values():
        assert set(method.settings) <= fields and method.words.endswith(".")


# -- modules of anybody's -------------------------------------------------------------------------------


class Moody(nn.Module):
    """Layers that draw, count and work in place where they are in training mode."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(D, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
        self.last = nn.Linear(8, K)

    def forward(self, x):
        return self.last(self.first(x))


def made(kind, *parts):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return kind(*parts)


@pytest.mark.parametrize("method", [*METHODS, None])
def test_a_module_in_training_mode_is_asked_in_evaluation_mode_and_left_as_it_was(method):
    X, y = samples()
    model = made(Moody)
    model.last.eval()  # parts of a model may be in different modes
    modes = [part.training for part in model.modules()]
    held = {name: value.clone() for name, value in model.state_dict().items()}

    def ask():
        return found(model, X, y[0], method=method, steps=4) if method else integrated_gradients(model, X, y[0])

    before = torch.get_rng_state()
    first, second = ask(), ask()
    assert torch.equal(first.values, second.values) and (first.values != 0).any()
    assert torch.equal(torch.get_rng_state(), before)
    assert [part.training for part in model.modules()] == modes
    assert all(torch.equal(value, held[name]) for name, value in model.state_dict().items())
    assert torch.equal(model.eval() and ask().values, first.values)


def test_a_module_is_left_as_it_was_where_it_fails():
    model = made(Moody)
    with pytest.raises(ConfigError, match="classes"):
        found(model, *samples()[:1], [K] * B)
    assert all(part.training for part in model.modules())


@pytest.mark.parametrize("method", [*METHODS, None])
@pytest.mark.parametrize("of_model", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("of_samples", [torch.float32, torch.float64, torch.int64], ids=str)
def test_samples_of_any_type_are_taken_in_that_of_the_model(method, of_model, of_samples):
    X, y = samples()
    X = (X * 3).round()

    def ask(model, given, classes):
        if method is None:
            return integrated_gradients(model, given, torch.as_tensor(classes)).values
        return found(model, given, classes, method=method, steps=3).values

    several = stack().to(of_model)
    module = several.module(1)
    expected = ask(module, X.to(of_model), y[1])
    assert expected.dtype == of_model
    for given in (X.to(of_samples), X.to(of_samples).numpy(), X.to(of_samples).tolist()):
        assert torch.equal(ask(module, given, y[1].numpy()), expected)
    given = X.to(of_samples)
    together = ask(several, given.numpy() if method else given.expand(M, -1, -1), y.tolist())
    torch.testing.assert_close(together[1], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_samples_of_inference_mode_are_taken(method):
    X, y = samples()
    with torch.inference_mode():
        inside = X.clone(), y.clone(), BACKGROUND.clone()
    for model, own in ((stack(), y), (stack().module(0), y[0])):
        classes = inside[1] if own is y else inside[1][0]
        values = found(model, inside[0], classes, background=inside[2], baselines=inside[0] / 2, method=method, steps=3)
        expected = found(model, X, own, baselines=X / 2, method=method, steps=3)
        assert torch.equal(values.values, expected.values)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("model", "X", "match"),
    [
        (lambda: nn.Linear(D, K), torch.zeros(B, D + 1), f"{D + 1} columns"),
        (lambda: nn.Linear(D, K), torch.zeros(B, 1, D), "one model"),
        (lambda: nn.Linear(D, K), torch.full((B, D), torch.nan), "not finite"),
        (lambda: nn.Linear(D, K), torch.full((B, D), 1e300, dtype=torch.float64), "too large"),
        (lambda: nn.Linear(D, K), [["a"] * D] * B, "not a number"),
        (lambda: nn.Linear(D, 1), torch.zeros(B, D), "logits"),
        (lambda: nn.Flatten(0), torch.zeros(B, D), "logits"),
        (lambda: lambda x: x, torch.zeros(B, D), "Module"),
    ],
    ids=["width", "a stack's", "nan", "too large", "words", "one class", "no rows", "a function"],
)
def test_modules_and_samples_that_do_not_fit_are_refused(method, model, X, match):
    with pytest.raises(DataError, match=match):
        found(model(), X, 0, method=method)


def test_a_model_without_gradients_can_only_be_occluded():
    class Steps(nn.Module):
        def forward(self, x):
            return torch.stack([x[:, 0].round(), x[:, 1].round()], dim=-1).detach()

    X, _ = samples()
    assert found(Steps(), X, 1, method="occlusion", baseline="black").values.shape == (B, D)
    for method in [name for name in METHODS if name != "occlusion"]:
        with pytest.raises(DataError, match="gradient"):
            found(Steps(), X, 1, method=method)


def test_a_layer_used_twice_is_nothing_for_deep_lift():
    shared = nn.ReLU()
    model = made(nn.Sequential, nn.Linear(D, 6), shared, nn.Linear(6, 5), shared, nn.Linear(5, K))
    with pytest.raises(DataError, match="one of its layers twice"):
        found(model, samples()[0], 1, method="deep_lift")
    own = nn.Sequential(*model[:3], nn.ReLU(), model[4])
    assert found(own, samples()[0], 1, method="deep_lift").error.abs().max() < 1e-5


class Steps(nn.Module):
    """Two layers with whatever between them."""

    def __init__(self, between):
        super().__init__()
        self.first, self.last, self.between = nn.Linear(D, 6), nn.Linear(6, K), between

    def forward(self, x):
        return self.last(self.between(self.first(x)))


def functional(x):
    return torch.relu(x)


def fresh(x):
    return nn.ReLU()(x)


@pytest.mark.parametrize("step", [functional, fresh, nn.functional.softplus, nn.GELU(), nn.SiLU()])
def test_a_step_that_deep_lift_does_not_know_is_refused(step):
    model = made(lambda: Steps(step))
    with pytest.raises(DataError, match="does not fit every step"):
        found(model, samples()[0], 1, method="deep_lift")
    assert found(model, samples()[0], 1).error.abs().max() < 1e-2  # the integral is another matter


def test_neither_smoothing_nor_another_sample_hides_parts_that_do_not_add_up():
    model, X = made(lambda: Steps(functional)), samples()[0]
    with pytest.raises(DataError, match="does not fit every step"):
        found(model, X, 1, method="deep_lift", smooth=1, noise=0)
    far = torch.cat([X, 1e6 * X[:1]])
    with pytest.raises(DataError, match="does not fit every step"):
        found(model, far, 1, method="deep_lift")
    with pytest.warns(UserWarning, match="Take more steps"):
        found(made(lambda: Steps(lambda h: torch.sin(40 * h))), far, 1, steps=2)


def test_near_the_baseline_rounding_is_no_fault():
    model, X = made(lambda: Steps(nn.ReLU())), samples()[0]
    for distance in (1e-4, 1e-6):
        found(model, X, 1, method="deep_lift", baselines=X + distance)


def test_attributions_that_are_no_numbers_are_named():
    model = made(lambda: Steps(lambda h: (0 * h).sqrt() + h))
    with pytest.raises(DataError, match=r"attributions of \d of 5 samples are not finite"):
        found(model, samples()[0], 1, method="saliency")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("method", METHODS)
def test_a_model_of_another_type_is_attributed(method, dtype):
    model, X = made(lambda: Steps(nn.ReLU())), samples()[0]
    expected = found(model, X, 1, method=method).values
    values = found(model.to(dtype), X, 1, method=method).values
    assert values.dtype == dtype
    torch.testing.assert_close(values.float(), expected, atol=0.1, rtol=0.1)


class Held(nn.Module):
    """A model that cannot be copied."""

    def __init__(self):
        super().__init__()
        self.parts = made(lambda: Steps(nn.ReLU()))
        self.lock = threading.Lock()

    def forward(self, x):
        return self.parts(x)


class Shared(Held):
    """A model whose copy is itself."""

    def __deepcopy__(self, memo):
        return self


@pytest.mark.parametrize("kind", [Held, Shared])
def test_a_model_that_cannot_be_copied_is_refused_by_deep_lift_alone(kind):
    model = kind()
    with pytest.raises(DataError, match="needs a copy of the model"):
        found(model, samples()[0], 1, method="deep_lift")
    assert all(part.requires_grad for part in model.parameters()) and model.training
    assert found(model, samples()[0], 1).error.abs().max() < 1e-1


@pytest.mark.parametrize("step", [nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.ELU()])
def test_a_step_that_deep_lift_knows_adds_up(step):
    assert found(made(lambda: Steps(step)), samples()[0], 1, method="deep_lift").error.abs().max() < 1e-5


def test_an_integral_that_is_not_exact_is_told():
    model, X = made(lambda: Steps(lambda h: torch.sin(40 * h))), samples()[0]
    with pytest.warns(UserWarning, match=r"for \d of 5 samples the parts miss the change .* Take more steps"):
        found(model, X, 1, steps=2)
    with pytest.warns(UserWarning, match="Take more steps"):
        integrated_gradients(model, X, torch.ones(len(X), dtype=torch.int64), steps=2)


@pytest.mark.parametrize("script", [torch.jit.script, lambda model: torch.jit.trace(model, samples()[0])])
def test_a_scripted_model_is_refused_by_deep_lift_alone(script):
    model = made(lambda: nn.Sequential(nn.Linear(D, 6), nn.ReLU(), nn.Linear(6, K)))
    scripted = script(model.eval())
    with pytest.raises(DataError, match="scripted or traced"):
        found(scripted, samples()[0], 1, method="deep_lift")
    for method in METHODS:
        if method != "deep_lift":
            values = found(scripted, samples()[0], 1, method=method, background=samples()[0]).values
            expected = found(model, samples()[0], 1, method=method, background=samples()[0]).values
            torch.testing.assert_close(values, expected)


def test_classes_may_be_numbers_of_any_kind():
    (X, _), model = samples(), stack()
    expected = found(model, X, torch.full((M, B), 2)).values
    for classes in (2, [2] * B, np.full(B, 2, dtype=np.int32), [[2] * B] * M, torch.tensor(2)):
        assert torch.equal(found(model, X, classes).values, expected)
    with pytest.raises(DataError, match="different lengths"):
        found(model, X, [[1], [1, 2]])
    with pytest.raises(DataError, match=f"{M}, {B}"):
        found(model, X, torch.zeros(M + 1, B).long())


# -- bad input -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"X": torch.zeros(B, D + 1)}, DataError, "expected"),
        ({"X": torch.zeros(D)}, DataError, "expected"),
        ({"X": torch.zeros(M + 1, B, D)}, DataError, "expected"),
        ({"X": torch.full((B, D), torch.nan)}, DataError, "not finite"),
        ({"y": torch.zeros(B + 1).long()}, DataError, "expected"),
        ({"y": torch.zeros(B)}, DataError, "whole numbers"),
        ({"y": torch.full((B,), K)}, ConfigError, "classes 0 to 3"),
        ({"y": torch.full((B,), -1)}, ConfigError, "classes 0 to 3"),
        ({"baselines": torch.zeros(B, 1)}, DataError, "Baselines"),
        ({"baselines": torch.full((B, D), torch.inf)}, DataError, "not finite"),
        ({"grid": (D, 2)}, ConfigError, "pixels"),
        ({"grid": None, "baseline": "blurred"}, ConfigError, "baseline"),
        ({"background": None, "baseline": "mean"}, DataError, "mean"),
        ({"background": None, "method": "gradient_shap"}, DataError, "background"),
        ({"background": torch.zeros(0, D), "method": "gradient_shap"}, DataError, "background"),
        ({"background": torch.zeros(3, 2), "method": "gradient_shap"}, DataError, "background"),
    ],
)
def test_what_does_not_fit_is_refused(changes, error, match):
    X, y = samples()
    with pytest.raises(error, match=match):
        found(stack(), **{"X": X, "y": y, **changes})


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "magic"},
        {"baseline": "white"},
        {"steps": 0},
        {"smooth": -1},
        {"noise": 2.0},
        {"output": "energy"},
        {"method": "deep_lift", "output": "probability"},
    ],
)
def test_unknown_settings_are_refused(settings):
    with pytest.raises(ConfigError, match=list(settings)[-1]):
        AttributionSettings(**settings)


def test_the_largest_seed_is_taken():
    X, y = samples()
    for method in METHODS:
        found(stack(), X, y, method=method, seed=2**31 - 1, steps=2, smooth=2)


def test_settings_round_trip():
    settings = AttributionSettings(method="occlusion", baseline="blurred", smooth=3)
    assert AttributionSettings(**settings.model_dump()) == settings
    assert attribution.AttributionSettings() == AttributionSettings(method="integrated_gradients", steps=50)
