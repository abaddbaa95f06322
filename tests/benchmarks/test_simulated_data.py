import numpy as np
import pytest
from scipy import sparse
from sides.task import Task, mnist_sized
from simulated_data import CHUNK, write_codes, write_simulated


@pytest.fixture
def simulated(tmp_path):
    """A factory: task -> its dense rows."""

    def simulate(task: Task) -> np.ndarray:
        path = tmp_path / "rows.npz"
        write_simulated(task, path)
        return sparse.load_npz(path).toarray()

    return simulate


def test_counts_are_whole_numbers_with_the_share_of_zeros_of_single_cells(simulated):
    x = simulated(Task("nb", n_train=900, n_test=100))
    assert x.shape == (1000, 2000)
    assert (x == np.round(x)).all()
    assert x.min() == 0
    assert 0.14 < (x > 0).mean() < 0.18


def test_pixels_are_grey_values_with_the_share_of_zeros_of_mnist(simulated):
    x = simulated(mnist_sized("bernoulli", n_train=0))
    assert x.shape == (1000, 784)
    assert (x.min(), x.max()) == (0, 1)
    assert 0.18 < (x > 0).mean() < 0.20


def test_more_rows_than_a_chunk_are_all_written_and_differ(simulated):
    x = simulated(Task("nb", n_train=CHUNK, n_test=3, n_vars=20))
    assert x.shape == (CHUNK + 3, 20)
    assert not np.array_equal(x[:3], x[-3:])


def test_codes_are_of_twenty_groups_and_the_same_every_time(tmp_path):
    files = []
    for name in ("one.npz", "two.npz"):
        write_codes(1000, tmp_path / name)
        files.append(np.load(tmp_path / name))
    assert files[0]["z"].shape == (1000, 10)
    assert len(np.unique(files[0]["labels"])) == 20
    assert np.array_equal(files[0]["z"], files[1]["z"])
