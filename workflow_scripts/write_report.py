"""Write the report page."""

from pathlib import Path

from latentbench.files.artefacts import write_text
from latentbench.logs import log_to
from latentbench.report.citations import as_bib
from latentbench.report.page import render_page
from latentbench.report.results import Results
from latentbench.report.sections import all_sections
from latentbench.report.sections.bibliography import cited


def main(results, page_path, bib_path) -> None:
    """Write the page and what it cites."""
    write_text(render_page(results, all_sections()), page_path)
    write_text(as_bib(cited(results)), bib_path)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    page, bib = snakemake.output.page, snakemake.output.bib
    root = Path(page).parents[1]
    main(Results(snakemake.input, root=root, **snakemake.params), page, bib)
