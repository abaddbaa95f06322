"""A model in one file of the user's own: the example of docs/models.md, as it stands there."""

import re
from pathlib import Path

import pytest
import torch

from latentbench.code_dependencies import library_files
from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.models import MODELS
from latentbench.models.declared import documentation_of, factorisation_of
from latentbench.models.interface import AbstractModel
from latentbench.study.study import read_variants

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "workflow_scripts/latentbench"


def example() -> str:
    section = (ROOT / "docs/models.md").read_text().split("## Your own model in one file")[1]
    return re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]


@pytest.fixture
def laplace(tmp_path) -> str:
    (tmp_path / "laplace_vae.py").write_text(example())
    return f"{tmp_path / 'laplace_vae.py'}:LaplaceVAE"


@pytest.mark.parametrize("likelihood", ["gaussian", "nb"])
def test_the_example_keeps_the_contract(laplace, likelihood, built):
    model, data, minibatch, streams = built(laplace, likelihood)
    with drawing_from(streams):
        terms = model.loss_terms(minibatch)
    sum(term.sum() for term in terms.values()).backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad.abs().flatten(1).sum(1) > 0).all(), name
    model.eval()
    assert isinstance(model, AbstractModel)
    assert model.embed(minibatch).shape == (2, data.n_obs, 3)
    assert model.reconstruct(minibatch).shape == (2, data.n_obs, data.n_vars)


def test_its_importance_weights_are_what_its_loss_bounds(laplace, built):
    """At the same noise log w is minus the loss: both are one sample of equation (1)."""
    model, _, minibatch, _ = built(laplace, "gaussian")
    model.eval()
    drawn = []
    for of in (model.log_weight, lambda cells: -sum(model.loss_terms(cells).values())):
        with torch.no_grad(), drawing_from(RandomStreams([0, 1], "noise")):
            drawn.append(of(minibatch))
    torch.testing.assert_close(*drawn, rtol=1e-4, atol=1e-3)


def test_what_it_needs_and_takes_is_read_from_its_file(laplace):
    kind = MODELS[laplace]
    assert kind.needs == {"likelihood"}
    assert (kind.covariates, kind.predicts, kind.takes_tasks) == ("none", False, False)
    assert kind.hyperparameters["n_latent"]["minimum"] == 1
    assert kind.hyperparameters["n_latent"]["default"] == 10
    assert documentation_of(laplace).use == "where codes should be sparse."
    assert factorisation_of(laplace).observed == {"x"}
    assert laplace.split(":")[0] in library_files(
        LIBRARY.parent / "train.py", kind.code, library=LIBRARY
    )


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("kind: laplace_va.py:LaplaceVAE", "mine: kind: no file 'laplace_va.py' in"),
        ("kind: laplace_vae.py:Laplace", "has no kind 'Laplace' .* it has: LaplaceVAE"),
        ("kind: laplace_vae.py", "write path/to/file.py:Class"),
        (
            "kind: laplace_vae.py:LaplaceVAE, hyperparameters: {n_laten: 3}",
            "mine: hyperparameters: unknown key 'n_laten'; did you mean 'n_latent'",
        ),
        (
            "kind: laplace_vae.py:LaplaceVAE, hyperparameters: {n_hidden: 0}",
            "mine: hyperparameters: n_hidden: 0 is less than the minimum of 1",
        ),
        ("kind: laplace_vae.py:LaplaceVAE, task: {mode: guided}", "mine: task: this key does not"),
    ],
)
def test_a_mistake_in_its_entry_is_refused_by_name(laplace, tmp_path, entry, message):
    sheet = tmp_path / "models.yaml"
    sheet.write_text(f"mine: {{{entry}, likelihood: gaussian}}")
    with pytest.raises(ValueError, match=message):
        read_variants(sheet, [])


def test_the_file_is_found_beside_the_sheet_then_where_one_works(laplace, tmp_path, monkeypatch):
    (tmp_path / "sheets").mkdir()
    sheet = tmp_path / "sheets/models.yaml"
    sheet.write_text("mine: {kind: laplace_vae.py:LaplaceVAE, likelihood: gaussian}")
    monkeypatch.chdir(tmp_path)
    assert read_variants(sheet, [tmp_path])["mine"]["kind"] == "laplace_vae.py:LaplaceVAE"
    (tmp_path / "sheets/laplace_vae.py").write_text(example())
    assert read_variants(sheet, [tmp_path])["mine"]["kind"] == "sheets/laplace_vae.py:LaplaceVAE"


def test_a_file_that_is_no_python_is_refused_with_its_line(tmp_path):
    (tmp_path / "broken.py").write_text("x = 1\nclass :\n")
    with pytest.raises(ValueError, match=r"broken\.py, line 2: no Python"):
        MODELS[f"{tmp_path / 'broken.py'}:Broken"]
