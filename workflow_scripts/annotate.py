"""Give the user the data set back, with the answer, and every model's embedding and clusters of the
replica that the unsupervised criterion prefers.
"""

import anndata
import pandas as pd
from threadpoolctl import threadpool_limits

from latentbench.evaluation.annotated_answer import add_answer, add_layout, add_markers
from latentbench.evaluation.annotation import annotate, obsm_of
from latentbench.evaluation.unseen_counts import unseen_counts
from latentbench.files.artefacts import write_h5ad
from latentbench.files.prepared import PreparedFile
from latentbench.files.tables import ANSWER_CELLS, ANSWER_TABLES, SCORES
from latentbench.logs import log_to


def main(
    prepared_path,
    embedding_paths,
    cluster_paths,
    score_path,
    answer_paths,
    annotated_path,
    *,
    dataset,
    kinds,
    rule,
    layout,
) -> None:
    """Write annotated.h5ad of ``dataset``; ``embedding_paths`` and ``cluster_paths``: by model,
    ``answer_paths``: by table, ``rule``: the criterion of each level.
    """
    scores = SCORES.read(score_path)
    prepared = anndata.read_h5ad(prepared_path)
    annotated = annotate(
        prepared,
        {model: anndata.read_h5ad(path) for model, path in embedding_paths.items()},
        {model: pd.read_parquet(path) for model, path in cluster_paths.items()},
        scores[scores["dataset"] == dataset],
        kinds,
        dataset=dataset,
        rule=rule,
    )
    contents = {"cells": ANSWER_CELLS, **ANSWER_TABLES}
    chosen = add_answer(
        annotated, {name: contents[name].read(path) for name, path in answer_paths.items()}
    )
    if chosen is not None:
        add_layout(annotated, annotated.obsm[obsm_of(chosen)], layout=layout)
        file = PreparedFile(prepared_path)
        counts = unseen_counts(file, embedding_paths.values())
        if counts is not None:
            add_markers(annotated, counts, file.var.index[file.is_modelled])
    write_h5ad(annotated, annotated_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    models = snakemake.params.models
    clusters = dict(zip(models, snakemake.input.clusters, strict=True))
    answer = ("cells", "summary", "groups", "models", "tree")
    with threadpool_limits(limits=snakemake.threads):
        main(
            snakemake.input.prepared,
            dict(zip(models, snakemake.input.embeddings, strict=True)),
            clusters | dict(zip(["consensus"], snakemake.input.consensus, strict=False)),
            snakemake.input.scores,
            {name: snakemake.input[name] for name in answer},
            snakemake.output[0],
            dataset=snakemake.wildcards.dataset,
            kinds=snakemake.params.kinds,
            rule=snakemake.params.rule,
            layout=snakemake.params.layout,
        )
