import math

import pytest
import torch

from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.models.dirichlet import log_beta_ratio
from latentbench.models.interface import ClassPosterior

SATURATED = torch.tensor([[[0.0, 200.0, 0.0], [-300.0, 0.0, 300.0]]])


@pytest.mark.parametrize("y", [-1, 0, 1])
def test_saturated_logits_have_finite_values_and_gradients(y):
    logits = SATURATED.clone().requires_grad_()
    qy = ClassPosterior(logits, torch.full((1, 2), y))
    (qy.negative_entropy + qy.classification - log_beta_ratio(qy.weights, 1.0)).sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_a_confidently_wrong_cell_still_learns():
    logits = SATURATED.clone().requires_grad_()
    loss = ClassPosterior(logits, torch.zeros(1, 2, dtype=torch.long)).classification
    torch.testing.assert_close(loss, torch.tensor([[200.0, 600.0]]))
    loss.sum().backward()
    assert logits.grad[0, 0, 0] == -1


def test_an_observed_class_has_weight_one_and_no_entropy():
    qy = ClassPosterior(torch.randn(1, 2, 3), torch.tensor([[2, -1]]))
    torch.testing.assert_close(qy.weights[0, 0], torch.tensor([0.0, 0.0, 1.0]))
    torch.testing.assert_close(qy.weights[0, 1], torch.softmax(qy.logits[0, 1], -1))
    assert qy.negative_entropy[0, 0] == 0
    assert qy.classification[0, 1] == 0
    uniform = ClassPosterior(torch.zeros(1, 1, 4), torch.tensor([[-1]]))
    assert uniform.negative_entropy.item() == pytest.approx(-math.log(4))


def test_classes_are_drawn_as_often_as_they_are_probable_and_an_observed_one_always():
    logits = torch.log(torch.tensor([0.2, 0.7, 0.1])).expand(1, 4000, -1)
    values = torch.arange(3.0)[None, :, None, None].expand(1, 3, 4000, 2)
    with drawing_from(RandomStreams([0], "noise")):
        hidden = ClassPosterior(logits, torch.full((1, 4000), -1)).drawn(values)
        observed = ClassPosterior(logits, torch.full((1, 4000), 2)).drawn(values)
    assert (observed == 2).all()
    torch.testing.assert_close(hidden[..., 0], hidden[..., 1])
    shares = torch.bincount(hidden[0, :, 0].long(), minlength=3) / 4000
    torch.testing.assert_close(shares, torch.tensor([0.2, 0.7, 0.1]), atol=0.03, rtol=0)
