"""Lay out the embeddings of all models of one data set in two dimensions."""

from latentbench.figures.maps import draw_maps
from latentbench.files.artefacts import write_table
from latentbench.logs import log_to


def main(prepared_path, embedding_paths, cluster_paths, maps_path, *, n_clusters, options) -> None:
    """Write the maps table; ``options`` are ``draw_maps``'s."""
    maps = draw_maps(
        prepared_path, embedding_paths, cluster_paths, n_clusters=n_clusters, **options
    )
    write_table(maps, maps_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        snakemake.input.prepared,
        snakemake.input.embeddings,
        snakemake.input.clusters,
        snakemake.output.maps,
        n_clusters=snakemake.params.n_clusters,
        options=snakemake.params.options,
    )
