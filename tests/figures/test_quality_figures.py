import numpy as np
import pandas as pd

from latentbench.figures.quality_figures import quality_figure


def test_violins_before_and_after_say_how_many_cells_they_hold():
    rng = np.random.default_rng(0)
    cells = pd.DataFrame(
        {
            "total_counts": rng.poisson(900, 60),
            "n_genes_by_counts": rng.poisson(300, 60),
            "pct_counts_mt": np.zeros(60),
            "kept": np.arange(60) < 50,
        }
    )
    axes = quality_figure(cells).axes
    assert len(axes) == 3
    for ax in axes:
        names = [label.get_text() for label in ax.get_xticklabels()]
        assert names == ["before\n60", "after\n50"]
        assert len(ax.collections) == 3
