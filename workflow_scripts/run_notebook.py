"""Run the notebook of one data set and render it."""

from latentbench.logs import log_to
from latentbench.report.notebook import run_notebook
from latentbench.report.tables import STUDY_TABLES


def main(template, notebook_path, html_path, *, dataset, paths) -> None:
    """Write the executed notebook and its page; ``paths``: the notebook's other parameters."""
    run_notebook(template, notebook_path, html_path, {"dataset": dataset, **paths}, title=dataset)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs = snakemake.input
    paths = {name: str(inputs[name]) for name in ("maps", "prepared")}
    paths["tables"] = {name: str(inputs[name]) for name in STUDY_TABLES}
    paths["sheet"] = snakemake.params.sheet
    paths["clusters"] = dict(zip(snakemake.params.models, map(str, inputs.clusters), strict=True))
    main(
        inputs.notebook,
        snakemake.output.notebook,
        snakemake.output.html,
        dataset=snakemake.wildcards.dataset,
        paths=paths,
    )
