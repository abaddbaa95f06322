"""Give the user the data set back, with every model's embedding and clusters of the replica that
the unsupervised criterion prefers.
"""

import anndata
import pandas as pd

from latentbench.evaluation.annotation import annotate
from latentbench.files.artefacts import write_h5ad
from latentbench.files.tables import SCORES
from latentbench.logs import log_to


def main(
    prepared_path,
    embedding_paths,
    cluster_paths,
    score_path,
    annotated_path,
    *,
    dataset,
    kinds,
    rule,
) -> None:
    """Write annotated.h5ad of ``dataset``; ``embedding_paths`` and ``cluster_paths``: by model,
    ``rule``: the criterion of each level.
    """
    scores = SCORES.read(score_path)
    annotated = annotate(
        anndata.read_h5ad(prepared_path),
        {model: anndata.read_h5ad(path) for model, path in embedding_paths.items()},
        {model: pd.read_parquet(path) for model, path in cluster_paths.items()},
        scores[scores["dataset"] == dataset],
        kinds,
        dataset=dataset,
        rule=rule,
    )
    write_h5ad(annotated, annotated_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    models = snakemake.params.models
    clusters = dict(zip(models, snakemake.input.clusters, strict=True))
    main(
        snakemake.input.prepared,
        dict(zip(models, snakemake.input.embeddings, strict=True)),
        clusters | dict(zip(["consensus"], snakemake.input.consensus, strict=False)),
        snakemake.input.scores,
        snakemake.output[0],
        dataset=snakemake.wildcards.dataset,
        kinds=snakemake.params.kinds,
        rule=snakemake.params.rule,
    )
