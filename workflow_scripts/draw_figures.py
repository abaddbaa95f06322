"""Draw the figures of the whole study: scores and cost of every model on every data set."""

from latentbench.logs import log_to
from latentbench.reporting.figures import cost_figure, scores_figure
from latentbench.reporting.style import apply_style, save
from latentbench.reporting.tables import STUDY_TABLES, read_tables


def main(table_paths, scores_paths, cost_paths) -> None:
    """Write both figures, each under all of its paths."""
    apply_style()
    tables = read_tables(table_paths)
    save(scores_figure(tables, tables.datasets), scores_paths)
    save(cost_figure(tables, tables.datasets), cost_paths)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    tables = {name: snakemake.input[name] for name in STUDY_TABLES}
    main(tables, snakemake.output.scores, snakemake.output.cost)
