"""The choices made without labels, in words and rows: what the rule in force picked, what that was
worth, and how other criteria would have done.
"""

from typing import Any

import pandas as pd

from latentbench.evaluation.contest import ALL_DATASETS
from latentbench.evaluation.selection import BEST_ELSEWHERE, COMBINED
from latentbench.report.cells import Table, estimate, estimate_of, number, table
from latentbench.report.results import Results
from latentbench.report.sections import Section

CRITERION_NAMES = {
    "held_out_loss": "lowest held-out loss",
    "iw_bound": "highest importance-weighted bound",
    "silhouette_of_clusters": "widest silhouette of the clusters",
    "agreement_of_seeds": "best agreement with the other seeds",
    "agreement_with_consensus": "best agreement with the consensus of the seeds",
    "agreement_of_models": "best agreement with the other models",
    "mutual_information": "most information of the clusters about the cells",
    "confidence": "surest cluster probabilities",
    COMBINED: "no choice: the consensus of all",
    BEST_ELSEWHERE: "criterion that gains most on the other data sets",
}


def view(results: Results) -> dict[str, Any] | None:
    """Return the table; None where no choice could be held against labels."""
    evidence = results.table_if_any("criteria")
    if evidence is None:
        return None
    return {"table": evidence_table(evidence, results.table("correlations"))}


def chosen_sentence(choices: pd.DataFrame, evidence: pd.DataFrame | None) -> str:
    """Return which variant the rule in force picks on each data set, and what the labels say of
    that afterwards, where there are any; "" for none.
    """
    made = choices[choices["in_force"].astype(bool) & (choices["level"] == "model")]
    if made.empty:
        return ""
    rule = CRITERION_NAMES[made["criterion"].iloc[0]]
    picked = "; ".join(f"{row.picked} for {row.dataset}" for row in made.itertuples())
    chosen = f"Chosen without a label, by the {rule}: {picked}."
    if evidence is None:
        return chosen
    scored = evidence[evidence["in_force"].astype(bool) & (evidence["level"] == "model")]
    if scored.empty:
        return chosen
    means = [f"{scored[column].iloc[0]:.3f}" for column in ("ari", "mean_ari", "best_ari")]
    return (
        f"{chosen} Against the labels that choice has a mean ARI of {means[0]}; a variant drawn at"
        f" random has {means[1]}, the best one {means[2]}."
    )


def evidence_table(evidence: pd.DataFrame, correlations: pd.DataFrame) -> Table | None:
    """Return a row for every level and criterion, the highest gain first; where it compares
    variants, with its correlation with the ARI over all data sets.
    """
    rho = correlations[correlations["scope"] == ALL_DATASETS].set_index("criterion")
    rho = rho.rename(columns={"rho": "mean"})
    return table(
        (
            {
                "To choose": "a seed of a variant" if row.level == "seed" else "a variant",
                "By the": CRITERION_NAMES[row.criterion],
                "Gain in ARI": estimate(row.gain, row.low, row.high),
                "Of what could be gained (%)": number(row.share),
                "Rank correlation with ARI": estimate_of(
                    rho.loc[row.criterion]
                    if row.level == "model" and row.criterion in rho.index
                    else None
                ),
                "Choices": f"{row.n_choices} on {row.n_datasets}",
                "In force": "yes" if row.in_force else "",
            }
            for row in evidence.itertuples()
        ),
        styles=["best" if in_force else "" for in_force in evidence["in_force"].astype(bool)],
        lead="Gain in ARI",
    )


SECTION = Section(100, "Choices", view, heading="Choosing without labels")
