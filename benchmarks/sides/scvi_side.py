"""The side of scvi-tools (counts only): SCVI.train with the same network, minibatch and learning
rate, no KL warm-up; and its module as the judge of ELBOs.
"""

import time

import anndata
import lightning
import numpy as np
import scvi
import torch
from protocol import read_rows, serve
from scvi_weights import as_scvi
from task import Task

LAST: list[scvi.model.SCVI] = []


class EpochClock(lightning.pytorch.callbacks.Callback):
    """Seconds of every training epoch, without what SCVI.train does before and after."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_epoch_start(self, trainer, module):
        self.started = now()

    def on_train_epoch_end(self, trainer, module):
        self.seconds.append(now() - self.started)


def now() -> float:
    """Return the time once a GPU, if there is one, has done all it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def untrained(data: str, task: Task) -> scvi.model.SCVI:
    """Return a model of the task's training cells."""
    adata = anndata.AnnData(read_rows(data)[: task.n_train])
    scvi.model.SCVI.setup_anndata(adata)
    return scvi.model.SCVI(
        adata,
        gene_likelihood=task.likelihood,
        n_hidden=task.n_hidden,
        n_latent=task.n_latent,
        dropout_rate=task.dropout,
    )


def train(data: str, task: Task, seeds: list[int], epochs: int, device: str) -> float:
    """Return the seconds of an epoch of one model: the median, which forgives a slow first
    epoch.
    """
    clock = EpochClock()
    options = {
        "batch_size": task.batch_size,
        "train_size": 1.0,
        "enable_progress_bar": False,
        "logger": False,
    }
    full_kl = {
        "n_epochs_kl_warmup": None,
        "n_steps_kl_warmup": None,
        "max_kl_weight": 1.0,
        "min_kl_weight": 1.0,
    }
    for seed in seeds:
        scvi.settings.seed = seed
        model = untrained(data, task)
        accelerator = {"cpu": "cpu", "cuda": "gpu"}[device]
        model.train(
            max_epochs=epochs,
            plan_kwargs=full_kl,
            accelerator=accelerator,
            devices=1,
            callbacks=[clock],
            **options,
        )
        LAST[:] = [model]
    return float(np.median(clock.seconds))


def score(data: str, task: Task) -> float:
    """Return the held-out -ELBO of the last training."""
    return held_out(LAST[0], data, task)


def score_weights(data: str, task: Task, weights: str) -> float:
    """Return the held-out -ELBO of this project's weights."""
    model = untrained(data, task)
    model.module.load_state_dict(as_scvi(dict(np.load(weights)), model.module.state_dict()))
    return held_out(model, data, task)


@torch.no_grad()
def held_out(model: scvi.model.SCVI, data: str, task: Task, *, n_samples: int = 25) -> float:
    """Return the mean -ELBO of the held-out cells by scvi-tools' own module in eval mode, averaged
    over ``n_samples`` samples of z.
    """
    x = torch.from_numpy(read_rows(data)[task.n_train :].toarray())
    model.module.to("cpu").eval()
    scvi.settings.seed = 0
    tensors = {"X": x, "batch": torch.zeros(len(x), 1), "labels": torch.zeros(len(x), 1)}
    return float(np.mean([model.module(tensors)[2].loss.item() for _ in range(n_samples)]))


if __name__ == "__main__":
    serve(train=train, score=score, score_weights=score_weights)
