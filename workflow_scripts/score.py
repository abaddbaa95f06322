"""Score every variant on one data set, and their consensus, against the labels."""

from threadpoolctl import threadpool_limits

from latentbench.evaluation.dataset_scores import VariantFiles, score_dataset
from latentbench.files.artefacts import write_table
from latentbench.logs import log_to


def main(
    prepared_path, variants, consensus, scores_path, reliability_path, *, n_clusters, scoring
) -> None:
    """Write the scores and the reliability table of one data set; ``variants``: the files of each;
    ``consensus``: its clusters and criteria, or nothing.
    """
    scores, reliability = score_dataset(
        prepared_path, variants, consensus, n_clusters=n_clusters, **scoring
    )
    write_table(scores, scores_path)
    write_table(reliability, reliability_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    files = snakemake.input
    of_variants = zip(
        files.embeddings,
        files.statuses,
        files.histories,
        files.quality,
        files.clusters,
        files.criteria,
        strict=True,
    )
    with threadpool_limits(limits=snakemake.threads):
        main(
            files.prepared,
            [VariantFiles(*paths) for paths in of_variants],
            list(zip(files.consensus_clusters, files.consensus_criteria, strict=True)),
            *snakemake.output,
            n_clusters=snakemake.params.n_clusters,
            scoring=snakemake.params.scoring,
        )
