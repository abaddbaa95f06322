"""Write the report page."""

import pandas as pd

from latentbench.files.artefacts import write_text
from latentbench.files.tables import PREDICTIONS
from latentbench.logs import log_to
from latentbench.report.bibliography import as_bib
from latentbench.report.citations import references_of
from latentbench.report.explorer.page_explorer import explorer_view
from latentbench.report.methods import methods_text
from latentbench.report.page import read_dataset, read_predicted, render_page
from latentbench.report.page_inputs import (
    figures_by_name,
    read_logs,
    read_prepared,
    read_versions,
)
from latentbench.report.rank_views import read_certainty
from latentbench.report.tables import STUDY_TABLES, read_table, read_tables


def main(
    table_paths, dataset_paths, inputs, page_path, bib_path, *, config, chapters, sheet
) -> None:
    """Write the page and what it cites; ``dataset_paths``: by data set, its prepared.h5ad, maps
    table and svg figures; ``inputs``: the other files by name, ``predicted`` the tables and the
    figure of the predictions, or none."""
    tables = read_tables(table_paths)
    datasets = [
        read_dataset(
            dataset,
            read_prepared(prepared, sheet[dataset]),
            figures_by_name(figures),
            pd.read_parquet(maps, columns=["cell", "layout"]),
        )
        for dataset, (prepared, maps, figures) in dataset_paths.items()
    ]
    versions, rows = read_versions(inputs["statuses"]), [data["row"] for data in datasets]
    references = references_of(
        tables.kinds.values(), rows, methods_text(config, tables), versions, config
    )
    predicted = inputs["predicted"]
    page = render_page(
        tables,
        pd.read_parquet(inputs["answer"]),
        certainty=read_certainty(
            read_table(inputs["ranks"], "ranks"), read_table(inputs["tests"], "tests"), tables.kinds
        ),
        explorer=explorer_view(inputs["explored"]),
        datasets=datasets,
        cost=pd.read_parquet(inputs["cost"]),
        study_figures=figures_by_name(inputs["study_figures"]),
        plates=figures_by_name(inputs["plates"]),
        theory=pd.read_parquet(inputs["theory"]),
        evidence=pd.read_parquet(inputs["criteria"]),
        correlations=pd.read_parquet(inputs["correlations"]),
        logs=read_logs(inputs["statuses"]),
        published=pd.read_parquet(inputs["published"][0]) if inputs["published"] else None,
        chapters=chapters,
        thesis_figures=figures_by_name(inputs["thesis_figures"]),
        predictions=(
            read_predicted(PREDICTIONS.read(predicted[0]), pd.read_parquet(predicted[1]))
            if predicted
            else None
        ),
        versions=versions,
        references=references,
        config=config,
        title=config["report"]["title"],
    )
    write_text(page, page_path)
    write_text(as_bib(references), bib_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    names = snakemake.params.datasets
    figures = [
        [path for path in snakemake.input.dataset_figures if f"/figures/{name}/" in path]
        for name in names
    ]
    main(
        {name: snakemake.input[name] for name in STUDY_TABLES},
        dict(
            zip(
                names,
                zip(snakemake.input.prepared, snakemake.input.maps, figures, strict=True),
                strict=True,
            )
        ),
        snakemake.input,
        snakemake.output.page,
        snakemake.output.bib,
        config=snakemake.params.config,
        chapters=snakemake.params.chapters,
        sheet=snakemake.params.sheet,
    )
