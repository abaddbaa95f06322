import pytest
from matplotlib.patches import Circle

from latentbench.figures.catalogue import FIGURES
from latentbench.figures.diagrams.plate_layout import RADIUS
from latentbench.figures.diagrams.thesis_figures import (
    mixture_plates,
    mixtures,
)
from latentbench.figures.drawing import drawn
from latentbench.figures.inputs import Inputs
from latentbench.figures.style import save
from latentbench.models import MODELS

GIVEN = Inputs({})
THESIS_FIGURES = {figure.name: figure for figure in FIGURES if figure.per == "thesis"}


def shaded(ax):
    return sum(
        isinstance(patch, Circle) and patch.radius == RADIUS and patch.get_facecolor()[3] > 0
        for patch in ax.patches
    )


def test_the_plates_of_the_mixtures_are_those_that_the_models_declare():
    for model in mixture_plates().values():
        assert model.texts == (
            MODELS[model.kind].load().generative,
            MODELS[model.kind].load().inference,
        )


def test_a_supervised_training_shows_the_class_and_is_the_same_model():
    *panels, _ = mixtures(GIVEN).axes
    assert [shaded(ax) for ax in panels] == [1, 1, 1, 2, 2]
    _, _, dirichlet, supervised, _ = panels
    assert [line.get_xydata().tolist() for line in dirichlet.lines] == [
        line.get_xydata().tolist() for line in supervised.lines
    ]


@pytest.mark.parametrize("name", ["figure_3_1_vae", "figure_4_1_mixtures"])
def test_no_text_of_a_sheet_of_plates_lies_on_another_or_outside(name):
    figure = drawn(THESIS_FIGURES[name].draw, GIVEN)
    figure.draw_without_rendering()
    boxes = [
        text.get_window_extent()
        for text in (*figure.texts, *(text for ax in figure.axes for text in ax.texts))
        if text.get_text()
    ]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y0 >= 0


@pytest.mark.parametrize("name", THESIS_FIGURES)
def test_a_numbered_figure_is_the_same_bytes_every_time(name, tmp_path):
    for suffix in (".pdf", ".svg", ".png"):
        paths = [tmp_path / f"{i}{suffix}" for i in range(2)]
        for path in paths:
            save(drawn(THESIS_FIGURES[name].draw, GIVEN), [path])
        assert paths[0].read_bytes() == paths[1].read_bytes(), suffix


def test_the_catalogue_names_the_kinds_whose_plates_are_drawn():
    drawn_kinds = {"vae", *(model.kind for model in mixture_plates().values())}
    assert {kind for each in THESIS_FIGURES.values() for kind in each.kinds} == drawn_kinds
