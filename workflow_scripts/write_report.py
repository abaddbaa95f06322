"""Write the report page."""

import pandas as pd

from latentbench.artefacts import write_text
from latentbench.logs import log_to
from latentbench.prediction.tables import read_predictions
from latentbench.reporting.page import read_dataset, read_predicted, render_page
from latentbench.reporting.page_inputs import figures_by_name, read_prepared, read_versions
from latentbench.reporting.rank_views import read_certainty
from latentbench.reporting.tables import read_table, read_tables


def main(
    table_paths, answer_path, rank_paths, theory_path, status_paths, dataset_paths, cost_figure, plate_paths, predicted_paths, page_path, *, config
) -> None:
    """Write the page.

    ``rank_paths``: the tables of ranks and of tests, and the figure; ``dataset_paths``: by data set, its prepared.h5ad, maps table and svg figures;
    ``predicted_paths``: table and figure, or neither.
    """
    tables = read_tables(*table_paths)
    datasets = [
        read_dataset(dataset, read_prepared(prepared), figures_by_name(figures), pd.read_parquet(maps, columns=["cell", "layout"]))
        for dataset, (prepared, maps, figures) in dataset_paths.items()
    ]
    answer = pd.read_csv(answer_path, sep="\t")
    predictions = read_predicted(read_predictions(predicted_paths[0]), predicted_paths[1]) if predicted_paths else None
    page = render_page(
        tables,
        answer,
        certainty=read_certainty(read_table(rank_paths[0], "ranks"), read_table(rank_paths[1], "tests"), tables.kinds, rank_paths[2]),
        datasets=datasets,
        cost_figure=cost_figure,
        plates=figures_by_name(plate_paths),
        theory=pd.read_csv(theory_path, sep="\t"),
        predictions=predictions,
        versions=read_versions(status_paths),
        config=config,
        title=config["report"]["title"],
    )
    write_text(page, page_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    tables = [snakemake.input.scores, snakemake.input.summary, snakemake.input.status, snakemake.input.history]
    names = snakemake.params.datasets
    figures = [[path for path in snakemake.input.dataset_figures if f"/figures/{name}/" in path] for name in names]
    of_datasets = dict(zip(names, zip(snakemake.input.prepared, snakemake.input.maps, figures, strict=True), strict=True))
    main(
        tables,
        snakemake.input.answer,
        [snakemake.input.ranks, snakemake.input.tests, snakemake.input.ranks_figure],
        snakemake.input.theory,
        snakemake.input.statuses,
        of_datasets,
        snakemake.input.cost,
        snakemake.input.plates,
        [*snakemake.input.predicted],
        snakemake.output.page,
        config=snakemake.params.config,
    )
