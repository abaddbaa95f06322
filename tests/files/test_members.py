import numpy as np
import pandas as pd

from latentbench.answer.members import given, members_of
from latentbench.answer.variant_members import VariantMembers
from latentbench.files.members import read_members, write_members


def test_members_are_read_as_they_were_written(tmp_path):
    z = np.random.default_rng(0).normal(size=(60, 3)) + 9 * (np.arange(60) % 2)[:, None]
    whole = [members_of(z, variant="vae", seed=seed, own=np.arange(60) % 2) for seed in (0, 10)]
    halves = [members_of(z, variant="vae", seed=0, fitted_on=np.arange(k, 60, 2)) for k in (0, 1)]
    cells = pd.Index([f"c{i}" for i in range(60)])
    write_members(VariantMembers(whole, halves), cells, tmp_path / "m.parquet")
    again, found = read_members(tmp_path / "m.parquet", "vae")

    assert again.equals(cells)
    (members,) = found.members
    assert members.seed == (*whole[0].seed, *whole[1].seed)
    assert members.clusterer == (*whole[0].clusterer, *whole[1].clusterer)
    assert np.array_equal(members.clusters[: len(whole[0].weight)], whole[0].clusters)
    assert [part.clusterer for part in found.resampled] == [part.clusterer for part in halves]
    assert np.array_equal(found.resampled[1].clusters, halves[1].clusters)


def test_a_variant_that_brings_nothing_has_a_table_of_its_cells(tmp_path):
    write_members(VariantMembers(), pd.Index(["a", "b"]), tmp_path / "m.parquet")
    cells, found = read_members(tmp_path / "m.parquet", "control")
    assert (cells.tolist(), found.members, found.resampled) == (["a", "b"], [], [])


def test_a_clustering_alone_is_a_member(tmp_path):
    brought = VariantMembers([given(np.array([0, 0, 1]), variant="leiden")])
    write_members(brought, pd.Index(list("abc")), tmp_path / "m.parquet")
    assert read_members(tmp_path / "m.parquet", "leiden")[1].members[0].clusterer == ("given",)
