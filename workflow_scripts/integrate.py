"""Score how well every variant's embeddings of one data set mix its batches and keep its cell types
apart.
"""

import pandas as pd
from threadpoolctl import threadpool_limits

from latentbench.evaluation.integration import integration_scores, require_scib_metrics
from latentbench.evaluation.trained import read_trained
from latentbench.files.artefacts import write_table
from latentbench.files.prepared import PreparedFile
from latentbench.logs import log_to


def main(prepared_path, embedding_paths, status_paths, scores_path, *, n_clusters) -> None:
    """Write the scores of all variants, whose embeddings and statuses go in step."""
    require_scib_metrics()
    prepared, pca = PreparedFile(prepared_path).cells, PreparedFile(prepared_path).components
    frames = []
    for embedding_path, status_path in zip(embedding_paths, status_paths, strict=True):
        trained = read_trained(embedding_path, status_path)
        prepared.require(trained.cells)
        frames.append(integration_scores(trained, prepared, pca, n_clusters=n_clusters))
    write_table(pd.concat(frames, ignore_index=True), scores_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with threadpool_limits(limits=snakemake.threads):
        main(
            snakemake.input.prepared,
            snakemake.input.embeddings,
            snakemake.input.statuses,
            snakemake.output[0],
            n_clusters=snakemake.params.n_clusters,
        )
