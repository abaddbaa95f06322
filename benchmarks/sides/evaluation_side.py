"""The project's own side of the benchmark of evaluation: what the evaluate rule calls."""

import numpy as np
from codes import Clock, Evaluation
from protocol import serve
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from latentbench.evaluation.metrics import silhouette
from latentbench.neighbours import NeighbourGraph, leiden_at


def evaluate(data: str, seed: int, evaluation: dict[str, object]) -> dict[str, object]:
    """Return the seconds of every step and the best ARI."""
    task, clock = Evaluation(**evaluation), Clock()
    with np.load(data) as file:
        z, labels = file["z"], file["labels"]
    with clock.step("graph"):
        graph = NeighbourGraph(z, np.ones(len(z), dtype=bool), n_neighbors=task.n_neighbors).train
    with clock.step("Leiden"):
        found = [leiden_at(graph, resolution, seed) for resolution in task.resolutions]
    with clock.step("ARI and NMI"):
        scores = [
            (adjusted_rand_score(labels, clusters), normalized_mutual_info_score(labels, clusters))
            for clusters in found
        ]
    with clock.step("silhouette"):
        silhouette(z, labels, max_obs=task.n_sampled)
    return {"seconds": clock.seconds, "ari": max(ari for ari, _ in scores)}


if __name__ == "__main__":
    serve(evaluate=evaluate)
