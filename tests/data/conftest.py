"""Small data sets in every form that the data stage reads."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse


@pytest.fixture
def counts() -> np.ndarray:
    return np.array([[0, 3, 1], [2, 0, 0], [0, 0, 4], [5, 1, 0]], dtype=np.int32)


@pytest.fixture
def cells(counts) -> ad.AnnData:
    """Four cells, three genes, two types."""
    obs = pd.DataFrame(
        {"cell_type": ["T", "B", "T", "B"], "sample": ["a", "a", "b", "b"]},
        index=[f"c{i}" for i in range(4)],
    )
    return ad.AnnData(
        sparse.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=["g0", "g1", "g2"])
    )


@pytest.fixture
def row() -> dict:
    """A row of the data sheet as the study parses it, with only what is required."""
    blank = dict.fromkeys(
        [
            "label",
            "batch",
            "condition",
            "donor",
            "n_clusters",
            "orientation",
            "layer",
            "annotation",
            "licence",
            "citation",
            "origin",
        ]
    )
    return {
        **blank,
        "dataset": "mine",
        "modality": "counts",
        "sources": [],
        "sha256": [],
        "preset": "counts_standard",
    }


@pytest.fixture
def idx_folder(tmp_path):
    """An IDX folder of 5 training and 3 test images of 2 x 3 pixels, and the pixels and labels in
    it.
    """
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 256, (8, 2, 3), dtype=np.uint8), np.arange(8, dtype=np.uint8)
    folder = tmp_path / "tiny_images"
    folder.mkdir()
    for part, chosen in {"train": slice(0, 5), "t10k": slice(5, 8)}.items():
        write_idx(folder / f"{part}-images-idx3-ubyte", pixels[chosen])
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels[chosen])
    return folder, pixels, labels


def write_idx(path, values: np.ndarray) -> None:
    path.write_bytes(
        bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">i4").tobytes() + values.tobytes()
    )
