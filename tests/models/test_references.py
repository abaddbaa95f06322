from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from latentbench.models.references import (
    clustering,
    embedding,
    pca,
    random_projection,
    shuffled_labels,
    true_labels,
)


def test_true_labels_recover_the_truth_and_shuffled_ones_keep_only_the_class_sizes(training_data):
    data = training_data()
    assert adjusted_rand_score(data.labels, true_labels(data, seed=0).cluster_probs.argmax(1)) == 1
    shuffled = shuffled_labels(data, seed=0).cluster_probs.argmax(1)
    np.testing.assert_array_equal(np.bincount(shuffled), np.bincount(data.labels))
    assert abs(adjusted_rand_score(data.labels, shuffled)) < 0.2


def test_pca_takes_the_leading_components(training_data):
    data = training_data()
    np.testing.assert_array_equal(pca(data, seed=0, n_latent=2).embedding, data.pca[:, :2])


def test_a_random_projection_is_its_directions_times_the_data(training_data):
    data = training_data()
    reference = random_projection(data, seed=1, n_latent=4)
    np.testing.assert_allclose(
        reference.embedding,
        data.x.numpy() @ reference.weights["directions"][0] / np.sqrt(data.n_vars),
        rtol=1e-5,
    )


def test_a_missing_embedding_is_refused_with_those_that_are_there(training_data):
    with pytest.raises(ValueError, match=r"no obsm 'X_scvi'.*X_mine, X_pca"):
        embedding(training_data(), seed=0, obsm="X_scvi")


def test_a_clustering_of_the_data_set_is_its_groups_and_needs_no_label(training_data):
    data = training_data()
    mine = data.obs["mine"]
    found = clustering(replace(data, labels=np.full(data.n_obs, -1)), seed=0, obs="mine")
    assert (found.cluster_probs.argmax(1) == (mine == "T cell")).all()
    np.testing.assert_array_equal(found.embedding, data.pca)
    renamed = replace(data, obs=data.obs.rename(columns={"mine": "source_mine"}))
    again = clustering(renamed, seed=1, obs="mine")
    np.testing.assert_array_equal(found.cluster_probs, again.cluster_probs)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (None, "no obs column 'leiden' in the prepared data; there are: split, label, mine"),
        (lambda n: ["a", None, *["b"] * (n - 2)], "no value for 1 cells .first: cell1"),
        (lambda n: np.arange(n) / 7, "that is no clustering"),
    ],
)
def test_what_is_no_clustering_is_refused_with_column_and_cell(training_data, column, message):
    data = training_data()
    obs = data.obs if column is None else data.obs.assign(leiden=column(data.n_obs))
    with pytest.raises(ValueError, match=message):
        clustering(replace(data, obs=obs), seed=0, obs="leiden")
