import numpy as np
import pytest
from scipy import stats

from latentbench.outcomes import Unavailable
from latentbench.prediction.metrics import (
    CORRELATIONS,
    METRICS,
    Truth,
    agreement,
    energy_distance,
    most_changed,
    squared_correlation,
)


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    scale = rng.gamma(2, 1, 150)
    control, stimulated = (rng.gamma(2, 1, (n, 150)) * scale for n in (60, 40))
    stimulated[:, :20] += 3
    return control.astype(np.float32), stimulated.astype(np.float32)


def test_the_correlation_is_scipys(cells):
    one, other = (each.mean(0).astype(np.float64) for each in cells)
    assert squared_correlation(one, other) == pytest.approx(
        stats.pearsonr(one, other).statistic ** 2
    )


def test_the_hidden_cells_themselves_are_the_best_prediction_by_every_metric(cells):
    control, stimulated = (np.where(each < 1, 0, each) for each in cells)
    found = agreement(stimulated, Truth(control, stimulated))
    assert set(found) == set(METRICS)
    best = {name: float(name in CORRELATIONS or name == "pearson_change") for name in METRICS}
    assert found == pytest.approx(best, abs=1e-9)


def test_no_prediction_has_no_change_to_correlate(cells):
    found = agreement(cells[0], Truth(*cells))
    assert isinstance(found["r2_change"], Unavailable)
    assert isinstance(found["pearson_change"], Unavailable)
    assert 0 < found["r2_mean"] < 1
    assert isinstance(found["zeros_error"], Unavailable)  # values, of which none is zero


def test_the_opposite_change_has_the_squared_correlation_of_the_right_one_and_the_other_sign(cells):
    control, stimulated = cells
    opposite = control - (stimulated.mean(0) - control.mean(0))
    found = agreement(opposite, Truth(control, stimulated))
    assert found["r2_change"] == pytest.approx(1, abs=1e-4)
    assert found["pearson_change"] == pytest.approx(-1, abs=1e-4)


def test_the_mean_cell_for_every_cell_has_right_means_and_no_variance(cells):
    control, stimulated = cells
    found = agreement(np.broadcast_to(stimulated.mean(0), (30, 150)), Truth(control, stimulated))
    assert found["r2_mean"] == pytest.approx(1)
    assert found["variance_error"] == pytest.approx(1)
    assert found["energy_distance"] > 1


def test_the_energy_distance_is_scipys_in_one_dimension():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(50, 1)), rng.normal(1, size=(40, 1))
    assert energy_distance(one, other) == pytest.approx(
        stats.energy_distance(one[:, 0], other[:, 0]) ** 2
    )


def test_the_most_changed_genes_are_those_with_the_largest_welch_t(cells):
    t = stats.ttest_ind(*cells, equal_var=False).statistic
    assert set(most_changed(*cells, 20)) == set(np.argsort(-np.abs(t))[:20])
    assert len(set(most_changed(*cells, 20)) & set(range(20))) >= 18


def test_a_gene_that_is_the_same_in_all_cells_is_not_among_them():
    control, stimulated = np.ones((5, 3), np.float32), np.ones((4, 3), np.float32)
    stimulated[:, 1] = [2, 3, 2, 3]
    assert most_changed(control, stimulated, 1).tolist() == [1]
