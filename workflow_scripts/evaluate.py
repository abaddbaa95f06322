"""Cluster and score every replica of one variant on one data set."""

import pandas as pd
from threadpoolctl import threadpool_limits

from latentbench.artefacts import write_table
from latentbench.evaluation.reading import read_embedding, read_status, read_truth
from latentbench.evaluation.scores import score_variant
from latentbench.logs import log_to


def main(prepared_path, embedding_path, status_path, history_path, scores_path, clusters_path, *, scoring) -> None:
    """Write the scores and the clusters of one variant; ``scoring`` are ``score_variant``'s options."""
    embedding = read_embedding(embedding_path)
    labels, n_clusters = read_truth(prepared_path, embedding.obs_names)
    scores, clusters = score_variant(embedding, read_status(status_path), pd.read_parquet(history_path), labels, n_clusters=n_clusters, **scoring)
    write_table(scores, scores_path)
    write_table(clusters, clusters_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    # Here, in one place: k-means on a few thousand cells is 30 times slower on two threads that share a core with other jobs.
    with threadpool_limits(limits=snakemake.threads):
        main(
            snakemake.input.prepared,
            snakemake.input.embedding,
            snakemake.input.status,
            snakemake.input.history,
            snakemake.output.scores,
            snakemake.output.clusters,
            scoring=snakemake.params.scoring,
        )
