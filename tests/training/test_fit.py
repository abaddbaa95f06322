import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from training_calls import fit, observed_classes

from latentbench.maths.random_streams import RandomStreams
from latentbench.models import MODELS
from latentbench.outcomes import Outcome
from latentbench.training.loop import TrainingLoop
from latentbench.training.minibatches import minibatches_of_epoch
from latentbench.training.options import EarlyStopping, Phase, TrainingOptions
from latentbench.training.passes import evaluate_terms
from latentbench.training.replicas import build_replicas, stack_replicas, unstack_replicas

SHORT = {"epochs": 3, "batch_size": 16, "log_every": 2}


@pytest.fixture
def trained(training_data):
    """A factory: train a small model on small data."""

    def train(
        kind="vae",
        likelihood="gaussian",
        *,
        seeds=(0, 1, 2),
        modality="real",
        task=None,
        n_workers=1,
        n_hidden=8,
        **training,
    ):
        data = training_data(modality)
        options = {"n_clusters": 3} if "n_clusters" in MODELS[kind].needs else {}
        model = build_replicas(
            kind,
            data.n_vars,
            likelihood=likelihood,
            seeds=seeds,
            n_latent=2,
            n_hidden=n_hidden,
            **options,
        )
        observed = observed_classes(
            data, seeds=seeds, n_clusters=options.get("n_clusters"), **(task or {})
        )
        return (
            fit(
                model,
                data,
                seeds=seeds,
                observed=observed,
                n_workers=n_workers,
                **{**SHORT, **training},
            ),
            data,
        )

    return train


def states_equal(one, other) -> bool:
    return all(
        torch.equal(a, b)
        for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    )


def test_the_same_seed_gives_the_same_bytes(trained):
    first, second = trained()[0], trained()[0]
    assert states_equal(first.model, second.model)
    assert first.history.equals(second.history)


@pytest.mark.parametrize("kind", ["vae", "gmvae_dirichlet"])
def test_a_replica_does_not_depend_on_its_neighbours(kind, trained):
    together = trained(kind, seeds=(0, 1, 2))[0]
    alone = trained(kind, seeds=(1,))[0]
    assert states_equal(unstack_replicas(together.model)[1], alone.model)


def test_two_workers_give_the_same_bytes_as_one(trained):
    assert states_equal(trained(n_workers=1)[0].model, trained(n_workers=2)[0].model)


@pytest.mark.parametrize("kind", ["ae", "vae", "gmvae", "gmvae_dirichlet"])
def test_a_stack_trains_as_its_replicas_do_side_by_side(kind, trained, training_data):
    """The layout of a GPU, on the CPU: equal up to rounding."""
    side_by_side = trained(kind, seeds=(0, 1))[0]
    data = training_data()
    options = {"n_clusters": 3} if "n_clusters" in MODELS[kind].needs else {}
    model = build_replicas(
        kind, data.n_vars, likelihood="gaussian", seeds=(0, 1), n_latent=2, n_hidden=8, **options
    )
    observed = observed_classes(data, seeds=(0, 1), n_clusters=3)
    plan = TrainingOptions(epochs=3, batch_size=16, log_every=2)
    stacked = TrainingLoop(model, data, (0, 1), observed, plan).run()
    for (name, a), b in zip(
        side_by_side.model.state_dict().items(), stacked.model.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3, msg=name)
    assert list(side_by_side.history.drop(columns="value").itertuples(index=False)) == list(
        stacked.history.drop(columns="value").itertuples(index=False)
    )


def test_training_lowers_the_loss_of_the_test_cells(trained):
    history = trained("ae", epochs=40)[0].history
    test = history[(history.term == "loss") & (history.split == "test")]
    first, last = (
        test[test.epoch == epoch].value.mean() for epoch in (test.epoch.min(), test.epoch.max())
    )
    assert last < first - 1


def test_history_has_every_term_and_the_loss_is_their_sum(trained):
    history = trained("gmvae")[0].history
    assert list(history.columns) == ["replica", "epoch", "term", "split", "value"]
    wide = history.pivot(index=["replica", "epoch", "split"], columns="term", values="value")
    np.testing.assert_allclose(wide.drop(columns="loss").sum(axis=1), wide["loss"], rtol=1e-5)
    assert set(history.replica) == {0, 1, 2}


def test_min_steps_lengthens_the_training_of_small_data(trained):
    fitted, data = trained(min_steps=20)
    steps_an_epoch = len(data.train) // 16
    assert fitted.reports[0].epochs == math.ceil(20 / steps_an_epoch)


def test_a_diverged_replica_is_typed_and_the_others_go_on(trained, training_data):
    data = training_data()
    good = build_replicas(
        "vae", data.n_vars, likelihood="gaussian", seeds=(0,), n_latent=2, n_hidden=8
    )
    bad = build_replicas(
        "vae", data.n_vars, likelihood="gaussian", seeds=(1,), n_latent=2, n_hidden=8
    )
    with torch.no_grad():
        bad.decoder[-1].bias.fill_(math.inf)
    observed = observed_classes(data, seeds=(0, 1), n_clusters=None)
    fitted = fit(stack_replicas([good, bad]), data, seeds=(0, 1), observed=observed, **SHORT)
    assert [report.status for report in fitted.reports] == [Outcome.OK, Outcome.DIVERGED]
    assert "epoch 1" in fitted.reports[1].reason
    assert states_equal(unstack_replicas(fitted.model)[0], trained("vae", seeds=(0,))[0].model)


def test_the_weights_of_the_terms_reach_the_training(trained):
    def last_kl(**training):
        history = trained("vae", epochs=30, **training)[0].history
        return history[
            (history.term == "kl_z") & (history.split == "test") & (history.epoch == 30)
        ].value.mean()

    plain = last_kl()
    assert last_kl(term_weights={"kl_z": 0.0}) > plain
    assert last_kl(term_weights={"kl_z": 20.0}) < plain
    assert last_kl(kl_warmup=1.0) != plain


def test_a_weight_of_a_term_that_the_model_lacks_is_refused(trained):
    with pytest.raises(ValueError, match="no term kl_w; its terms are reconstruction, kl_z"):
        trained("vae", term_weights={"kl_w": 2.0})


@pytest.mark.parametrize("kind", ["vae", "gmvae"])
def test_test_cells_reach_no_weight(kind, trained, training_data):
    """Train again with the test cells replaced by noise: the same bytes."""
    data = training_data()
    noisy = replace(data, x=data.x.clone(), pca=data.pca.copy(), labels=data.labels.copy())
    noisy.x[data.test] = 100 * torch.randn(len(data.test), data.n_vars)
    noisy.pca[data.test], noisy.labels[data.test] = 100.0, 0
    states = []
    for given in (data, noisy):
        options = {"n_clusters": 3} if kind == "gmvae" else {}
        model = build_replicas(
            kind, given.n_vars, likelihood="gaussian", seeds=(0,), n_latent=2, n_hidden=8, **options
        )
        task = {"mode": "guided"} if kind == "gmvae" else {}
        observed = observed_classes(given, seeds=(0,), n_clusters=options.get("n_clusters"), **task)
        states.append(fit(model, given, seeds=(0,), observed=observed, **SHORT))
    assert states_equal(states[0].model, states[1].model)
    histories = [
        fitted.history[fitted.history.split == "test"].value.to_numpy() for fitted in states
    ]
    assert not np.allclose(*histories), "the test terms are not of the test cells"


def test_guided_classes_are_shown_for_their_share_of_the_epochs_and_at_least_one(trained):
    for fraction, shown_epochs in ((0.5, 2), (0.01, 1)):
        history = trained(
            "gmvae", epochs=4, log_every=1, task={"mode": "guided", "guided_fraction": fraction}
        )[0].history
        classification = (
            history[(history.term == "classification") & (history.split == "train")]
            .groupby("epoch")
            .value.mean()
        )
        assert (classification > 0).tolist() == [epoch <= shown_epochs for epoch in range(1, 5)]


def test_evaluation_and_embedding_use_no_dropout_and_no_minibatch_statistics(training_data):
    from latentbench.training.passes import embed_cells

    data = training_data()
    model = build_replicas(
        "vae", data.n_vars, likelihood="gaussian", seeds=(0,), n_latent=2, n_hidden=8, dropout=0.5
    )
    model.train()
    whole = embed_cells(model, data)[0][0]
    model.train()
    np.testing.assert_allclose(whole, embed_cells(model, data, chunk=7)[0][0], rtol=1e-4, atol=1e-5)
    model.train()
    reconstruction = evaluate_terms(model, data, (0,), data.test[None])["kl_z"]
    model.train()
    torch.testing.assert_close(
        reconstruction, evaluate_terms(model, data, (0,), data.test[None], chunk=5)["kl_z"]
    )


def test_a_replica_that_breaks_in_its_last_step_is_not_called_ok(trained):
    fitted, _ = trained("vae", seeds=(0,), epochs=1, learning_rate=1e25, batch_size=72)
    assert fitted.reports[0].status is Outcome.DIVERGED


def test_one_training_cell_is_refused(training_data):
    data = training_data()
    single = replace(data, train=data.train[:1])
    model = build_replicas("vae", data.n_vars, likelihood="gaussian", seeds=(0,))
    with pytest.raises(ValueError, match="at least 2"):
        fit(
            model,
            single,
            seeds=(0,),
            observed=observed_classes(single, seeds=(0,), n_clusters=None),
            **SHORT,
        )


def test_evaluating_twice_gives_the_same_numbers(trained):
    fitted, data = trained("vae", "bernoulli", modality="images")
    first, second = (
        evaluate_terms(fitted.model, data, (0, 1, 2), data.test.expand(3, -1)) for _ in range(2)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("kind", ["gmvae", "gmvae_dirichlet"])
@pytest.mark.parametrize("mode", ["guided", "supervised"])
def test_mixture_models_recover_separate_groups(kind, mode, trained, training_data):
    from sklearn.metrics import adjusted_rand_score

    from latentbench.training.passes import embed_cells

    fitted, data = trained(
        kind, task={"mode": mode}, min_steps=300, learning_rate=3e-3, n_hidden=64
    )
    for probs in embed_cells(fitted.model, data)[1]:
        assert adjusted_rand_score(data.labels, probs.argmax(1)) == 1


def test_early_stopping_keeps_the_best_weights_and_never_looks_at_test_cells(
    trained, training_data
):
    rule = {"patience": 2, "validation_fraction": 0.25}
    fitted, data = trained("ae", epochs=400, learning_rate=0.05, log_every=1, early_stopping=rule)
    history = fitted.history[
        (fitted.history.term == "loss") & (fitted.history.split == "validation")
    ]
    for report in fitted.reports:
        losses = history[history.replica == report.seed].value.to_numpy()
        assert report.epochs == len(losses) < 400
        assert losses.argmin() == len(losses) - 1 - rule["patience"]
    noisy = replace(data, x=data.x.clone())
    noisy.x[data.test] = 1e3
    model = build_replicas(
        "ae", data.n_vars, likelihood="gaussian", seeds=(0, 1, 2), n_latent=2, n_hidden=8
    )
    observed = observed_classes(noisy, seeds=(0, 1, 2), n_clusters=None)
    options = {
        **SHORT,
        "epochs": 400,
        "learning_rate": 0.05,
        "log_every": 1,
        "early_stopping": rule,
    }
    assert states_equal(
        fitted.model, fit(model, noisy, seeds=(0, 1, 2), observed=observed, **options).model
    )


def test_early_stopping_of_a_replica_does_not_depend_on_its_neighbours(trained, training_data):
    """In a stack too, where a replica that has stopped is computed on until the last one stops."""
    options = {
        "epochs": 60,
        "learning_rate": 0.05,
        "log_every": 1,
        "early_stopping": {"patience": 1, "validation_fraction": 0.25},
    }
    side_by_side = trained("ae", seeds=(0, 1, 2), **options)[0]
    data = training_data()
    model = build_replicas(
        "ae", data.n_vars, likelihood="gaussian", seeds=(0, 1, 2), n_latent=2, n_hidden=8
    )
    observed = observed_classes(data, seeds=(0, 1, 2), n_clusters=None)
    plan = TrainingOptions(
        epochs=60,
        batch_size=16,
        learning_rate=0.05,
        early_stopping=EarlyStopping(1, 0.25),
        log_every=1,
    )
    stacked = TrainingLoop(model, data, (0, 1, 2), observed, plan).run()
    assert len({report.epochs for report in stacked.reports}) > 1, (
        "choose a case in which the replicas stop at different times"
    )
    assert [report.epochs for report in side_by_side.reports] == [
        report.epochs for report in stacked.reports
    ]
    for a, b in zip(
        side_by_side.model.state_dict().values(), stacked.model.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)
    assert len(side_by_side.history) == len(stacked.history)


def test_phases_follow_each_other_and_train_only_what_they_name(training_data):
    begun = []

    class Watched(MODELS["vae"].load()):
        def begin_phase(self, name, cells):
            begun.append(
                (
                    name,
                    cells.codes().shape,
                    self.encoder[0].weight.clone(),
                    self.decoder[0].weight.clone(),
                )
            )

    data = training_data()
    model = build_replicas(
        "vae", data.n_vars, likelihood="gaussian", seeds=(0,), n_latent=2, n_hidden=8
    )
    model.__class__ = Watched
    observed = observed_classes(data, seeds=(0,), n_clusters=None)
    phases = [
        Phase(name="first", epochs=2, batch_size=16, trains=("decoder",)),
        Phase(name="second", epochs=1, batch_size=16),
    ]
    plan = TrainingOptions(phases=phases, log_every=1)
    fitted = TrainingLoop(model, data, (0,), observed, plan).run()
    assert [(name, shape) for name, shape, _, _ in begun] == [
        ("first", (1, 72, 2)),
        ("second", (1, 72, 2)),
    ]
    assert torch.equal(begun[0][2], begun[1][2])
    assert not torch.equal(begun[0][3], begun[1][3])
    assert not torch.equal(fitted.model.encoder[0].weight, begun[1][2])
    assert fitted.history.epoch.max() == 3


def test_a_phase_that_trains_nothing_is_refused(trained):
    with pytest.raises(
        ValueError, match=r"phase 'odd' trains \['encode'\].*'decoder', 'encoder', 'likelihood'"
    ):
        trained("vae", phases=[{"name": "odd", "trains": ["encode"]}])


def test_labelled_minibatches_alternate_with_the_others(trained, training_data):
    """With them a handful of labels is learned from far more often."""
    task = {"mode": "semi_supervised", "label_fraction": 0.05}
    observed = observed_classes(training_data(), seeds=(0,), n_clusters=3, **task)
    n_labelled = int((observed.y >= 0).sum())
    train, order = training_data().train[None], RandomStreams([0], "order")
    steps = minibatches_of_epoch(train, observed.y, order, n_steps=4, size=16, labelled_every=2)
    assert [len(step) for step in steps] == [1, 2, 1, 2]
    labelled = torch.cat([step[1] for step in steps if len(step) == 2], dim=1)[0]
    assert (observed.y[0, labelled] >= 0).all()
    assert len(set(labelled.tolist())) == n_labelled
    with pytest.raises(ValueError, match="no training cell shows a class"):
        minibatches_of_epoch(
            train, torch.full_like(observed.y, -1), order, n_steps=4, size=16, labelled_every=2
        )


def test_a_training_over_its_time_is_typed(trained):
    fitted, _ = trained("vae", seeds=(0,), epochs=100_000, max_minutes=1e-3)
    assert fitted.reports[0].status is Outcome.TIMEOUT
    assert f"epoch {fitted.reports[0].epochs} of 100000" in fitted.reports[0].reason


@pytest.mark.parametrize(
    ("kind", "likelihood", "modality"),
    [("vae", "gaussian", "real"), ("vae", "nb", "counts"), ("gmvae", "zinb", "counts")],
)
def test_a_step_with_large_products_in_bf16_goes_where_one_in_float32_goes(
    kind, likelihood, modality, training_data
):
    """On a processor without them both are the same."""
    data = training_data(modality)
    options = {"n_clusters": 3} if kind == "gmvae" else {}
    gradients = []
    for precision in ("auto", "float32"):
        model = build_replicas(
            kind,
            data.n_vars,
            likelihood=likelihood,
            seeds=(0,),
            n_latent=2,
            n_hidden=4096,
            **options,
        )
        observed = observed_classes(data, seeds=(0,), n_clusters=3)
        loop = TrainingLoop(model, data, (0,), observed, TrainingOptions(precision=precision))
        loop._gradient(loop.phases[0], loop.train, None, wants_values=True)
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters()]))
    in_bf16, exact = gradients
    assert (in_bf16 - exact).norm() < 0.03 * exact.norm()
