import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from latentbench.preprocessing.gate import pass_gate


def test_empty_cells_and_genes_leave_and_are_counted(as_raw):
    raw = as_raw(sparse.csr_matrix(np.array([[0, 1, 0, 2], [0, 0, 0, 0], [0, 3, 0, 0]])), modality="counts")

    kept, filters, warnings = pass_gate(raw)

    np.testing.assert_array_equal(kept.X.toarray(), [[1, 2], [3, 0]])
    assert filters == {"empty_cells": 1, "empty_genes": 2}
    assert list(kept.obs_names) == ["c0", "c2"]
    assert list(kept.var_names) == ["g1", "g3"]
    assert warnings == []


def test_nothing_but_zeros_is_refused(as_raw):
    with pytest.raises(ValueError, match="data set mine: every cell is empty"):
        pass_gate(as_raw(sparse.csr_matrix((3, 2)), modality="counts"))


@pytest.mark.parametrize("seed", range(5))
def test_a_single_bad_value_anywhere_is_found(seed, as_raw):
    rng = np.random.default_rng(seed)
    matrix = rng.poisson(1.0, (50, 40)).astype(np.float32)
    cell, gene = rng.integers(50), rng.integers(40)
    matrix[cell, gene] = rng.choice([0.5, -1, np.nan, np.inf])

    with pytest.raises(ValueError, match=rf"1 of \d+ stored values \(first: cell c{cell}, variable g{gene}: "):
        pass_gate(as_raw(sparse.csr_matrix(matrix), modality="counts"))


def test_duplicated_names_are_refused(as_raw):
    raw = as_raw(sparse.csr_matrix(np.ones((3, 2))), modality="counts")
    raw.obs_names = ["a", "b", "b"]

    with pytest.raises(ValueError, match=r"data set mine: 1 duplicated cell names \(obs_names\) \(first: b\)"):
        pass_gate(raw)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["a", "a", "a"], ["the label has 1 class: scores against it say nothing"]),
        (["a", "b", None], ["1 of 3 cells have no label"]),
        (["a", "b", "a"], []),
    ],
)
def test_labels_that_can_tell_little_are_warned_of(labels, expected, as_raw):
    raw = as_raw(np.ones((3, 2), np.float32), modality="real", obs=pd.DataFrame({"label": pd.Categorical(labels)}))

    assert pass_gate(raw)[2] == expected


def test_a_file_of_another_origin_is_refused(as_raw):
    raw = as_raw(np.ones((3, 2), np.float32), modality="real")
    del raw.uns["latentbench"]

    with pytest.raises(ValueError, match="was not made by the rule download"):
        pass_gate(raw)
