"""Draw predicted against true mean expression of one data set."""

import pandas as pd

from latentbench.figures.mean_figures import means_figure
from latentbench.figures.style import apply_style, save
from latentbench.logs import log_to
from latentbench.prediction.means import means_table


def main(means_paths, figure_paths) -> None:
    """Write the figure under every path; ``means_paths``: of every method."""
    apply_style()
    parts = [frame for frame in map(pd.read_parquet, means_paths) if len(frame)]
    save(means_figure(means_table(parts)), figure_paths)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(snakemake.input.means, snakemake.output)
