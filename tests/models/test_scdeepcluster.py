from dataclasses import replace

import pytest
import torch
from scipy.stats import kstest

from latentbench.maths.random_streams import RandomStreams, drawing_from

PHASES = [
    {"name": "pretrain", "epochs": 150, "term_weights": {"clustering": 0}},
    {"name": "cluster", "epochs": 50, "refresh_every": 10},
]
SMALL = {"n_latent": 3, "n_hidden": [32, 16]}


def test_three_separated_groups_are_recovered(ari_of_groups):
    assert (
        ari_of_groups("scdeepcluster", phases=PHASES, hyperparameters={**SMALL, "noise": 1.0}) == 1
    ).all()


@pytest.mark.slow
def test_noise_helps_to_find_groups_in_counts(ari_of_groups):
    """Counts of a dozen genes leave some cells between the groups: k-means on the log counts does
    not recover the groups in full either.
    """
    phases = [PHASES[0] | {"epochs": 400}, PHASES[1]]
    noisy, plain = (
        ari_of_groups(
            "scdeepcluster",
            phases=phases,
            hyperparameters={**SMALL, "noise": noise},
            likelihood="zinb",
            modality="counts",
        )
        for noise in (1.0, 0.0)
    )
    assert noisy.min() > 0.9
    assert noisy.min() > plain.max()


def test_the_noise_is_gaussian_of_the_given_number_of_each_variables_own_deviations(built):
    model, _, minibatch, streams = built("scdeepcluster", "gaussian", noise=2.5)
    scales = torch.arange(12.0)  # the first variable is constant
    x = minibatch.inputs * scales
    model.encoder = torch.nn.Identity()
    with drawing_from(streams):
        noise = model.embed_corrupted(replace(minibatch, inputs=x)) - x
    assert noise[..., 0].abs().max() == 0
    standardised = noise / (2.5 * x.std(1, keepdim=True, correction=0))
    assert kstest(standardised[..., 1:].flatten().numpy(), "norm").pvalue > 0.01


def test_the_decoder_reads_noisy_codes_in_training_alone_and_the_clusters_never(built):
    model, _, minibatch, _ = built("scdeepcluster", "gaussian")
    terms = {}
    for name, training in (("training", True), ("again", True), ("evaluation", False)):
        with torch.no_grad(), drawing_from(RandomStreams([0, 1], name)):
            terms[name] = model.train(training).loss_terms(minibatch)
    assert not torch.isclose(
        terms["training"]["reconstruction"], terms["again"]["reconstruction"]
    ).any()
    assert all(
        torch.equal(terms["training"]["clustering"], terms[name]["clustering"])
        for name in ("again", "evaluation")
    )
    expected = -model.px(model.embed(minibatch), minibatch).log_prob(minibatch.x)
    torch.testing.assert_close(terms["evaluation"]["reconstruction"], expected)


def test_the_loss_is_the_papers_times_the_number_of_variables(built):
    """Mean ZINB + gamma KL(P || Q), Tian 2019, equation 9."""
    model, data, minibatch, _ = built("scdeepcluster", "zinb", gamma=0.7)
    model.eval()
    with torch.no_grad():
        z = model.embed(minibatch)
        loss = -model.px(z, minibatch).log_prob(
            minibatch.x
        ) / data.n_vars + 0.7 * model.clusters.divergence(z, minibatch)
        torch.testing.assert_close(sum(model.loss_terms(minibatch).values()), loss * data.n_vars)
