"""The side of scanpy and scikit-learn: what a tutorial tells to call, one thread."""

import warnings

import anndata
import numpy as np
import scanpy as sc
from codes import Clock, Evaluation
from protocol import serve
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score

warnings.filterwarnings("ignore", category=FutureWarning)


def evaluate(data: str, flavor: str, seed: int, evaluation: dict[str, object]) -> dict[str, object]:
    """Return the seconds of every step and the best ARI; ``flavor`` is that of
    ``scanpy.tl.leiden``.
    """
    task, clock = Evaluation(**evaluation), Clock()
    with np.load(data) as file:
        z, labels = file["z"], file["labels"]
    adata = anndata.AnnData(np.zeros((len(z), 1), np.float32), obsm={"X_z": z})
    options = {"flavor": flavor, "n_iterations": task.n_iterations, "random_state": seed} | (
        {"directed": False} if flavor == "igraph" else {}
    )
    with clock.step("graph"):
        sc.pp.neighbors(
            adata, n_neighbors=task.n_neighbors + 1, use_rep="X_z", random_state=seed
        )  # scanpy counts the cell itself
    with clock.step("Leiden"):
        for resolution in task.resolutions:
            sc.tl.leiden(adata, resolution=resolution, key_added=f"leiden{resolution}", **options)
    with clock.step("ARI and NMI"):
        found = [adata.obs[f"leiden{resolution}"] for resolution in task.resolutions]
        scores = [
            (adjusted_rand_score(labels, clusters), normalized_mutual_info_score(labels, clusters))
            for clusters in found
        ]
    with clock.step("silhouette"):
        silhouette_score(z, labels, sample_size=min(task.n_sampled, len(z)), random_state=seed)
    return {"seconds": clock.seconds, "ari": max(ari for ari, _ in scores)}


if __name__ == "__main__":
    serve(evaluate=evaluate)
