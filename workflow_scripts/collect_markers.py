"""Collect the marker genes of all data sets of counts."""

import pandas as pd

from latentbench.files.artefacts import write_table
from latentbench.logs import log_to


def main(part_paths, table_paths) -> None:
    """Write one table under every path."""
    markers = pd.concat([pd.read_parquet(path) for path in part_paths], ignore_index=True)
    for path in table_paths:
        write_table(markers, path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(snakemake.input.parts, snakemake.output)
