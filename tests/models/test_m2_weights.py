"""What the shipped variant of m2 weighs labelled cells by, on the minibatches that are drawn."""

from pathlib import Path

import pytest
import torch

from latentbench.maths.random_streams import RandomStreams
from latentbench.study.sheets import read_yaml
from latentbench.study.variant import Variant
from latentbench.training.minibatches import minibatches_of_epoch
from latentbench.training.options import training_options

SHEET = Path(__file__).parents[2] / "config/models.yaml"


def test_the_shipped_variant_adds_a_tenth_of_n_times_the_mean_classification_of_labelled_cells():
    """Kingma 2014, equation (9): of a sum over all N cells, labelled ones once, alpha = .1 N."""
    entry = read_yaml(SHEET)["m2"]
    variant = Variant("m2", "nb", {}, entry["task"], entry["training"])
    (phase,) = training_options(variant.training).all_phases
    n, share = 4000, variant.task_options.label_fraction
    shown = torch.full((1, n), -1)
    shown[0, : round(share * n)] = 0
    steps = minibatches_of_epoch(
        torch.arange(n)[None],
        shown,
        RandomStreams([0], "order"),
        n_steps=n // 100,
        size=100,
        labelled_every=phase.labelled_every,
    )
    drawn = torch.cat([cells[0] for step in steps for cells in step])
    times = torch.bincount(drawn, minlength=n).double()
    is_labelled = shown[0] >= 0
    assert times[is_labelled].mean() == pytest.approx(times[~is_labelled].mean()), "bound"
    weight = phase.term_weights["classification"] * times[is_labelled].sum() / times.sum()
    assert weight == pytest.approx(0.1)
