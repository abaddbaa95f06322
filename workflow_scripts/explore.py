"""Make one data set ready for the explorer of the report."""

import pandas as pd

from latentbench.logs import log_to
from latentbench.report.explorer.explorer import explore
from latentbench.report.explorer.explorer_file import write_explored


def main(
    prepared_path, embedding_paths, cluster_paths, maps_path, explored_path, *, n_clusters, options
) -> None:
    """Write the explorer's file; ``options`` are ``explore``'s."""
    write_explored(
        explore(
            prepared_path,
            embedding_paths,
            cluster_paths,
            pd.read_parquet(maps_path),
            n_clusters=n_clusters,
            **options,
        ),
        explored_path,
    )


if __name__ == "__main__":
    log_to(snakemake.log[0])
    given = snakemake.input
    main(
        given.prepared,
        given.embeddings,
        given.clusters,
        given.maps,
        snakemake.output.explored,
        n_clusters=snakemake.params.n_clusters,
        options=snakemake.params.options,
    )
