"""Write the results of the study as one page of Markdown."""

from pathlib import Path

from latentbench.files.artefacts import write_text
from latentbench.logs import log_to
from latentbench.report.results import Results
from latentbench.report.results_page import results_page

if __name__ == "__main__":
    log_to(snakemake.log[0])
    params, page = dict(snakemake.params), snakemake.output[0]
    command = params.pop("command")
    results = Results(snakemake.input, root=Path(page).parents[1], **params)
    write_text(results_page(results, command), page)
