from sklearn.metrics import adjusted_rand_score

from latentbench.models.leiden_pca import leiden_pca


def test_leiden_on_principal_components_finds_separate_groups(training_data):
    data = training_data(n_obs=150)
    found = leiden_pca(data, seed=0, resolution=0.3).cluster_probs.argmax(1)
    assert adjusted_rand_score(data.labels, found) == 1
