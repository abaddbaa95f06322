"""Draw the marker genes of one data set."""

import pandas as pd

from latentbench.figures.marker_figures import markers_figure
from latentbench.figures.style import apply_style, save
from latentbench.logs import log_to


def main(markers_path, figure_paths) -> None:
    """Write the figure under every path."""
    apply_style()
    save(markers_figure(pd.read_parquet(markers_path)), figure_paths)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(snakemake.input.markers, snakemake.output)
