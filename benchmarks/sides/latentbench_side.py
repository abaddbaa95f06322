"""The project's own side: ``fit`` as a study calls it."""

import time
from functools import lru_cache

import numpy as np
import pandas as pd
import torch
from protocol import read_rows, serve
from scipy import sparse
from task import Task

from latentbench.kernels.sparse_rows import sparse_rows
from latentbench.models.data import TrainingData
from latentbench.models.interface import AbstractModel
from latentbench.training.fit import Fitted, RunOptions, fit
from latentbench.training.options import TrainingOptions
from latentbench.training.replicas import build_replicas
from latentbench.training.tasks import ObservedClasses

LAST: list[Fitted] = []


@lru_cache(maxsize=1)
def training_data(data: str, task: Task) -> TrainingData:
    """Return the rows of a task; of the held-out ones a minibatch, since the other sides are not
    asked to evaluate any while the clock runs.
    """
    rows = read_rows(data)
    n_obs = rows.shape[0]
    return TrainingData(
        x=(
            sparse_rows(sparse.csr_array(rows))
            if task.is_counts
            else torch.from_numpy(rows.toarray())
        ),
        library_size=(
            torch.from_numpy(rows.sum(1)).clamp(min=1) if task.is_counts else torch.ones(n_obs, 1)
        ),
        labels=np.full(n_obs, -1),
        train=torch.arange(task.n_train),
        test=torch.arange(task.n_train, n_obs)[: task.batch_size],
        pca=np.zeros((n_obs, 2), np.float32),
        obs=pd.DataFrame(),
        obsm={},
        covariates=torch.zeros(n_obs, 0),
    )


def fitted(
    data: str, task: Task, seeds: list[int], epochs: int, device: str, n_workers: int
) -> Fitted:
    """Train the replicas of ``seeds``."""
    cells = training_data(data, task)
    LAST[:] = [
        fit(
            replicas_of(task, seeds),
            cells,
            seeds=seeds,
            observed=without_labels(cells, seeds),
            options=TrainingOptions(epochs=epochs, batch_size=task.batch_size),
            run=RunOptions(n_workers, device),
        )
    ]
    return LAST[0]


def replicas_of(task: Task, seeds: list[int]) -> AbstractModel:
    """Return the model of a task, not trained."""
    network = {
        "n_latent": task.n_latent,
        "n_hidden": task.n_hidden,
        "n_layers": 1,
        "dropout": task.dropout,
    }
    kind = {"kind": "scvi", "n_covariates": 0} if task.is_counts else {"kind": "vae"}
    return build_replicas(
        n_vars=task.n_vars, likelihood=task.likelihood, seeds=seeds, **kind, **network
    )


def without_labels(cells: TrainingData, seeds: list[int]) -> ObservedClasses:
    """Return the classes that an unsupervised training sees: none."""
    return ObservedClasses(torch.full((len(seeds), cells.n_obs), -1), 0.0, true_labels=False)


def train(data: str, task: Task, seeds: list[int], epochs: int, device: str) -> float:
    """Return the seconds that the training loop took for an epoch of one model: a single one on a
    CPU, a stack of any number on a GPU.
    """
    reports = fitted(data, task, seeds, epochs, device, n_workers=1).reports
    return sum(report.seconds for report in reports) / len(seeds) / epochs


def train_side_by_side(
    data: str, task: Task, seeds: list[int], epochs: int, n_workers: int
) -> float:
    """Return the seconds of wall time for an epoch of one model, all of ``fit`` counted: what it
    prepares and the start of its workers too.
    """
    training_data(data, task)
    started = time.perf_counter()
    fitted(data, task, seeds, epochs, "cpu", n_workers)
    return (time.perf_counter() - started) / len(seeds) / epochs


def save(path: str) -> None:
    """Write the weights of the last training's first replica."""
    np.savez(
        path, **{name: tensor[0].numpy() for name, tensor in LAST[0].model.state_dict().items()}
    )


if __name__ == "__main__":
    serve(train=train, train_side_by_side=train_side_by_side, save=save)
