import numpy as np
from sklearn.cluster import KMeans
from sklearn.preprocessing import normalize


def consensus(members, *, is_train, n_clusters, seed, weights=None):
    weights = weights or [1 / len(members)] * len(members)
    H = np.hstack([np.eye(m.max() + 1)[m] * np.sqrt(w) for m, w in zip(members, weights, strict=True)])
    k = n_clusters or int(np.median([m.max() + 1 for m in members]))
    d = H @ H[is_train].sum(0)
    A = H / np.sqrt(d)[:, None]
    _, _, v = np.linalg.svd(A[is_train], full_matrices=False)
    e = normalize(A @ v[:k].T)
    return KMeans(k, n_init=10, random_state=seed).fit(e[is_train]).predict(e).astype(np.int64)
