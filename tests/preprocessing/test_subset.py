import anndata as ad
import numpy as np
import pandas as pd
import pytest

from latentbench.files.artefacts import write_h5ad
from latentbench.preprocessing.mapped import preprocess_on_disk
from latentbench.preprocessing.presets import preprocess
from latentbench.preprocessing.subset import EVERYTHING, Subset

OBS = pd.DataFrame({"stim": ["CTRL", "STIM"] * 10}, index=[f"cell{i}" for i in range(20)])
VAR = pd.DataFrame(index=["g1", "g2", "g3"])


def test_without_a_wish_everything_is_kept_and_nothing_is_counted():
    chosen = EVERYTHING.choose(OBS, VAR, where="here")

    assert chosen.cells.all()
    assert chosen.variables.all()
    assert chosen.left_out == {}


def test_cells_are_kept_by_a_column_then_drawn_and_both_losses_are_counted():
    chosen = Subset(only="stim=CTRL", max_obs=4, var_names=["g3", "g1", "other"]).choose(
        OBS, VAR, where="here"
    )

    assert chosen.cells.sum() == 4
    assert set(OBS["stim"][chosen.cells]) == {"CTRL"}
    assert chosen.variables.tolist() == [True, False, True]
    assert chosen.left_out == {
        "cells_of_other_groups": 10,
        "cells_not_drawn": 6,
        "genes_not_shared": 1,
    }


def test_the_draw_does_not_look_at_the_cells():
    other = OBS.assign(stim=OBS["stim"].to_numpy()[::-1])
    first, second = (Subset(max_obs=7).choose(obs, VAR, where="here").cells for obs in (OBS, other))

    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    ("subset", "message"),
    [
        (
            Subset(only="condition=CTRL"),
            "here: only: no obs column 'condition'; the columns are: stim",
        ),
        (
            Subset(only="stim=control"),
            "here: only: no cell has stim 'control'; there are: CTRL, STIM",
        ),
    ],
)
def test_a_wish_that_fits_no_cell_is_refused(subset, message):
    with pytest.raises(ValueError, match=message):
        subset.choose(OBS, VAR, where="here")


def test_a_data_set_that_shares_no_gene_is_refused():
    with pytest.raises(ValueError, match="the other data set has none of its genes"):
        Subset(var_names=["ENSG1"]).choose(OBS, VAR, where="here")


def test_counts_in_memory_and_on_disk_are_cut_to_the_same_cells(raw_counts, tmp_path):
    raw_counts.obs["half"] = np.where(np.arange(raw_counts.n_obs) % 2, "a", "b")
    write_h5ad(raw_counts, tmp_path / "raw.h5ad")
    asked = {
        "preset": "counts_lenient",
        "options": {"n_top_genes": 50},
        "split": {},
        "subset": Subset(only="half=a", max_obs=200),
    }

    preprocess_on_disk(tmp_path / "raw.h5ad", tmp_path / "prepared.h5ad", **asked)
    in_memory, on_disk = (
        preprocess(ad.read_h5ad(tmp_path / "raw.h5ad"), **asked),
        ad.read_h5ad(tmp_path / "prepared.h5ad"),
    )

    assert set(in_memory.obs["half"]) == {"a"}
    assert in_memory.n_obs == 200
    assert sorted(in_memory.obs_names) == sorted(on_disk.obs_names)
    modelled = in_memory[on_disk.obs_names, on_disk.var_names]
    assert np.allclose(modelled.X.toarray(), on_disk.X.toarray())
    for prepared in (in_memory, on_disk):
        assert (
            prepared.uns["latentbench"]["filters"]["cells_of_other_groups"] == raw_counts.n_obs // 2
        )
        assert (
            prepared.uns["latentbench"]["filters"]["cells_not_drawn"] == raw_counts.n_obs // 2 - 200
        )


def test_shared_genes_need_counts_in_memory(raw_counts, tmp_path):
    write_h5ad(raw_counts, tmp_path / "raw.h5ad")
    subset = Subset(var_names=list(raw_counts.var_names[:100]))

    assert (
        preprocess(
            raw_counts.copy(), preset="counts_raw", options={}, split={}, subset=subset
        ).n_vars
        <= 100
    )
    with pytest.raises(
        ValueError, match="genes_of needs the counts in memory; raise stream_above_gb"
    ):
        preprocess_on_disk(
            tmp_path / "raw.h5ad",
            tmp_path / "prepared.h5ad",
            preset="counts_raw",
            options={},
            split={},
            subset=subset,
        )
