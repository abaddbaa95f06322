import torch

PHASES = [
    {"name": "pretrain", "epochs": 150, "term_weights": {"clustering": 0}},
    {"name": "cluster", "epochs": 50, "refresh_every": 10},
]


def test_three_separated_groups_are_recovered(ari_of_groups):
    assert (
        ari_of_groups("idec", phases=PHASES, hyperparameters={"n_latent": 3, "n_hidden": [16, 32]})
        == 1
    ).all()


def test_the_loss_is_the_papers_times_half_the_number_of_variables_and_a_constant(built):
    """Mean squared error + gamma KL(P || Q), Guo 2017, equation 8."""
    model, data, minibatch, _ = built("idec", "gaussian", gamma=0.3)
    with torch.no_grad():
        z = model.embed(minibatch)
        loss = (model.decoder(z) - minibatch.x).square().mean(-1) + 0.3 * model.clusters.divergence(
            z, minibatch
        )
        constant = torch.log(torch.tensor(2 * torch.pi)) * data.n_vars / 2
        torch.testing.assert_close(
            sum(model.loss_terms(minibatch).values()),
            loss * data.n_vars / 2 + constant,
            rtol=1e-4,
            atol=1e-4,
        )


def test_without_gamma_it_is_the_autoencoder(built):
    model, _, minibatch, _ = built("idec", "gaussian", gamma=0.0)
    assert model.loss_terms(minibatch)["clustering"].abs().max() == 0
