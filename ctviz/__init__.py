"""ctviz: see counterfactual training at work.

The whole public API::

    experiment = ctviz.Experiment.preset("moons").replace({"training.epochs": 20, "seed": 3})
    run = ctviz.run(experiment)            # trains all arms together, or takes the run from the store
    run.history                            # tidy table: epoch, arm, metric, value
    report = ctviz.evaluate(run)           # the paper's protocol: rounds, intervals, robustness, sensitivity
    report.compare()                       # every arm beside the conventional one: difference, interval, reduction
    model = run.model("full")              # a plain torch.nn.Module that returns logits
    found = ctviz.search(model, X, targets, generator="eccco", tau=0.9, steps=50, locked=[0])
    found = ctviz.search(model, X, targets, generator="face", samples=run.data.train, ranges=[("x2", -1, 1)])

    explorer = ctviz.Explorer(run.experiment)  # all models of a run, each under its own locks
    trace = explorer.trace(run.snapshot(), X, targets, ctviz.SearchSettings(generator="generic"))
    explorer.endpoints(trace).metrics["ip"]    # value, low and high per arm
    ctviz.integrated_gradients(model, X)       # how much of each answer rests on which feature
    ctviz.read_digits(trace.final)             # of digits: what an independent reader reads in counterfactuals

    run = ctviz.run(ctviz.Experiment.preset("adult"))
    advice = ctviz.advise(run, 17, ["occupation"], plans=3)  # the cheapest plans of a person, proved; one lock more
    print(advice.words())
    everyone = ctviz.population(run, people=1000)         # both models' plans for many, by group, with intervals
    run = ctviz.run(ctviz.Experiment.on_table(ctviz.load_table("loans.csv", "granted")))
    ctviz.keep(run)                        # stored with its table; ctviz.load_run(run.key) gives both

    result = ctviz.sweep(experiment, {"lambda_div": (0.01, 0.1, 1), "tau": (0.5, 0.9)}, seeds=3)
    result.across                          # a row per cell and metric: value, reduction, interval across seeds

``ctviz.GENERATORS`` names the ways to search. ``ctviz.train(experiment)`` yields a snapshot after every epoch instead
of blocking, and stores nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ctviz.counterfactuals.api import Counterfactuals, search
    from ctviz.counterfactuals.generators import GENERATORS
    from ctviz.counterfactuals.search_settings import SearchSettings
    from ctviz.data.catalogue import DATASETS, DataSettings
    from ctviz.data.catalogue import load as load_data
    from ctviz.data.dataset import Dataset
    from ctviz.data.drawn import DrawnSettings
    from ctviz.data.image_sets import IMAGES, ImageSettings
    from ctviz.data.rules import Link, Rule, Rules
    from ctviz.data.schema import Feature, Mutability, Schema
    from ctviz.data.tables.own import load_table
    from ctviz.data.tables.settings import TABLES, TableSettings
    from ctviz.data.tables.table import Table
    from ctviz.errors import ConfigError, CtvizError, DataError, DeviceError, JobError, StoreError
    from ctviz.evaluation.attribution import AttributionSettings, attribute, integrated_gradients
    from ctviz.evaluation.reader import read_digits
    from ctviz.experiments.advice import Advice
    from ctviz.experiments.adviser import Adviser, advise
    from ctviz.experiments.config import ALGORITHM_VERSION, Evaluation, Experiment
    from ctviz.experiments.evaluate import evaluate
    from ctviz.experiments.explorer import Explorer
    from ctviz.experiments.images.explorer import ImageExplorer
    from ctviz.experiments.outcome import OUTCOMES
    from ctviz.experiments.population import Population
    from ctviz.experiments.presets import PRESETS
    from ctviz.experiments.protocol import Protocol
    from ctviz.experiments.reports import Report
    from ctviz.experiments.run import Run, keep, load_run, run, train
    from ctviz.experiments.snapshot import METRICS, Paths, Scene, Snapshot
    from ctviz.experiments.store import Store, open_store
    from ctviz.experiments.trace import Trace
    from ctviz.models.model_settings import ModelSettings
    from ctviz.studies.population import population
    from ctviz.studies.registry import LIMITS
    from ctviz.studies.results import LimitResult, run_limit
    from ctviz.studies.sweeps.declaration import Axis, Sweep
    from ctviz.studies.sweeps.paper_studies import STUDIES, study
    from ctviz.studies.sweeps.results import SweepResult
    from ctviz.studies.sweeps.sweep import sweep
    from ctviz.training.arm import VARIANTS, Arm
    from ctviz.training.schedule import Schedule

# Names are imported when they are first used, so that the command line answers before torch is loaded.
_WHERE = {
    "ctviz.counterfactuals.api": ("Counterfactuals", "search"),
    "ctviz.counterfactuals.generators": ("GENERATORS",),
    "ctviz.counterfactuals.search_settings": ("SearchSettings",),
    "ctviz.data.catalogue": ("DATASETS", "DataSettings"),
    "ctviz.data.dataset": ("Dataset",),
    "ctviz.data.drawn": ("DrawnSettings",),
    "ctviz.data.image_sets": ("IMAGES", "ImageSettings"),
    "ctviz.data.rules": ("Link", "Rule", "Rules"),
    "ctviz.data.schema": ("Feature", "Mutability", "Schema"),
    "ctviz.data.tables.own": ("load_table",),
    "ctviz.data.tables.settings": ("TABLES", "TableSettings"),
    "ctviz.data.tables.table": ("Table",),
    "ctviz.errors": ("ConfigError", "CtvizError", "DataError", "DeviceError", "JobError", "StoreError"),
    "ctviz.evaluation.attribution": ("AttributionSettings", "attribute", "integrated_gradients"),
    "ctviz.evaluation.reader": ("read_digits",),
    "ctviz.experiments.advice": ("Advice",),
    "ctviz.experiments.adviser": ("Adviser", "advise"),
    "ctviz.experiments.config": ("ALGORITHM_VERSION", "Evaluation", "Experiment"),
    "ctviz.experiments.presets": ("PRESETS",),
    "ctviz.experiments.evaluate": ("evaluate",),
    "ctviz.experiments.population": ("Population",),
    "ctviz.experiments.protocol": ("Protocol",),
    "ctviz.experiments.reports": ("Report",),
    "ctviz.experiments.run": ("Run", "keep", "load_run", "run", "train"),
    "ctviz.experiments.snapshot": ("METRICS", "Paths", "Scene", "Snapshot"),
    "ctviz.experiments.store": ("Store", "open_store"),
    "ctviz.experiments.explorer": ("Explorer",),
    "ctviz.experiments.images.explorer": ("ImageExplorer",),
    "ctviz.studies.population": ("population",),
    "ctviz.studies.registry": ("LIMITS",),
    "ctviz.studies.results": ("LimitResult", "run_limit"),
    "ctviz.experiments.outcome": ("OUTCOMES",),
    "ctviz.studies.sweeps.results": ("SweepResult",),
    "ctviz.studies.sweeps.declaration": ("Axis", "Sweep"),
    "ctviz.studies.sweeps.paper_studies": ("STUDIES", "study"),
    "ctviz.studies.sweeps.sweep": ("sweep",),
    "ctviz.experiments.trace": ("Trace",),
    "ctviz.models.model_settings": ("ModelSettings",),
    "ctviz.training.arm": ("VARIANTS", "Arm"),
    "ctviz.training.schedule": ("Schedule",),
}
_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "load_data":
        return import_module("ctviz.data.catalogue").load
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'ctviz' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "ALGORITHM_VERSION",
    "DATASETS",
    "GENERATORS",
    "IMAGES",
    "LIMITS",
    "METRICS",
    "OUTCOMES",
    "PRESETS",
    "STUDIES",
    "TABLES",
    "VARIANTS",
    "Advice",
    "Adviser",
    "Arm",
    "AttributionSettings",
    "Axis",
    "ConfigError",
    "Counterfactuals",
    "CtvizError",
    "DataError",
    "DataSettings",
    "Dataset",
    "DeviceError",
    "DrawnSettings",
    "Evaluation",
    "Experiment",
    "Explorer",
    "Feature",
    "ImageExplorer",
    "ImageSettings",
    "JobError",
    "LimitResult",
    "Link",
    "ModelSettings",
    "Mutability",
    "Paths",
    "Population",
    "Protocol",
    "Report",
    "Rule",
    "Rules",
    "Run",
    "Scene",
    "Schedule",
    "Schema",
    "SearchSettings",
    "Snapshot",
    "Store",
    "StoreError",
    "Sweep",
    "SweepResult",
    "Table",
    "TableSettings",
    "Trace",
    "advise",
    "attribute",
    "evaluate",
    "integrated_gradients",
    "keep",
    "load_data",
    "load_run",
    "load_table",
    "open_store",
    "population",
    "read_digits",
    "run",
    "run_limit",
    "search",
    "study",
    "sweep",
    "train",
]
