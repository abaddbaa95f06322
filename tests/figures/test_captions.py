import re
from pathlib import Path

import pytest

from latentbench.figures.captions import CAPTIONS, caption_of, described, names_of
from latentbench.figures.dataset_figures import DATASET_FIGURES
from latentbench.figures.detail_figures import DETAIL_FIGURES
from latentbench.figures.diagrams.thesis_figures import THESIS_FIGURES
from latentbench.figures.image_figures import IMAGE_FIGURES

RULES = "".join(path.read_text() for path in (Path(__file__).parents[2] / "rules").glob("*.smk"))
FOLDERS = {"study": "", "dataset": "{dataset}/", "thesis": "thesis/"}


def test_every_figure_has_one_record():
    keys = [(record.name, record.scope) for record in CAPTIONS]
    assert len(keys) == len(set(keys))
    assert names_of("study")[:2] == ["scores", "ranks"]


def test_every_figure_that_is_drawn_has_a_record():
    assert set(names_of("dataset")) == {
        *DATASET_FIGURES,
        *DETAIL_FIGURES,
        *IMAGE_FIGURES,
        "posteriors",
        "markers",
        "means",
        "two_latents",
    }
    assert set(names_of("thesis")) == set(THESIS_FIGURES)


@pytest.mark.parametrize("record", CAPTIONS, ids=lambda record: f"{record.scope}-{record.name}")
def test_every_record_is_of_a_figure_that_a_rule_draws_in_three_formats(record):
    stem = f"results/figures/{FOLDERS[record.scope]}{record.name}"
    assert f'"{stem}.png"' in RULES
    assert f'multiext("{stem}", ".pdf", ".svg")' in RULES or {
        f'"{stem}.pdf"',
        f'"{stem}.svg"',
    } <= set(re.findall(r'"[^"]*"', RULES))


def test_names_and_shown_cells_are_filled_in_even_where_they_hold_braces():
    figure = described(
        caption_of("maps", "dataset"), stem="a{x}/maps", dataset="a{x}", shown="3 of 9 cells"
    )
    assert figure["title"] == "Maps of the embeddings of a{x}, coloured by truth and by cluster"
    assert figure["caption"] == "3 of 9 cells."
    assert figure["table"] == "maps/a{x}.parquet"
    assert figure["id"] == "figure-a-x--maps"


@pytest.mark.parametrize("record", CAPTIONS, ids=lambda record: f"{record.scope}-{record.name}")
def test_nothing_is_left_to_fill_in(record):
    figure = described(record, stem=record.name, dataset="blobs", shown="all cells")
    assert not any("{" in text for text in figure.values())
    assert not figure["title"].endswith(".")
    assert figure["caption"].endswith(".")


def test_a_figure_without_a_record_is_refused_with_the_place_to_mend():
    with pytest.raises(
        ValueError,
        match=(
            r"figure 'heat' of a dataset has no caption; add its record to"
            r" figures/figure_records.py"
        ),
    ):
        caption_of("heat", "dataset")
