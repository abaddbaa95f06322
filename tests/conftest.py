import inspect
import os

# Before numpy or torch is imported: the same thread count, and so the same bytes, on every machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Threads of numba that a forked child survives; GNU OpenMP's kill it.
os.environ.setdefault("NUMBA_THREADING_LAYER", "workqueue")

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from latentbench.kernels.sparse_rows import sparse_rows
from latentbench.maths.likelihoods import LIKELIHOODS
from latentbench.maths.random_streams import RandomStreams
from latentbench.models import MODELS
from latentbench.models.data import TrainingData
from latentbench.study.applicability import FITTING_MODALITIES
from latentbench.training.replicas import build_replicas

torch.set_num_threads(1)
pytest_plugins = ["study_results"]


@pytest.fixture(scope="session")
def training_data():
    """A factory of small data sets with three groups of cells, of any modality."""
    return make_training_data


def make_training_data(
    modality: str = "real", *, n_obs: int = 90, n_vars: int = 12, n_groups: int = 3, seed: int = 0
) -> TrainingData:
    rng = np.random.default_rng(seed)
    labels = np.arange(n_obs) % n_groups
    centres = 3 * rng.standard_normal((n_groups, n_vars))
    if modality == "counts":
        x = rng.poisson(np.exp(1 + centres[labels] / 4)).astype(np.float32)
    elif modality == "images":
        x = (1 / (1 + np.exp(-centres[labels] + rng.standard_normal((n_obs, n_vars))))).astype(
            np.float32
        )
    else:
        x = (centres[labels] + 0.3 * rng.standard_normal((n_obs, n_vars))).astype(np.float32)
    centred = x - x.mean(0)
    pca = (centred @ np.linalg.svd(centred, full_matrices=False)[2][:5].T).astype(np.float32)
    is_test = np.arange(n_obs) % 5 == 0
    obs = pd.DataFrame(
        {
            "split": np.where(is_test, "test", "train"),
            "label": labels.astype(str),
            "mine": np.where(labels == 0, "T cell", "B cell"),
        },
        index=[f"cell{i}" for i in range(n_obs)],
    )
    return TrainingData(
        x=sparse_rows(sparse.csr_array(x)) if modality == "counts" else torch.from_numpy(x),
        library_size=(
            torch.from_numpy(x.sum(1, keepdims=True))
            if modality == "counts"
            else torch.ones(n_obs, 1)
        ),
        labels=labels,
        train=torch.from_numpy(np.flatnonzero(~is_test)),
        test=torch.from_numpy(np.flatnonzero(is_test)),
        pca=pca,
        obs=obs,
        obsm={"X_pca": pca, "X_mine": pca[:, :2]},
        covariates=torch.nn.functional.one_hot(torch.arange(n_obs) // 3 % 2, 2).float(),
        levels=("condition=control", "condition=stimulated"),
    )


def network_cells() -> list[tuple[str, str]]:
    """Every (network kind, likelihood)."""
    return [
        (kind, likelihood)
        for kind, entry in MODELS.items()
        if entry.is_network
        for likelihood in LIKELIHOODS
    ]


@pytest.fixture
def built():
    """A factory: (kind, likelihood) -> a small stacked model, its data, a minibatch of all cells,
    and noise streams.
    """

    def build(kind: str, likelihood: str, *, seeds=(0, 1), y=None, **hyperparameters):
        data = make_training_data(
            FITTING_MODALITIES[likelihood][-1]
            if "real" in FITTING_MODALITIES[likelihood]
            else FITTING_MODALITIES[likelihood][0]
        )
        if "n_clusters" in MODELS[kind].needs:
            hyperparameters.setdefault("n_clusters", 4)
        if MODELS[kind].covariates != "none":
            hyperparameters.setdefault("n_covariates", len(data.levels))
        taken = inspect.signature(MODELS[kind].load()).parameters
        hyperparameters |= {
            name: size
            for name, size in (("n_latent", 3), ("n_hidden", 16))
            if name in taken and name not in hyperparameters
        }
        model = build_replicas(
            kind, data.n_vars, likelihood=likelihood, seeds=list(seeds), **hyperparameters
        )
        cells = torch.arange(data.n_obs).expand(len(seeds), -1)
        streams = RandomStreams(list(seeds), "noise")
        with _drawing(streams):
            minibatch = data.minibatch(cells, model.likelihood, y=y)
        return model, data, minibatch, streams

    return build


def _drawing(streams):
    from latentbench.maths.random_streams import drawing_from

    return drawing_from(streams)


def pytest_terminal_summary(terminalreporter) -> None:
    """Say how many inputs were tried and how many were met as they should be."""
    of_battery = {
        outcome: [
            report
            for report in terminalreporter.stats.get(outcome, [])
            if "tests/battery/" in report.nodeid and report.when == "call"
        ]
        for outcome in ("passed", "failed")
    }
    tried = sum(map(len, of_battery.values()))
    if tried:
        terminalreporter.write_line(
            f"input battery: {tried} bad or odd inputs tried, {len(of_battery['passed'])} met as"
            " they should be"
        )
