import numpy as np
import pytest
from matplotlib.patches import Circle, Rectangle

from latentbench.figures.diagrams.plate_layout import GAP, RADIUS, layout_of
from latentbench.figures.diagrams.plates import plate_figure
from latentbench.figures.style import GRID, save
from latentbench.models import MODELS
from latentbench.models.declared import Factorisation, factorisation_of, parse_factors

CONDITIONAL = (
    "p(w|c) p(d|alpha,c) p(y|d,c) p(z|w,y,c) p(x|z,c)",
    "q(z|x,c) q(w|x,c) q(y|z,c) q(d|z)",
)
CHAIN = "p(y) p(z|y) p(x|z)", "q(y|x) q(z|x,y)"


def made_of(generative: str, inference: str) -> Factorisation:
    return Factorisation(
        "mine", parse_factors(generative), parse_factors(inference), (generative, inference)
    )


MODELS_DRAWN = [
    *(
        pytest.param(factorisation_of(kind), id=kind)
        for kind, entry in MODELS.items()
        if entry.is_network
    ),
    pytest.param(made_of(*CONDITIONAL), id="conditional"),
    pytest.param(
        made_of("p(y) p(u) p(z|y,u) p(x|z,s)", "q(z|x,s) q(y|z) q(u|z,y)"),
        id="two latents and a batch",
    ),
    pytest.param(made_of("p(x|z)", "z = e(x), q(y|z)"), id="only q knows y"),
]


@pytest.mark.parametrize("model", MODELS_DRAWN)
def test_nodes_lie_apart_and_no_edge_touches_a_node_that_is_not_its_own(model):
    layout = layout_of(model)
    assert set(layout.places) == model.variables
    centres = np.array(list(layout.places.values()))
    distances = np.hypot(*(centres[:, None] - centres[None]).T) + 10 * np.eye(len(centres))
    assert distances.min() > 2 * RADIUS + 0.2
    for (start, end), curve in (*layout.p_curves.items(), *layout.q_curves.items()):
        for name, place in layout.places.items():
            clear = np.hypot(*(curve - np.array(place)).T).min()
            assert clear > RADIUS + (0.02 if name in (start, end) else 0.05), (
                f"{start} -> {end} touches {name}"
            )


@pytest.mark.parametrize("model", MODELS_DRAWN)
def test_every_edge_of_both_graphs_ends_at_the_borders_of_its_nodes(model):
    layout = layout_of(model)
    assert set(layout.p_curves) == set(model.p_edges)
    assert set(layout.q_curves) == set(model.q_edges)
    for (start, end), curve in (*layout.p_curves.items(), *layout.q_curves.items()):
        for name, point in ((start, curve[0]), (end, curve[-1])):
            assert np.hypot(*(point - np.array(layout.places[name]))) == pytest.approx(
                RADIUS + GAP, abs=0.02
            )


@pytest.mark.parametrize("model", MODELS_DRAWN)
def test_the_plate_holds_all_but_the_hyperparameters(model):
    layout = layout_of(model)
    left, bottom, right, top = layout.plate
    for name, (x, y) in layout.places.items():
        inside = (
            left < x - RADIUS and x + RADIUS < right and bottom < y - RADIUS and y + RADIUS < top
        )
        assert inside == (name not in model.hyperparameters), name


def test_marks_follow_the_roles():
    p, q, both, _ = plate_figure(made_of(*CONDITIONAL)).axes
    for ax, shaded, squares, texts in (
        (p, 2, 1, "wdyzxcα"),
        (q, 2, 0, "wdyzxc"),
        (both, 2, 1, "wdyzxcα"),
    ):
        nodes = [
            patch for patch in ax.patches if isinstance(patch, Circle) and patch.radius == RADIUS
        ]
        assert len(nodes) == 6
        assert sum(patch.get_facecolor() == nodes_colour() for patch in nodes) == shaded
        assert sum(isinstance(patch, Rectangle) for patch in ax.patches) == squares
        assert {text.get_text() for text in ax.texts} == {*texts, "every cell"}
    assert [line.get_linestyle() for line in p.lines] == ["-"] * 10
    assert "-" not in [line.get_linestyle() for line in q.lines]
    assert len(q.lines) == 7
    assert len(both.lines) == 17


def nodes_colour():
    return Circle((0, 0), 1, fc=GRID).get_facecolor()


def test_what_is_computed_has_a_second_circle():
    p, *_ = plate_figure(made_of("p(x|z)", "z = e(x)")).axes
    assert len([patch for patch in p.patches if isinstance(patch, Circle)]) == 3


def test_no_text_of_a_figure_lies_on_another():
    for model in (made_of(*CONDITIONAL), made_of(*CHAIN)):
        figure = plate_figure(model)
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


def test_the_same_declaration_gives_the_same_bytes(tmp_path):
    for suffix in (".svg", ".pdf", ".png"):
        paths = [tmp_path / f"{i}{suffix}" for i in range(2)]
        for path in paths:
            save(plate_figure(made_of(*CHAIN)), [path])
        assert paths[0].read_bytes() == paths[1].read_bytes(), suffix
