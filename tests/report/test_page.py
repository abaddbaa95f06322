import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from math import isfinite
from pathlib import Path

import pandas as pd
import pytest
from jinja2 import ChoiceLoader, DictLoader, FileSystemLoader

from latentbench.evaluation.published import SHEET_COLUMNS, compare_with_published
from latentbench.figures.catalogue import FIGURES
from latentbench.prediction.metrics import METRICS
from latentbench.prediction.tables import prediction_table, summarise_predictions
from latentbench.report import page as page_module
from latentbench.report.page import render_page
from latentbench.report.sections import Section, all_sections, section_names

VOID = {"meta", "br", "link", "img", "input", "hr"}
SCHEMA = Path(__file__).parents[2] / "config" / "schemas" / "report.schema.json"


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
def make_page(make_results):
    return lambda **changes: render_page(make_results(**changes), all_sections())


@pytest.fixture(scope="module")
def page(results):
    return render_page(results, all_sections())


def section_of(page: str, name: str) -> str:
    """The text of one section."""
    start = page.index(f'<section class="{name}"')
    return page[start : page.index("</section>", start)]


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


def test_sections_come_in_the_order_of_their_places_and_the_answer_first(page):
    shown = re.findall(r'<section class="(\w+)"', page)
    places = {section.name: section.place for section in all_sections()}
    assert [places[name] for name in shown] == sorted(places[name] for name in shown)
    assert shown[0] == "contest"
    assert len(set(places.values())) == len(places)


def test_every_section_has_its_template_and_every_figure_a_section_that_is_there():
    folder = Path(__file__).parents[2] / "workflow_scripts/latentbench/report/sections"
    assert {path.name for path in folder.glob("*.j2")} == {
        f"{name}.html.j2" for name in section_names()
    }
    assert {figure.section for figure in FIGURES} <= {*section_names(), None}


def test_a_section_with_nothing_to_say_is_left_out_of_page_and_navigation(results):
    silent = Section(10, "Silent", lambda results: None, name="silent")
    page = render_page(results, [silent, *all_sections()])
    assert "silent" not in page
    assert "Silent" not in page


def test_the_section_of_the_docs_is_one_module_and_one_template(results, monkeypatch):
    text = (Path(__file__).parents[2] / "docs/report.md").read_text()
    text = text[text.index("## A section of your own") :]
    module, template = re.findall(r"```(?:python|text)\n(.*?)```", text, re.DOTALL)[:2]
    exec(module, made := {})
    templates = DictLoader({"sections/slowest.html.j2": template})
    monkeypatch.setattr(
        page_module,
        "FileSystemLoader",
        lambda folder: ChoiceLoader([templates, FileSystemLoader(folder)]),
    )
    shown = render_page(results, [replace(made["SECTION"], name="slowest")])
    slowest = results.tables.status["seconds"].max()
    assert "What took longest" in shown
    assert f"{slowest:.1f}" in section_of(shown, "slowest")


def test_every_figure_has_a_text_alternative_and_every_column_a_scope(page):
    structure = Structure(page)
    assert all(attrs.get("aria-label") for tag, attrs in structure.attributes if tag == "svg")
    assert all(attrs.get("scope") for tag, attrs in structure.attributes if tag == "th")


def test_how_sure_the_order_is_has_the_ranks_the_test_and_the_diagram(page, ranks):
    section = section_of(page, "ranks")
    over_all = ranks[ranks["scope"] == "all"]
    assert all(
        f"{row.mean_rank:.2f}" in section and row.model in section for row in over_all.itertuples()
    )
    assert "over 3 data sets and 6 models" in section
    assert "random permutations" in section
    assert "3 data sets: too few to speak of others" in section
    assert section.count("<svg") == 1


def test_without_a_test_there_is_no_section_on_ranks(make_page, tests_of_ranks):
    page = make_page(tests=tests_of_ranks.assign(status="not_applicable", reason="one data set"))
    assert '<section class="ranks"' not in page
    targets = {
        attrs["href"][1:]
        for tag, attrs in Structure(page).attributes
        if tag == "a" and attrs["href"].startswith("#")
    }
    assert targets <= set(Structure(page).ids)


@pytest.fixture(scope="module")
def page_without_labels(make_page, tables, ranks, tests_of_ranks, study_folder):
    answer = pd.read_parquet(study_folder / "tables/answer.parquet")
    of_labels = tables.scores["metric"].isin(["ari", "nmi", "acc"])
    unscored = tables.summary["metric"].isin(["ari", "nmi", "acc"])
    return make_page(
        labels=False,
        scores=tables.scores[~of_labels],
        summary=tables.summary[~unscored],
        answer=answer.iloc[:0],
        ranks=ranks.iloc[:0],
        tests=tests_of_ranks.assign(status="not_applicable", reason="no labels"),
        criteria=None,
        correlations=None,
    )


def test_without_labels_nothing_is_empty_and_nothing_explains_an_absence(page_without_labels):
    shown = re.findall(r'<section class="(\w+)"', page_without_labels)
    assert not {"ranks", "scores", "choices"} & set(shown)
    assert ">Labels<" not in section_of(page_without_labels, "data")
    assert all(
        f"blobs-{figure}" not in page_without_labels
        for figure in ("scores", "confusion", "calibration")
    )
    assert "no answer" not in page_without_labels
    assert "Chosen without a label" in section_of(page_without_labels, "contest")
    for body in re.findall(r"<tbody>(.*?)</tbody>", page_without_labels, re.DOTALL):
        assert "<td" in body


def test_failures_are_listed_with_their_reason(page, made_up):
    assert "diverged" in page
    assert made_up.reason.replace("'", "&#39;") in page


def test_the_checks_of_the_theory_show_both_sides_and_whether_they_hold(page):
    section = section_of(page, "theory")
    assert "the bound &amp; the divergence" in section
    assert "1 ≠ −2.5" in section
    assert "Bounds: 2 checks, all hold" in section
    assert section.count(">yes</td>") == 2


def test_the_methods_name_the_seeds_of_the_study(page):
    assert "once for each seed (0, 1, 2, 3, 4)" in page


def test_no_failure_is_said_plainly(make_page, tables):
    ok = {
        name: frame[frame["status"] == "ok"]
        for name, frame in vars(tables).items()
        if "status" in frame
    }
    assert "None: every replica of every variant ended well" in make_page(**ok)


def test_names_of_files_are_harmless_in_the_page(make_page):
    hostile = "<script>alert(1)</script>"
    page = make_page(sheet={"citation": hostile, "licence": hostile, "origin": f'"{hostile}'})
    assert hostile not in page
    assert page.count("&lt;script&gt;alert(1)") >= 3
    assert Structure(page).tags.count("script") == 1


def test_the_same_study_gives_the_same_page(make_page, page):
    assert make_page() == page


def test_sorting_values_are_numbers_or_empty(page):
    values = [
        attrs["data-value"]
        for tag, attrs in Structure(page).attributes
        if tag == "td" and "number" in attrs.get("class", "") and "data-value" in attrs
    ]
    assert values
    assert all(value == "" or isfinite(float(value)) for value in values)


def test_published_results_and_chapters_have_a_section_only_where_the_study_has_them(
    make_page, page, tables
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
    shown = make_page(published=published, chapters=[{"name": "mnist", "title": "M & N"}])

    assert '<a href="../chapters/mnist.html">M &amp; N</a>' in shown
    assert "&lt;digits&gt;" in shown
    assert f'data-value="{float(published["mean"].iloc[0])!r}"' in shown
    assert "0.1: reached" in shown


def test_the_page_has_a_section_on_predictions_only_where_something_is_predicted(make_page, page):
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
    predictions = prediction_table(rows)
    with_predictions = make_page(
        predictions=predictions, predictions_summary=summarise_predictions(predictions)
    )
    assert {"predictions", "failures"} <= set(Structure(with_predictions).ids)
    assert "&lt;rare&gt;" in with_predictions


def test_the_schema_asks_for_a_title_and_options_of_maps():
    assert set(json.loads(SCHEMA.read_text())["properties"]) == {"title", "maps", "explorer"}


def test_the_first_line_is_what_was_chosen_without_labels_and_what_that_was_worth(page, tables):
    made = tables.choices[
        tables.choices["in_force"].astype(bool) & (tables.choices["level"] == "model")
    ]
    first = section_of(page, "contest")
    first = first[first.index("<p>") : first.index("</p>")]
    assert "by the best agreement with the other models" in first
    for row in made.itertuples():
        assert f"{row.picked} for {row.dataset}" in first
    assert "mean ARI of 0.710; a variant drawn at random has 0.620, the best one 0.740" in first


def test_every_criterion_shows_its_gain_and_the_rule_in_force_is_marked(page):
    section = section_of(page, "choices")
    assert "best agreement with the other models" in section
    assert "0.020" in section
    assert "−0.100" in section
    assert section.count(">yes</td>") == 2


def test_a_failed_training_shows_the_last_lines_of_its_log(page):
    section = section_of(page, "failures")
    assert "&lt;kl_z&gt; is not finite" in section
