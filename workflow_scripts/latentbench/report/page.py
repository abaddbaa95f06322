"""The report: one self-contained HTML page, from tables and figures that are already made."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from latentbench.figures.prediction_figures import (
    METRIC_NAMES,
    method_colours,
    prediction_gaps,
    prediction_rows,
)
from latentbench.report.answer import answer_view
from latentbench.report.bibliography import Reference, sentence
from latentbench.report.choice_views import chosen_sentence, evidence_rows
from latentbench.report.citations import linked
from latentbench.report.explorer.page_explorer import script
from latentbench.report.health_views import COLUMNS as HEALTH_COLUMNS
from latentbench.report.health_views import RULES, health_rows, health_sentence
from latentbench.report.methods import described_models, methods_text
from latentbench.report.page_figures import figure_groups, figures_of, plate_figures
from latentbench.report.page_views import (
    cost_rows,
    dataset_row,
    failure_rows,
    score_rows,
    theory_rows,
)
from latentbench.report.published_views import counted_sentence, published_rows
from latentbench.report.tables import StudyTables
from latentbench.study.applicability import CONSENSUS

HERE = Path(__file__).parent
SECTIONS = {
    "answer": "Answer",
    "certainty": "How sure",
    "scores": "Scores",
    "maps": "Maps",
    "explorer": "Explorer",
    "training": "Training",
    "details": "Details",
    "health": "Health",
    "choices": "Choices",
    "predictions": "Predictions",
    "failures": "Failures",
    "cost": "Time and memory",
    "published": "Published",
    "figures": "Figures",
    "data": "Data",
    "theory": "Theory",
    "methods": "Methods",
    "files": "Files",
}
LAYOUTS = {"tsne": "t-SNE", "umap": "UMAP", "pca": "the first two principal components"}


def render_page(
    tables: StudyTables,
    answer: pd.DataFrame,
    *,
    certainty: Mapping[str, Any],
    explorer: Mapping[str, Any],
    datasets: Sequence[Mapping[str, Any]],
    cost: pd.DataFrame,
    study_figures: Mapping[str, str | Path],
    plates: Mapping[str, str | Path],
    thesis_figures: Mapping[str, str | Path],
    theory: pd.DataFrame,
    evidence: pd.DataFrame,
    correlations: pd.DataFrame,
    versions: Mapping[str, str],
    references: Sequence[Reference],
    logs: Mapping[tuple[str, str], str],
    config: Mapping[str, Any],
    predictions: Mapping[str, Any] | None = None,
    published: pd.DataFrame | None = None,
    chapters: Sequence[Mapping[str, str]] = (),
    title: str = "latentbench",
) -> str:
    """Return the page.

    ``certainty``: what ``read_certainty`` returns; ``explorer``: what ``explorer_view`` returns;
    ``datasets``: what ``read_dataset`` returns, one each, in the order of the page;
    ``study_figures``: name -> svg of a figure of the whole study; ``plates``: kind -> svg of its
    plate diagram; ``thesis_figures``: likewise the numbered ones; ``cost``, ``theory``,
    ``evidence`` and ``correlations``: the tables of cost, of checks, of criteria and of their
    correlations with the ARI; ``versions``: package -> version; ``references``: what the study
    cites; ``logs``: (data set, model) -> the last lines of a training that failed; ``config``: the
    study's, as it ran; ``predictions``: what ``read_predicted`` returns, None where nothing is
    predicted; ``published``: the table of published results, None where the study has none;
    ``chapters``: name and title of each."""
    has_details = any(
        figure["section"] == "details" for data in datasets for figure in data["figures"]
    )
    there = {
        "predictions": predictions,
        "explorer": explorer["explored"],
        "details": has_details,
        "published": published is not None or chapters,
    }
    absent = {name for name, what in there.items() if not what}
    figures, diagrams = figures_of("study", study_figures), plate_figures(plates)
    if not certainty["applies"]:
        figures = [
            figure | {"svg": None} if figure["section"] == "certainty" else figure
            for figure in figures
        ]
    health = {
        data["row"]["name"]: health_rows(tables.of_dataset(data["row"]["name"]), data["declared"])
        for data in datasets
    }
    # Autoescape: names of cell types and data sets come from users' files.
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        title=title,
        css=_asset("page.css"),
        js=_asset("page.js"),
        sections=[(name, title) for name, title in SECTIONS.items() if name not in absent],
        predictions=predictions,
        explorer={**explorer, "css": _asset("explorer/explorer.css"), "script": Markup(script())},
        counts={
            "models": len({*tables.scores["model"]} - {CONSENSUS}),
            "datasets": len(datasets),
            "seeds": tables.status["seed"].nunique(),
        },
        answer=answer_view(answer, tables, [data["row"]["name"] for data in datasets]),
        chosen=chosen_sentence(tables.choices, evidence),
        evidence=evidence_rows(evidence, correlations),
        certainty=certainty,
        datasets=[
            {
                **data,
                "scores": score_rows(tables.of_dataset(data["row"]["name"])),
                "health": health[data["row"]["name"]],
            }
            for data in datasets
        ],
        health={"sentence": health_sentence(health), "rules": RULES, "columns": HEALTH_COLUMNS},
        layout=" and ".join(sorted({data["layout"] for data in datasets})),
        failures=failure_rows(tables, logs),
        cost=cost_rows(tables, cost),
        figures=figures,
        published=(
            None
            if published is None
            else {"rows": published_rows(published), "sentence": counted_sentence(published)}
        ),
        chapters=chapters,
        plates=diagrams,
        browser=figure_groups(
            figures,
            {data["row"]["name"]: data["figures"] for data in datasets},
            diagrams,
            figures_of("thesis", thesis_figures),
        ),
        theory=theory_rows(theory),
        methods=[linked(paragraph) for paragraph in methods_text(config, tables)],
        references=[
            {"key": reference.key, "text": sentence(reference)} for reference in references
        ],
        models=described_models(tables.kinds),
        versions=sorted(versions.items()),
        config=yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100),
    )


def read_dataset(
    name: str,
    prepared: Mapping[str, Any],
    figure_paths: Mapping[str, str | Path],
    maps: pd.DataFrame,
) -> dict[str, Any]:
    """Return what the page shows of one data set; ``prepared``: about (uns), n_obs, n_vars,
    n_labels; ``figure_paths``: figure -> svg file; ``maps``: its maps table."""
    n_mapped, row = maps["cell"].nunique(), dataset_row(name, **prepared)
    shown = f"{n_mapped} of {row['n_obs']} cells" + (
        ", a random subset" if n_mapped < prepared["n_obs"] else ""
    )
    return {
        "row": row,
        "declared": prepared["about"].get("n_clusters"),
        "layout": LAYOUTS[str(maps["layout"].iloc[0])] if len(maps) else "no layout",
        "figures": figures_of("dataset", figure_paths, of=name, shown=shown),
    }


def read_predicted(predictions: pd.DataFrame, summary: pd.DataFrame) -> dict[str, Any]:
    """Return what the page shows of the predictions and their summary."""
    return {
        "rows": prediction_rows(summary, method_colours(predictions)),
        "gaps": prediction_gaps(predictions),
        "metrics": METRIC_NAMES.values(),
    }


def _asset(name: str) -> Markup:
    return Markup((HERE / name).read_text(encoding="utf-8"))
