import torch
from training_calls import observed_classes

from latentbench.models import MODELS
from latentbench.training.loop import TrainingLoop
from latentbench.training.options import Phase, TrainingOptions
from latentbench.training.refreshing import ClusterRefresh
from latentbench.training.replicas import build_replicas


def looped(data, seeds, phase, **watch):
    class Watched(MODELS["gmvae"].load()):
        def refresh(self, cluster_probs):
            watch.get("refreshed", []).append(cluster_probs)

        def loss_terms(self, minibatch):
            watch.get("seen", []).append(minibatch.probs_at_refresh)
            return super().loss_terms(minibatch)

    model = build_replicas(
        "gmvae",
        data.n_vars,
        likelihood="gaussian",
        seeds=seeds,
        n_clusters=3,
        n_latent=2,
        n_hidden=8,
    )
    model.__class__ = Watched
    observed = observed_classes(data, seeds=seeds, n_clusters=3)
    return TrainingLoop(model, data, seeds, observed, TrainingOptions(phases=[phase], log_every=1))


def test_clusters_are_refreshed_every_so_many_steps_and_given_with_the_cells(training_data):
    data, refreshed, seen = training_data(), [], []
    phase = Phase(epochs=3, batch_size=24, refresh_every=4)  # three steps an epoch
    looped(data, (0, 1), phase, refreshed=refreshed, seen=seen).run()
    assert len(refreshed) == 3
    assert refreshed[0].shape == (2, len(data.train), 3)
    shown = [probs for probs in seen if probs is not None]
    assert all(not torch.isnan(probs).any() and probs.shape == (2, 24, 3) for probs in shown)


def test_a_replica_settles_when_few_cells_move_and_keeps_the_weights_of_that_epoch(training_data):
    refresh = ClusterRefresh()
    train = torch.tensor([[0, 2, 3], [0, 2, 3]])
    first = torch.eye(2)[torch.tensor([[0, 1, 1], [0, 1, 1]])]
    second = torch.eye(2)[torch.tensor([[0, 1, 1], [1, 0, 1]])]
    model = build_replicas("vae", 4, likelihood="gaussian", seeds=(0, 1), n_latent=2, n_hidden=3)
    refresh.take(first, train, 5, settled_below=0.1)
    refresh.settle(model, 1)
    assert refresh.settled_at == {}
    assert torch.isnan(refresh.probs[:, [1, 4]]).all()
    refresh.take(second, train, 5, settled_below=0.1)
    refresh.settle(model, 2)
    assert refresh.settled_at == {0: 2}
    kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor += 1
    refresh.restore_settled(model)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor[0], kept[name][0])
        assert torch.equal(tensor[1], kept[name][1] + 1)


def test_a_settled_replica_is_over_and_its_history_ends_there(training_data):
    fitted = looped(
        training_data(), (0, 1), Phase(epochs=50, batch_size=24, refresh_every=1, settled_below=1.0)
    ).run()
    assert [report.epochs for report in fitted.reports] == [1, 1]
    assert fitted.history.epoch.max() == 1
