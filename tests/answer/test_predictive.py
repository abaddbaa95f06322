import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import mean_poisson_deviance

from latentbench.answer.predictive import predict_from_code
from latentbench.maths.count_splitting import split_counts

N_OBS, N_VARS = 400, 60


@pytest.fixture(scope="module")
def cells():
    """The true rates, and the thinned counts, of four groups."""
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 4, N_OBS)
    rates = np.exp(rng.normal(0.5, 1, (4, N_VARS)))[groups]
    return groups, rates, split_counts(sparse.csr_matrix(rng.poisson(rates)), held_out=0.5)


SPLIT = {"train": np.arange(0, 300), "test": np.arange(300, N_OBS)}


def code_of(groups):
    return np.eye(4)[groups] + 0.01 * np.random.default_rng(1).normal(size=(len(groups), 4))


def test_groups_explain_much_and_noise_nothing(cells):
    groups, _, parts = cells
    noise = np.random.default_rng(2).normal(size=(N_OBS, 4))
    found = [
        predict_from_code(z, parts.held_out, **SPLIT).explained for z in (code_of(groups), noise)
    ]
    assert found[0] > 0.2
    assert abs(found[1]) < 0.05


def test_the_deviance_is_that_of_poisson(cells):
    groups, _, parts = cells
    found = predict_from_code(code_of(groups), parts.held_out, **SPLIT)
    counts = parts.held_out.toarray()
    totals = counts[SPLIT["train"]].sum(axis=0) + 0.5
    x = counts[SPLIT["test"][0]]
    expected = totals / totals.sum() * x.sum()
    assert found.deviance_of_mean[0] == pytest.approx(N_VARS * mean_poisson_deviance(x, expected))


def test_the_score_does_not_depend_on_the_scale_of_the_code(cells):
    groups, _, parts = cells
    z = code_of(groups)
    one, other = (predict_from_code(c * z, parts.held_out, **SPLIT) for c in (1.0, 16.0))
    assert one.explained == pytest.approx(other.explained)


def test_a_code_that_saw_the_held_out_part_is_not_told_by_it(cells):
    """What it cannot tell: the score of such a code is higher, so codes must come from the rest."""
    _, _, parts = cells
    dishonest = np.log1p(parts.held_out.toarray())
    honest = np.log1p(parts.seen.toarray())
    scores = [predict_from_code(z, parts.held_out, **SPLIT).explained for z in (dishonest, honest)]
    assert scores[0] > scores[1]


def test_the_same_seed_gives_the_same_score(cells):
    groups, _, parts = cells
    one, same = (predict_from_code(code_of(groups), parts.held_out, **SPLIT) for _ in range(2))
    np.testing.assert_array_equal(one.deviance, same.deviance)


def test_codes_of_other_cells_are_refused(cells):
    groups, _, parts = cells
    with pytest.raises(ValueError, match="every cell"):
        predict_from_code(code_of(groups)[:10], parts.held_out, **SPLIT)
