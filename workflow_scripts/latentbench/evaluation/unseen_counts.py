"""The counts of a study's data set that its groups are told apart, tested and given markers by."""

from collections.abc import Iterable
from pathlib import Path

from latentbench.answer.dataset_answer import HeldOutCounts, held_out_counts
from latentbench.files.embedding import EmbeddingFile
from latentbench.files.prepared import PreparedFile

GIVEN_KINDS = ("embedding", "clustering")
"""Kinds that other tools made, of all counts."""


def unseen_counts(prepared: PreparedFile, embeddings: Iterable[str | Path]) -> HeldOutCounts | None:
    """Return the counts by which the groups of these variants are tested; None where there are
    none.
    """
    kinds = {EmbeddingFile(path).about["kind"] for path in embeddings}
    return held_out_counts(
        prepared.counts(), prepared.held_out(), saw_all=not kinds.isdisjoint(GIVEN_KINDS)
    )
