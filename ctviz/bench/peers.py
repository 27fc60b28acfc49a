"""Other libraries on the same search: a script that runs in a process of its own, in an environment that has them.

``python peers.py NAME FILE.npz`` loads the model and the factuals, prints one line of JSON ``{"ready": version}`` (or
``{"missing": reason}``), and then answers every line on its standard input with ``{"microseconds": …, "valid": …}``:
time per counterfactual of one measurement, and the share that reached the target class. It imports nothing of ctviz,
since no single environment has all peers: jax-relax needs pydantic 1 and an older jax.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]
Search = Callable[[], tuple[Array, Index]]
"""Runs one search and returns the counterfactuals it ended at, (b d), and the place of the factual of each, (b)."""

DICE_AT_ONCE = 10
"""Counterfactuals: DiCE works on one factual at a time, and needs tens of milliseconds for each."""

SEVERAL = 4
"""Counterfactuals of each factual where there are several."""


@dataclass(frozen=True)
class PeerTask:
    """A model with one hidden ReLU layer and two classes, and the factuals to be explained."""

    weights: tuple[Array, Array, Array, Array]  # (h d) (h) (k h) (k)
    factuals: Array  # b d
    targets: Index  # b
    train: Array  # n d
    labels: Index  # n
    steps: int
    step_size: float
    lambda_cost: float

    @classmethod
    def load(cls, path: str) -> PeerTask:
        """Read the file that ``ctviz.bench.search`` writes."""
        with np.load(path) as file:
            a = dict(file)
        return cls(
            (a["w0"], a["b0"], a["w1"], a["b1"]),
            a["factuals"],
            a["targets"],
            a["train"],
            a["labels"],
            int(a["steps"]),
            float(a["step_size"]),
            float(a["lambda_cost"]),
        )

    def valid(self, found: Array, of: Index) -> float:
        """Share of counterfactuals (b d) that the model assigns to their target class."""
        w0, b0, w1, b1 = self.weights
        logits = np.maximum(found @ w0.T + b0, 0) @ w1.T + b1
        return float((logits.argmax(1) == self.targets[of]).mean())


def _all(ends: Any) -> tuple[Array, Index]:
    """One counterfactual of each factual, once JAX has them."""
    return np.asarray(ends.block_until_ready()), np.arange(len(ends))


def jax_scan(task: PeerTask) -> tuple[str, Search]:
    """The whole search as one compiled jit + vmap + scan of plain gradient steps, without early stopping."""
    import jax
    import jax.numpy as jnp

    w0, b0, w1, b1 = (jnp.asarray(w) for w in task.weights)

    def loss(x: Any, factual: Any, target: Any) -> Any:
        logits = w1 @ jax.nn.relu(w0 @ x + b0) + b1
        return -jax.nn.log_softmax(logits)[target] + task.lambda_cost * jnp.abs(x - factual).sum()

    def one(factual: Any, target: Any) -> Any:
        def step(x: Any, _: None) -> tuple[Any, None]:
            return x - task.step_size * jax.grad(loss)(x, factual, target), None

        return jax.lax.scan(step, factual, None, length=task.steps)[0]

    together = jax.jit(jax.vmap(one))
    factuals, targets = jnp.asarray(task.factuals), jnp.asarray(task.targets)
    return f"jax {jax.__version__}", lambda: _all(together(factuals, targets))


def relax(task: PeerTask) -> tuple[str, Search]:
    """VanillaCF of jax-relax, vmapped and compiled as its own documentation does for a batch."""
    import jax
    import jax.numpy as jnp
    from relax.methods import VanillaCF

    w0, b0, w1, b1 = (jnp.asarray(w) for w in task.weights)
    settings = {"n_steps": task.steps, "lr": task.step_size, "lambda_": task.lambda_cost}
    method = VanillaCF({**settings, "validity_fn": "BinaryCrossentropy"})

    def probability(x: Any) -> Any:
        return jax.nn.softmax(jax.nn.relu(x @ w0.T + b0) @ w1.T + b1)[..., 1:]

    def one(x: Any, target: Any, key: Any) -> Any:
        return method.generate_cf(x, pred_fn=probability, y_target=target, rng_key=key)

    together = jax.jit(jax.vmap(one))
    factuals, targets = jnp.asarray(task.factuals), jnp.asarray(task.targets, dtype=jnp.float32)[:, None]
    keys = jax.random.split(jax.random.PRNGKey(0), len(factuals))
    return (
        f"jax-relax {version('jax-relax')}, jax {jax.__version__}",
        lambda: _all(together(factuals, targets, keys)),
    )


def dice(task: PeerTask) -> tuple[str, Search]:
    """The gradient method of DiCE on PyTorch, one counterfactual for each of a few factuals."""
    return _dice(task, "gradient", 1, **_descent(task))


def dice_several(task: PeerTask) -> tuple[str, Search]:
    """The same, but several counterfactuals of each, which repel each other with its default weight."""
    return _dice(task, "gradient", SEVERAL, **_descent(task))


def dice_genetic(task: PeerTask) -> tuple[str, Search]:
    """The genetic method of DiCE, which knows the training data and needs no gradients, with its defaults."""
    return _dice(task, "genetic", SEVERAL)


def _descent(task: PeerTask) -> dict[str, Any]:
    return {"min_iter": task.steps, "max_iter": task.steps, "proximity_weight": task.lambda_cost}


def _dice(task: PeerTask, method: str, several: int, **settings: Any) -> tuple[str, Search]:
    import dice_ml
    import pandas as pd
    import torch

    none_found = importlib.import_module("raiutils.exceptions").UserConfigValidationException

    torch.set_num_threads(1)
    low, high = torch.from_numpy(task.train.min(0)), torch.from_numpy(task.train.max(0))
    w0, b0, w1, b1 = (torch.from_numpy(w) for w in task.weights)

    class Probability(torch.nn.Module):
        """P(class 1) of features that DiCE has scaled to [0, 1]."""

        def forward(self, scaled: Any) -> Any:
            x = low + scaled.float() * (high - low)
            return torch.softmax(torch.relu(x @ w0.T + b0) @ w1.T + b1, -1)[..., 1:]

    names = [f"x{i + 1}" for i in range(task.train.shape[1])]
    frame = pd.DataFrame(task.train.astype(float), columns=names).assign(y=task.labels)
    digits = dict.fromkeys(names, 6)
    data = dice_ml.Data(
        dataframe=frame, continuous_features=names, outcome_name="y", continuous_features_precision=digits
    )
    model = dice_ml.Model(model=Probability(), backend="PYT", func="ohe-min-max")
    explainer = dice_ml.Dice(data, model, method=method)
    queries = pd.DataFrame(task.factuals[: max(1, DICE_AT_ONCE // several)].astype(float), columns=names)

    def one(i: int) -> Array:
        wanted = {"total_CFs": several, "desired_class": int(task.targets[i]), "posthoc_sparsity_param": 0}
        try:
            found = explainer.generate_counterfactuals(queries[i : i + 1], **wanted, **settings)
            return np.asarray(found.cf_examples_list[0].final_cfs_df[names], dtype=np.float32)
        except none_found:
            return task.factuals[i : i + 1]

    def search() -> tuple[Array, Index]:
        found = [one(i) for i in range(len(queries))]
        return np.concatenate(found), np.repeat(np.arange(len(found)), [len(ends) for ends in found])

    return f"dice-ml {version('dice-ml')}, torch {torch.__version__}", search


PEERS: dict[str, Callable[[PeerTask], tuple[str, Search]]] = {
    "jax": jax_scan,
    "relax": relax,
    "dice": dice,
    "dice several": dice_several,
    "dice genetic": dice_genetic,
}


def one_thread() -> None:
    """Keep this process, and every thread pool that a library starts later, on one core."""
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def measure(task: PeerTask, search: Search) -> dict[str, float]:
    """One timed search."""
    start = time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):
        found, of = search()
    seconds = time.perf_counter() - start
    return {"microseconds": seconds / len(found) * 1e6, "valid": task.valid(found, of)}


def main(name: str, path: str) -> None:
    """Set up one peer, warm it up, then answer each line of input with a measurement."""
    replies, sys.stdout = sys.stdout, sys.stderr  # libraries may print; only replies go to standard output
    one_thread()
    task = PeerTask.load(path)
    try:
        title, search = PEERS[name](task)
        measure(task, search)
    except Exception as error:  # an environment can lack a peer, or hold half of it, in many ways
        replies.write(json.dumps({"missing": f"{type(error).__name__}: {error}".splitlines()[0]}) + "\n")
        return
    replies.write(json.dumps({"ready": title}) + "\n")
    replies.flush()
    for _ in sys.stdin:
        replies.write(json.dumps(measure(task, search)) + "\n")
        replies.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
