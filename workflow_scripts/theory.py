"""Put numbers into the equations that the models rest on, and stop if one does not hold."""

from latentbench.files.artefacts import write_table
from latentbench.logs import log_to, logger
from latentbench.theory.checks import refuse_failures
from latentbench.theory.table import theory_table


def main(table_paths) -> None:
    """Write the table under every path; a check that fails stops before any is written."""
    table = theory_table()
    refuse_failures(table)
    logger.info("%d checks hold", len(table))
    for path in table_paths:
        write_table(table, path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(snakemake.output)
