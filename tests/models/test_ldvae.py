from dataclasses import replace

import numpy as np
import torch
from training_calls import fit, observed_classes

from latentbench.training.replicas import build_replicas


def test_the_log_odds_of_two_genes_move_by_the_difference_of_their_loadings(built):
    model, _, minibatch, _ = built("ldvae", "zinb")
    model.eval()
    with torch.no_grad():
        z, moved = torch.zeros(2, 90, 3), torch.zeros(2, 90, 3)
        moved[..., 1] = 0.7
        log_means = [model.px(each, minibatch).counts.log_mean for each in (z, moved)]
        change = (log_means[1] - log_means[0])[..., 4] - (log_means[1] - log_means[0])[..., 9]
        loadings = model.loadings()
    assert loadings.shape == (2, 3, 12)
    torch.testing.assert_close(
        change,
        (0.7 * (loadings[:, 1, 4] - loadings[:, 1, 9]))[:, None].expand(-1, 90),
        rtol=1e-4,
        atol=1e-5,
    )
    torch.testing.assert_close(loadings.mean(-1), torch.zeros(2, 3), rtol=0, atol=1e-6)


def test_the_loadings_of_a_simulated_factor_are_found(training_data):
    """Counts whose log means are linear in one hidden number: the loadings correlate with the true
    ones up to sign.
    """
    data = training_data("counts", n_obs=400, n_vars=30)
    rng = np.random.default_rng(1)
    hidden, true = rng.standard_normal(400), rng.standard_normal(30)
    x = torch.from_numpy(rng.poisson(np.exp(2 + 0.8 * np.outer(hidden, true))).astype(np.float32))
    data = replace(data, x=x, library_size=x.sum(1, keepdim=True))
    model = build_replicas("ldvae", 30, likelihood="nb", seeds=[0], n_latent=1, n_hidden=32)
    observed = observed_classes(data, seeds=[0], n_clusters=None)
    fitted = fit(
        model,
        replace(data, covariates=torch.zeros(400, 0), levels=()),
        seeds=[0],
        observed=observed,
        epochs=60,
        batch_size=64,
        learning_rate=1e-2,
    )
    loadings = fitted.model.loadings()[0, 0].detach().numpy()
    assert abs(np.corrcoef(loadings, true)[0, 1]) > 0.98
