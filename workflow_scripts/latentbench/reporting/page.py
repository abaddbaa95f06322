"""The report: one self-contained HTML page, from tables and figures that are already made."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from latentbench.applicability import CONSENSUS
from latentbench.reporting.answer import answer_view
from latentbench.reporting.choice_views import chosen_sentence, evidence_rows
from latentbench.reporting.methods import described_models, methods_text
from latentbench.reporting.page_views import cost_rows, dataset_row, failure_rows, score_rows, theory_rows
from latentbench.reporting.prediction_figures import METRIC_NAMES, method_colours, prediction_gaps, prediction_rows
from latentbench.reporting.svg import inline_svg
from latentbench.reporting.tables import StudyTables

HERE = Path(__file__).parent
SECTIONS = (
    *(
        ("answer", "Answer"),
        ("certainty", "How sure"),
        ("scores", "Scores"),
        ("maps", "Maps"),
        ("explorer", "Explorer"),
        ("training", "Training"),
        ("choices", "Choices"),
    ),
    *(("predictions", "Predictions"), ("failures", "Failures"), ("cost", "Time and memory"), ("data", "Data"), ("theory", "Theory")),
    *(("methods", "Methods"), ("files", "Files")),
)
FIGURE_TITLES = {
    "scores": "Scores on {}: ARI, NMI and ACC of every model, a dot for every seed",
    "maps": "Maps of the embeddings of {}, coloured by truth and by cluster",
    "losses": "Loss terms over epochs on {}, for every model and seed",
    "usage": "Shares of the cells in each cluster on {}, for every model and seed",
    "confusion": "Confusion matrix of labels and clusters on {}",
    "calibration": "Accuracy against confidence of the cluster probabilities on {}, for every model that gives them",
    "latents": "Divergence of each latent dimension from its prior on {}, for every model that has one",
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
    cost_figure: str | Path,
    plates: Mapping[str, str | Path],
    theory: pd.DataFrame,
    evidence: pd.DataFrame,
    correlations: pd.DataFrame,
    versions: Mapping[str, str],
    logs: Mapping[tuple[str, str], str],
    config: Mapping[str, Any],
    predictions: Mapping[str, Any] | None = None,
    title: str = "latentbench",
) -> str:
    """Return the page.

    ``certainty``: what ``read_certainty`` returns; ``explorer``: what ``explorer_view`` returns; ``datasets``: what ``read_dataset`` returns, one each, in the order of the page; ``plates``: kind -> svg of
    its plate diagram; ``cost``, ``theory``, ``evidence`` and ``correlations``: the tables of cost, of checks, of criteria and of their correlations with the
    ARI; ``versions``: package -> version; ``logs``: (data set, model) -> the last lines of a training that failed; ``config``: the study's, as it ran;
    ``predictions``: what ``read_predicted`` returns, None where nothing is predicted.
    """
    absent = {name for name, there in (("predictions", predictions), ("explorer", explorer["explored"])) if not there}
    # Autoescape: names of cell types and data sets come from users' files.
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("page.html.j2").render(
        title=title,
        css=_asset("page.css"),
        js=_asset("page.js"),
        sections=[section for section in SECTIONS if section[0] not in absent],
        predictions=predictions,
        explorer={**explorer, "css": _asset("explorer.css"), "script": _asset("explorer.js")},
        counts={"models": len({*tables.scores["model"]} - {CONSENSUS}), "datasets": len(datasets), "seeds": tables.status["seed"].nunique()},
        answer=answer_view(answer, tables, [data["row"]["name"] for data in datasets]),
        chosen=chosen_sentence(tables.choices, evidence),
        evidence=evidence_rows(evidence, correlations),
        certainty=certainty,
        datasets=[{**data, "scores": score_rows(tables.of_dataset(data["row"]["name"]))} for data in datasets],
        layout=" and ".join(sorted({data["layout"] for data in datasets})),
        failures=failure_rows(tables, logs),
        cost=cost_rows(tables, cost),
        cost_figure=inline_svg(cost_figure, prefix="cost", title="Training time and peak memory of every replica, by data set and model"),
        plates=[
            {"kind": kind, "svg": inline_svg(path, prefix=f"plates-{_identifier(kind)}", title=f"Plate diagram of {kind}")} for kind, path in plates.items()
        ],
        theory=theory_rows(theory),
        methods=methods_text(config, tables),
        models=described_models(tables.kinds),
        versions=sorted(versions.items()),
        config=yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100),
    )


def read_dataset(name: str, prepared: Mapping[str, Any], figure_paths: Mapping[str, str | Path], maps: pd.DataFrame) -> dict[str, Any]:
    """Return what the page shows of one data set; ``prepared``: about (uns), n_obs, n_vars, n_labels; ``figure_paths``: figure -> svg file;
    ``maps``: its maps table."""
    figures = {
        figure: inline_svg(figure_paths[figure], prefix=f"{_identifier(name)}-{figure}", title=words.format(name)) for figure, words in FIGURE_TITLES.items()
    }
    return {
        "row": dataset_row(name, **prepared),
        "n_obs": prepared["n_obs"],
        "n_mapped": maps["cell"].nunique(),
        "layout": LAYOUTS[str(maps["layout"].iloc[0])] if len(maps) else "no layout",
        "figures": figures,
    }


def read_predicted(predictions: pd.DataFrame, summary: pd.DataFrame, figure: str | Path) -> dict[str, Any]:
    """Return what the page shows of the predictions and their summary; ``figure``: the svg file."""
    title = "Squared correlation of predicted and hidden cells, by method, with a dot for every seed"
    drawn = inline_svg(figure, prefix="predictions", title=title)
    return {
        "rows": prediction_rows(summary, method_colours(predictions)),
        "gaps": prediction_gaps(predictions),
        "figure": drawn,
        "metrics": METRIC_NAMES.values(),
    }


def _asset(name: str) -> Markup:
    return Markup((HERE / name).read_text(encoding="utf-8"))


def _identifier(name: str) -> str:
    return "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in name)
