"""The cells of a prepared data set: codes of what obs says, and that they are those of an
embedding.
"""

import numpy as np
import pandas as pd
import pytest

from latentbench.evaluation.prepared_cells import PreparedCells, read_prepared_cells


def test_a_missing_label_has_the_code_minus_one_and_so_has_every_cell_without_the_column():
    prepared = PreparedCells("prepared.h5ad", pd.DataFrame({"label": ["b", np.nan, "a"]}))
    assert prepared.codes("label").tolist() == [1, -1, 0]
    assert prepared.codes("batch").tolist() == [-1, -1, -1]


def test_other_cells_are_refused_with_the_files_name(study_files):
    prepared = read_prepared_cells(study_files / "prepared.h5ad")
    prepared.require(pd.Index([f"cell{i}" for i in range(240)]))
    with pytest.raises(
        ValueError, match=r"prepared\.h5ad: its cells are not those of the embedding"
    ):
        prepared.require(pd.Index([f"cell{i}" for i in range(239, -1, -1)]))
