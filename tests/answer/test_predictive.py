import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import mean_poisson_deviance

from latentbench.answer.predictive import predict_from_code, predict_from_rates, predictive_table
from latentbench.answer.thinning import thin

N_OBS, N_VARS = 400, 60


@pytest.fixture(scope="module")
def cells():
    """The true rates, and the thinned counts, of four groups."""
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 4, N_OBS)
    rates = np.exp(rng.normal(0.5, 1, (4, N_VARS)))[groups]
    return groups, rates, thin(sparse.csr_matrix(rng.poisson(rates)), seed=0)


SPLIT = {"train": np.arange(0, 300), "test": np.arange(300, N_OBS)}


def code_of(groups):
    return np.eye(4)[groups] + 0.01 * np.random.default_rng(1).normal(size=(len(groups), 4))


def test_true_rates_explain_most_then_groups_then_noise(cells):
    groups, rates, parts = cells
    noise = np.random.default_rng(2).normal(size=(N_OBS, 4))
    found = [
        predict_from_rates(rates[SPLIT["test"]], parts.held_out, **SPLIT).explained,
        predict_from_code(code_of(groups), parts.held_out, **SPLIT).explained,
        predict_from_code(noise, parts.held_out, **SPLIT).explained,
    ]
    assert found[0] > found[1] > 0.2
    assert abs(found[2]) < 0.05


def test_the_deviance_is_that_of_poisson(cells):
    _, rates, parts = cells
    test = SPLIT["test"]
    found = predict_from_rates(rates[test], parts.held_out, **SPLIT)
    x = parts.held_out[test[0]].toarray().ravel()
    expected = rates[test[0]] / rates[test[0]].sum() * x.sum()
    assert found.deviance[0] == pytest.approx(N_VARS * mean_poisson_deviance(x, expected))


def test_the_score_does_not_depend_on_the_scale_of_code_or_rates(cells):
    groups, rates, parts = cells
    z = code_of(groups)
    one, other = (predict_from_code(c * z, parts.held_out, **SPLIT) for c in (1.0, 16.0))
    assert one.explained == pytest.approx(other.explained)
    one, other = (
        predict_from_rates(c * rates[SPLIT["test"]], parts.held_out, **SPLIT) for c in (1.0, 16.0)
    )
    assert one.explained == pytest.approx(other.explained)


def test_a_code_that_saw_the_held_out_part_is_not_told_by_it(cells):
    """What it cannot tell: the score of such a code is higher, so codes must come from the rest."""
    _, _, parts = cells
    dishonest = np.log1p(parts.held_out.toarray())
    honest = np.log1p(parts.seen.toarray())
    scores = [predict_from_code(z, parts.held_out, **SPLIT).explained for z in (dishonest, honest)]
    assert scores[0] > scores[1]


def test_the_table_is_ordered_and_the_gap_of_the_best_is_0(cells):
    groups, rates, parts = cells
    table = predictive_table(
        {
            "groups": predict_from_code(code_of(groups), parts.held_out, **SPLIT),
            "rates": predict_from_rates(rates[SPLIT["test"]], parts.held_out, **SPLIT),
        }
    )
    assert table["model"].tolist() == ["rates", "groups"]
    assert table["gap"].iloc[0] == table["gap_high"].iloc[0] == 0
    assert table["gap_low"].iloc[1] > 0
    assert ((table["low"] < table["explained"]) & (table["explained"] < table["high"])).all()


def test_the_same_seed_gives_the_same_score(cells):
    groups, _, parts = cells
    one, same = (predict_from_code(code_of(groups), parts.held_out, **SPLIT) for _ in range(2))
    np.testing.assert_array_equal(one.deviance, same.deviance)


def test_codes_and_rates_of_other_cells_are_refused(cells):
    groups, rates, parts = cells
    with pytest.raises(ValueError, match="every cell"):
        predict_from_code(code_of(groups)[:10], parts.held_out, **SPLIT)
    with pytest.raises(ValueError, match="positive rate"):
        predict_from_rates(0 * rates[SPLIT["test"]], parts.held_out, **SPLIT)
