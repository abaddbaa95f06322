"""The project's own side of the training benchmark: ``fit`` as a study calls it, one replica, one thread."""

import sys

import numpy as np
import pandas as pd
import torch
from protocol import serve

from latentbench.models.data import TrainingData
from latentbench.training.fit import fit
from latentbench.training.replicas import build_replicas
from latentbench.training.tasks import ObservedClasses

NETWORK = {"n_latent": 10, "n_hidden": 128, "n_layers": 1, "dropout": 0.1}


def main(counts_path: str, likelihood: str, n_test: int) -> None:
    """Serve ``train(epochs, test_every)``: seconds an epoch; and ``save(path)``: the weights of the last training."""
    x = torch.from_numpy(np.load(counts_path))
    train, test = torch.arange(len(x)).split([len(x) - n_test, n_test])
    data = TrainingData(
        x=x,
        library_size=x.sum(1, keepdim=True).clamp(min=1),
        labels=np.full(len(x), -1),
        train=train,
        test=test,
        pca=np.zeros((len(x), 2), np.float32),
        obs=pd.DataFrame(),
        obsm={},
    )
    hidden = ObservedClasses(torch.full((1, len(x)), -1), 0.0, true_labels=False)
    fitted = []

    def train_replica(epochs: int, seed: int) -> float:
        model = build_replicas("vae", x.shape[1], likelihood=likelihood, seeds=[seed], **NETWORK)
        fitted[:] = [fit(model, data, seeds=[seed], observed=hidden, epochs=epochs, log_every=epochs)]
        return fitted[0].reports[0].seconds / epochs

    def save(path: str) -> None:
        np.savez(path, **{name: tensor.numpy() for name, tensor in fitted[0].model.state_dict().items()})

    serve({"train": train_replica, "save": save})


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
