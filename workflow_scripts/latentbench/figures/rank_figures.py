"""Demsar's critical-difference diagram (2006, JMLR 7, section 3.2.4), from the tables of ranks and
tests alone.

Not ``scikit_posthocs.critical_difference_diagram``: it shows no critical difference, begins its
axis at the best model's rank and not at 1, writes names in the models' colours, some too pale for
text, and breaks no long one (looked at side by side).
"""

import re
from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentbench.evaluation.contest import ALL_DATASETS
from latentbench.figures.inputs import Inputs
from latentbench.figures.style import INK, MUTED, WIDTH, nothing_to_show
from latentbench.outcomes import Outcome

LINE = 0.13
"""Inches of a line of text; a model has one, and half as much above it."""
WIDEST_NAME = 26
MOST_TICKS = 26
BAR = 0.11
"""Inches between the bars of two groups."""
LETTER_GROUPS = r"[a-z]\d*"


def ranks(given: Inputs) -> Figure:
    """Draw the mean ranks over all data sets, the critical difference and the groups that are not
    told apart.
    """
    tests, table = given.frame("tests"), given.frame("ranks")
    nemenyi = tests[tests["test"] == "nemenyi"].iloc[0]
    if nemenyi["status"] != Outcome.OK:
        return nothing_to_show(nemenyi["reason"])
    over_all = table[table["scope"] == ALL_DATASETS].sort_values(
        ["mean_rank", "model"], kind="stable"
    )
    groups = groups_of(over_all)
    height = 0.62 + BAR * len(groups) + _row_height(over_all["model"]) * ((len(over_all) + 1) // 2)
    figure, ax = plt.subplots(figsize=(WIDTH, height))
    colours = {model: given.colours[model] for model in over_all["model"]}
    plot_ranks(ax, over_all, groups, float(nemenyi["critical_difference"]), colours)
    return figure


def groups_of(ranks: pd.DataFrame) -> list[tuple[float, float]]:
    """Return lowest and highest mean rank of every group of two models or more that share a
    letter.
    """
    letters = ranks["cliques"].fillna("").str.findall(LETTER_GROUPS)
    spans = (
        ranks.assign(letter=letters)
        .explode("letter")
        .groupby("letter")["mean_rank"]
        .agg(["min", "max", "size"])
    )
    return sorted(spans.loc[spans["size"] > 1, ["min", "max"]].itertuples(index=False, name=None))


def plot_ranks(
    ax: Axes,
    ranks: pd.DataFrame,
    groups: list[tuple[float, float]],
    difference: float,
    colours: Mapping[str, str],
) -> Axes:
    """Draw one diagram: an axis of ranks, each model's name led to its mean rank, a bar for every
    group.

    ``ranks`` holds one row a model, best first; y is in inches below the axis.
    """
    n_models = len(ranks)
    first_line, row_height, overhang = (
        0.14 + BAR * len(groups) + 0.1,
        _row_height(ranks["model"]),
        0.01 * (n_models - 1),
    )
    for i, (low, high) in enumerate(groups):
        ax.plot(
            [low - overhang, high + overhang],
            [0.14 + BAR * i] * 2,
            "-",
            lw=2.6,
            color=INK,
            solid_capstyle="butt",
            gid="group",
        )
    n_left = (n_models + 1) // 2
    for i, row in enumerate(ranks.itertuples()):
        left = i < n_left
        y = first_line + row_height * (i if left else n_models - 1 - i)
        edge = 1 - 0.12 * (n_models - 1) if left else n_models + 0.12 * (n_models - 1)
        colour = colours[row.model]
        ax.plot(
            [row.mean_rank, row.mean_rank, edge],
            [0, y, y],
            "-",
            lw=0.9,
            color=colour,
            solid_joinstyle="miter",
        )
        ax.plot([row.mean_rank], [0], "o", ms=4, mew=0, color=colour, clip_on=False, zorder=3)
        ax.annotate(
            (
                f"{_wrapped(row.model)}  {row.mean_rank:.2f}"
                if left
                else f"{row.mean_rank:.2f}  {_wrapped(row.model)}"
            ),
            (edge, y),
            (-3 if left else 3, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            size=7.5,
        )
    _draw_axis(ax, n_models, difference)
    ax.set_ylim(first_line + row_height * (n_left - 0.4), -0.5)
    return ax


def _draw_axis(ax: Axes, n_models: int, difference: float) -> None:
    """The scale of ranks on top, and above it how long the critical difference is."""
    ax.plot([1, n_models], [0, 0], "-", lw=0.8, color=MUTED)
    for rank in (
        range(1, n_models + 1) if n_models <= MOST_TICKS else [1, *range(5, n_models + 1, 5)]
    ):
        ax.plot([rank, rank], [0, -0.05], "-", lw=0.6, color=MUTED)
        ax.annotate(
            f"{rank}",
            (rank, -0.05),
            (0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            size=7,
        )
    ax.plot(
        [1, 1 + difference],
        [-0.3, -0.3],
        "-",
        lw=1.3,
        color=INK,
        solid_capstyle="butt",
        clip_on=False,
        gid="critical difference",
    )
    for end in (1, 1 + difference):
        ax.plot([end, end], [-0.34, -0.26], "-", lw=1.0, color=INK, clip_on=False)
    ax.annotate(
        f"critical difference {difference:.2f}",
        (1, -0.34),
        (0, 2),
        textcoords="offset points",
        ha="left",
        va="bottom",
        size=7,
    )
    ax.annotate(
        "mean rank",
        (1, 0),
        (-8, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        size=7,
        color=MUTED,
    )
    ax.set_axis_off()


def _wrapped(name: str) -> str:
    """Return a long name in several lines, broken after underscores: names that wide would leave no
    room for the axis.
    """
    lines = [""]
    for part in re.split(r"(?<=_)", name):
        if lines[-1] and len(lines[-1]) + len(part) > WIDEST_NAME:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _row_height(models: pd.Series) -> float:
    """Return the inches from one model to the next."""
    return LINE * (0.5 + max(_wrapped(model).count("\n") + 1 for model in models))
