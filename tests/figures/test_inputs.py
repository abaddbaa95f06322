import numpy as np

from latentbench.figures.inputs import Inputs
from latentbench.files.artefacts import write_arrays


def test_no_file_is_opened_before_a_figure_asks_for_it(study_folder, tmp_path):
    given = Inputs({"maps": tmp_path / "missing", "ranks": study_folder / "tables/ranks.parquet"})
    assert "mean_rank" in given.frame("ranks")


def test_clusters_leave_out_the_replica_that_diverged(inputs_of, made_up):
    dataset, model, seed = made_up.diverged
    found = inputs_of(dataset).clusters
    assert set(found.loc[found["model"] == model, "seed"]) == {0, 1, 2, 3, 4} - {seed}
    truth = found[found["model"] == "label"]
    assert (truth["cluster"] == truth["label"]).all()


def test_files_come_in_the_order_of_the_models(inputs_of):
    assert list(inputs_of("digits").of_models("embeddings"))[:3] == ["pca", "leiden_pca", "ae"]


def test_a_network_without_a_replica_that_ended_ok_has_no_arrays(inputs_of, tmp_path):
    paths = [tmp_path / "vae.npz", tmp_path / "ae.npz"]
    write_arrays({}, paths[0])
    write_arrays({"z": np.zeros(3)}, paths[1])
    given = inputs_of("digits")
    given._paths["decoded"] = paths
    assert list(given.arrays("decoded")) == ["ae"]
