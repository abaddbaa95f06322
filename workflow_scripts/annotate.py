"""Give the user the data set back, with every model's embedding and clusters of the replica that the unsupervised criterion prefers."""

import anndata
import pandas as pd

from latentbench.artefacts import write_h5ad
from latentbench.evaluation.annotation import annotate
from latentbench.evaluation.reading import read_embedding, read_scores
from latentbench.logs import log_to


def main(prepared_path, embedding_paths, cluster_paths, score_path, annotated_path, *, dataset, models) -> None:
    """Write annotated.h5ad of ``dataset``; ``models`` go in step with the two lists of paths."""
    scores = read_scores(score_path)
    annotated = annotate(
        anndata.read_h5ad(prepared_path),
        {model: read_embedding(path) for model, path in zip(models, embedding_paths, strict=True)},
        {model: pd.read_parquet(path) for model, path in zip(models, cluster_paths, strict=True)},
        scores[scores["dataset"] == dataset],
    )
    write_h5ad(annotated, annotated_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        snakemake.input.prepared,
        snakemake.input.embeddings,
        snakemake.input.clusters,
        snakemake.input.scores,
        snakemake.output[0],
        dataset=snakemake.wildcards.dataset,
        models=snakemake.params.models,
    )
