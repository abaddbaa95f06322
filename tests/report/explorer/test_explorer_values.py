import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from latentbench.report.explorer.explorer_values import (
    PreparedValues,
    choose_variables,
    mean_of_squares,
    pictures,
    read_values,
)

TRAIN = np.array([True, True, True, False])


def values_of(x, names, modality="counts", **var):
    return PreparedValues(
        np.asarray(x, dtype=np.float32), pd.DataFrame(var, index=names), "blobs", modality
    )


@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_matrix])
def test_only_the_highly_variable_columns_of_the_rows_asked_for_are_read_in_their_order(
    layout, tmp_path
):
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    var = pd.DataFrame({"highly_variable": [True, False, True]}, index=["a", "b", "c"])
    prepared = ad.AnnData(
        layout(x), var=var, uns={"latentbench": {"dataset": "blobs", "modality": "counts"}}
    )
    prepared.write_h5ad(tmp_path / "prepared.h5ad")
    found = read_values(tmp_path / "prepared.h5ad", np.array([3, 0]))
    assert found.x.tolist() == [[9.0, 11.0], [0.0, 2.0]]
    assert (found.var.index.tolist(), found.dataset, found.modality) == (
        ["a", "c"],
        "blobs",
        "counts",
    )


def test_the_variables_shown_are_those_that_vary_most_over_training_cells():
    values = values_of(
        [[0, 0, 0], [1, 5, 0], [2, 9, 0], [0, 0, 99]], ["low", "high", "only in test"]
    )
    chosen, words = choose_variables(values, TRAIN, [], 2)
    assert chosen == [1, 0]
    assert (
        "The 2 genes of largest variance over the training cells shown, of the 3 that the"
        " models see" in words
    )


def test_named_genes_come_first_and_are_not_listed_twice():
    values = values_of([[0, 0, 0], [1, 5, 2], [2, 9, 4], [0, 0, 0]], ["a", "b", "c"])
    chosen, words = choose_variables(values, TRAIN, ["b"], 1)
    assert chosen == [1, 2]
    assert words.startswith("First the 1 that the configuration names.")


def test_a_gene_that_the_models_do_not_see_is_refused_by_name_with_the_nearest():
    with pytest.raises(
        ValueError,
        match=r"blobs: 'CD3' is not among the 2 variables that the models see; did you mean 'CD3D'",
    ):
        choose_variables(values_of(np.zeros((4, 2)), ["CD3D", "NKG7"]), TRAIN, ["CD3"], 1)


def test_images_have_pictures_instead_of_a_list_of_pixels():
    values = values_of(
        [[0, 0.5, 1, 0.25]], list("abcd"), "images", row=[0, 0, 1, 1], column=[0, 1, 0, 1]
    )
    assert choose_variables(values, TRAIN[:1], [], 5)[0] == []
    assert pictures(values)[:, :, 0].tolist() == [[0, 128], [255, 64]]


def test_counts_have_no_pictures():
    assert pictures(values_of([[1.0]], ["a"], row=[0], column=[0])) is None


def test_a_large_picture_is_shown_in_means_of_squares():
    images = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    assert mean_of_squares(images, 2).tolist() == [[[2.5, 4.5], [10.5, 12.5]]]
    assert pictures(
        values_of(
            np.ones((1, 784)),
            range(784),
            "images",
            row=np.repeat(range(28), 28),
            column=np.tile(range(28), 28),
        )
    ).shape == (14, 14, 1)
