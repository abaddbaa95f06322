import re
from pathlib import Path

import pytest

from latentbench.reporting.detail_figures import DETAIL_FIGURES
from latentbench.reporting.image_figures import IMAGE_FIGURES
from latentbench.reporting.new_captions import NEW_CAPTIONS
from latentbench.reporting.thesis_figures import THESIS_FIGURES

ROOT = Path(__file__).parents[2]
RULES = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))


def test_every_figure_of_these_tables_has_a_caption():
    assert set(NEW_CAPTIONS) == {*THESIS_FIGURES, *IMAGE_FIGURES, *DETAIL_FIGURES, "posteriors", "markers", "means", "two_latents"}


@pytest.mark.parametrize("name", NEW_CAPTIONS)
def test_a_caption_has_all_its_parts_and_its_figure_a_rule_in_three_formats(name):
    caption = NEW_CAPTIONS[name]
    assert caption.title
    assert caption.text.endswith(".")
    assert caption.width <= 7
    assert re.search(rf'multiext\("results/figures/[^"]*/{name}", ".pdf", ".svg"\)', RULES)
    assert re.search(rf'"results/figures/[^"]*/{name}.png"', RULES)


@pytest.mark.parametrize("name", NEW_CAPTIONS)
def test_the_source_of_a_caption_is_something_that_a_rule_writes(name):
    source = NEW_CAPTIONS[name].source
    assert source.removesuffix(".tsv").removesuffix(".svg") in RULES
