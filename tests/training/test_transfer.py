from dataclasses import replace

import anndata as ad
import numpy as np
import pytest
import torch
from training_calls import fit, observed_classes

from latentbench.outcomes import Outcome
from latentbench.study.variant import Variant
from latentbench.training import fit as fitting
from latentbench.training import transfer
from latentbench.training.checkpoints import CheckpointFolder
from latentbench.training.fit import RunOptions
from latentbench.training.options import TaskOptions, training_options
from latentbench.training.replicas import build_replicas
from latentbench.training.transfer import fit_transferred
from latentbench.training.variant import train_variant

SEEDS = (0, 1)
OPTIONS = {"epochs": 10, "batch_size": 24, "learning_rate": 0.01, "log_every": 5}


@pytest.fixture
def pair(training_data):
    """Two samples of the same three groups, the labels of the second not to be looked at."""
    both = training_data(n_obs=180)
    halves = []
    for start in (0, 90):
        cells = slice(start, start + 90)
        part = {
            name: getattr(both, name)[cells]
            for name in ("x", "library_size", "labels", "pca", "obs", "covariates")
        }
        halves.append(replace(both, **part, train=both.train[:72], test=both.test[:18]))
    return halves


@pytest.fixture
def moved(pair):
    """A factory: train on the first half with its labels, then on the second."""
    source, target = pair

    def train(data=target, *, finetune=False, checkpoints=None, options=OPTIONS):
        model = build_replicas(
            "gmvae",
            data.n_vars,
            likelihood="gaussian",
            seeds=SEEDS,
            n_clusters=3,
            n_latent=2,
            n_hidden=16,
        )
        return fit_transferred(
            model,
            data,
            source,
            task=TaskOptions(pretrain_on="other", finetune=finetune),
            seeds=SEEDS,
            n_clusters=3,
            options=training_options(options),
            run=RunOptions(checkpoints=checkpoints, show_progress=False),
        )

    return train


def weights(fitted) -> list[torch.Tensor]:
    return list(fitted.model.state_dict().values())


def accuracy(fitted, data) -> float:
    """The share of cells in the cluster that has the number of their class: no matching of clusters
    with classes.
    """
    minibatch = data.minibatch(
        torch.arange(data.n_obs).expand(len(SEEDS), -1), fitted.model.likelihood
    )
    with torch.no_grad():
        return float(
            (fitted.model.eval().cluster_probs(minibatch).argmax(-1).numpy() == data.labels).mean()
        )


def test_without_finetuning_it_is_the_supervised_training_on_the_other_data(moved, pair):
    source, target = pair
    model = build_replicas(
        "gmvae",
        source.n_vars,
        likelihood="gaussian",
        seeds=SEEDS,
        n_clusters=3,
        n_latent=2,
        n_hidden=16,
    )
    alone = fit(
        model,
        source,
        seeds=SEEDS,
        observed=observed_classes(source, seeds=SEEDS, n_clusters=3, mode="supervised"),
        **OPTIONS,
    )
    fitted = moved()
    assert all(
        torch.equal(one, other) for one, other in zip(weights(fitted), weights(alone), strict=True)
    )
    assert accuracy(fitted, target) > 0.95


def test_finetuning_goes_on_with_epochs_counted_on_and_keeps_the_classes(moved, pair):
    fitted = moved(finetune=True)
    assert sorted(fitted.history.epoch.unique()) == [5, 10, 15, 20]
    assert [report.epochs for report in fitted.reports] == [20, 20]
    first = moved()
    assert not all(
        torch.equal(one, other) for one, other in zip(weights(fitted), weights(first), strict=True)
    )
    assert fitted.history[fitted.history.epoch <= 10].reset_index(drop=True).equals(first.history)
    assert accuracy(fitted, pair[1]) > 0.95


def test_no_label_of_the_data_themselves_is_used(moved, pair):
    target = pair[1]
    shuffled = replace(target, labels=np.random.default_rng(0).permutation(target.labels))
    fitted = [moved(data, finetune=True) for data in (target, shuffled)]
    assert all(torch.equal(one, other) for one, other in zip(*map(weights, fitted), strict=True))


def test_the_checkpoints_of_the_two_trainings_lie_apart_and_both_are_resumed(moved, tmp_path):
    checkpoints = CheckpointFolder(tmp_path, "mine", every_seconds=0.0)
    first = moved(finetune=True, checkpoints=checkpoints)
    assert {path.name for path in tmp_path.iterdir()} == {"pretrain", "finetune"}
    # Without the checkpoint of its end the second training goes on from the one before.
    newest = max((tmp_path / "finetune").rglob("*.safetensors"))
    newest.unlink()
    again = moved(finetune=True, checkpoints=checkpoints)
    assert all(
        torch.equal(one, other) for one, other in zip(weights(first), weights(again), strict=True)
    )
    assert first.history.equals(again.history)


def test_a_replica_that_broke_on_the_other_data_is_not_trained_on(moved, monkeypatch):
    trained_on = []

    def breaking(model, data, *, seeds, **options):
        trained_on.append(seeds)
        fitted = fitting.fit(model, data, seeds=seeds, **options)
        if len(trained_on) == 1:
            fitted.reports[0] = replace(fitted.reports[0], status=Outcome.DIVERGED, reason="broke")
        return fitted

    monkeypatch.setattr(transfer, "fit", breaking)
    fitted = moved(finetune=True)
    assert trained_on == [(0, 1), [1]]
    assert [(report.status, report.epochs) for report in fitted.reports] == [
        (Outcome.DIVERGED, 10),
        (Outcome.OK, 20),
    ]
    assert fitted.history[fitted.history.replica == 0].epoch.max() == 10
    assert fitted.model.n_replicas == 2


def test_phases_are_of_the_first_training_alone(moved):
    phases = {"phases": [{"name": "a", "epochs": 3}, {"name": "b", "epochs": 7}]}
    fitted = moved(finetune=True, options={**OPTIONS, **phases})
    assert [report.epochs for report in fitted.reports] == [20, 20]


def write_prepared(path, genes, *, seed, conditions=("control", "stimulated")):
    rng = np.random.default_rng(seed)
    labels = np.arange(60) % 2
    means = np.random.default_rng(5).gamma(
        2, 2, (2, 40)
    )  # by the gene's number, the same in every data set
    counts = rng.poisson(means[labels][:, genes]).astype(np.int32)
    adata = ad.AnnData(np.log1p(counts).astype(np.float32), layers={"counts": counts})
    adata.obs_names = [f"cell{i}" for i in range(60)]
    adata.var_names = [f"gene{number}" for number in genes]
    adata.obs["split"] = np.where(np.arange(60) % 5 == 0, "test", "train")
    adata.obs["label"] = np.where(labels == 0, "a", "b")
    adata.obs["condition"] = np.where(np.arange(60) % 3 == 0, *conditions)
    adata.var["highly_variable"] = np.arange(len(genes)) < 20
    adata.obsm["X_pca"] = adata.X[:, :4].astype(np.float32)
    adata.write_h5ad(path)
    return path


@pytest.fixture
def train(tmp_path):
    """A factory: train_variant on a target of genes 0 to 29, the first 20 modelled, from a source
    of given genes.
    """
    target = write_prepared(tmp_path / "target.h5ad", np.arange(30), seed=1)
    task = {"mode": "transfer", "pretrain_on": "other", "finetune": False}
    variant = {
        "kind": "gmvae",
        "likelihood": "nb",
        "hyperparameters": {"n_clusters": 2, "n_latent": 2, "n_hidden": 8},
        "task": task,
    }
    variant["training"] = {"epochs": 25, "batch_size": 16, "learning_rate": 0.005}

    def train(genes, *, conditions=("control", "stimulated"), **options):
        source = write_prepared(
            tmp_path / "source.h5ad", np.asarray(genes), seed=2, conditions=conditions
        )
        return train_variant(
            target,
            Variant(**{**variant, **options}),
            seeds=[0],
            n_workers=1,
            device="cpu",
            source=source,
        )

    return train


def test_genes_are_found_by_name_wherever_they_stand(train):
    trained, data = train(np.random.default_rng(0).permutation(40))
    assert trained.saw_labels
    assert (trained.cluster_probs[0].argmax(1) == data.labels).mean() > 0.9
    assert data.n_vars == 20


def test_missing_genes_are_counted(train):
    with pytest.raises(
        ValueError,
        match=(
            r"source.h5ad: 5 of the 20 modelled genes are not in it \(first: gene0, gene1, gene2\)"
        ),
    ):
        train(np.arange(5, 40))


def test_covariates_need_the_same_levels_on_both_sides(train):
    options = {"kind": "gmvae_conditional", "covariates": ["condition"]}
    assert train(np.arange(40), **options)[0].saw_labels
    with pytest.raises(
        ValueError,
        match=(
            r"levels condition=ctrl, condition=stim, and condition=control, condition=stimulated in"
            r" .*target.h5ad"
        ),
    ):
        train(np.arange(40), conditions=("ctrl", "stim"), **options)
