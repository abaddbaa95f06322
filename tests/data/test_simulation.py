import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from latentbench.data.simulation import SIMULATED


@pytest.mark.parametrize("name", SIMULATED)
def test_simulations_are_the_same_every_time(name):
    first, second = SIMULATED[name](), SIMULATED[name]()

    assert (first.X != second.X).sum() == 0
    assert first.obs.equals(second.obs)
    assert first.obs_names.is_unique
    assert first.var_names.is_unique


def test_blobs_have_the_thesis_sizes_separable_classes_and_a_shift_of_the_stated_size():
    blobs = SIMULATED["blobs"]()

    assert blobs.shape == (3500, 16)
    assert set(blobs.obs.groupby(["class", "condition"]).size()) == {350}
    found = KMeans(5, n_init=10, random_state=0).fit_predict(blobs.X)
    assert adjusted_rand_score(blobs.obs["class"], found) == 1.0
    treated = (blobs.obs["condition"] == "treated").to_numpy()
    # The mean of 16 estimation errors of variance 2/1750 each adds 0.018 to the squared length.
    assert np.linalg.norm(
        blobs.X[treated].mean(axis=0) - blobs.X[~treated].mean(axis=0)
    ) == pytest.approx(1.2, abs=0.1)


def test_simulated_counts_are_counts_that_vary_more_than_poisson_and_mark_their_groups():
    counts = SIMULATED["counts"]()
    x = counts.X.toarray().astype(float)

    assert counts.X.dtype == np.int32
    assert x.min() == 0
    assert counts.obs["group"].nunique() == 4
    assert counts.obs["batch"].nunique() == 2
    in_first = (counts.obs["group"] == "group 0").to_numpy()
    # From gene 100 on nothing marks a group, so the extra variance is the gamma's.
    unmarked = x[:, 100:]
    assert (unmarked.var(axis=0) > unmarked.mean(axis=0)).mean() > 0.95
    fold = x[in_first, :25].mean() / x[~in_first, :25].mean()
    assert 4 < fold < 9
