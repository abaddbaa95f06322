"""Draw further figures of one data set: responsibilities, principal components."""

import pandas as pd

from latentbench.figures.detail_figures import DETAIL_FIGURES, Details, responsibilities
from latentbench.figures.style import apply_style, save
from latentbench.logs import log_to


def main(kinds, embedding_paths, pca_path, figure_paths) -> None:
    """Write every figure; ``kinds`` and ``embedding_paths``: by model; ``figure_paths``: by name of
    the figure, its paths.
    """
    apply_style()
    details = Details(kinds, responsibilities(embedding_paths), pd.read_parquet(pca_path))
    for name, paths in figure_paths.items():
        save(DETAIL_FIGURES[name](details), paths)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    kinds = snakemake.params.kinds
    figures = {
        name: [path for path in snakemake.output if f"/{name}." in path] for name in DETAIL_FIGURES
    }
    main(
        kinds,
        dict(zip(kinds, snakemake.input.embeddings, strict=True)),
        snakemake.input.pca,
        figures,
    )
