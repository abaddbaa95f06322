import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from latentbench.answer.dataset_answer import predictive_scores
from latentbench.files.artefacts import write_h5ad
from latentbench.files.prepared import PreparedFile
from latentbench.models.data import read_training_data
from latentbench.study.variant import Variant
from latentbench.training.thinned import components_thinned, thinned_data
from latentbench.training.variant import train_variant

N_OBS, N_VARS = 300, 40


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    rng = np.random.default_rng(0)
    groups = np.arange(N_OBS) % 3
    means = np.exp(rng.normal(size=(3, N_VARS)))[groups] * 3
    counts = sparse.csr_matrix(rng.poisson(means).astype(np.int32))
    totals = np.asarray(counts.sum(axis=1))
    x = np.log1p(counts.toarray() / totals * 100).astype(np.float32)
    adata = ad.AnnData(x, layers={"counts": counts})
    adata.obs["split"] = pd.Categorical(np.where(np.arange(N_OBS) % 5, "train", "test"))
    adata.var["highly_variable"] = True
    adata.obsm["X_pca"] = (x - x.mean(axis=0)) @ np.linalg.svd(x - x.mean(axis=0))[2][:5].T
    adata.uns["latentbench"] = {"dataset": "small", "modality": "counts"}
    path = tmp_path_factory.mktemp("thinned") / "prepared.h5ad"
    write_h5ad(adata, path)
    return path


def test_half_of_the_molecules_are_brought_to_the_scale_of_all(prepared):
    whole = read_training_data(prepared, layer="X")
    half = thinned_data(whole, prepared)
    order = np.concatenate([whole.train.numpy(), whole.test.numpy()])
    scale = [np.expm1(each.numpy()).sum(axis=1) for each in (whole.dense()[order], half.dense())]
    assert np.allclose(np.median(scale[1] / scale[0]), 1, atol=0.1)
    counts = read_training_data(prepared, layer="counts")
    ratio = thinned_data(counts, prepared).library_size.sum() / counts.library_size.sum()
    assert 0.45 < float(ratio) < 0.55


def test_components_of_half_the_counts_lie_near_those_of_all(prepared):
    data = read_training_data(prepared, layer="X")
    thinned = components_thinned(data.pca, data, prepared)
    noise = np.linalg.norm(thinned.codes - data.pca[thinned.cells])
    assert noise < 0.6 * np.linalg.norm(data.pca - data.pca.mean(axis=0))


def test_a_network_and_the_components_are_scored_by_what_they_have_not_seen(prepared):
    file = PreparedFile(prepared)
    codes = {}
    for name, variant in {
        "pca": Variant("pca", None, {"n_latent": 5}),
        "vae": Variant("vae", "nb", {"n_latent": 4, "n_hidden": 16}, {}, {"epochs": 40}),
    }.items():
        trained, _ = train_variant(prepared, variant, seeds=[0], n_workers=1, device="cpu")
        codes[name] = (trained.thinned.cells, trained.thinned.codes)
    noise = np.random.default_rng(1).normal(size=codes["pca"][1].shape)
    codes["noise"] = (codes["pca"][0], noise)
    scores = predictive_scores(codes, file.counts(), file.is_train)
    assert scores["pca"] > scores["noise"] + 0.05
    assert scores["vae"] > scores["noise"] + 0.05


def test_values_that_are_no_counts_are_not_thinned(training_data, tmp_path, prepared):
    adata = ad.read_h5ad(prepared)
    del adata.layers["counts"]
    write_h5ad(adata, tmp_path / "real.h5ad")
    data = read_training_data(tmp_path / "real.h5ad", layer="X")
    assert thinned_data(data, tmp_path / "real.h5ad") is None
