"""Doublets: two cells under one name, found by ``sc.pp.scrublet`` (Wolock et al. 2019,
doi:10.1016/j.cels.2018.11.005), batch by batch."""

import numpy as np
import pandas as pd
from anndata import AnnData

from latentbench.logs import logger
from latentbench.outcomes import Outcome, Unavailable

FEWEST_CELLS = 100
"""Of a batch whose cells are scored; Scrublet simulates doublets from them and takes 30 components
of the result."""
MOST_CELLS = 15_000
"""Of a batch whose cells are scored: more than a channel loads, and the exact search for neighbours
takes the square of it."""
NOT_STREAMED = "doublets are not looked for in counts that are larger than memory"
COLUMNS = ("doublet_score", "predicted_doublet")


def score_doublets(counts: AnnData, *, where: str) -> pd.DataFrame | Unavailable:
    """Return Scrublet's score of every cell, and whether it is above the threshold that Scrublet
    finds (none is where it finds none); cells of small batches have no score.

    ``counts`` has raw counts in X. A cell is compared with pairs of cells of its own batch, those
    for testing too: who was caught with whom knows no split."""
    import scanpy as sc  # on use: it takes seconds

    batch = counts.obs["batch"] if "batch" in counts.obs else pd.Series("", index=counts.obs_names)
    sizes = batch.astype(str).map(batch.astype(str).value_counts())
    large = sizes.between(FEWEST_CELLS, MOST_CELLS).to_numpy(dtype=bool)
    if not large.any():
        return _skipped(
            where,
            f"no batch has {FEWEST_CELLS} to {MOST_CELLS} cells (the largest: {int(sizes.max())});"
            " name the column of the channels as batch",
        )
    scored = AnnData(counts.X[large], obs=pd.DataFrame(index=counts.obs_names[large]))
    scored.obs["batch"] = batch[large].astype(str).astype("category")
    several = scored.obs["batch"].nunique() > 1
    try:
        # scanpy's approximate search fails above some 8,000 points with scipy 1.17; this is exact.
        sc.pp.scrublet(
            scored,
            batch_key="batch" if several else None,
            use_approx_neighbors=False,
            random_state=0,
            verbose=False,
        )
    except ValueError as fault:
        return _skipped(where, f"Scrublet fails: {fault}".split("\n", maxsplit=1)[0])
    found = scored.obs.reindex(columns=list(COLUMNS)).reindex(counts.obs_names)
    score = found["doublet_score"].astype(np.float64)
    # Scrublet gives no prediction where it finds no threshold between its two modes.
    predicted = found["predicted_doublet"].eq(True)
    logger.info("%s: %d of %d cells look like doublets", where, predicted.sum(), large.sum())
    return pd.DataFrame({"doublet_score": score, "predicted_doublet": predicted})


def _skipped(where: str, reason: str) -> Unavailable:
    logger.warning("%s: doublets are not looked for: %s", where, reason)
    return Unavailable(Outcome.NOT_APPLICABLE, reason)
