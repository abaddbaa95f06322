from dataclasses import replace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from training_calls import fit, observed_classes

from latentbench.files.artefacts import write_h5ad
from latentbench.kernels.sparse_rows import SparseRows, sparse_rows
from latentbench.maths.likelihoods import LIKELIHOODS
from latentbench.models.data import read_training_data
from latentbench.preprocessing.mapped import preprocess_on_disk
from latentbench.preprocessing.presets import preprocess
from latentbench.training.replicas import build_replicas

ARGUMENTS = {"preset": "counts_raw", "options": {"n_pcs": 3}, "split": {}}


@pytest.fixture
def raw() -> ad.AnnData:
    counts = np.random.default_rng(0).poisson(0.4, (120, 40)).astype(np.int32)
    counts[0, 0] = 300
    names = [f"cell{i}" for i in range(120)], [f"gene{i}" for i in range(40)]
    record = {
        "dataset": "small",
        "modality": "counts",
        "source": "a test",
        "sha256": "",
        "licence": "",
        "citation": "",
        "tried": np.array([], dtype=object),
    }
    obs = pd.DataFrame(
        {"label": pd.Categorical(np.array(["a", "b"])[np.arange(120) % 2])}, index=names[0]
    )
    return ad.AnnData(
        sparse.csr_matrix(counts),
        obs=obs,
        var=pd.DataFrame(index=names[1]),
        uns={"latentbench": record},
    )


@pytest.fixture
def mapped(raw, tmp_path):
    """A prepared file that was written to be mapped."""
    write_h5ad(raw, tmp_path / "raw.h5ad")
    preprocess_on_disk(tmp_path / "raw.h5ad", tmp_path / "prepared.h5ad", **ARGUMENTS)
    return tmp_path / "prepared.h5ad"


@pytest.fixture
def prepared_counts(raw, tmp_path):
    """A prepared file with a batch column, and what is in it."""
    raw.obs["batch"] = pd.Categorical(np.array(["b", "a", "a"])[np.arange(120) % 3])
    prepared = preprocess(raw, **ARGUMENTS)
    write_h5ad(prepared, tmp_path / "prepared.h5ad")
    return tmp_path / "prepared.h5ad", prepared


def is_mapped(array: np.ndarray) -> bool:
    while array is not None and not isinstance(array, np.memmap):
        array = array.base
    return array is not None


def test_counts_written_to_be_mapped_stay_in_their_file_and_give_the_same_training(mapped):
    data = read_training_data(mapped, layer="counts")
    assert is_mapped(data.x.values)
    assert is_mapped(data.x.columns)
    stored = ad.read_h5ad(mapped)
    np.testing.assert_array_equal(data.dense().numpy(), stored.layers["counts"].toarray())
    np.testing.assert_array_equal(
        data.library_size[:, 0].numpy(), stored.layers["counts"].toarray().sum(1)
    )
    in_memory = replace(data, x=sparse_rows(sparse.csr_array(stored.layers["counts"])))
    assert not is_mapped(in_memory.x.values)
    states = []
    for given in (data, in_memory):
        model = build_replicas(
            "vae", data.n_vars, likelihood="nb", seeds=(0,), n_latent=2, n_hidden=8
        )
        observed = observed_classes(given, seeds=(0,), n_clusters=None)
        states.append(
            fit(
                model, given, seeds=(0,), observed=observed, epochs=2, batch_size=16
            ).model.state_dict()
        )
    assert all(
        torch.equal(one, other) for one, other in zip(*map(dict.values, states), strict=True)
    )


def test_normalised_values_of_a_mapped_file_are_read_too(mapped):
    data = read_training_data(mapped, layer="X")
    np.testing.assert_array_equal(data.dense().numpy(), ad.read_h5ad(mapped).X.toarray())
    assert (data.library_size == 1).all()
    minibatch = data.minibatch(torch.tensor([[0, 3]]), LIKELIHOODS["gaussian"](data.n_vars))
    assert isinstance(minibatch.x, torch.Tensor), "a likelihood that is not of counts reads tensors"


def test_counts_of_an_ordinary_file_are_kept_in_the_smallest_type(raw, tmp_path):
    write_h5ad(preprocess(raw, **ARGUMENTS), tmp_path / "prepared.h5ad")
    data = read_training_data(tmp_path / "prepared.h5ad", layer="counts")
    assert isinstance(data.x, SparseRows)
    assert (data.x.values.dtype, data.x.columns.dtype) == (np.uint16, np.uint16)
    assert not is_mapped(data.x.values)
    assert sorted(np.concatenate([data.train, data.test])) == list(range(data.n_obs))


@pytest.mark.parametrize(("share", "kind"), [(0.05, SparseRows), (0.5, torch.Tensor)])
def test_values_that_are_no_counts_are_sparse_only_where_most_are_zero(share, kind, tmp_path):
    x = (
        np.random.default_rng(0).random((50, 30))
        * (np.random.default_rng(1).random((50, 30)) < share)
    ).astype(np.float32)
    obs = pd.DataFrame(
        {"split": pd.Categorical(np.where(np.arange(50) % 5 == 0, "test", "train"))},
        index=[str(i) for i in range(50)],
    )
    adata = ad.AnnData(
        x,
        obs=obs,
        var=pd.DataFrame(
            {"highly_variable": np.arange(30) < 20}, index=[str(i) for i in range(30)]
        ),
        obsm={"X_pca": x[:, :2]},
    )
    write_h5ad(adata, tmp_path / "prepared.h5ad")
    data = read_training_data(tmp_path / "prepared.h5ad", layer="X")
    assert isinstance(data.x, kind)
    np.testing.assert_array_equal(data.dense().numpy(), x[:, :20])
    # The layout of a GPU, on the CPU.
    np.testing.assert_array_equal(data.to(torch.device("cpu")).x.numpy(), x[:, :20])


def test_covariates_are_one_hot_codes_of_the_named_columns_side_by_side(prepared_counts):
    path, adata = prepared_counts
    data = read_training_data(path, layer="counts", covariates=["batch"])
    assert data.levels == ("batch=a", "batch=b")
    assert torch.equal(
        data.covariates[:, 0], torch.from_numpy((adata.obs["batch"] == "a").to_numpy(np.float32))
    )
    assert torch.equal(
        data.minibatch(torch.tensor([[1, 2]]), LIKELIHOODS["nb"](data.n_vars)).covariates[0],
        data.covariates[[1, 2]],
    )


def test_a_covariate_that_is_not_there_is_refused_by_name(prepared_counts):
    with pytest.raises(ValueError, match="no obs column donor"):
        read_training_data(prepared_counts[0], layer="counts", covariates=["batch", "donor"])


def test_genes_are_taken_by_name_in_the_order_asked_for_and_missing_ones_are_counted(
    prepared_counts,
):
    path, adata = prepared_counts
    genes = [adata.var_names[3], adata.var_names[0]]
    data = read_training_data(path, layer="counts", genes=genes)
    np.testing.assert_array_equal(
        data.x.to_scipy().toarray(), adata[:, genes].layers["counts"].toarray()
    )
    with pytest.raises(
        ValueError, match=r"2 of the 3 modelled genes are not in it \(first: none, neither"
    ):
        read_training_data(path, layer="counts", genes=["none", genes[0], "neither"])
