"""Collect the predictions of all data sets and methods into one table, and sum them up in
another.
"""

from latentbench.files.artefacts import write_table
from latentbench.files.tables import PREDICTIONS
from latentbench.logs import log_to
from latentbench.prediction.tables import (
    collect_predictions,
    summarise_predictions,
)


def main(part_paths, table_paths, summary_paths) -> None:
    """Write both tables, each under all of its paths."""
    table = collect_predictions([PREDICTIONS.read(path) for path in part_paths])
    for frame, paths in ((table, table_paths), (summarise_predictions(table), summary_paths)):
        for path in paths:
            write_table(frame, path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(snakemake.input.parts, snakemake.output.predictions, snakemake.output.summary)
