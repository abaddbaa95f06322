"""Write the results of the study as one page of Markdown."""

import pandas as pd

from latentbench.files.artefacts import write_text
from latentbench.logs import log_to
from latentbench.report.page_inputs import read_prepared
from latentbench.report.results_page import results_page
from latentbench.report.tables import STUDY_TABLES, read_table, read_tables


def main(table_paths, inputs, prepared_paths, page_path, *, config, command) -> None:
    """Write the page; ``inputs``: the paths of further tables by name, ``prepared_paths`` those of
    every data set by name.
    """
    sizes = [{"name": name, **read_prepared(path)} for name, path in prepared_paths.items()]
    page = results_page(
        read_tables(table_paths),
        published=pd.read_parquet(inputs["published"]),
        ranks=read_table(inputs["ranks"], "ranks"),
        tests=read_table(inputs["tests"], "tests"),
        evidence=pd.read_parquet(inputs["criteria"]),
        datasets=sizes,
        config=config,
        command=command,
    )
    write_text(page, page_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    main(
        {name: snakemake.input[name] for name in STUDY_TABLES},
        snakemake.input,
        dict(zip(snakemake.params.datasets, snakemake.input.prepared, strict=True)),
        snakemake.output[0],
        config=snakemake.params.config,
        command=snakemake.params.command,
    )
