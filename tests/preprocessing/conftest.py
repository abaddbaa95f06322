"""Raw data as the data stage hands it over."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from latentbench.data.simulation import SIMULATED


def make_raw(matrix, *, modality: str, obs: pd.DataFrame | None = None) -> AnnData:
    """raw.h5ad's content around a matrix."""
    obs = pd.DataFrame(index=range(matrix.shape[0])) if obs is None else obs
    obs.index = [f"c{i}" for i in range(matrix.shape[0])]
    raw = AnnData(
        matrix, obs=obs, var=pd.DataFrame(index=[f"g{i}" for i in range(matrix.shape[1])])
    )
    raw.uns["latentbench"] = {
        "dataset": "mine",
        "modality": modality,
        "source": "mine.h5ad",
        "sha256": "",
    }
    return raw


@pytest.fixture
def as_raw():
    return make_raw


@pytest.fixture
def raw_counts() -> AnnData:
    counts = SIMULATED["counts"]()
    obs = counts.obs.rename(columns={"group": "label"}).astype("category")
    return make_raw(sparse.csr_matrix(counts.X), modality="counts", obs=obs)


@pytest.fixture
def raw_images() -> AnnData:
    rng = np.random.default_rng(0)
    label = pd.Categorical(rng.choice(list("abc"), 60))
    return make_raw(
        rng.integers(0, 17, (60, 9), dtype=np.uint8),
        modality="images",
        obs=pd.DataFrame({"label": label}),
    )


@pytest.fixture
def raw_real() -> AnnData:
    rng = np.random.default_rng(0)
    values = rng.normal(5, 3, (80, 6)).astype(np.float32)
    values[:, 2] = 0.1
    return make_raw(values, modality="real")
