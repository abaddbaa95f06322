"""Draw the figures of one data set: scores, losses, maps, confusion matrix, sizes of clusters."""

import pandas as pd

from latentbench.figures.dataset_figures import DATASET_FIGURES, Material
from latentbench.figures.maps import gather_clusters
from latentbench.figures.style import apply_style, save
from latentbench.logs import log_to
from latentbench.report.tables import STUDY_TABLES, headline_clusterings, read_tables


def main(dataset, table_paths, maps_path, prepared_path, cluster_paths, figure_paths) -> None:
    """Write every figure; ``cluster_paths``: by model; ``figure_paths``: by name of the figure, its
    paths.
    """
    apply_style()
    tables = read_tables(table_paths).of_dataset(dataset)
    found = gather_clusters(prepared_path, cluster_paths, headline_clusterings(tables))
    material = Material(tables, pd.read_parquet(maps_path), found)
    for name, paths in figure_paths.items():
        save(DATASET_FIGURES[name](material), paths)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    tables = {name: snakemake.input[name] for name in STUDY_TABLES}
    clusters = dict(zip(snakemake.params.models, snakemake.input.clusters, strict=True))
    figures = {
        name: [path for path in snakemake.output if f"/{name}." in path] for name in DATASET_FIGURES
    }
    main(
        snakemake.wildcards.dataset,
        tables,
        snakemake.input.maps,
        snakemake.input.prepared,
        clusters,
        figures,
    )
