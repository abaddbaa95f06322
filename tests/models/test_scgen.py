import torch
from torch.distributions import Normal as TorchNormal

from latentbench.maths.random_streams import RandomStreams, drawing_from


def test_no_shift_predicts_the_reconstruction_and_a_shift_the_decoding_of_the_moved_code(built):
    model, _, minibatch, _ = built("scgen", "gaussian")
    model.eval()
    shift = torch.randn(2, 3)
    with torch.no_grad():
        z = model.embed(minibatch)
        torch.testing.assert_close(
            model.predict_shifted(minibatch, torch.zeros(2, 3)).mean, model.px(z, minibatch).mean
        )
        moved = torch.stack([z[replica] + shift[replica] for replica in range(2)])
        torch.testing.assert_close(
            model.predict_shifted(minibatch, shift).mean, model.decoder(moved)
        )


def test_the_gaussian_reconstruction_is_half_the_squared_error_and_a_constant(built):
    model, data, minibatch, _ = built("scgen", "gaussian")
    model.eval()
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        terms = model.loss_terms(minibatch)
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        decoded = model.decoder(model.posterior(minibatch).rsample())
    expected = (
        0.5 * (minibatch.x - decoded).square().sum(-1)
        - TorchNormal(0.0, 1.0).log_prob(torch.tensor(0.0)) * data.n_vars
    )
    torch.testing.assert_close(terms["reconstruction"], expected, rtol=1e-5, atol=1e-4)


def test_dropout_is_in_encoder_and_decoder(built):
    model, _, _, _ = built("scgen", "gaussian")
    z = torch.randn(2, 90, 3)
    model.train()
    decoded = []
    for seed in (0, 1):
        with torch.no_grad(), drawing_from(RandomStreams([seed, seed + 2], "dropout")):
            decoded.append(model.decoder(z))
    assert not torch.equal(*decoded)
