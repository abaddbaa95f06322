import numpy as np
import pytest
from scipy import stats

from latentbench.outcomes import Unavailable
from latentbench.prediction.metrics import METRICS, agreement, most_changed, squared_correlation


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


def test_the_hidden_cells_themselves_score_one_in_everything(cells):
    control, stimulated = cells
    assert agreement(stimulated, control, stimulated) == pytest.approx(dict.fromkeys(METRICS, 1.0))


def test_no_prediction_has_no_change_to_correlate(cells):
    found = agreement(cells[0], *cells)
    assert isinstance(found["r2_change"], Unavailable)
    assert 0 < found["r2_mean"] < 1


def test_the_most_changed_genes_are_those_with_the_largest_welch_t(cells):
    t = stats.ttest_ind(*cells, equal_var=False).statistic
    assert set(most_changed(*cells, 20)) == set(np.argsort(-np.abs(t))[:20])
    assert len(set(most_changed(*cells, 20)) & set(range(20))) >= 18


def test_a_gene_that_is_the_same_in_all_cells_is_not_among_them():
    control, stimulated = np.ones((5, 3), np.float32), np.ones((4, 3), np.float32)
    stimulated[:, 1] = [2, 3, 2, 3]
    assert most_changed(control, stimulated, 1).tolist() == [1]
