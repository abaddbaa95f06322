"""Collect the study's scores, histories and statuses into tables, check the controls, and answer
the study's question.
"""

import pandas as pd

from latentbench.evaluation.controls import check_controls
from latentbench.evaluation.criterion_agreement import criterion_agreement
from latentbench.evaluation.rank_tables import rank_table, rank_tests
from latentbench.evaluation.selection import CRITERIA, choices, criterion_values, evidence
from latentbench.evaluation.statistics import answer, summarise
from latentbench.evaluation.tables import (
    collect_histories,
    collect_quality,
    collect_reliability,
    collect_scores,
    collect_statuses,
    cost_table,
)
from latentbench.files.artefacts import write_table
from latentbench.files.embedding import read_status
from latentbench.files.tables import QUALITY_OF_VARIANT, RELIABILITY, SCORES
from latentbench.logs import log_to


def main(inputs, outputs, *, not_applicable, kinds, tuned_on, circular, statistics, rule) -> None:
    """Write every table to the paths of its name in ``outputs``; a control out of bounds stops
    before any is written.

    ``inputs``: paths of scores, integration scores, histories, quality, reliability, and of the
    statuses of the variants (in step with histories and quality) and of the consensus. ``kinds``
    maps models to their kinds, ``tuned_on`` to the data sets on whose labels they were tuned,
    ``circular`` are the data sets with labels of clusters, ``statistics`` the options of
    ``summarise``, ``answer``, ``rank_table``, ``evidence`` and ``criterion_agreement``, ``rule``
    those of ``choices``."""
    statuses = [read_status(path) for path in inputs["statuses"]]
    scores = collect_scores(
        [SCORES.read(path) for path in [*inputs["scores"], *inputs["integration"]]], not_applicable
    )
    check_controls(scores, kinds)
    status = collect_statuses(
        [*statuses, *map(read_status, inputs["consensus"])], not_applicable, kinds
    )
    values = criterion_values(scores, kinds)
    made = choices(scores, kinds, **rule)
    tables = {
        "scores": scores,
        "summary": summarise(scores, tuned_on=tuned_on, **statistics),
        "answer": answer(scores, kinds, tuned_on=tuned_on, circular=circular, **statistics),
        "ranks": rank_table(scores, kinds, circular=circular, **statistics),
        "tests": rank_tests(scores, kinds, circular=circular),
        "choices": made,
        "criteria": evidence(made, **statistics),
        "correlations": criterion_agreement(
            values[values["criterion"].map(lambda name: CRITERIA[name].between_models)],
            **statistics,
        ),
        "status": status,
        "cost": cost_table(status),
        "quality": collect_quality(
            [QUALITY_OF_VARIANT.read(path) for path in inputs["quality"]], statuses
        ),
        "reliability": collect_reliability(
            [RELIABILITY.read(path) for path in inputs["reliability"]]
        ),
        "history": collect_histories(
            [pd.read_parquet(path) for path in inputs["histories"]], statuses
        ),
    }
    for name, table in tables.items():
        for path in outputs[name]:
            write_table(table, path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs = {
        name: getattr(snakemake.input, name)
        for name in (
            "scores",
            "integration",
            "histories",
            "quality",
            "reliability",
            "statuses",
            "consensus",
        )
    }
    outputs = {
        name: [paths] if isinstance(paths, str) else paths
        for name, paths in snakemake.output.items()
    }
    main(
        inputs,
        outputs,
        not_applicable=snakemake.params.not_applicable,
        kinds=snakemake.params.kinds,
        tuned_on=snakemake.params.tuned_on,
        circular=snakemake.params.circular,
        statistics=snakemake.params.statistics,
        rule=snakemake.params.rule,
    )
