"""A made-up answer without labels: nine groups, two of which are not told apart, of any models."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from latentbench.files.tables import (
    ANSWER_AGREEMENT,
    ANSWER_GROUPS,
    ANSWER_MODELS,
    ANSWER_SUMMARY,
    ANSWER_TREE,
)

CELLS = (812, 640, 512, 377, 260, 181, 96, 61, 22)
PARENTS = (-1, 0, 0, 1, 2, 1, 4, 5, 5)


def made_up_answer(models: Mapping[str, Sequence[str]]) -> dict[str, pd.DataFrame]:
    """Return the answer's tables by name; ``models``: those of every data set, the first chosen."""
    rows = {name: [] for name in ("summary", "groups", "models", "tree", "agreement")}
    for dataset, names in models.items():
        random = np.random.default_rng(0)
        rows["summary"].append(
            (
                dataset,
                sum(CELLS),
                9,
                9,
                8,
                13,
                pd.NA,
                0.87,
                0.66,
                0.21,
                0.57,
                0.7,
                "held out",
                8,
                names[0],
                0.71,
                "ok",
                "",
            )
        )
        for group, n in enumerate(CELLS):
            near, apart = (8, "no") if group == 7 else ((group + 1) % 9, "yes")
            support = 0.98 - 0.03 * group, 0.95 - 0.04 * group, 0.9 - 0.06 * group
            markers = "CD3D,IL7R,LTB" if group % 2 else "NKG7,GNLY,<b>"
            told = (near, 0.1, 0.62 if apart == "no" else 0.97, 0.2 if apart == "no" else 1e-4)
            rows["groups"].append(
                (
                    dataset,
                    group,
                    n,
                    n / sum(CELLS),
                    0.99 - 0.05 * group,
                    *support,
                    *told,
                    apart,
                    markers,
                )
            )
            height = 0.95 - 0.09 * group
            rows["tree"].append(
                (dataset, group, PARENTS[group], height, 0.99 - 0.05 * group, group, n)
            )
        for i, name in enumerate(names):
            score = 0.9 - 0.1 * i
            chance = 0.71 if i == 0 else 0.29 / max(len(names) - 1, 1)
            rows["models"].append((dataset, name, score, score, score / 2, score, chance, i == 0))
            rows["agreement"] += [
                (dataset, name, other, 1.0 if name == other else float(random.uniform(0.3, 0.9)))
                for other in names
            ]
    kinds = (ANSWER_SUMMARY, ANSWER_GROUPS, ANSWER_MODELS, ANSWER_TREE, ANSWER_AGREEMENT)
    return {kind.name: kind.frame(rows[kind.name.removeprefix("answer_")]) for kind in kinds}
