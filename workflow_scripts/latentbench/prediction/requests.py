"""What the config asks to be predicted, checked before anything runs. Light imports only: Snakemake
reads this at every start.
"""

from collections.abc import Mapping
from typing import Any

from latentbench.models import MODELS

CELL_TYPE, NOTHING = "cell_type", "nothing"
"""What can be asked to be hidden."""

ALL_CELLS = "all cells"
"""The cell type of questions about all cells at once."""


def obstacle_to_prediction(entry: Mapping[str, Any], row: Mapping[str, Any]) -> str | None:
    """Return why a variant (``entry``) cannot predict on a data set (``row`` of the sheet), as a
    sentence, or None.
    """
    if absent := [column for column in ("label", "condition") if row[column] is None]:
        return (
            f"a prediction needs cell types and conditions, and the sheet's row of {row['dataset']}"
            f" names no {' and no '.join(absent)} column"
        )
    kind = MODELS[entry["kind"]]
    if not kind.predicts:
        able = ", ".join(name for name, known in MODELS.items() if known.predicts)
        return (
            f"kind '{entry['kind']}' cannot be asked for cells under another condition; those that"
            f" can: {able}"
        )
    task = entry.get("task", {})
    if task.get("mode") == "transfer":
        return (
            "a prediction is trained on the data set alone, and the variant's task mode is transfer"
        )
    if task.get("mode") == "guided" and task.get("guide_on", "pca") != "pca":
        return (
            "the codes that guide it were trained on the cells that a prediction hides; give it"
            " guide_on: pca, whose components are fitted without them"
        )
    if kind.covariates != "none" and "condition" not in entry.get("covariates", []):
        return (
            f"a variant of kind '{entry['kind']}' must be told the condition to predict under"
            " another one: give it covariates: [condition]"
        )
    return None
