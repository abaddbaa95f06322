"""Whether the fitted models are sound, in a table and in plain words: what is flagged, and from
which value on.

Every threshold is stated beforehand, reads no label, and is the same for all data sets and models;
nothing is chosen by a flag. Values are means over the replicas that ended ok, on test cells. The
calibration error alone is held against labels, as a description: it is never flagged.

    collapsed dimension   adds less than 0.01 nats to KL(q(z | x) || p(z)) (Lucas 2019,
                          arXiv:1911.02469, by its divergence)          (1)
    active unit           Var over cells of E[z_j | x] above 0.01 (Burda et al. 2016)
                          (2)
    empty component       fewer components in use (1 % of the cells or more) than the sheet declares
                          groups                           (3)
    shared components     mutual information below half of the usage entropy: cells are spread over
                          several components, as they
                          are when components are duplicates of each other
                              (4)
"""

from collections.abc import Mapping
from typing import Any

from latentbench.figures.style import model_colours, model_order
from latentbench.outcomes import Outcome
from latentbench.report.page_views import number
from latentbench.report.tables import StudyTables
from latentbench.study.applicability import CONSENSUS, CONTROL_KINDS

COLLAPSED_BELOW = 0.01
"""Nats, equation (1)."""
COLLAPSED_SHARE = 0.5
"""Share of the dimensions that may be collapsed before it is flagged."""
SHARED_BELOW = 0.5
"""Of the usage entropy, equation (4)."""
UNSURE_BELOW = 0.5
"""Mean probability of the most probable component."""
DISAGREE_BELOW = 0.5
"""Mean ARI of the clusterings of two seeds."""

RULES = (
    "a replica did not end well",
    (
        f"more than half of the latent dimensions each add less than {COLLAPSED_BELOW:g} nats to"
        " the divergence from the prior (collapsed)"
    ),
    "fewer components than declared groups hold 1 % of the cells or more (empty)",
    (
        f"the mutual information of cells and components is below {SHARED_BELOW:g} of the usage"
        " entropy (shared: components that may be duplicates)"
    ),
    f"the mean confidence is below {UNSURE_BELOW:g} (unsure)",
    f"the clusterings of two seeds agree with a mean ARI below {DISAGREE_BELOW:g} (unstable)",
    "a seed puts all cells into one cluster",
)
"""The flags in words, as the page lists them."""


def health_rows(tables: StudyTables, declared: int | None) -> list[dict[str, Any]]:
    """Return a row for every model of one data set but controls and consensus: its measures as
    texts and its flags in words.
    """
    kinds = {
        model: kind
        for model, kind in tables.kinds.items()
        if kind not in CONTROL_KINDS and kind != CONSENSUS
    }
    colours = model_colours(tables.kinds)
    models = [model for model in model_order(kinds) if model in set(tables.status["model"])]
    return [
        {"model": model, "colour": colours[model], **_row(measures(tables, model), declared)}
        for model in models
    ]


def measures(tables: StudyTables, model: str) -> dict[str, float]:
    """Return the measures of one model on the one data set of ``tables``; one that it does not have
    is missing.
    """
    scores = tables.scores[
        (tables.scores["model"] == model)
        & (tables.scores["split"] == "test")
        & (tables.scores["status"] == Outcome.OK)
    ]
    own = scores[scores["clustering"] == "own"].groupby("metric")["value"].mean()
    counted = scores[scores["headline"].astype(bool)].groupby("metric")["value"]
    found = {
        name: float(own[name])
        for name in (
            "usage_entropy",
            "mutual_information",
            "components_in_use",
            "confidence",
            "ece",
        )
        if name in own
    }
    found |= (
        {"agreement": float(counted.mean()["agreement_of_seeds"])}
        if "agreement_of_seeds" in counted.groups
        else {}
    )
    found |= (
        {"fewest_clusters": float(counted.min()["n_clusters_found"])}
        if "n_clusters_found" in counted.groups
        else {}
    )
    quality = tables.quality[
        (tables.quality["model"] == model)
        & (tables.quality["split"] == "test")
        & (tables.quality["status"] == Outcome.OK)
    ]
    divergences = quality[quality["measure"] == "kl_per_dimension"]
    if len(divergences):
        found["n_latent"] = float(divergences["part"].nunique())
        found["collapsed"] = float(
            (divergences["value"] < COLLAPSED_BELOW).groupby(divergences["seed"]).sum().mean()
        )
    active = quality.loc[quality["measure"] == "active_units", "value"]
    found |= {"active_units": float(active.mean())} if len(active) else {}
    ended = tables.status.loc[tables.status["model"] == model, "status"]
    return found | {
        "not_ok": float((~ended.isin([Outcome.OK, Outcome.NOT_APPLICABLE])).sum()),
        "replicas": float(len(ended)),
    }


def flags(found: Mapping[str, float], declared: int | None) -> list[str]:
    """Return what is wrong with a model by its measures, in words; nothing where nothing is."""
    collapsed, n_latent = found.get("collapsed", 0), found.get("n_latent", 0)
    in_use = found.get("components_in_use", 0)
    shared = found.get("mutual_information", 1.0) < SHARED_BELOW * found.get("usage_entropy", 0.0)
    said = {
        f"{found['not_ok']:.0f} of {found['replicas']:.0f} replicas did not end well": (
            found["not_ok"] > 0
        ),
        f"{collapsed:.1f} of {n_latent:.0f} latent dimensions are collapsed": (
            collapsed > COLLAPSED_SHARE * n_latent
        ),
        f"{in_use:.1f} components in use for {declared} declared groups: some are empty": (
            declared is not None
            and "components_in_use" in found
            and round(found["components_in_use"], 1) < declared
        ),
        "cells are shared among components, which may be duplicates": shared,
        f"unsure: mean confidence {found.get('confidence', 1):.2f}": (
            found.get("confidence", 1.0) < UNSURE_BELOW
        ),
        f"unstable: two seeds agree with a mean ARI of {found.get('agreement', 1):.2f}": (
            found.get("agreement", 1.0) < DISAGREE_BELOW
        ),
        "a seed puts all cells into one cluster": found.get("fewest_clusters", 2.0) <= 1,
    }
    return [words for words, holds in said.items() if holds]


def _row(found: Mapping[str, float], declared: int | None) -> dict[str, Any]:
    cells = [
        *(
            number(found.get(name), digits)
            for name, digits in (("active_units", 1), ("collapsed", 1), ("components_in_use", 1))
        ),
        *(
            number(found.get(name), 2)
            for name in ("mutual_information", "usage_entropy", "confidence", "ece", "agreement")
        ),
    ]
    return {"cells": cells, "flags": flags(found, declared)}


COLUMNS = (
    "Active units",
    "Collapsed dimensions",
    "Components in use",
    "Information",
    "Usage entropy",
    "Confidence",
    "Calibration error",
    "Agreement of seeds",
)
"""The heads of the measures, in the order of the cells."""


def health_sentence(rows: Mapping[str, list[dict[str, Any]]]) -> str:
    """Return how many models of each data set are flagged, in a sentence; ``rows``: by data set."""
    flagged = {
        name: sum(bool(row["flags"]) for row in of_dataset) for name, of_dataset in rows.items()
    }
    if not any(flagged.values()):
        return "Nothing is flagged."
    return (
        "Flagged: "
        + ", ".join(
            f"{count} of {len(rows[name])} models on {name}" for name, count in flagged.items()
        )
        + "."
    )
