"""Collect the answers of all data sets of the study."""

from latentbench.files.tables import ANSWER_TABLES
from latentbench.logs import log_to


def main(part_paths, table_paths) -> None:
    """Write one table a kind; ``part_paths``: by kind, a path a data set, ``table_paths``: by
    kind, where it is written.
    """
    for name, paths in table_paths.items():
        table = ANSWER_TABLES[name]
        table.write(table.stacked([table.read(path) for path in part_paths[name]]), *paths)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        {name: snakemake.input[name] for name in ANSWER_TABLES},
        {name: snakemake.output[name] for name in ANSWER_TABLES},
    )
