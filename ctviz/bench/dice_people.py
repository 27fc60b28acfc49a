"""DiCE on people of a table: a script that runs in a process of its own, in an environment that has dice-ml.

``python dice_people.py FILE.npz METHOD`` reads a model, its training data and some people with what may change of them,
and prints one line of JSON: ``{"title": …, "seconds": […], "points": […]}`` with a plan for each person (null where
DiCE finds none), or ``{"missing": reason}``. It imports nothing of ctviz.

A point is one number for each feature: a number's own value, or the position of a category's level.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import time
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class PeopleTask:
    """A network with one hidden ReLU layer and two classes; its training data and the people, as points."""

    def __init__(self, path: str) -> None:
        with np.load(path) as file:
            values = dict(file)
        self.weights: tuple[Floats, ...] = tuple(values[name] for name in ("w0", "b0", "w1", "b1"))
        self.levels: list[int] = values["levels"].tolist()  # f: number of levels; 0 for a number
        self.first: list[int] = values["first"].tolist()  # f: its first column
        self.centre, self.spread = values["centre"], values["spread"]  # f: of a number's column
        self.train, self.labels = values["train"], values["labels"]  # n f, n
        self.people: Floats = values["people"]  # b f
        self.low, self.high = values["low"], values["high"]  # b f: ends of what is allowed of a number
        self.allowed: npt.NDArray[np.bool_] = values["allowed"]  # b d: columns of the levels that are allowed
        self.target = int(values["target"])

    def encode(self, points: Floats) -> Floats:
        """The columns of points (n f) as the model sees them, (n d)."""
        columns = np.zeros((len(points), self.weights[0].shape[1]))
        for i, (levels, first) in enumerate(zip(self.levels, self.first, strict=True)):
            if levels:
                columns[np.arange(len(points)), first + points[:, i].astype(int)] = 1
            else:
                columns[:, first] = (points[:, i] - self.centre[i]) / self.spread[i]
        return columns

    def probabilities(self, points: Floats) -> Floats:
        """Of both classes, (n 2)."""
        w0, b0, w1, b1 = self.weights
        logits = np.maximum(self.encode(points) @ w0.T + b0, 0) @ w1.T + b1
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))


class Predictor:
    """The model as DiCE's methods without gradients call it: on a table of features."""

    def __init__(self, task: PeopleTask) -> None:
        self.task = task

    def predict_proba(self, frame: Any) -> Floats:
        return self.task.probabilities(frame.to_numpy().astype(np.float64))

    def predict(self, frame: Any) -> npt.NDArray[np.int64]:
        return np.asarray(self.predict_proba(frame).argmax(axis=1))


def explainer(task: PeopleTask, method: str) -> Any:
    """DiCE's explainer."""
    import dice_ml

    names = [f"f{i}" for i in range(len(task.levels))]
    frame = table(task, task.train).assign(y=task.labels)
    numbers = [name for name, levels in zip(names, task.levels, strict=True) if not levels]
    data = dice_ml.Data(dataframe=frame, continuous_features=numbers, outcome_name="y")
    if method != "gradient":
        model = dice_ml.Model(model=Predictor(task), backend="sklearn", model_type="classifier")
        return dice_ml.Dice(data, model, method=method)
    model = dice_ml.Model(model=module(task, frame.drop(columns="y")), backend="PYT", func="ohe-min-max")
    return dice_ml.Dice(data, model, method=method)


def table(task: PeopleTask, points: Floats) -> Any:
    """Points as DiCE takes them: numbers, and levels as text."""
    import pandas as pd

    columns = {
        f"f{i}": points[:, i].astype(int).astype(str) if levels else points[:, i]
        for i, levels in enumerate(task.levels)
    }
    return pd.DataFrame(columns)


def module(task: PeopleTask, frame: Any) -> Any:
    """P(class 1) of columns that DiCE has scaled to [0, 1] or encoded, in its order."""
    import pandas as pd
    import torch

    categories = [f"f{i}" for i, levels in enumerate(task.levels) if levels]
    order = list(pd.get_dummies(frame, columns=categories).columns) if categories else list(frame.columns)
    weights, offset = np.zeros((task.weights[0].shape[1], len(order))), np.zeros(task.weights[0].shape[1])
    for place, name in enumerate(order):
        feature, _, level = name.removeprefix("f").partition("_")
        i = int(feature)
        if level:
            weights[task.first[i] + int(level), place] = 1
            continue
        low, high = frame[name].min(), frame[name].max()
        weights[task.first[i], place] = (high - low) / task.spread[i]
        offset[task.first[i]] = (low - task.centre[i]) / task.spread[i]
    scale, start = (torch.from_numpy(part).float() for part in (weights.T, offset))
    w0, b0, w1, b1 = (torch.from_numpy(part).float() for part in task.weights)

    class Probability(torch.nn.Module):
        def forward(self, scaled: Any) -> Any:
            x = scaled.float() @ scale + start
            return torch.softmax(torch.relu(x @ w0.T + b0) @ w1.T + b1, -1)[..., 1:]

    return Probability()


def limits(task: PeopleTask, i: int, method: str) -> dict[str, Any]:
    """Which features of a person may change, and what each may become, as the method takes it: the gradient method
    takes ranges of all numbers, and none of categories."""
    free, ranges = [], dict[str, list[Any]]()
    for j, (levels, first) in enumerate(zip(task.levels, task.first, strict=True)):
        name = f"f{j}"
        if levels:
            known = set(task.train[:, j].astype(int).tolist())
            allowed = [str(level) for level in range(levels) if task.allowed[i, first + level] and level in known]
            if len(allowed) > 1:
                free.append(name)
                ranges |= {} if method == "gradient" else {name: allowed}
            continue
        seen = [float(task.train[:, j].min()), float(task.train[:, j].max())]
        within = [float(max(task.low[i, j], seen[0])), float(min(task.high[i, j], seen[1]))]
        if within[0] < within[1]:
            free.append(name)
            ranges[name] = within
        elif method == "gradient":
            ranges[name] = seen
    return {"features_to_vary": free, "permitted_range": ranges}


def plans(task: PeopleTask, method: str) -> dict[str, Any]:
    """One plan for each person."""
    none_found = importlib.import_module("raiutils.exceptions").UserConfigValidationException
    np.random.seed(0)  # noqa: NPY002 – DiCE draws from there
    made = explainer(task, method)
    seconds, points = [], list[Any]()
    for i in range(len(task.people)):
        wanted = {"total_CFs": 1, "desired_class": task.target, **limits(task, i, method)}
        wanted |= {"random_seed": 0} if method == "random" else {}
        begun = time.perf_counter()
        try:
            found = made.generate_counterfactuals(table(task, task.people[i : i + 1]), **wanted)
            ends = found.cf_examples_list[0].final_cfs_df
            names = [f"f{j}" for j in range(len(task.levels))]
            points.append(ends[names].iloc[0].astype(float).tolist() if ends is not None and len(ends) else None)
        except none_found:
            points.append(None)
        seconds.append(time.perf_counter() - begun)
    return {"title": f"dice-ml {version('dice-ml')}", "seconds": seconds, "points": points}


def main(path: str, method: str) -> None:
    """Print what DiCE answers; libraries may print, which goes to standard error."""
    replies, sys.stdout = sys.stdout, sys.stderr
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        with contextlib.redirect_stdout(sys.stderr):
            answer = plans(PeopleTask(path), method)
    except Exception as error:  # an environment can lack it, or hold half of it, in many ways
        answer = {"missing": f"{type(error).__name__}: {error}".splitlines()[0]}
    replies.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
