import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from safetensors.numpy import save_file
from scipy import sparse

from latentbench.evaluation.principal_components import (
    angles_with,
    pca_table,
    read_values,
    variance_shares,
)
from latentbench.preprocessing.pca import PCA, fit_pca, principal_components

N_OBS, N_VARS = 80, 7


@pytest.fixture
def values():
    random = np.random.default_rng(0)
    return (
        random.standard_normal((N_OBS, N_VARS)) * np.array([4, 3, 2, 1, 1, 0.5, 0.5]) + 5
    ).astype(np.float32)


@pytest.fixture
def prepared(tmp_path, values):
    """A factory: a matrix (dense or sparse) -> a prepared.h5ad with one more variable that is not
    modelled.
    """

    def write(x=values):
        wider = (
            sparse.hstack([x, np.full((N_OBS, 1), 9.0)]).tocsr()
            if sparse.issparse(x)
            else np.hstack([x, np.full((N_OBS, 1), 9.0, np.float32)])
        )
        obs = pd.DataFrame(
            {"split": pd.Categorical(np.where(np.arange(N_OBS) % 5, "train", "test"))},
            index=[f"cell{i}" for i in range(N_OBS)],
        )
        adata = AnnData(wider, obs=obs, uns={"latentbench": {"modality": "real"}})
        adata.var["highly_variable"] = np.arange(N_VARS + 1) < N_VARS
        adata.write_h5ad(tmp_path / "prepared.h5ad")
        return tmp_path / "prepared.h5ad"

    return write


def explained(x, train, cells, component):
    mean = x[train].mean(0)
    v = np.linalg.svd(x[train] - mean, full_matrices=False)[2][component]
    return float(np.sum(((x[cells] - mean) @ v) ** 2) / np.sum((x[cells] - mean) ** 2))


@pytest.mark.parametrize("stored", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
def test_the_shares_are_those_of_the_centred_cells_train_and_test(prepared, values, stored):
    table = pca_table(prepared(stored(values)), {}, {}, n_pcs=4)
    train = np.arange(N_OBS) % 5 != 0
    for split, cells in (("train", train), ("test", ~train)):
        rows = table[(table["split"] == split) & (table["measure"] == "variance_share")]
        expected = [explained(values.astype(np.float64), train, cells, j) for j in range(4)]
        np.testing.assert_allclose(rows["value"], expected, rtol=1e-4)
        assert rows["component"].tolist() == [1, 2, 3, 4]


def test_all_components_explain_all_of_the_training_cells_and_of_the_test_cells(prepared):
    x, is_train = read_values(prepared())
    _, pca = principal_components(x, is_train, scale=False, n_pcs=N_VARS)
    shares = variance_shares(x, is_train, pca)
    assert shares["train"].sum() == pytest.approx(1, abs=1e-5)
    assert shares["test"].sum() == pytest.approx(1, abs=1e-5)
    assert (np.diff(shares["train"]) <= 0).all()


def test_a_span_of_the_components_has_no_angle_and_one_across_them_a_right_one(values):
    pca = fit_pca([values], 5)
    mixed = pca.components[:2].T @ np.array([[2.0, 1.0], [0.5, -3.0]])
    np.testing.assert_allclose(angles_with(pca, mixed), [0, 0], atol=1e-4)
    turned = np.stack([pca.components[0], pca.components[4]], axis=1)
    np.testing.assert_allclose(angles_with(pca, turned), [90, 0], atol=1e-4)


def test_the_angles_are_those_of_every_replica_that_ended_ok(prepared, values, tmp_path):
    path = prepared()
    x, is_train = read_values(path)
    _, pca = principal_components(x, is_train, scale=False, n_pcs=5)
    decoder = np.stack([pca.components[3:5], pca.components[:2], pca.components[[0, 2]]]).astype(
        np.float32
    )
    encoder = decoder.transpose(0, 2, 1) + np.float32(0.5)
    save_file(
        {"decoder.weight": decoder, "encoder.weight": np.ascontiguousarray(encoder)},
        tmp_path / "weights.safetensors",
    )
    replicas = [
        {"seed": 7, "status": "diverged"},
        {"seed": 8, "status": "ok"},
        {"seed": 9, "status": "ok"},
    ]
    table = pca_table(
        path,
        {"linear": tmp_path / "weights.safetensors"},
        {"linear": {"replicas": replicas}},
        n_pcs=5,
    )
    angles = table[table["measure"] == "angle_decoder"]
    assert angles["seed"].tolist() == [8, 8, 9, 9]
    np.testing.assert_allclose(angles["value"], [0, 0, 90, 0], atol=0.01)
    assert (table.loc[table["measure"] == "angle_encoder", "value"] > 1).any()


def test_values_that_do_not_vary_have_no_share():
    x = np.ones((6, 3))
    pca = PCA(np.ones(3), np.eye(3)[:1], np.zeros(1))
    from latentbench.data.row_blocks import RowBlocks

    blocks = RowBlocks(x.shape, np.array([0, 6]), lambda rows: x[rows])
    assert variance_shares(blocks, np.ones(6, dtype=bool), pca) == {}
