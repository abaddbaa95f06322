"""The study's tables as the report reads them: checked once, here, then trusted."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from latentbench.outcomes import Outcome

COLUMNS: dict[str, tuple[str, ...]] = {
    "scores": ("dataset", "model", "seed", "split", "clustering", "metric", "value", "status", "reason", "saw_labels"),
    "summary": ("dataset", "model", "clustering", "split", "metric", "n_ok", "n_failed", "mean", "sd", "low", "high", "saw_labels"),
    "status": ("dataset", "model", "kind", "saw_labels", "seed", "status", "reason", "seconds", "peak_memory_mb", "epochs"),
    "history": ("dataset", "model", "replica", "epoch", "term", "split", "value"),
    "maps": ("cell", "model", "seed", "x", "y", "label", "cluster", "batch", "condition", "split"),
}
TEXTS = ("dataset", "model", "kind", "clustering", "split", "metric", "status", "reason", "label", "cluster", "batch", "condition", "cell", "term")
HEADLINE_CLUSTERINGS = ("own", "kmeans", "leiden")
"""The first of these that a variant has is its headline clustering: fixed beforehand, without labels."""

HEADLINE_METRICS: dict[str, str] = {"ari": "ARI", "nmi": "NMI", "acc": "ACC"}


@dataclass(frozen=True)
class StudyTables:
    """The collected tables of a study."""

    scores: pd.DataFrame
    summary: pd.DataFrame
    status: pd.DataFrame
    history: pd.DataFrame

    @property
    def kinds(self) -> dict[str, str]:
        """Kind of every model that ran."""
        return dict(zip(self.status["model"], self.status["kind"], strict=True))

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets, sorted."""
        return sorted(self.scores["dataset"].unique())

    def of_dataset(self, dataset: str) -> "StudyTables":
        """Return the rows of one data set."""
        return StudyTables(*(frame[frame["dataset"] == dataset] for frame in (self.scores, self.summary, self.status, self.history)))


def read_tables(scores: str | Path, summary: str | Path, status: str | Path, history: str | Path) -> StudyTables:
    """Read the collected tables.

    Raises:
        ValueError: a table lacks a column of its contract.
    """
    return StudyTables(read_table(scores, "scores"), read_table(summary, "summary"), read_table(status, "status"), read_table(history, "history"))


def read_table(path: str | Path, kind: str) -> pd.DataFrame:
    """Read one table (``.tsv`` or ``.parquet``) and check its columns against ``COLUMNS[kind]``."""
    path = Path(path)
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, sep="\t", dtype=dict.fromkeys(TEXTS, "string"))
    missing = [column for column in COLUMNS[kind] if column not in frame]
    if missing:
        raise ValueError(f"{path}: no column {', '.join(missing)}; it has {', '.join(frame.columns)}; make the table anew with this version")
    return frame


def headline(frame: pd.DataFrame, split: str = "test") -> pd.DataFrame:
    """Return the rows of a scores or summary table that count: each variant's headline clustering, on the cells of ``split``."""
    clustered = frame[frame["clustering"].isin(HEADLINE_CLUSTERINGS) & (frame["split"] == split)]
    place = clustered["clustering"].map(HEADLINE_CLUSTERINGS.index)
    first = place.groupby([clustered["dataset"], clustered["model"]]).transform("min")
    return clustered[place == first]


def headline_clusters(clusters: pd.DataFrame, replica: int) -> pd.Series:
    """Return the headline clustering of one replica from a clusters table: cluster names by cell; empty where the replica has none."""
    of_replica = clusters[clusters["seed"] == replica]
    there = [clustering for clustering in HEADLINE_CLUSTERINGS if clustering in set(of_replica["clustering"])]
    chosen = of_replica[of_replica["clustering"] == there[0]] if there else of_replica.iloc[:0]
    return chosen.set_index("cell")["cluster"].astype("string")


def failures(tables: StudyTables) -> pd.DataFrame:
    """Return everything that has no number, once each: replicas that did not end ok, pairs that do not apply, scores that could not be had."""
    ok = str(Outcome.OK)
    replicas = tables.status.loc[tables.status["status"] != ok, ["dataset", "model", "seed", "status", "reason"]].assign(what="training")
    scores = tables.scores[tables.scores["status"] != ok]
    trained = scores.merge(replicas[["dataset", "model", "seed"]], how="left", indicator=True)["_merge"].eq("left_only").to_numpy()
    scores = scores[trained].groupby(["dataset", "model", "seed", "status", "reason"], dropna=False, sort=True)["metric"]
    named = scores.agg(lambda metrics: ", ".join(sorted(set(metrics)))).rename("what").reset_index()
    return pd.concat([replicas, named], ignore_index=True).sort_values(["dataset", "model", "seed", "what"], ignore_index=True)


def chosen_seed(history: pd.DataFrame, status: pd.DataFrame) -> int | None:
    """Return the seed of one variant on one data set that is shown: lowest held-out loss at its last epoch, else the first that ended ok.

    Labels play no part in the choice; None when no replica ended ok.
    """
    ok = sorted(int(seed) for seed in status.loc[status["status"] == Outcome.OK, "seed"])
    losses = history[(history["term"] == "loss") & (history["split"] == "test") & history["replica"].isin(ok)]
    if losses.empty:
        return ok[0] if ok else None
    last = losses.sort_values("epoch").groupby("replica")["value"].last()
    return int(last.idxmin())
