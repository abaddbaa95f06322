"""Collect the predictions of all data sets and methods into one table."""

from latentbench.artefacts import write_table
from latentbench.logs import log_to
from latentbench.prediction.tables import collect_predictions, read_predictions


def main(part_paths, table_paths) -> None:
    """Write the table under every path."""
    table = collect_predictions([read_predictions(path) for path in part_paths])
    for path in table_paths:
        write_table(table, path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(snakemake.input.parts, snakemake.output)
