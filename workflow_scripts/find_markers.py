"""Rank the marker genes of the groups, and of the labels."""

import anndata

from latentbench.evaluation.markers import marker_table
from latentbench.files.artefacts import write_table
from latentbench.logs import log_to


def main(annotated_path, markers_path) -> None:
    """Write the markers of one data set."""
    write_table(marker_table(anndata.read_h5ad(annotated_path)), markers_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(snakemake.input.annotated, snakemake.output[0])
