import pandas as pd

from latentbench.determinism import is_measured, not_the_same


def manifest(**checksums):
    return pd.DataFrame({"path": list(checksums), "sha256": list(checksums.values())})


def test_what_differs_is_named_and_so_is_what_one_side_lacks():
    a, b = (
        manifest(**{"tables/scores.tsv": "1", "tables/cost.tsv": "1", "a": "1"}),
        manifest(**{"tables/scores.tsv": "2", "tables/cost.tsv": "2", "b": "1"}),
    )
    assert not_the_same(a, b) == ["a", "b", "tables/scores.tsv"]
    assert not_the_same(a, a) == []


def test_times_and_memory_are_measured_and_scores_are_not():
    assert is_measured("models/blobs/vae/status.json")
    assert not is_measured("models/blobs/vae/weights.safetensors")
    assert not is_measured("tables/scores.parquet")
