import pytest
import torch

from latentbench.maths.likelihoods import LIKELIHOODS, along_vars
from latentbench.maths.random_streams import RandomStreams, drawing_from


def test_count_likelihoods_score_raw_counts_and_the_encoder_reads_their_log():
    counts = torch.tensor([[[0.0, 3.0]]])
    for name in ("poisson", "nb", "zinb"):
        likelihood = LIKELIHOODS[name](2)
        assert likelihood.layer == "counts"
        torch.testing.assert_close(likelihood.encoder_input(counts), torch.log1p(counts))


@pytest.mark.parametrize("name", ["poisson", "nb"])
def test_the_means_of_a_cell_sum_to_its_library_size(name):
    px = LIKELIHOODS[name](5)(torch.randn(1, 7, 5), torch.full((1, 7, 1), 40.0))
    torch.testing.assert_close(px.mean.sum(-1), torch.full((1, 7), 40.0))


def test_binarised_pixels_have_the_grey_values_as_their_mean():
    grey = torch.full((1, 2000, 3), 0.3)
    with drawing_from(RandomStreams([0], "noise")):
        seen = LIKELIHOODS["bernoulli"](3).observe(grey)
    assert set(seen.unique().tolist()) == {0.0, 1.0}
    assert seen.mean().item() == pytest.approx(0.3, abs=0.02)


def test_a_parameter_gets_an_axis_for_every_sample_axis():
    assert along_vars(torch.zeros(2, 5), torch.zeros(2, 4, 7, 5)).shape == (2, 1, 1, 5)
