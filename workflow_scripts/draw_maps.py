"""Lay out the embeddings of all models of one data set in two dimensions."""

from latentbench.figures.maps import draw_maps
from latentbench.files.artefacts import write_table
from latentbench.logs import log_to


def main(prepared_path, embedding_paths, cluster_paths, maps_path, *, options) -> None:
    """Write the maps table; ``options`` are ``draw_maps``'s."""
    write_table(draw_maps(prepared_path, embedding_paths, cluster_paths, **options), maps_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        snakemake.input.prepared,
        snakemake.input.embeddings,
        snakemake.input.clusters,
        snakemake.output.maps,
        options=snakemake.params.options,
    )
