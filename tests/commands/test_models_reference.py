from pathlib import Path

import pytest

from latentbench.commands.models_reference import (
    assumptions_of,
    loss_of,
    models_page,
    section_of,
    table_of_kinds,
)
from latentbench.models import MODELS
from latentbench.models.declared import factorisation_of

DOCS = Path(__file__).parents[2] / "docs"
NETWORKS = [kind for kind, entry in MODELS.items() if entry.is_network]


def test_the_page_of_the_models_is_fresh():
    made = models_page((DOCS / "models.template.md").read_text())
    assert (DOCS / "models.md").read_text() == made, "run: make reference"


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_plate_diagram_of_the_page_is_of_the_declared_factorisation(kind):
    svg = (DOCS / f"images/plates/{kind}.svg").read_text()
    for name in factorisation_of(kind).variables - {"alpha"}:
        assert f">{name}</text>" in svg, "run: make reference"
    for factor in " ".join(factorisation_of(kind).texts).replace("alpha", "α").split():
        assert factor in svg, "run: make reference"


def test_the_table_has_a_line_for_every_kind_and_no_cell_breaks_it():
    lines = table_of_kinds().splitlines()
    assert len(lines) == len(MODELS) + 2
    assert {line.replace("\\|", "").count("|") for line in lines} == {lines[0].count("|")}


def test_the_loss_is_the_docstrings_own_equation():
    assert loss_of("vae") == "-ELBO(x) = E_q[-log p(x | z)] + KL(q(z | x) || p(z))"
    assert loss_of("gmvae").endswith("+ KL(q(z | x, y) || p(z | y)) } + KL(q(y | x) || p(y))")
    assert loss_of("pca") == ""


def test_a_section_shows_assumptions_use_and_cost():
    assert assumptions_of("gmvae") == "`p(y) p(z|y) p(x|z)`; a number of clusters"
    section = section_of("gmvae")
    for part in (
        "### gmvae",
        "Shu 2016",
        "images/plates/gmvae.svg",
        "**Use:**",
        "**Cost:**",
        "q(z|x,y)",
    ):
        assert part in section
    assert "``" not in section


def test_a_template_without_its_places_is_refused():
    with pytest.raises(ValueError, match="must be there once"):
        models_page("# The models")
