"""The standard recipe is scanpy's own, call for call."""

import numpy as np
import scanpy as sc
from anndata import AnnData
from sklearn.metrics import adjusted_rand_score

from latentbench.maths.random_streams import seed_of
from latentbench.models.leiden_pca import leiden_pca, leiden_pca_declared


def test_leiden_on_principal_components_finds_separate_groups(training_data):
    data = training_data(n_obs=150)
    found = leiden_pca(data, seed=0, resolution=0.3).cluster_probs.argmax(1)
    assert adjusted_rand_score(data.labels, found) == 1


def test_the_clusters_are_those_of_scanpys_tutorial_on_the_training_cells(training_data):
    data = training_data(n_obs=150)
    train = data.train.numpy()
    plain = AnnData(obsm={"X_pca": data.pca[train]})
    sc.pp.neighbors(plain, use_rep="X_pca")
    sc.tl.leiden(
        plain,
        flavor="igraph",
        n_iterations=2,
        directed=False,
        random_state=seed_of(3, "leiden") % 2**32,
    )
    found = leiden_pca(data, seed=3).cluster_probs.argmax(1)
    np.testing.assert_array_equal(found[train], plain.obs["leiden"].astype(int))


def test_a_declared_number_of_clusters_is_found(training_data):
    data = training_data(n_obs=150)
    found = leiden_pca_declared(data, seed=0, n_clusters=3)
    assert found.cluster_probs.shape[1] == 3
    assert adjusted_rand_score(data.labels, found.cluster_probs.argmax(1)) == 1
