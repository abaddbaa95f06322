"""Further figures of one data set: how sure the models are of their clusters, and its principal
components beside a linear autoencoder's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from latentbench.figures.health_figures import panels
from latentbench.figures.inputs import Inputs
from latentbench.figures.style import INK, MUTED, WIDTH, lighten, model_colours, nothing_to_show
from latentbench.study.applicability import CONTROL_KINDS

BINS = np.linspace(0, 1, 21)
PROBS = "cluster_probs_seed"
ANGLES = {"angle_decoder": "rows of the decoder", "angle_encoder": "columns of the encoder"}


@dataclass(frozen=True)
class Details:
    """What the figures are drawn from: the models' kinds, shares of test cells
    (``responsibilities``) and ``pca_table``.
    """

    kinds: Mapping[str, str]
    shares: pd.DataFrame
    pca: pd.DataFrame


def responsibilities(embedding_paths: Mapping[str, str | Path]) -> pd.DataFrame:
    """Return the share of the test cells whose largest cluster probability falls into each bin:
    model, seed, bin (0 to 19, of equal width), share.

    ``embedding_paths``: by model, its embedding.h5ad; a model without cluster probabilities has no
    row."""
    frames = []
    for model, path in embedding_paths.items():
        with h5py.File(path) as file:
            split = file["obs/split"]
            is_test = split["categories"].asstr()[:][split["codes"][:]] == "test"
            for name in sorted(name for name in file["obsm"] if name.startswith(PROBS)):
                largest = file["obsm"][name][:][is_test].max(axis=1)
                counts = np.histogram(np.clip(largest, 0, 1), BINS)[0]
                seed = int(name.removeprefix(PROBS))
                frames.append(
                    pd.DataFrame(
                        {
                            "model": model,
                            "seed": seed,
                            "bin": np.arange(len(counts)),
                            "share": counts / max(counts.sum(), 1),
                        }
                    )
                )
    return (
        pd.concat(frames, ignore_index=True)
        if frames
        else pd.DataFrame(columns=["model", "seed", "bin", "share"])
    )


def plot_responsibilities(ax: Axes, shares: pd.DataFrame, colour: str) -> Axes:
    """Draw the histogram of one model's largest cluster probabilities: a line for every seed."""
    for _, seed in shares.groupby("seed"):
        ax.stairs(seed.sort_values("bin")["share"], BINS, lw=0.8, color=colour, alpha=0.8)
    ax.set(xlim=(0, 1), xticks=[0, 0.5, 1], ylim=(0, None))
    ax.yaxis.grid(True)
    ax.yaxis.set_major_locator(plt.MaxNLocator(3))
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    return ax


def responsibilities_figure(details: Details) -> Figure:
    """Draw how sure every model that clusters by itself is of the clusters of test cells."""
    clustering = {model: kind for model, kind in details.kinds.items() if kind not in CONTROL_KINDS}
    shares = details.shares[details.shares["model"].isin(clustering)]

    def draw(ax: Axes, model: str, colour: str) -> None:
        plot_responsibilities(ax, shares[shares["model"] == model], colour)

    figure = panels(
        details.kinds,
        shares,
        draw,
        height=1.35,
        none="no model of this study gives probabilities of clusters",
    )
    if len(shares):
        figure.supxlabel("largest cluster probability of a test cell", size=8)
        figure.supylabel("share of the test cells", size=8)
        figure.legend(
            handles=[Line2D([], [], lw=0.8, color=MUTED, label="one seed")],
            loc="outside upper right",
        )
    return figure


def plot_shares(ax: Axes, shares: pd.DataFrame, *, cumulative: bool) -> Axes:
    """Draw the variance that every component explains, of training cells (filled) and test cells
    (hollow), or their sums so far.
    """
    for split, marker in (("train", {"mfc": INK}), ("test", {"mfc": "white"})):
        rows = shares[shares["split"] == split].sort_values("component")
        values = rows["value"].cumsum() if cumulative else rows["value"]
        ax.plot(rows["component"], 100 * values, "-o", ms=2.6, mew=0.6, lw=0.6, color=INK, **marker)
    ax.set(
        xlabel="component", ylabel="variance so far (%)" if cumulative else "variance explained (%)"
    )
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(plt.MaxNLocator(5, integer=True))
    ax.yaxis.grid(True)
    return ax


def plot_angles(ax: Axes, angles: pd.DataFrame, colours: Mapping[str, str]) -> Axes:
    """Draw the principal angles between the first components and what linear autoencoders span: a
    line for every seed, decoder filled, encoder hollow.
    """
    for (model, measure, _), rows in angles.groupby(["model", "measure", "seed"], sort=True):
        colour = colours[str(model)]
        face = colour if measure == "angle_decoder" else "white"
        ax.plot(
            rows["component"],
            rows["value"],
            "-o",
            ms=2.8,
            mew=0.7,
            lw=0.6,
            color=lighten(colour, 0.3),
            mec=colour,
            mfc=face,
        )
    ax.set(
        xlabel="principal angle, the largest first",
        ylabel="degrees from PCA",
        ylim=(-2, 92),
        yticks=[0, 30, 60, 90],
    )
    ax.xaxis.set_major_locator(plt.MaxNLocator(5, integer=True))
    ax.yaxis.grid(True)
    return ax


def pca_figure(details: Details) -> Figure:
    """Draw the scree of the data set's principal components and, where a linear autoencoder was
    trained on it, its angles to them.
    """
    shares = details.pca[details.pca["measure"] == "variance_share"]
    angles = details.pca[details.pca["measure"].isin(ANGLES)]
    if shares.empty:
        return nothing_to_show("no principal components: the values do not vary")
    n_panels = 2 + (not angles.empty)
    figure, axes = plt.subplots(1, n_panels, figsize=(WIDTH, 2.4))
    for ax, cumulative in zip(axes, (False, True), strict=False):
        plot_shares(ax, shares, cumulative=cumulative)
    marks = [
        Line2D([], [], marker="o", ls="-", lw=0.6, ms=3, color=INK, mfc=face, label=f"{name} cells")
        for name, face in (("training", INK), ("test", "white"))
    ]
    if not angles.empty:
        plot_angles(axes[2], angles, model_colours(details.kinds))
        marks += [
            Line2D([], [], marker="o", ls="", ms=3.5, color=MUTED, mfc=face, label=name)
            for name, face in zip(ANGLES.values(), (MUTED, "white"), strict=True)
        ]
    figure.legend(handles=marks, loc="outside upper right", ncols=len(marks))
    return figure


DETAIL_FIGURES: dict[str, Callable[[Details], Figure]] = {
    "responsibilities": responsibilities_figure,
    "pca": pca_figure,
}


def responsibilities_(given: Inputs) -> Figure:
    shares = responsibilities(given.of_models("embeddings"))
    return responsibilities_figure(Details(given.tables.kinds, shares, pd.DataFrame()))


def pca(given: Inputs) -> Figure:
    return pca_figure(Details(given.tables.kinds, pd.DataFrame(), given.frame("pca")))
