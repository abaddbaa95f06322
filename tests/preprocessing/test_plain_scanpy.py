"""The variable genes are those of a plain scanpy script on the same training cells."""

from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import scanpy as sc

from latentbench.preprocessing.presets import preprocess

DATA = Path(__file__).parents[2].parent / "shared" / "data"
NAMES = (
    "baron_human1",
    "kang_ifnb",
    "paul15",
    "pbmc3k",
    "pbmc4k_top2000",
    "pbmc68k_reduced",
    "pbmc_facs",
    "sc_mixology_3cl",
    "worm_neuron_cell",
)


def checked(raw: ad.AnnData, **options) -> None:
    """Prepare, and choose again from the training cells by a script of scanpy's calls."""
    raw.uns["latentbench"] = {"dataset": "mine", "modality": "counts"}
    given = raw.copy()
    prepared = preprocess(raw, preset="counts_lenient", options=options, split={})
    train = given[prepared.obs_names[prepared.obs["split"] == "train"]].copy()
    train.X = train.X.astype(np.float32)
    sc.pp.filter_genes(train, min_cells=3)
    batch_key = "batch" if "batch" in train.obs else None
    sc.pp.highly_variable_genes(
        train, flavor="seurat_v3", n_top_genes=options["n_top_genes"], batch_key=batch_key
    )
    chosen = prepared.var_names[prepared.var["highly_variable"]]
    assert set(chosen) == set(train.var_names[train.var["highly_variable"]])
    assert len(chosen) == options["n_top_genes"]


@pytest.mark.parametrize("name", NAMES)
def test_the_variable_genes_of_real_data_are_those_of_a_plain_scanpy_script(name):
    path = DATA / f"{name}.h5ad"
    if not path.is_file():
        pytest.skip(f"no {path.name} beside this checkout")
    raw = ad.read_h5ad(path)
    raw.obs_names_make_unique()
    checked(raw, n_top_genes=500)


def test_those_of_scanpys_own_pbmc_are_too():
    reduced = sc.datasets.pbmc68k_reduced()
    raw = ad.AnnData(
        np.rint(np.expm1(reduced.raw.X.toarray()) * reduced.obs[["n_counts"]].to_numpy() / 1e4),
        obs=reduced.obs[["bulk_labels"]],
        var=reduced.raw.var[[]],
    )
    checked(raw, n_top_genes=200)


def test_those_of_simulated_batches_are_too(raw_counts):
    checked(raw_counts, n_top_genes=100)
