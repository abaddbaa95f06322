import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Circle, Polygon

from latentbench.figures.diagrams import network_figures
from latentbench.figures.diagrams.network_figures import (
    MARKED,
    SKIP,
    autoencoder,
    columns_of,
    layered,
    layers,
    neuron,
)
from latentbench.figures.diagrams.plate_layout import RADIUS
from latentbench.figures.inputs import Inputs
from latentbench.figures.style import MUTED
from latentbench.theory.networks import (
    MARKED_WITHIN_LAYERS,
    STRICTLY_LAYERED,
    WITH_SKIPS,
    LayeredGraph,
)

GIVEN = Inputs({})
FIGURES = {
    "neuron": neuron,
    "layered": layered,
    "layers": layers,
    "autoencoder": autoencoder,
}


def arrows(figure, colour):
    return [
        patch
        for patch in figure.axes[0].patches
        if isinstance(patch, Polygon) and to_hex(patch.get_facecolor()) == colour
    ]


def units(figure):
    return [
        patch
        for patch in figure.axes[0].patches
        if isinstance(patch, Circle) and patch.radius == RADIUS
    ]


@pytest.mark.parametrize("name", FIGURES)
def test_every_unit_and_every_text_lies_inside_the_drawing_and_no_text_on_another(name):
    figure = FIGURES[name](GIVEN)
    figure.draw_without_rendering()
    inside = figure.bbox
    for box in [unit.get_window_extent() for unit in units(figure)]:
        assert inside.x0 <= box.x0
        assert inside.y0 <= box.y0
        assert box.x1 <= inside.x1
        assert box.y1 <= inside.y1
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_figure_2_2_draws_every_edge_of_the_graphs_that_the_theory_checks():
    figure = layered(GIVEN)
    assert len(arrows(figure, SKIP)) == len(WITH_SKIPS.added) == 4
    assert len(arrows(figure, MARKED)) == 1
    assert len(arrows(figure, MUTED)) == len(STRICTLY_LAYERED.edges) + len(WITH_SKIPS.edges) - 5
    assert len(units(figure)) == 2 + 3 + 2 + 2 + 4 * 3


def test_another_graph_gives_another_figure(monkeypatch):
    monkeypatch.setattr(
        network_figures, "WITH_SKIPS", LayeredGraph((3, 3, 3, 3), frozenset({("x1", "w1")}))
    )
    assert len(arrows(layered(GIVEN), SKIP)) == 1


def test_an_edge_that_skips_touches_no_unit_but_its_own(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        network_figures,
        "draw_arrow",
        lambda ax, curve, **style: drawn.append((style["colour"], curve)),
    )
    layered(GIVEN)
    places = columns_of(WITH_SKIPS.layers, at=(2.9, 0.0))
    for edge, curve in zip(
        sorted(WITH_SKIPS.added), [curve for colour, curve in drawn if colour == SKIP], strict=True
    ):
        for unit, place in places.items():
            clear = np.hypot(*(curve - np.array(place)).T).min()
            assert clear > RADIUS + (0.02 if unit in edge else 0.1), f"{edge} touches {unit}"


def test_the_marked_edge_joins_neighbouring_layers():
    assert MARKED_WITHIN_LAYERS in WITH_SKIPS.edges - WITH_SKIPS.added


def test_an_abstracted_network_has_a_node_for_every_layer():
    assert len(units(layers(GIVEN))) == 3 + 4 + 3 + 2 + 4


def test_encoder_and_decoder_are_joined_by_one_dotted_edge_for_every_dimension_of_the_code():
    figure = autoencoder(GIVEN)
    assert len(units(figure)) == 2 * (4 + 3 + 2)
    assert sum(line.get_linestyle() not in ("-", "None") for line in figure.axes[0].lines) == 2
