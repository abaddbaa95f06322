import gzip
import io
import pickle

import numpy as np
import pytest

from latentbench.data.images import NumpyUnpickler, read_idx_folder, read_mnist_pickle, read_npz
from latentbench.data.values import as_pixels


def test_idx_images_keep_their_pixels_order_and_grid(idx_folder):
    folder, pixels, labels = idx_folder
    compressed = folder / "train-images-idx3-ubyte"
    compressed.with_name(compressed.name + ".gz").write_bytes(
        gzip.compress(compressed.read_bytes())
    )
    compressed.unlink()

    images = read_idx_folder(folder)

    np.testing.assert_array_equal(images.X.reshape(8, 2, 3), pixels)
    assert list(images.obs["label"]) == [str(label) for label in labels]
    assert list(images.obs["source_split"]) == 5 * ["train"] + 3 * ["test"]
    assert images.X[0, images.var_names.get_loc("pixel_1_2")] == pixels[0, 1, 2]
    assert (images.var.loc["pixel_1_2", ["row", "column"]] == [1, 2]).all()


def test_cut_off_foreign_and_missing_idx_files_are_refused_by_name(idx_folder):
    folder = idx_folder[0]
    path = folder / "t10k-images-idx3-ubyte"
    whole = path.read_bytes()

    path.write_bytes(whole[:-1])
    with pytest.raises(ValueError, match=r"t10k-images.*33 bytes do not hold"):
        read_idx_folder(folder)
    path.write_bytes(b"<html>")
    with pytest.raises(ValueError, match="not an IDX file"):
        read_idx_folder(folder)
    path.unlink()
    with pytest.raises(ValueError, match=r"no t10k-images-idx3-ubyte.gz"):
        read_idx_folder(folder)


def test_both_layouts_of_npz_are_read(tmp_path):
    x, y = np.arange(24, dtype=np.uint8).reshape(4, 2, 3), np.array([1, 0, 1, 2])
    np.savez(tmp_path / "keras.npz", x_train=x[:3], y_train=y[:3], x_test=x[3:], y_test=y[3:])
    np.savez(tmp_path / "own.npz", X=x.reshape(4, 6), kind=y, obs_names=np.array(list("abcd")))

    assert list(read_npz(tmp_path / "keras.npz").obs["label"]) == ["1", "0", "1", "2"]
    own = read_npz(tmp_path / "own.npz")
    assert list(own.obs["kind"]) == [1, 0, 1, 2]
    assert list(own.obs_names) == list("abcd")
    np.testing.assert_array_equal(own.X, x.reshape(4, 6))


def test_an_npz_of_other_arrays_says_what_it_holds(tmp_path):
    np.savez(tmp_path / "odd.npz", values=np.ones(3))
    with pytest.raises(ValueError, match=r"odd.npz: holds values; name the values X"):
        read_npz(tmp_path / "odd.npz")


def mnist_pickle(scale: float) -> io.BytesIO:
    pixels = np.arange(6 * 4, dtype=np.float32).reshape(6, 4)
    parts = [
        (pixels[start : start + 2] / scale, np.array([start, start + 1])) for start in (0, 2, 4)
    ]
    return io.BytesIO(gzip.compress(pickle.dumps(tuple(parts), protocol=4)))


def test_the_mnist_pickle_gives_back_whole_pixels_in_order():
    images = read_mnist_pickle(mnist_pickle(256))

    np.testing.assert_array_equal(
        as_pixels(images.X, images.obs_names, images.var_names, where="mnist"),
        np.arange(24).reshape(6, 4),
    )
    assert list(images.obs["label"]) == list("012345")
    with pytest.raises(ValueError, match="not whole pixels"):
        read_mnist_pickle(mnist_pickle(255))


class Malicious:
    def __reduce__(self):
        return (eval, ("1 + 1",))


@pytest.mark.parametrize(
    "value", [Malicious(), np.array([Malicious()], dtype=object), print, io.BytesIO]
)
def test_a_pickle_that_asks_for_anything_but_arrays_is_refused(value):
    with pytest.raises(pickle.UnpicklingError, match="only numpy arrays are read"):
        NumpyUnpickler(io.BytesIO(pickle.dumps(value, protocol=2))).load()
