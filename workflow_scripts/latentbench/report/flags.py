"""Whether the fitted models are sound, in plain words: what is flagged, and from which value on.

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

from latentbench.outcomes import Outcome
from latentbench.report.tables import StudyTables

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
