import logging

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from latentbench.data.row_blocks import RowBlocks
from latentbench.preprocessing.quality import (
    Limits,
    cells_failing,
    is_mitochondrial,
    warn_without_mitochondrial,
)
from latentbench.preprocessing.streamed import control_quality


def limits(**given) -> Limits:
    nothing = {"max_mito_fraction": None, "n_mads": None, "n_mads_mito": None}
    return Limits(**{"min_counts": 1, "min_genes": 1, "min_cells": 1, **nothing, **given})


def control(counts: np.ndarray, *, n_train: int, edges: list[int] | None = None, **thresholds):
    """The first ``n_train`` cells are for training."""
    matrix = sparse.csr_matrix(counts)
    blocks = RowBlocks(matrix.shape, np.array(edges or [0, len(counts)]), lambda rows: matrix[rows])
    asked = limits(**thresholds)
    is_empty, is_mito = counts.sum(axis=1) == 0, np.zeros(counts.shape[1], dtype=bool)
    is_train = (np.arange(len(counts)) < n_train) & ~is_empty
    return control_quality(
        blocks,
        is_empty=is_empty,
        is_train=is_train,
        is_mito=is_mito,
        limits=asked,
        batches=np.zeros(len(counts), dtype=np.int64),
        where="data set mine",
    )


@pytest.mark.parametrize("edges", [[0, 6], [0, 1, 2, 3, 4, 5, 6], [0, 3, 6]])
def test_a_cell_of_rare_genes_only_is_dropped_whenever_its_genes_prove_rare_and_kept_if_they_do_not(
    edges,
):
    # Cell 0 has gene 0 alone, which the training cells 2 and 3 have too; cell 1 and the test cell 5
    # have gene 1 alone, which is too rare.
    counts = np.array([[4, 0, 0], [0, 4, 0], [2, 0, 1], [1, 0, 2], [0, 0, 3], [0, 5, 0]])

    kept = control(counts, n_train=4, edges=edges, min_cells=2)

    assert kept.cells.tolist() == [True, False, True, True, True, False]
    assert kept.genes.tolist() == [True, False, True]
    assert kept.filters["cells_emptied_by_gene_filter"] == 2
    assert kept.filters["genes_below_min_cells"] == 1
    assert kept.filters["cells_dropped"] == 2
    assert kept.sums[0].n_obs == 3
    assert kept.sums[0].n_detected.tolist() == [3, 2]
    assert kept.sums[0].total.tolist() == [7, 3]
    assert kept.sums[0].total_of_squares.tolist() == [21, 5]
    assert kept.n_stored.tolist() == [3, 3]


def test_empty_cells_and_genes_are_counted_apart_from_those_below_a_threshold():
    counts = np.array([[0, 0, 0], [1, 2, 0], [3, 1, 0], [0, 1, 0], [9, 1, 0]])

    kept = control(counts, n_train=3, min_counts=2)

    assert (
        kept.filters["empty_cells"],
        kept.filters["cells_below_min_counts"],
        kept.filters["cells_dropped"],
    ) == (1, 1, 1)
    assert (
        kept.filters["empty_genes"],
        kept.filters["genes_below_min_cells"],
        kept.filters["genes_dropped"],
    ) == (1, 0, 0)


@pytest.mark.parametrize(
    ("thresholds", "left"),
    [
        ({"min_counts": 99}, "0 of 4 cells"),
        ({"min_cells": 9}, "0 of 2 genes"),
        ({"min_counts": 7}, "1 of 4 cells"),
    ],
)
def test_what_leaves_no_cell_no_gene_or_no_test_cell_is_refused(thresholds, left):
    with pytest.raises(
        ValueError,
        match=(
            f"data set mine: quality control leaves .*{left}.*; lower its thresholds in the config"
        ),
    ):
        control(np.array([[8, 1], [2, 2], [1, 1], [2, 1]]), n_train=2, **thresholds)


def test_mitochondrial_genes_are_told_by_names_or_else_by_the_first_column_of_symbols():
    var = pd.DataFrame(
        {"symbol": ["ACTB", "CD3D"], "gene_name": ["MT-CO1", "x"]}, index=["ENSG1", "ENSG2"]
    )

    assert is_mitochondrial(var).tolist() == [True, False]
    assert is_mitochondrial(var.set_axis(["a", "mt-Nd1"])).tolist() == [False, True]
    assert is_mitochondrial(var[["symbol"]]).tolist() == [False, False]


@pytest.mark.parametrize(("fraction", "warned"), [(0.2, True), (None, False)])
def test_a_mitochondrial_limit_that_can_drop_nothing_is_warned_of(fraction, warned, caplog):
    with caplog.at_level(logging.WARNING, logger="latentbench"):
        warn_without_mitochondrial(np.zeros(3, dtype=bool), limits(max_mito_fraction=fraction))

    assert bool(caplog.records) == warned


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MT-CO1", True),
        ("mt-Nd1", True),
        ("mt:CoI", True),
        ("MT.ND5", True),
        ("GRCh38_MT-ND1", True),
        ("mm10___mt-Nd1", True),
        ("nduo-1", True),
        ("MTCE.23", True),
        ("MTOR", False),
        ("MTATP6P1", False),
        ("mtd", False),
        ("SMT-3", False),
        ("atp-2", False),
    ],
)
def test_mitochondrial_names_of_several_organisms(name, expected):
    assert is_mitochondrial(pd.DataFrame(index=["ACTB", name])).tolist() == [False, expected]


def measured(counts, genes=None, mito=None) -> pd.DataFrame:
    n = len(counts)
    return pd.DataFrame(
        {
            "total_counts": counts,
            "n_genes_by_counts": np.full(n, 300) if genes is None else genes,
            "pct_counts_mt": np.zeros(n) if mito is None else mito,
        }
    )


def test_outliers_lie_so_many_deviations_from_the_median_of_the_training_cells():
    rng = np.random.default_rng(0)
    counts = np.exp(rng.normal(7, 0.3, 200)).astype(np.int64)
    counts[0], counts[199] = 10**6, 10**6
    is_train = np.arange(200) < 150
    found = cells_failing(measured(counts), counts == 0, is_train, limits(n_mads=5))
    logs = np.log1p(counts)
    middle = np.median(logs[is_train])
    far = np.abs(logs - middle) > 5 * np.median(np.abs(logs[is_train] - middle))
    np.testing.assert_array_equal(found["cells_with_outlying_counts"], far)
    assert far[0]
    assert far[199]
    assert not found["cells_with_outlying_genes"].any(), "all alike: no deviation, no limit"


def test_few_mitochondrial_counts_are_no_fault():
    mito = np.random.default_rng(0).normal(5, 1, 200)
    mito[:2] = 0.0, 30.0
    found = cells_failing(
        measured(np.full(200, 900), mito=mito),
        np.zeros(200, dtype=bool),
        np.ones(200, dtype=bool),
        limits(n_mads_mito=3),
    )["cells_with_outlying_mito"]
    assert found[1]
    assert not found[0]
