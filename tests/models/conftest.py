import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from training_calls import fit, observed_classes

from latentbench.models.interface import AbstractCodeClusteringModel
from latentbench.training.passes import embed_cells
from latentbench.training.replicas import build_replicas


@pytest.fixture
def ari_of_groups(training_data):
    """A factory: train two seeds of a kind on three separated groups of cells -> the ARI of each
    seed's own clusters with them, over all cells.
    """

    def train(
        kind,
        *,
        phases,
        hyperparameters,
        likelihood="gaussian",
        modality="real",
        mode="unsupervised",
    ):
        data, seeds = training_data(modality), (0, 1)
        model = build_replicas(
            kind, data.n_vars, likelihood=likelihood, seeds=seeds, n_clusters=3, **hyperparameters
        )
        observed = observed_classes(data, seeds=seeds, n_clusters=3, mode=mode)
        fitted = fit(
            model,
            data,
            seeds=seeds,
            observed=observed,
            phases=phases,
            batch_size=36,
            learning_rate=3e-3,
        )
        codes, probs = embed_cells(fitted.model, data)
        if isinstance(fitted.model, AbstractCodeClusteringModel):
            probs = [
                fitted.model.cluster_codes(each, train=data.train.numpy(), seed=seed)[1]
                for each, seed in zip(codes, seeds, strict=True)
            ]
        return np.array([adjusted_rand_score(data.labels, each.argmax(1)) for each in probs])

    return train
