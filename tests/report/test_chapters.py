import os
import shutil
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import yaml
from bs4 import BeautifulSoup
from matplotlib.figure import Figure

from latentbench.evaluation.published import compare_with_published, read_published
from latentbench.figures.style import save
from latentbench.report import notebook_views as views
from latentbench.report.notebook import run_notebook
from latentbench.report.results import Results
from latentbench.theory.table import theory_table

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "workflow_scripts" / "notebooks" / "chapters"
CHAPTERS = {
    chapter["name"]: chapter
    for chapter in yaml.safe_load((ROOT / "config/thesis.yaml").read_text())["chapters"]
}
PREDICTIONS = {
    "dataset": "digits",
    "model": ["cvae", "no_prediction"],
    "metric": "r2_mean",
    "value": [0.9, 0.8],
    "n_types": 2,
    "n_seeds": [5, 0],
    "saw_labels": False,
}


@pytest.fixture(scope="module")
def files(study_folder, tables, tmp_path_factory):
    """What a chapter is made from: the made-up study, in which the sheet's first data set is called
    digits.
    """
    root = tmp_path_factory.mktemp("chapter") / "results"
    shutil.copytree(study_folder, root)
    published = read_published(ROOT / "config/published.tsv").replace(
        {"dataset": "mnist", "model": "gmvae_dirichlet_images"}, {"dataset": "digits"}
    )
    published.loc[published["model"] == "gmvae_dirichlet_images", "model"] = "gmvae_dirichlet"
    published = compare_with_published(published, tables.scores, None, n_bootstrap=200)
    published.to_parquet(root / "tables/published.parquet")
    theory_table().to_parquet(root / "tables/theory.parquet")
    pd.DataFrame(PREDICTIONS).to_parquet(root / "tables/predictions_summary.parquet")
    (root / "figures/digits").mkdir(parents=True)
    save(Figure(figsize=(2, 1)), [root / "figures/digits/scores.png"])
    return root, [str(path) for path in sorted(root.rglob("*")) if path.is_file()]


@pytest.fixture(scope="module")
def told(files):
    root, paths = files
    return Results(paths, root=root, datasets=["digits"])


def published_of(told):
    published = told.table("published")
    return published[published["chapter"] == "mnist"]


def test_the_size_of_a_study_tells_of_replicas_that_did_not_end_well(told):
    assert "seeds 0, 1, 2, 3, 4; 1 of " in views.sizes(told).data


def test_ours_stands_beside_theirs_with_interval_seeds_and_bar(told):
    page = views.published_table(told, "mnist").data
    row = published_of(told)[
        (published_of(told)["model"] == "gmvae_dirichlet")
        & (published_of(told)["source"] == "Jiang 2017")
    ].iloc[0]

    assert f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}] (5 seeds)" in page
    assert "0.778 to 0.823" in page
    assert "0.95: missed" in page


def test_verdicts_follow_the_table_and_name_what_is_missing(told):
    page, published = views.verdicts(told, "mnist").data, published_of(told)
    assert page.count("<li>Below ") == (published["standing"] == "below").sum() > 0
    assert page.count("<li>Without a number of ours") == (published["status"] != "ok").sum() > 0
    assert "bars that the study set itself" in page


def test_standings_count_every_published_result_once(told):
    rows = BeautifulSoup(views.standings(told).data, "html.parser").find("tbody").find_all("tr")

    counted = [sum(int(cell.text) for cell in row.find_all("td")[1:5]) for row in rows]
    assert counted == [
        len(rows) for _, rows in told.table("published").groupby("chapter", sort=False)
    ]


def test_a_figure_is_shown_with_its_caption_or_said_to_be_absent(told):
    shown = views.figure(told, "digits/scores", "Scores of <all>").data

    assert "data:image/png;base64," in shown
    assert "Scores of &lt;all&gt;" in shown
    assert (
        "figure digits/heads is not part of this study"
        in views.figure(told, "digits/heads", "").data
    )


def test_predictions_are_a_row_a_method(told):
    assert "no_prediction" in views.predictions(told).data


def test_a_topic_of_the_theory_is_shown_or_said_to_be_absent(told):
    assert "(3.4)" in views.checks(told, "evidence and its bound").data
    assert "is not part of this study" in views.checks(told, "astrology").data


@pytest.mark.parametrize("name", sorted(CHAPTERS))
def test_every_chapter_of_the_thesis_runs_and_every_cell_shows_something(name, files, tmp_path):
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        parameters = {
            "chapter": name,
            "datasets": ["digits"] if CHAPTERS[name]["datasets"] else [],
            "root": str(files[0]),
            "files": files[1],
        }
        run_notebook(
            NOTEBOOKS / f"{name}.ipynb",
            "c.ipynb",
            "c.html",
            parameters,
            title=CHAPTERS[name]["title"],
        )
    finally:
        os.chdir(before)
    notebook, page = (
        nbformat.read(tmp_path / "c.ipynb", as_version=4),
        (tmp_path / "c.html").read_text(),
    )
    shown = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code"
        and not set(cell.metadata.get("tags", [])) & {"parameters", "injected-parameters"}
    ]

    assert all(cell.outputs for cell in shown)
    assert "\\operatorname" not in page
    assert ("<math" in page) == (name == "theory")
    assert 'src="http' not in page


def test_the_notebooks_are_those_of_the_thesis_and_have_no_outputs():
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == set(CHAPTERS)
    for path in NOTEBOOKS.glob("*.ipynb"):
        code = [
            cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"
        ]
        assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
        assert code[0].metadata.tags == ["parameters"]


def test_the_theory_chapter_shows_every_topic_that_is_checked():
    text = (NOTEBOOKS / "theory.ipynb").read_text()

    assert all(topic in text for topic in theory_table()["topic"].unique())
