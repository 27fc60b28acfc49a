"""Python code that reproduces a run without the app."""

from __future__ import annotations

from ctviz.experiments.config import Experiment

_CODE = '''\
import ctviz

experiment = ctviz.Experiment.from_toml("""
{toml}""")
run = ctviz.run(experiment)  # key {key}

last = run.history.query("epoch == epoch.max()").pivot(index="metric", columns="arm", values="value")
print(last)

model = run.model("{arm}")  # a torch.nn.Module that returns logits
X, y = run.data.test
found = ctviz.search(model, X[:100], (y[:100] + 1) % run.data.k, schema=run.data.schema{constraints})
print(found.mature.float().mean(), found.steps.float().mean())
'''


def python_code(experiment: Experiment) -> str:
    """A script that reproduces a run and searches counterfactuals of its last arm."""
    arm = experiment.arms[-1]
    names = ("locked", "increase_only", "decrease_only", "ranges") if arm.holds("advice") else ()
    constraints = "".join(f", {name}={list(getattr(arm, name))!r}" for name in names if getattr(arm, name))
    return _CODE.format(toml=experiment.to_toml(), key=experiment.key, arm=arm.name, constraints=constraints)
