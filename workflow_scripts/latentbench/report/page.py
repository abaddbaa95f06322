"""The report: one self-contained HTML page, a section after another (report/sections/)."""

from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from latentbench.report.explorer.page_explorer import script
from latentbench.report.results import Results
from latentbench.report.sections import Section
from latentbench.study.applicability import CONSENSUS

HERE = Path(__file__).parent


def render_page(results: Results, sections: Iterable[Section]) -> str:
    """Return the page: of ``sections`` those that have something to say of this study."""
    # Autoescape: names of cell types and data sets come from users' files.
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    views = {section: section.view(results) for section in sections}
    shown = [
        {
            "name": section.name,
            "title": section.title,
            "heading": section.heading or section.title,
            "body": Markup(
                environment.get_template(f"sections/{section.name}.html.j2").render(view)
            ),
        }
        for section, view in views.items()
        if view is not None
    ]
    tables = results.tables
    explored = any(section["name"] == "explorer" for section in shown)
    return environment.get_template("page.html.j2").render(
        title=results.config["report"]["title"],
        css=_asset("page.css") + (_asset("explorer/explorer.css") if explored else ""),
        js=_asset("page.js"),
        explorer=Markup(script()) if explored else "",
        sections=shown,
        counts={
            "models": len({*tables.scores["model"]} - {CONSENSUS}),
            "datasets": len(results.datasets),
            "seeds": tables.status["seed"].nunique(),
        },
    )


def _asset(name: str) -> Markup:
    return Markup((HERE / name).read_text(encoding="utf-8"))
