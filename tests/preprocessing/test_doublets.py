"""Doublets are Scrublet's, and are counted, kept or removed as the preset says."""

import numpy as np
import pytest
from scipy import sparse

from latentbench.outcomes import Unavailable
from latentbench.preprocessing.doublets import score_doublets
from latentbench.preprocessing.presets import preprocess


@pytest.fixture
def with_doublets(raw_counts):
    """600 cells, of which the last 40 are sums of two others of different groups."""
    counts, labels = raw_counts.X.toarray(), raw_counts.obs["label"].to_numpy()
    for cell in range(560, 600):
        other = np.flatnonzero(labels[:560] != labels[cell])[cell - 560]
        counts[cell] += counts[other]
    raw_counts.X = sparse.csr_matrix(counts)
    return raw_counts


def prepared(raw, doublets):
    options = {"doublets": doublets, "n_top_genes": 100, "n_pcs": 5}
    return preprocess(raw, preset="counts_lenient", options=options, split={})


def test_doublets_score_higher_and_are_kept_unless_they_are_to_be_removed(with_doublets):
    scored = prepared(with_doublets.copy(), "score")
    is_doublet = scored.obs_names.isin([f"c{i}" for i in range(560, 600)])
    scores = scored.obs["doublet_score"].to_numpy()
    assert scores[is_doublet].mean() > 2 * scores[~is_doublet].mean()
    found = scored.uns["latentbench"]["doublets"]
    assert found["found"] == scored.obs["predicted_doublet"].sum() > 0
    assert scored.n_obs == 600

    removed = prepared(with_doublets.copy(), "remove")
    assert removed.n_obs == 600 - found["found"]
    assert removed.uns["latentbench"]["filters"]["doublets"] == found["found"]
    assert not removed.obs["predicted_doublet"].any()


def test_too_few_cells_are_skipped_with_a_typed_reason(with_doublets):
    found = score_doublets(with_doublets[:60], where="data set mine")
    assert isinstance(found, Unavailable)
    assert "no batch has 100 to 15000 cells" in found.reason
    skipped = prepared(with_doublets[:60].copy(), "remove")
    assert "no batch has 100 to 15000 cells" in skipped.uns["latentbench"]["doublets"]["skipped"]


def test_no_doublets_are_looked_for_unless_the_preset_says_so(with_doublets):
    assert "doublet_score" not in prepared(with_doublets, "none").obs
