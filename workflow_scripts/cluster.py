"""Cluster every replica of one variant on one data set, without labels."""

from threadpoolctl import threadpool_limits

from latentbench.answer.variant_members import VariantMembers, members_of_variant
from latentbench.evaluation.criteria import cluster_variant
from latentbench.evaluation.trained import read_trained
from latentbench.files.artefacts import write_table
from latentbench.files.embedding import EmbeddingFile
from latentbench.files.members import write_members
from latentbench.logs import log_to


def main(
    embedding_path,
    status_path,
    clusters_path,
    criteria_path,
    members_path,
    *,
    n_clusters,
    clustering,
    is_member,
) -> None:
    """Write the clusters and the criteria of one variant (``clustering`` are ``cluster_variant``'s
    options), and what it brings to the answer, nothing unless it ``is_member``.
    """
    trained = read_trained(embedding_path, status_path)
    clusters, criteria = cluster_variant(trained, n_clusters=n_clusters, **clustering)
    write_table(clusters, clusters_path)
    write_table(criteria, criteria_path)
    batch = EmbeddingFile(embedding_path).batch
    members = members_of_variant(trained, batch=batch) if is_member else VariantMembers()
    write_members(members, trained.cells, members_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    # Here, in one place: k-means on a few thousand cells is 30 times slower on two threads that
    # share a core with other jobs.
    with threadpool_limits(limits=snakemake.threads):
        main(
            *(
                snakemake.input.embedding,
                snakemake.input.status,
                snakemake.output.clusters,
                snakemake.output.criteria,
                snakemake.output.members,
            ),
            n_clusters=snakemake.params.n_clusters,
            clustering=snakemake.params.clustering,
            is_member=snakemake.params.is_member,
        )
