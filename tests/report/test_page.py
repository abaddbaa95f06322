import json
import re
from html.parser import HTMLParser
from math import isfinite
from pathlib import Path

import pandas as pd
import pytest

from latentbench.evaluation.published import SHEET_COLUMNS, compare_with_published
from latentbench.evaluation.tables import cost_table
from latentbench.figures.catalogue import FIGURES
from latentbench.prediction.metrics import METRICS
from latentbench.prediction.tables import prediction_table, summarise_predictions
from latentbench.report.citations import references_of
from latentbench.report.explorer.page_explorer import explorer_view
from latentbench.report.methods import methods_text
from latentbench.report.page import read_dataset, read_predicted, render_page
from latentbench.report.page_inputs import figures_by_name, read_prepared, read_versions
from latentbench.report.rank_views import read_certainty
from latentbench.report.tables import StudyTables
from latentbench.theory.checks import as_table, equal, unequal

VOID = {"meta", "br", "link", "img", "input", "hr"}
SCHEMA = Path(__file__).parents[2] / "config" / "schemas" / "report.schema.json"

THEORY = as_table(
    [
        (
            "bounds",
            [
                equal("(3.4)", "the bound & the divergence", 1.0, 1.0),
                unequal("(3.4), as drafted", "another sign", 1.0, -2.5),
            ],
        )
    ]
)

EVIDENCE = pd.DataFrame(
    [
        ("seed", "agreement_of_models", 3, 21, 0.62, 0.6, 0.65, 0.02, 0.01, 0.03, 40.0, True),
        ("model", "silhouette_of_clusters", 3, 3, 0.5, 0.6, 0.7, -0.1, -0.2, 0.05, -50.0, False),
        ("model", "agreement_of_models", 3, 3, 0.71, 0.62, 0.74, 0.09, 0.0, 0.2, 75.0, True),
    ],
    columns=[
        "level",
        "criterion",
        "n_datasets",
        "n_choices",
        "ari",
        "mean_ari",
        "best_ari",
        "gain",
        "low",
        "high",
        "share",
        "in_force",
    ],
)
OF_DATASETS = [figure.name for figure in FIGURES if figure.per == "dataset"]
CORRELATIONS = pd.DataFrame(
    [("all", "silhouette_of_clusters", 0.4, 0.1, 0.7)],
    columns=["scope", "criterion", "rho", "low", "high"],
)
LOGS = {("digits", "gmvae"): "12:00:01 INFO epoch 11\n12:00:02 WARNING <kl_z> is not finite"}


class Structure(HTMLParser):
    """Collects tags, ids and links, and fails on tags that close in the wrong order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.tags, self.ids, self.attributes = [], [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.attributes.append((tag, attrs))
        self.ids += [attrs["id"]] if "id" in attrs else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def make_page(study_folder, svg, ranks, tests_of_ranks):
    def make(
        tables: StudyTables,
        answer: pd.DataFrame,
        predictions=None,
        tests=tests_of_ranks,
        published=None,
        chapters=(),
        **about,
    ) -> str:
        datasets = []
        for dataset in tables.datasets:
            prepared = read_prepared(study_folder / f"data/{dataset}/prepared.h5ad")
            prepared["about"] |= about
            maps = pd.read_parquet(study_folder / f"maps/{dataset}.parquet")
            datasets.append(
                read_dataset(
                    dataset,
                    prepared,
                    dict.fromkeys(
                        [figure.name for figure in FIGURES if figure.per == "dataset"], svg
                    ),
                    maps,
                )
            )
        config = {"datasets": tables.datasets, "preprocessing": {"split": {"test_fraction": 0.2}}}
        given = {
            "cost": cost_table(tables.status),
            "study_figures": dict.fromkeys(
                ["scores", "ranks", "cost", *(["predictions"] if predictions else [])], svg
            ),
            "plates": {"vae": svg},
            "thesis_figures": {"figure_3_1_vae": svg},
            "theory": THEORY,
            "evidence": EVIDENCE,
            "correlations": CORRELATIONS,
            "logs": LOGS,
            "versions": {"torch": "2.13.0"},
            "references": references_of(
                tables.kinds.values(),
                [data["row"] for data in datasets],
                methods_text(config, tables),
                {"torch": "2.13.0"},
                config,
            ),
            "config": config,
        }
        certainty = read_certainty(ranks, tests, tables.kinds)
        return render_page(
            tables,
            answer,
            certainty=certainty,
            explorer=explorer_view([]),
            datasets=datasets,
            **given,
            predictions=predictions,
            published=published,
            chapters=chapters,
            title="A study",
        )

    return make


@pytest.fixture(scope="module")
def answer(study_folder):
    return pd.read_parquet(study_folder / "tables" / "answer.parquet")


@pytest.fixture(scope="module")
def page(make_page, tables, answer):
    return make_page(tables, answer)


def test_the_page_asks_nothing_of_the_network(page):
    addresses = [
        value
        for _, attrs in Structure(page).attributes
        for key, value in attrs.items()
        if key in ("src", "href", "xlink:href")
    ]
    assert addresses
    assert [address for address in addresses if re.match(r"(https?:)?//", address)] == []
    assert "@import" not in page
    assert "url(http" not in page


def test_tags_are_balanced_and_ids_unique(page):
    ids = Structure(page).ids
    assert len(ids) == len(set(ids))


def test_every_section_of_the_navigation_is_there(page):
    structure = Structure(page)
    targets = [
        attrs["href"][1:]
        for tag, attrs in structure.attributes
        if tag == "a" and attrs["href"].startswith("#")
    ]
    assert len(targets) > 8
    assert set(targets) <= set(structure.ids)


def test_the_answer_comes_before_everything_else(page):
    places = [
        page.index(f'id="{section}"')
        for section in (
            "answer",
            "certainty",
            "scores",
            "maps",
            "training",
            "failures",
            "cost",
            "data",
            "methods",
            "files",
        )
    ]
    assert places == sorted(places)


def test_every_figure_has_a_text_alternative_and_every_column_a_scope(page):
    structure = Structure(page)
    assert all(attrs.get("aria-label") for tag, attrs in structure.attributes if tag == "svg")
    assert all(attrs.get("scope") for tag, attrs in structure.attributes if tag == "th")


def test_how_sure_the_order_is_has_the_ranks_the_test_and_the_diagram(page, ranks):
    section = page[page.index('id="certainty"') : page.index('id="scores"')]
    over_all = ranks[ranks["scope"] == "all"]
    assert all(
        f"{row.mean_rank:.2f}" in section and row.model in section for row in over_all.itertuples()
    )
    assert "over 3 data sets and 6 models" in section
    assert "random permutations" in section
    assert "3 data sets: too few to speak of others" in section
    assert section.count("<svg") == 1


def test_without_a_test_the_page_says_why_and_shows_no_diagram(
    make_page, tables, answer, tests_of_ranks
):
    page = make_page(
        tables,
        answer,
        tests=tests_of_ranks.assign(
            status="not_applicable", reason="it takes at least 2 data sets"
        ),
    )
    section = page[page.index('id="certainty"') : page.index('id="scores"')]
    assert "There is no test over data sets: it takes at least 2 data sets." in section
    assert "<svg" not in section


def test_failures_are_listed_with_their_reason(page, made_up):
    assert "diverged" in page
    assert made_up.reason.replace("'", "&#39;") in page


def test_the_checks_of_the_theory_show_both_sides_and_whether_they_hold(page):
    section = page[page.index('id="theory"') : page.index('id="methods"')]
    assert "the bound &amp; the divergence" in section
    assert "1 ≠ −2.5" in section
    assert "Bounds: 2 checks, all hold" in section
    assert section.count("<td>yes</td>") == 2


def test_the_methods_name_the_seeds_of_the_study(page):
    assert "once for each seed (0, 1, 2, 3, 4)" in page


def test_no_failure_is_said_plainly(make_page, tables, answer):
    ok = StudyTables(
        **{
            name: frame[frame["status"] == "ok"] if "status" in frame else frame
            for name, frame in vars(tables).items()
        }
    )
    assert "None: every replica of every variant ended well" in make_page(ok, answer)


def test_names_of_files_are_harmless_in_the_page(make_page, tables, answer):
    hostile = "<script>alert(1)</script>"
    page = make_page(tables, answer, citation=hostile, filters={hostile: 3}, source=f'"{hostile}')
    assert hostile not in page
    assert page.count("&lt;script&gt;alert(1)") >= 3
    assert Structure(page).tags.count("script") == 1


def test_the_same_study_gives_the_same_page(make_page, tables, answer, page):
    assert make_page(tables, answer) == page


def test_sorting_values_are_numbers_or_empty(page):
    values = [
        attrs["data-value"]
        for tag, attrs in Structure(page).attributes
        if tag == "td" and "number" in attrs.get("class", "") and "data-value" in attrs
    ]
    assert values
    assert all(value == "" or isfinite(float(value)) for value in values)


def test_published_results_and_chapters_have_a_section_only_where_the_study_has_them(
    make_page, page, tables, answer
):
    assert 'id="published"' not in page
    row = dict.fromkeys(SHEET_COLUMNS, "") | {
        "experiment": "<digits>",
        "dataset": "digits",
        "model": "gmvae",
        "table": "scores",
        "clustering": "own",
    }
    sheet = pd.DataFrame(
        [
            row
            | {
                "split": "test",
                "metric": "ari",
                "value": 0.2,
                "value_high": float("nan"),
                "bar": 0.1,
            }
        ]
    )
    published = compare_with_published(sheet, tables.scores, None, n_bootstrap=200)
    shown = make_page(
        tables, answer, published=published, chapters=[{"name": "mnist", "title": "M & N"}]
    )

    assert '<a href="../chapters/mnist.html">M &amp; N</a>' in shown
    assert "&lt;digits&gt;" in shown
    assert f'data-value="{float(published["mean"].iloc[0])!r}"' in shown
    assert "0.1: reached" in shown


def test_the_page_has_a_section_on_predictions_only_where_something_is_predicted(
    make_page, page, tables, answer, svg
):
    assert 'id="predictions"' not in page
    rows = [
        ("kang", "scgen", "cell_type", 0, "<rare>", metric, 0.5, "ok", "", True)
        for metric in METRICS[1:]
    ]
    rows.append(
        (
            "kang",
            "scgen",
            "cell_type",
            0,
            "<rare>",
            METRICS[0],
            None,
            "diverged",
            "non-finite",
            True,
        )
    )
    with_predictions = make_page(
        tables,
        answer,
        predictions=read_predicted(
            prediction_table(rows), summarise_predictions(prediction_table(rows))
        ),
    )
    assert {"predictions", "failures"} <= set(Structure(with_predictions).ids)
    assert "&lt;rare&gt;" in with_predictions


def test_versions_that_differ_between_jobs_are_all_named(tmp_path):
    for i, version in enumerate(("2.13.0", "2.12.0", "2.13.0")):
        (tmp_path / f"{i}.json").write_text(json.dumps({"versions": {"torch": version}}))
    assert read_versions(sorted(tmp_path.iterdir())) == {"torch": "2.12.0 and 2.13.0"}


def test_figures_are_found_by_name():
    assert figures_by_name(["results/figures/a.b/scores.svg"]) == {
        "scores": Path("results/figures/a.b/scores.svg")
    }


def test_the_schema_asks_for_a_title_and_options_of_maps():
    assert set(json.loads(SCHEMA.read_text())["properties"]) == {"title", "maps", "explorer"}


def test_the_first_line_is_what_was_chosen_without_labels_and_what_that_was_worth(page, tables):
    made = tables.choices[
        tables.choices["in_force"].astype(bool) & (tables.choices["level"] == "model")
    ]
    first = page[page.index('id="answer-title"') :]
    first = first[first.index("<p>") : first.index("</p>")]
    assert "by the best agreement with the other models" in first
    for row in made.itertuples():
        assert f"{row.picked} for {row.dataset}" in first
    assert "mean ARI of 0.710; a variant drawn at random has 0.620, the best one 0.740" in first


def test_every_criterion_shows_its_gain_and_the_rule_in_force_is_marked(page):
    section = page[page.index('id="choices"') : page.index('id="failures"')]
    assert "best agreement with the other models" in section
    assert "0.020" in section
    assert "−0.100" in section
    assert section.count("<td>yes</td>") == 2


def test_a_failed_training_shows_the_last_lines_of_its_log(page):
    section = page[page.index('id="failures"') : page.index('id="cost"')]
    assert "&lt;kl_z&gt; is not finite" in section
