"""The cells of a prepared data set: codes of what obs says, and that they are those of an
embedding.
"""

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest

from latentbench.files.artefacts import write_h5ad
from latentbench.files.embedding import EmbeddingFile, write_embedding
from latentbench.files.prepared import PreparedCells, PreparedFile


@pytest.fixture
def prepared(tmp_path):
    cells = ad.AnnData(np.arange(12.0, dtype=np.float32).reshape(3, 4))
    cells.obs["split"] = pd.Categorical(["train", "test", "train"])
    cells.var["highly_variable"] = [True, False, True, True]
    cells.obsm["X_pca"] = np.ones((3, 2), np.float32)
    cells.uns["latentbench"] = {"dataset": "small"}
    write_h5ad(cells, tmp_path / "prepared.h5ad")
    return PreparedFile(tmp_path / "prepared.h5ad")


def test_a_missing_label_has_the_code_minus_one_and_so_has_every_cell_without_the_column():
    cells = PreparedCells("prepared.h5ad", pd.DataFrame({"label": ["b", np.nan, "a"]}))
    assert cells.codes("label").tolist() == [1, -1, 0]
    assert cells.codes("batch").tolist() == [-1, -1, -1]


def test_other_cells_are_refused_with_the_files_name(prepared):
    prepared.cells.require(pd.Index(["0", "1", "2"]))
    with pytest.raises(
        ValueError, match=r"prepared\.h5ad: its cells are not those of the embedding"
    ):
        prepared.cells.require(pd.Index(["2", "1", "0"]))


def test_what_is_asked_for_is_read_and_values_come_in_the_order_of_the_rows(prepared):
    assert prepared.about == {"dataset": "small"}
    assert prepared.is_train.tolist() == [True, False, True]
    assert prepared.components.shape == (3, 2)
    assert prepared.values_of(np.array([2, 0, 2])).tolist() == [[8, 10, 11], [0, 2, 3], [8, 10, 11]]
    assert prepared.modelled_values().shape == (3, 3)
    assert prepared.image_shape() == (2, 2)


def test_an_embedding_is_read_as_it_was_written(tmp_path):
    obs = pd.DataFrame({"split": pd.Categorical(["train", "test"])}, index=["a", "b"])
    obs = obs.assign(batch=["two", "one"], label=["T", "B"])
    codes = {0: np.eye(2), 10: 2 * np.eye(2), 2: 3 * np.eye(2)}
    about = {"dataset": "small", "model": "vae", "kind": "vae", "clusters": False}
    write_embedding(
        tmp_path / "e.h5ad", obs=obs, codes=codes, cluster_probs={2: np.eye(2)}, about=about
    )
    file = EmbeddingFile(tmp_path / "e.h5ad")
    assert (file.seeds, file.seeds_with_probs) == ([0, 2, 10], [2])
    assert file.about == about
    assert file.cells.tolist() == ["a", "b"]
    assert file.is_train.tolist() == [True, False]
    assert np.array_equal(file.codes(10), codes[10])
    assert file.batch.tolist() == [1, 0]
    with h5py.File(file.path) as stored:
        assert "label" not in stored["obs"]
