"""Draw the figures of the whole study: scores and cost of every model on every data set, ranks over
all of them.
"""

from latentbench.figures.rank_figures import ranks_figure
from latentbench.figures.score_figures import cost_figure, scores_figure
from latentbench.figures.style import apply_style, save
from latentbench.logs import log_to
from latentbench.report.tables import STUDY_TABLES, read_table, read_tables


def main(table_paths, rank_paths, scores_paths, cost_paths, ranks_paths) -> None:
    """Write every figure under all of its paths; ``rank_paths``: the tables of ranks and of
    tests.
    """
    apply_style()
    tables = read_tables(table_paths)
    save(scores_figure(tables, tables.datasets), scores_paths)
    save(cost_figure(tables, tables.datasets), cost_paths)
    ranks, tests = (
        read_table(path, kind) for path, kind in zip(rank_paths, ("ranks", "tests"), strict=True)
    )
    save(ranks_figure(ranks, tests, tables.kinds), ranks_paths)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    tables = {name: snakemake.input[name] for name in STUDY_TABLES}
    ranks = [snakemake.input.ranks, snakemake.input.tests]
    main(tables, ranks, snakemake.output.scores, snakemake.output.cost, snakemake.output.ranks)
