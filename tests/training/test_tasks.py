from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score
from training_calls import observed_classes


def test_unsupervised_shows_nothing(training_data):
    observed = observed_classes(training_data(), seeds=[0, 1], n_clusters=3)
    assert (observed.y == -1).all()
    assert not observed.true_labels


def test_supervised_shows_the_labels_of_training_cells_only(training_data):
    data = training_data()
    observed = observed_classes(data, seeds=[0], n_clusters=3, mode="supervised")
    np.testing.assert_array_equal(observed.y[0][data.train], data.labels[data.train])
    assert (observed.y[0][data.test] == -1).all()
    assert observed.true_labels


def test_semi_supervised_shows_the_stated_share_of_every_class_and_follows_the_seed(training_data):
    data = training_data(n_obs=300)
    observed = observed_classes(
        data, seeds=[0, 0, 1], n_clusters=3, mode="semi_supervised", label_fraction=0.1
    )
    shown = observed.y.numpy()
    for label in range(3):
        assert (shown[0] == label).sum() == 8
    np.testing.assert_array_equal(shown[0], shown[1])
    assert (shown[0] != shown[2]).any()


def test_semi_supervised_shows_at_least_one_cell_of_every_class(training_data):
    observed = observed_classes(
        training_data(), seeds=[0], n_clusters=3, mode="semi_supervised", label_fraction=1e-9
    )
    assert sorted(observed.y[0][observed.y[0] >= 0].tolist()) == [0, 1, 2]


def test_guided_uses_no_label(training_data):
    data = training_data()
    shuffled = replace(data, labels=np.random.default_rng(0).permutation(data.labels))
    first, second = (
        observed_classes(given, seeds=[0], n_clusters=3, mode="guided")
        for given in (data, shuffled)
    )
    np.testing.assert_array_equal(first.y, second.y)
    assert not first.true_labels
    assert (first.y[0][data.test] == -1).all()


def test_supervision_without_a_single_label_is_refused(training_data):
    data = replace(training_data(), labels=np.full(90, -1))
    with pytest.raises(ValueError, match="no training cell has one"):
        observed_classes(data, seeds=[0], n_clusters=3, mode="supervised")


def test_more_classes_than_clusters_is_refused(training_data):
    with pytest.raises(ValueError, match="3 classes and the model 2 clusters"):
        observed_classes(training_data(), seeds=[0], n_clusters=2, mode="supervised")


@pytest.mark.parametrize("guide", ["kmeans", "mixture", "manifold"])
def test_every_guide_finds_separate_groups_among_the_cells_that_it_looks_at(training_data, guide):
    data = training_data(n_obs=300)
    y = observed_classes(
        data,
        seeds=[0],
        n_clusters=3,
        mode="guided",
        guide=guide,
        guide_cells=150,
        guide_confidence=0.5,
    ).y[0]
    shown = torch.nonzero(y >= 0).flatten()
    assert 140 <= len(shown) <= 150
    assert adjusted_rand_score(data.labels[shown], y[shown]) == 1


def test_a_guide_looks_at_the_codes_that_it_is_given_each_seeds_own(training_data):
    data = training_data(n_obs=300)
    halves = [
        np.stack([np.arange(300) % 2, np.arange(300) % 2], 1)
        + 0.01 * np.random.default_rng(seed).standard_normal((300, 2))
        for seed in (0, 1)
    ]
    halves[1] = halves[1][np.random.default_rng(2).permutation(300)]
    y = (
        observed_classes(data, seeds=[0, 1], n_clusters=2, mode="guided", guide_codes=halves)
        .y[:, data.train]
        .numpy()
    )
    for found, codes in zip(y, halves, strict=True):
        assert adjusted_rand_score(codes[data.train, 0] > 0.5, found) == 1
