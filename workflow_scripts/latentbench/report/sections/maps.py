"""Maps of the embeddings."""

from typing import Any

from latentbench.report.figures import placed_by_dataset
from latentbench.report.results import Results
from latentbench.report.sections import Section

LAYOUTS = {"tsne": "t-SNE", "umap": "UMAP", "pca": "the first two principal components"}


def view(results: Results) -> dict[str, Any] | None:
    """Return the maps by data set, and how they were laid out."""
    figures = placed_by_dataset(results, "maps")
    used = {layout for dataset in figures for layout in results.maps(dataset)["layout"].iloc[:1]}
    return (
        {
            "datasets": figures,
            "layout": " and ".join(sorted(LAYOUTS[layout] for layout in used)),
            "labelled": any(results.has_labels(dataset) for dataset in figures),
        }
        if used
        else None
    )


SECTION = Section(50, "Maps", view)
