"""Find what the variants of one data set agree on, without labels."""

import time

import pandas as pd
from threadpoolctl import threadpool_limits

from latentbench.evaluation.variants_consensus import cluster_together, consensus_status
from latentbench.files.artefacts import write_json, write_table
from latentbench.files.tables import SCORES
from latentbench.logs import log_to


def main(
    cluster_paths,
    criteria_paths,
    clusters_path,
    criteria_path,
    status_path,
    *,
    dataset,
    seeds,
    n_clusters,
) -> None:
    """Write the clusters, the criteria and the status of the consensus; ``cluster_paths`` and
    ``criteria_paths``: by variant.
    """
    started = time.perf_counter()
    clusters, criteria = cluster_together(
        {model: pd.read_parquet(path) for model, path in cluster_paths.items()},
        {model: SCORES.read(path) for model, path in criteria_paths.items()},
        dataset=dataset,
        seeds=seeds,
        n_clusters=n_clusters,
    )
    write_table(clusters, clusters_path)
    write_table(criteria, criteria_path)
    write_json(
        consensus_status(criteria, dataset=dataset, seconds=time.perf_counter() - started),
        status_path,
    )


if __name__ == "__main__":
    log_to(snakemake.log[0])
    members = snakemake.params.members
    with threadpool_limits(limits=snakemake.threads):
        main(
            dict(zip(members, snakemake.input.clusters, strict=True)),
            dict(zip(members, snakemake.input.criteria, strict=True)),
            *snakemake.output,
            dataset=snakemake.wildcards.dataset,
            seeds=snakemake.params.seeds,
            n_clusters=snakemake.params.n_clusters,
        )
