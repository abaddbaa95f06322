"""Every line of the theory's table holds, and a broken equation does not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latentbench.theory import (
    dirichlet,
    evidence_bound,
    linear_algebra,
    linear_autoencoder,
    linear_vae,
    networks,
)
from latentbench.theory.checks import as_table, at_most, equal, refuse_failures, unequal
from latentbench.theory.table import TOPICS, theory_table

CHECKS = [
    pytest.param(check, id=f"{check.equation} {check.says}")
    for module in TOPICS.values()
    for check in module.checks()
]


@pytest.mark.parametrize("check", CHECKS)
def test_a_line_of_the_theory_holds(check):
    assert check.holds, check


def test_the_table_is_the_same_every_time_and_names_every_topic():
    table = theory_table()
    pd.testing.assert_frame_equal(table, theory_table())
    assert list(table["topic"].unique()) == list(TOPICS)
    refuse_failures(table)


def test_every_equation_of_the_theory_chapter_has_a_line():
    named = " ".join(theory_table()["equation"])
    for equation in (
        "2.1",
        "2.2",
        "2.3",
        "2.4",
        "2.5",
        "2.6",
        "2.7",
        "2.8",
        "def 2.3",
        "def 2.6",
        "universality",
        "3.1",
        "3.2",
        "3.3",
        "3.4",
        "3.5",
        "3.6",
    ):
        assert equation in named, equation


def test_the_drafts_sign_of_the_evidence_equation_fails():
    """log p(x) = ELBO - KL."""
    log_px, elbo, gap = -26.3, -30.3, 4.0
    assert all(check.holds for check in evidence_bound.evidence_checks("right", log_px, elbo, gap))
    assert not all(
        check.holds for check in evidence_bound.evidence_checks("wrong", log_px, elbo, -gap)
    )
    assert not equal("(3.4)", "the draft's sign", log_px, elbo - gap).holds


BROKEN = {
    "a divergence of the wrong sign": (evidence_bound, "gaussian_kl", lambda q, p: -1.0, "(3.4)"),
    "a divergence without its logarithm": (
        evidence_bound,
        "categorical_kl",
        lambda q, p: float((q * q / p).sum()),
        "def 3.1",
    ),
    "a divergence the other way round": (
        evidence_bound,
        "categorical_kl",
        lambda q, p: float((p * np.log(p / q)).sum()),
        "(3.4)",
    ),
    "an autoencoder that was not trained to the end": (
        linear_autoencoder,
        "fit_linear_autoencoder",
        None,
        "(2.4)",
    ),
    "a Dirichlet normaliser that is off": (dirichlet, "log_beta_ratio", None, "Dirichlet (3)"),
    "a variance that is off": (linear_vae, "fit_by_em", None, "pPCA (2)"),
    "layers z and w taken for one": (
        networks,
        "depths",
        lambda edges: {
            node: "xyzw".index(node[0].replace("w", "z")) for edge in edges for node in edge
        },
        "def 2.6",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_equation_is_caught_and_named(name, monkeypatch):
    module, attribute, stand_in, equation = BROKEN[name]
    original = getattr(module, attribute)
    if attribute == "fit_linear_autoencoder":

        def stand_in(X, n_latent, *, seed=0):
            return original(X, n_latent, seed=seed, n_iterations=2)

    elif attribute == "log_beta_ratio":

        def stand_in(q, alpha):
            return original(q, alpha) + 0.1

    elif attribute == "fit_by_em":

        def stand_in(X, n_latent, *, variance=None):
            return original(X, n_latent, variance=(variance or 0.8) + 0.2)

    monkeypatch.setattr(module, attribute, stand_in)
    with pytest.raises(ValueError, match="checks do not hold") as refused:
        refuse_failures(as_table([(name, module.checks())]))
    assert f"{equation} '" in str(refused.value)


def test_a_transpose_is_no_conjugate_transpose():
    X = np.array([[1 + 2j, 0.5j], [3.0 + 0j, 1 - 1j]])
    assert not equal(
        "(2.1)", "without the conjugate", np.linalg.norm(X) ** 2, np.trace(X.T @ X)
    ).holds
    assert all(check.holds for check in linear_algebra.norm_checks(X))


def test_a_side_that_is_not_finite_never_holds():
    for relation in (equal, unequal):
        assert not relation("x", "nan", float("nan"), 1.0).holds
    assert not at_most("x", "nan", float("nan"), 1.0).holds


def test_depths_are_longest_paths_and_a_cycle_is_refused():
    assert networks.depths([("a", "b"), ("b", "c"), ("a", "c")]) == {"a": 0, "b": 1, "c": 2}
    with pytest.raises(ValueError, match="cycle"):
        networks.depths([("a", "b"), ("b", "a")])


def test_the_weights_of_the_closed_form_are_those_of_sklearns_pca():
    from sklearn.decomposition import PCA

    X = np.random.default_rng(0).standard_normal((80, 6)) * np.array([4, 3, 2, 1, 1, 1])
    pca, model = PCA(2).fit(X), linear_vae.maximum_likelihood(X, 2)
    # scikit-learn divides by n - 1
    np.testing.assert_allclose(
        model.marginal.covariance, pca.get_covariance() * 79 / 80, atol=1e-10
    )
    assert model.marginal.log_prob(X).mean() == pytest.approx(
        -0.5 * (6 * np.log(2 * np.pi) + np.linalg.slogdet(model.marginal.covariance)[1] + 6)
    )


def test_the_script_refuses_before_it_writes(tmp_path, monkeypatch):
    import runpy

    main = runpy.run_path(str(Path(__file__).parents[2] / "workflow_scripts/theory.py"))["main"]
    main([tmp_path / "theory.tsv", tmp_path / "theory.parquet"])
    assert pd.read_csv(tmp_path / "theory.tsv", sep="\t")["holds"].all()
    monkeypatch.setitem(dirichlet.FLIPS, 10, 0.3)
    with pytest.raises(
        ValueError,
        match=r"Dirichlet \(4\) 'K = 10: the preference flips at alpha = 0.3' fails: 0.233",
    ):
        main([tmp_path / "again.tsv"])
    assert not (tmp_path / "again.tsv").exists()
