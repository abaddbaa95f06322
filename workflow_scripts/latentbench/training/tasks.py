"""Which classes, if any, a training is shown: the task modes of docs/models.md. The only module of
training that looks at labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentbench.maths.random_streams import seed_of
from latentbench.models.data import TrainingData
from latentbench.training.guides import Guide
from latentbench.training.options import TaskOptions


@dataclass(frozen=True)
class ObservedClasses:
    """The classes shown to each replica (-1: hidden), during the first ``fraction`` of a phase's
    epochs; ``true_labels``: whether they come from the labels.
    """

    y: Int[Tensor, "replicas obs"]
    fraction: float
    true_labels: bool

    def of(self, replicas: Sequence[int]) -> "ObservedClasses":
        """Return what is shown to some of the replicas."""
        return replace(self, y=self.y[list(replicas)])


def observed_classes(
    data: TrainingData,
    *,
    seeds: Sequence[int],
    n_clusters: int | None,
    task: TaskOptions,
    guide_codes: Sequence[Float[np.ndarray, "obs latent"]] | None = None,
) -> ObservedClasses:
    """Return the classes that a task shows to a training; test cells are always hidden.

    Modes: ``unsupervised`` shows none; ``supervised`` all labels; ``semi_supervised`` a random
    ``label_fraction`` of them, at least one of each class, the choice following the seed;
    ``guided`` the clusters that a ``guide`` (``guides.GUIDES``) finds among the training cells,
    during the first ``guided_fraction`` of the epochs (no label is used). It looks at
    ``guide_codes``, an embedding of all cells for each seed, or at the principal components, and at
    ``guide_cells`` of the cells at most; it shows only those that it is ``guide_confidence`` sure
    of.

    Raises:
        ValueError: more classes in the labels than the model has clusters.
    """
    hidden = torch.full((len(seeds), data.n_obs), -1)
    if task.mode == "guided":
        finds = Guide(task.guide, n_clusters, task.guide_cells, task.guide_confidence)
        train = data.train.cpu()
        for index, (seed, codes) in enumerate(
            zip(seeds, guide_codes or [data.pca] * len(seeds), strict=True)
        ):
            hidden[index, train] = torch.from_numpy(finds.classes(codes[train.numpy()], seed=seed))
        return ObservedClasses(hidden, task.guided_fraction, true_labels=False)
    if task.mode == "unsupervised":
        return ObservedClasses(hidden, 0.0, true_labels=False)
    labels = _of_training_cells(data, data.labels)
    if labels.max() < 0:
        raise ValueError(
            f"task mode '{task.mode}' needs labels and no training cell has one: name the label"
            " column in the data sheet, or choose another mode"
        )
    if n_clusters is not None and labels.max() >= n_clusters:
        raise ValueError(
            f"the labels have {labels.max() + 1} classes and the model {n_clusters} clusters: raise"
            " n_clusters or leave it out to take the sheet's"
        )
    fraction = 1.0 if task.mode == "supervised" else task.label_fraction
    return ObservedClasses(
        torch.from_numpy(np.stack([_shown(labels, fraction, seed) for seed in seeds])),
        1.0,
        true_labels=True,
    )


def _of_training_cells(
    data: TrainingData, labels: Int[np.ndarray, " obs"]
) -> Int[np.ndarray, " obs"]:
    shown = np.full(data.n_obs, -1)
    train = data.train.cpu().numpy()
    shown[train] = labels[train]
    return shown


def _shown(labels: Int[np.ndarray, " obs"], fraction: float, seed: int) -> Int[np.ndarray, " obs"]:
    """Hide all but a fraction of every class, at least one cell each."""
    rng = np.random.default_rng(seed_of(seed, "labels"))
    shown = np.full(len(labels), -1)
    for label in range(labels.max() + 1):
        cells = rng.permutation(np.flatnonzero(labels == label))
        kept = cells[: max(1, round(fraction * len(cells)))]
        shown[kept] = label
    return shown
