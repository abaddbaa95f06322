"""What the notebook of a data set and the chapters of the thesis show: their cells call these,
nothing else. Whatever depends on the results is worded here, from the tables.
"""

from base64 import b64encode
from collections.abc import Iterable
from html import escape

import pandas as pd
from IPython.display import HTML

from latentbench.outcomes import Outcome
from latentbench.prediction.metrics import METRIC_NAMES
from latentbench.report import figures as records
from latentbench.report.cells import NOTHING, Table, number, table
from latentbench.report.results import Results
from latentbench.report.sections import published, theory
from latentbench.report.sections.data import dataset_row
from latentbench.report.sections.scores import scores_table

VERDICTS = {"above": "Above", "within": "Not distinguishable from", "below": "Below"}


def introduction(results: Results, dataset: str) -> str:
    """Return the opening paragraph of a data set in Markdown."""
    row = dataset_row(results, dataset)
    labels = f", {row['n_labels']} labels" if row["n_labels"] else ""
    given = (
        f"The number of clusters, {row['n_clusters']}, is told to the models that need one."
        if row["n_clusters"] is not None
        else "No number of clusters is declared, so that clusterings have to find one."
    )
    said = [
        f"{row['n_obs']} cells × {row['n_vars']} variables ({row['modality']}){labels}.",
        given,
        f"Source: {_plain(row['source'])}.",
        f"{_plain(row['citation'])}." if row["citation"] else "",
        f"Licence: {_plain(row['licence'])}." if row["licence"] else "",
    ]
    return f"# {_plain(dataset)}\n\n{' '.join(filter(None, said))}"


def quality_table(results: Results, dataset: str) -> HTML:
    """Return the filters of preprocessing and what each counted."""
    counts = dataset_row(results, dataset)["filters"]
    rows = ({"filter": name, "count": count} for name, count in counts.items())
    return _shown(table(rows), "No filter was applied.")


def status_table(results: Results, dataset: str) -> HTML:
    """Return how many replicas of each model ended how, with the first reason of those that did not
    end ok.
    """
    status = results.tables.of_dataset(dataset).status
    counts = status.groupby(["model", "status"], sort=True).agg(
        replicas=("seed", "size"), reason=("reason", "first"), seconds=("seconds", "median")
    )
    return _shown(
        table(
            {
                "model": row.model,
                "status": row.status,
                "replicas": number(row.replicas),
                "reason": "" if row.status == Outcome.OK else row.reason or "",
                "seconds (median)": number(row.seconds, 2),
            }
            for row in counts.reset_index().itertuples()
        )
    )


def scores(results: Results, dataset: str) -> HTML:
    """Return the table of scores of a data set, one row a variant."""
    if dataset not in results.datasets:
        return _absent(f"data set {dataset}")
    return _shown(scores_table(results.tables.of_dataset(dataset)))


def scores_part(results: Results, dataset: str) -> HTML:
    """Return the heading, table and figure of the scores; nothing where there are no labels."""
    if not results.has_labels(dataset):
        return HTML("")
    said = (
        "<h2>Scores</h2><p>Means over seeds on test cells with 95 % intervals, for each variant’s"
        " headline clustering. † saw the labels, grey in the figure: controls.</p>"
    )
    shown = scores(results, dataset), figure(results, f"{dataset}/scores")
    return HTML(said + "".join(each.data for each in shown))


def clusters_part(results: Results, dataset: str) -> HTML:
    """Return the heading and figures of the clusters: against the labels, where there are any, and
    how every replica's cells spread over them.
    """
    names = [*(["confusion"] if results.has_labels(dataset) else []), "usage"]
    shown = (figure(results, f"{dataset}/{name}").data for name in names)
    return HTML("<h2>Clusters</h2>" + "".join(shown))


def figure(results: Results, name: str, caption: str = "") -> HTML:
    """Return a figure of the study (``scores``, ``digits/maps``) with a caption, its own where none
    is given; a sentence where the study has no such figure.
    """
    folder, _, stem = name.rpartition("/")
    path = results.figures(folder, ".png").get(stem)
    if path is None:
        return _absent(f"figure {name}")
    said = caption or next(
        record["caption"]
        for record in records.figures_of("dataset", {stem: path}, of=folder, shown="Its cells")
    )
    encoded = b64encode(path.read_bytes()).decode()
    shown = (
        f'<img style="max-width:100%" alt="{escape(said)}" src="data:image/png;base64,{encoded}">'
    )
    return HTML(f"<figure>{shown}<figcaption>{escape(said)}</figcaption></figure>")


def sizes(results: Results) -> HTML:
    """Return what the study behind a chapter is made of, in a sentence a data set."""
    items = []
    for dataset in results.datasets:
        status = results.tables.of_dataset(dataset).status
        ran = status[status["status"] != Outcome.NOT_APPLICABLE]
        failed = int((~ran["status"].isin([Outcome.OK])).sum())
        ended = (
            "all replicas ended well"
            if not failed
            else f"{failed} of {len(ran)} replicas did not end well"
        )
        items.append(
            f"<li><b>{escape(dataset)}</b>: {ran['model'].nunique()} variants, seeds"
            f" {_listed(ran['seed'].dropna().unique())}; {ended}.</li>"
        )
    return HTML(f"<ul>{''.join(items)}</ul>" if items else "<p>No data set: equations alone.</p>")


def published_table(results: Results, chapter: str) -> HTML:
    """Return our results beside the published ones, an experiment a line."""
    return _shown(
        published.published_table(_of_chapter(results, chapter), seeds=True),
        "No published number belongs to this chapter.",
    )


def verdicts(results: Results, chapter: str) -> HTML:
    """Return in sentences where our results lie beside the published ones, and which are
    missing.
    """
    found = _of_chapter(results, chapter)
    items = [
        f"{words} {row.source}: {row.experiment}, {row.metric} {published.ours(row, seeds=True)}"
        f" against {published.theirs(row)}."
        for standing, words in VERDICTS.items()
        for row in found[found["standing"] == standing].itertuples()
    ]
    items += [
        f"Without a number of ours: {row.experiment} ({row.model or NOTHING}): {row.reason}."
        for row in found[found["status"] != Outcome.OK].itertuples()
    ]
    listed = "".join(f"<li>{escape(item)}</li>" for item in items)
    return HTML(f"<p>{escape(published.counted_sentence(found))}</p><ul>{listed}</ul>")


def standings(results: Results) -> HTML:
    """Return, for every chapter, how many of our results lie above, within and below the published
    ones, and how many bars are reached.
    """
    rows = []
    for name, found in results.table("published").groupby("chapter", sort=False):
        counts = published.counts_of(found)
        rows.append(
            {
                "chapter": str(name).replace("_", " "),
                **{words.lower(): str(counts[standing]) for standing, words in VERDICTS.items()},
                "no number of ours": str(counts["missing"]),
                "bars reached": f"{counts['reached']} of {counts['bars']}",
            }
        )
    return _shown(table(rows))


def checks(results: Results, topic: str) -> HTML:
    """Return the numeric checks of one topic of the theory."""
    theory_checks = results.table("theory")
    found = theory.theory_table(theory_checks[theory_checks["topic"] == topic])
    return _absent(f"topic {topic}") if found is None else _shown(found)


def predictions(results: Results) -> HTML:
    """Return the means of every method over cell types and seeds."""
    summary = results.table_if_any("predictions_summary")
    if summary is None:
        return _absent("the predictions")
    keys = [column for column in ("dataset", "hidden", "model") if column in summary]
    wide = summary.pivot_table(index=keys, columns="metric", values="value")
    return _shown(
        table(
            {
                **{key: str(value) for key, value in row.items() if key in keys},
                **{METRIC_NAMES[name]: number(row[name], 3) for name in wide.columns},
            }
            for row in wide.reset_index().to_dict("records")
        )
    )


def _of_chapter(results: Results, chapter: str) -> pd.DataFrame:
    found = results.table("published")
    return found[found["chapter"] == chapter]


def _shown(found: Table | None, otherwise: str = "") -> HTML:
    return HTML(found.html() if found else f"<p>{escape(otherwise)}</p>")


def _absent(what: str) -> HTML:
    return HTML(f"<p><i>{escape(what)} is not part of this study.</i></p>")


def _listed(seeds: Iterable[float]) -> str:
    return ", ".join(str(int(seed)) for seed in sorted(seeds))


def _plain(text: str) -> str:
    """Text of users' files, kept from being read as Markdown or HTML."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#|" else letter for letter in text)
