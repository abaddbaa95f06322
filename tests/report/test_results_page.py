import re
from pathlib import Path

import pandas as pd
import pytest

from latentbench.evaluation.published import compare_with_published, read_published
from latentbench.evaluation.selection import evidence
from latentbench.report.results_page import results_page

ROOT = Path(__file__).parents[2]
CONFIG = {
    "report": {"title": "made up"},
    "preprocessing": {"max_obs": 120},
    "seeds": [0, 1, 2, 3, 4],
    "scale": "small",
}


@pytest.fixture(scope="module")
def published(tables):
    sheet = read_published(ROOT / "config/published.tsv").replace(
        {"dataset": {"mnist": "digits"}, "model": {"gmvae_dirichlet_images": "gmvae_dirichlet"}}
    )
    return compare_with_published(sheet, tables.scores, None, n_bootstrap=200)


@pytest.fixture(scope="module")
def page(make_results, tables, published):
    results = make_results(published=published, criteria=evidence(tables.choices, n_bootstrap=200))
    results.config |= CONFIG
    return results_page(results, "snakemake --config scale=small")


def test_every_published_result_has_its_row_with_our_number(page, published):
    section = page.split("## Beside the published numbers")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][2:]

    assert len(rows) == len(published)
    for line, row in zip(rows, published.itertuples(), strict=True):
        assert row.experiment in line
        assert (f"{row.mean:.3f}" in line) == (row.status == "ok")


def test_every_score_is_one_of_the_table(page, tables):
    rows = tables.summary[
        (tables.summary["dataset"] == "digits")
        & (tables.summary["split"] == "test")
        & (tables.summary["metric"] == "ari")
    ]
    section = page.split("## digits\n")[1].split("\n## ")[0]
    shown = re.findall(r"^\| `(\w+)`[^|]*\| (\w+) \| ([\d.−-]+)", section, re.MULTILINE)

    assert shown
    for model, clustering, value in shown:
        mean = rows[(rows["model"] == model) & (rows["clustering"] == clustering)]["mean"].iloc[0]
        assert value == f"{mean:.3f}"


def test_the_page_says_how_it_was_made_and_what_failed(page, made_up):
    assert "```bash\nsnakemake --config scale=small\n```" in page
    assert "Scale `small`, seeds 0, 1, 2, 3, 4. At this scale at most 120 cells" in page
    assert (
        f"| {made_up.diverged[0]} | `{made_up.diverged[1]}` | {made_up.diverged[2]} | diverged |"
        f" {made_up.reason} |" in page
    )


def test_the_committed_results_show_the_numbers_of_the_committed_tables():
    folder = ROOT / "docs"
    page, published = (
        (folder / "results.md").read_text(),
        pd.read_csv(
            folder / "results/published.tsv",
            sep="\t",
            keep_default_na=False,
            na_values={"mean": [""]},
        ),
    )
    rows = [
        line
        for line in page.split("## Beside the published numbers")[1].split("\n## ")[0].splitlines()
        if line.startswith("| ")
    ][2:]

    assert len(rows) == len(published)
    for line, row in zip(rows, published.itertuples(), strict=True):
        assert row.experiment in line
        assert (f"{row.mean:.3f}" in line) == (row.status == "ok")
    for row in (
        pd.read_csv(folder / "results/ranks.tsv", sep="\t").query("scope == 'all'").itertuples()
    ):
        assert f"| `{row.model}` | {row.mean_rank:.2f} [" in page
