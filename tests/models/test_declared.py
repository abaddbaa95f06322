"""What every kind declares of itself."""

import re

import pytest

from latentbench.models import MODELS
from latentbench.models.declared import (
    HYPERPARAMETERS,
    OBSERVED,
    Factor,
    Factorisation,
    documentation_of,
    factorisation_of,
    parse_factors,
)

NETWORKS = [kind for kind, entry in MODELS.items() if entry.is_network]


def made_of(generative: str, inference: str) -> Factorisation:
    return Factorisation("mine", parse_factors(generative), parse_factors(inference))


@pytest.mark.parametrize("kind", MODELS)
def test_every_kind_says_when_to_use_it_and_what_it_costs(kind):
    documentation = documentation_of(kind)
    for sentence in (documentation.use, documentation.cost):
        assert re.fullmatch(r"[^\n]{8,}\.", sentence), sentence
    assert documentation.title.endswith(".")
    assert "Use:" not in documentation.body


@pytest.mark.parametrize("kind", NETWORKS)
def test_both_declared_graphs_are_acyclic_and_every_variable_comes_from_somewhere(kind):
    factorisation = factorisation_of(kind)
    factorisation.check()
    loaded = MODELS[kind].load()
    assert factorisation.texts == (loaded.generative, loaded.inference)
    assert factorisation.variables <= factorisation.generated | factorisation.inferred | set(
        OBSERVED
    ) | set(HYPERPARAMETERS)


def test_factors_are_read():
    assert parse_factors("p(w) p(y|d) p(z|w,y)") == (
        Factor(("w",), ()),
        Factor(("y",), ("d",)),
        Factor(("z",), ("w", "y")),
    )
    assert parse_factors("z = e(x), q(y|z)") == (
        Factor(("z",), ("x",), is_computed=True),
        Factor(("y",), ("z",)),
    )
    assert Factor(("z",), ("w", "y")).edges == [("w", "z"), ("y", "z")]


@pytest.mark.parametrize("text", ["p(z) p x|z", "p(z", "r(z|x)", "p(z|x) and more", "p(Z)"])
def test_what_is_no_factor_is_refused(text):
    with pytest.raises(ValueError, match="is no factor"):
        parse_factors(text)


@pytest.mark.parametrize(
    ("generative", "inference", "message"),
    [
        (
            "p(z|y) p(y|z) p(x|z)",
            "q(z|x) q(y|z)",
            "'mine': the generative graph has a cycle: (z -> y -> z|y -> z -> y)",
        ),
        ("p(y) p(z|y) p(x|z)", "q(z|x,y) q(y|z)", "'mine': the inference graph has a cycle"),
        (
            "p(z|w) p(x|z)",
            "q(z|x)",
            "the generative factorisation conditions z on w, which it neither draws nor is given",
        ),
        ("p(z) p(x|z)", "q(z|x,y)", "the inference factorisation conditions z on y"),
        ("p(z)", "q(z|x)", "nothing generates x"),
        ("p(w) p(z) p(x|z,w)", "q(z|x)", "nothing infers w"),
        ("p(x|z)", "q(y|x)", "conditions x on z"),
    ],
)
def test_a_factorisation_that_cannot_be_is_refused(generative, inference, message):
    with pytest.raises(ValueError, match=message):
        made_of(generative, inference).check()


def test_roles_of_variables():
    model = made_of("p(d|alpha) p(y|d) p(z|y,c) p(x|z)", "q(z|x,c) q(y|z) q(d|z)")
    model.check()
    assert (model.observed, model.hyperparameters, model.computed) == ({"x", "c"}, {"alpha"}, set())
    assert made_of("p(x|z)", "z = e(x)").computed == {"z"}
    # a u that is drawn is a latent variable, not a hyperparameter
    assert made_of("p(y) p(u) p(z|y,u) p(x|z)", "q(z|x) q(y|z) q(u|z,y)").hyperparameters == set()
