import pytest
import torch

from latentbench.training.devices import cards_given, choose_device, peak_memory_mb


def test_a_job_without_a_gpu_runs_on_the_cpu_whatever_is_there():
    assert choose_device(0) == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_a_job_that_was_given_a_gpu_never_falls_back_in_silence():
    with pytest.raises(ValueError, match=r"given 1 GPU.*sees none.*set gpu=0"):
        choose_device(1)


def test_peak_memory_never_falls():
    before = peak_memory_mb(torch.device("cpu"))
    held = torch.ones(20_000_000)
    after = peak_memory_mb(torch.device("cpu"))
    assert after >= before > 0
    assert held.numel() == 20_000_000


@pytest.mark.parametrize(
    ("gpu", "gres", "cards"),
    [
        (0, "", 0),
        (2, "", 2),
        (0, "gpu", 1),
        (0, "gpu:1", 1),
        (0, "gpu:a100:2", 2),
        (0, "gpu:a100", 1),
        (0, "shard:4", 0),
        (1, "gpu:1", 1),
    ],
)
def test_cards_are_counted_in_either_of_the_clusters_styles(gpu, gres, cards):
    assert cards_given(gpu, gres) == cards
