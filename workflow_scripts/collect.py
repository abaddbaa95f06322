"""Collect the study's scores, histories and statuses into tables, check the controls, and answer the study's question."""

import pandas as pd

from latentbench.artefacts import write_table
from latentbench.evaluation.controls import check_controls
from latentbench.evaluation.rank_tables import rank_table, rank_tests
from latentbench.evaluation.reading import read_scores, read_status
from latentbench.evaluation.statistics import answer, summarise
from latentbench.evaluation.tables import collect_histories, collect_scores, collect_statuses
from latentbench.logs import log_to


def main(score_paths, history_paths, status_paths, outputs, *, not_applicable, kinds, statistics) -> None:
    """Write every table to the paths of its name in ``outputs``; a control out of bounds stops before any is written.

    ``kinds`` maps models to their kinds, ``statistics`` are the options of ``summarise``, ``answer`` and ``rank_table``.
    """
    statuses = [read_status(path) for path in status_paths]
    scores = collect_scores([read_scores(path) for path in score_paths], not_applicable)
    check_controls(scores, kinds)
    tables = {
        "scores": scores,
        "summary": summarise(scores, **statistics),
        "answer": answer(scores, kinds, **statistics),
        "ranks": rank_table(scores, kinds, **statistics),
        "tests": rank_tests(scores, kinds),
        "status": collect_statuses(statuses, not_applicable, kinds),
        "history": collect_histories([pd.read_parquet(path) for path in history_paths], statuses),
    }
    for name, table in tables.items():
        for path in outputs[name]:
            write_table(table, path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        snakemake.input.scores,
        snakemake.input.histories,
        snakemake.input.statuses,
        {
            "scores": [snakemake.output.scores, snakemake.output.scores_parquet],
            "summary": [snakemake.output.summary, snakemake.output.summary_parquet],
            "answer": [snakemake.output.answer, snakemake.output.answer_parquet],
            "ranks": [snakemake.output.ranks, snakemake.output.ranks_parquet],
            "tests": [snakemake.output.tests, snakemake.output.tests_parquet],
            "status": [snakemake.output.status, snakemake.output.status_parquet],
            "history": [snakemake.output.history_parquet],
        },
        not_applicable=snakemake.params.not_applicable,
        kinds=snakemake.params.kinds,
        statistics=snakemake.params.statistics,
    )
