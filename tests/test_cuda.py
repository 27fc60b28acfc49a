"""The same run on a GPU; only where torch has one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ctviz

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch has no CUDA device here")

SMALL = ctviz.Experiment.preset("moons").replace(
    {
        "training.epochs": 3,
        "data.n_train": 300,
        "data.n_validation": 100,
        "data.n_test": 100,
        "training.n_ce": 100,
        "evaluation.field": 20,
        "evaluation.factuals": 30,
        "arms": "vanilla,adversarial,energy,full",
    }
)


def test_the_first_epochs_agree_with_those_on_the_cpu() -> None:
    pairs = zip(ctviz.train(SMALL, device="cpu"), ctviz.train(SMALL, device="cuda"), strict=True)
    for cpu, cuda in pairs:
        assert cpu.epoch == cuda.epoch
        for name, weights in cpu.weights.items():
            np.testing.assert_allclose(cuda.weights[name], weights, rtol=1e-2, atol=1e-3, err_msg=name)
        for name in ("loss_class", "loss_div", "loss_adv", "loss_reg", "ip", "cost", "train_accuracy"):
            np.testing.assert_allclose(cuda.metrics[name], cpu.metrics[name], rtol=0.03, atol=0.02, err_msg=name)
        assert cpu.field is not None and cuda.field is not None
        assert np.abs(cpu.field.astype(int) - cuda.field).mean() < 1


def test_a_run_says_on_which_device_it_was_trained(tmp_path_factory: pytest.TempPathFactory) -> None:
    store = ctviz.Store(tmp_path_factory.mktemp("store"))
    run = ctviz.run(SMALL, device="cuda", store=store)
    summary = store.summary(run.key)
    assert summary is not None and summary["device"] == "cuda"
    X, _ = run.data.test
    assert run.model("full")(X).device.type == "cpu"


def test_counterfactuals_of_a_module_on_the_gpu_come_back_to_the_cpu() -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
    X = torch.randn(50, 2)
    on_cpu = ctviz.search(module, X, 1, tau=0.9, locked=[0])
    found = ctviz.search(module.cuda(), X.cuda(), torch.ones(50, dtype=torch.int64).cuda(), tau=0.9, locked=[0])
    assert found.path is not None and found.path.device.type == "cpu"
    assert (found.final[:, 0] == X[:, 0]).all()
    torch.testing.assert_close(found.final, on_cpu.final, rtol=1e-3, atol=1e-3)
