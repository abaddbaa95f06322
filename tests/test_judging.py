import anndata as ad
import numpy as np
import pandas as pd
import pytest

import latentbench


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1, 2], [120, 60, 30])
    adata = ad.AnnData(rng.poisson(1.0, (210, 5)).astype(np.float32))
    for name, seed in (("X_one", 1), ("X_other", 2)):
        noise = np.random.default_rng(seed).normal(size=(210, 4))
        adata.obsm[name] = noise + 9 * np.eye(4)[groups]
    adata.obs["leiden"] = pd.Categorical(groups.astype(str))
    adata.obs["batch"] = pd.Categorical(np.tile(["a", "b"], 105))
    return adata, groups


def test_judge_writes_groups_and_their_certainty_as_scanpys_tools_do(cells, tmp_path):
    adata, groups = cells
    answer = latentbench.judge(
        adata, embeddings=["X_one", "X_other"], clusterings=["leiden"], batch="batch"
    )
    assert answer.n_found == 3
    found = adata.obs["latentbench_cluster"].astype(int).to_numpy()
    assert (found == groups).all()
    assert adata.obs["latentbench_certainty"].between(0, 1).all()
    assert adata.uns["latentbench"]["n_groups"] == 3
    adata.write_h5ad(tmp_path / "judged.h5ad")
    again = ad.read_h5ad(tmp_path / "judged.h5ad")
    assert list(again.uns["latentbench"]["groups"]["cells"]) == [120, 60, 30]


def test_a_declared_number_is_honoured_and_the_number_found_stands_beside_it(cells):
    adata, _ = cells
    answer = latentbench.judge(adata, embeddings=["X_one", "X_other"], n_clusters=2)
    assert (answer.n_groups, answer.n_found) == (2, 3)


def test_one_cloud_is_one_group():
    rng = np.random.default_rng(0)
    adata = ad.AnnData(rng.poisson(1.0, (400, 5)).astype(np.float32))
    cloud = rng.normal(size=(400, 6))
    adata.obsm["X_one"] = cloud
    adata.obsm["X_other"] = cloud + 0.1 * rng.normal(size=cloud.shape)
    assert latentbench.judge(adata, embeddings=["X_one", "X_other"]).n_groups == 1


def test_counts_say_which_groups_are_told_apart(cells):
    adata, groups = cells
    rng = np.random.default_rng(3)
    rates = rng.gamma(1.0, 2.0, (3, 50))
    told = ad.AnnData(rng.poisson(rates[groups]).astype(np.float32), obsm=adata.obsm)
    told.layers["raw"] = told.X.copy()
    latentbench.judge(told, embeddings=["X_one", "X_other"], counts="raw")
    table = told.uns["latentbench"]["groups"]
    assert (table["told_apart"] == "yes").all()
    assert table["separability"].between(0.95, 1).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"embeddings": ["X_on"]}, r"no obsm\['X_on'\].*X_one.*there are: X_one, X_other"),
        ({"clusterings": ["louvain"]}, r"no obs\['louvain'\].*there are: leiden, batch"),
        (
            {"embeddings": ["X_one", "X_other"], "counts": "row"},
            r"no layers\['row'\].*X itself is 'X'",
        ),
        ({}, r"nothing to judge: name embeddings of obsm \(X_one, X_other\)"),
        ({"clusterings": ["leiden"]}, "a consensus needs two clusterings"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_what_there_is(cells, given, message):
    with pytest.raises(ValueError, match=message):
        latentbench.judge(cells[0], **given)


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'jugde'"):
        _ = latentbench.jugde
