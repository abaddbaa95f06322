import inspect
import json
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from latentbench.data.simulation import SIMULATED
from latentbench.files.artefacts import sha256_of, write_h5ad
from latentbench.preprocessing.presets import PRESETS, preprocess
from latentbench.preprocessing.split import split_cells

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "config" / "schemas" / "preprocessing.schema.json").read_text()
)


@pytest.mark.parametrize(("name", "function"), [*PRESETS.items(), ("split", split_cells)])
def test_the_schemas_keys_and_defaults_are_the_keyword_arguments(name, function):
    keywords = {
        key: value.default
        for key, value in inspect.signature(function).parameters.items()
        if value.kind == value.KEYWORD_ONLY
    }
    described = SCHEMA["properties"][name]["properties"]

    assert {key: entry["default"] for key, entry in described.items()} == keywords
    assert all(entry.get("description") for entry in described.values())


def test_the_schema_has_no_preset_that_does_not_exist():
    assert set(SCHEMA["properties"]) == {
        *("split", "max_obs", "held_out", "stream_above_gb"),
        *PRESETS,
    }


def run(raw, preset, **options):
    return preprocess(raw, preset=preset, options=options, split={})


def test_prepared_counts_keep_the_contract(raw_counts):
    original = raw_counts.X.toarray()

    prepared = run(raw_counts, "counts_lenient", n_top_genes=100, n_pcs=10)

    assert isinstance(prepared.layers["counts"], sparse.csr_matrix)
    assert prepared.layers["counts"].dtype == np.int32
    assert isinstance(prepared.X, sparse.csr_matrix)
    assert prepared.X.dtype == np.float32
    kept = [int(name[1:]) for name in prepared.var_names]
    np.testing.assert_array_equal(prepared.layers["counts"].toarray(), original[:, kept])
    np.testing.assert_allclose(np.expm1(prepared.X.toarray()).sum(axis=1), 1e4, rtol=1e-4)
    assert prepared.var["highly_variable"].sum() == 100
    assert prepared.obsm["X_pca"].shape == (600, 10)
    assert prepared.obsm["X_pca"].dtype == np.float32
    assert set(prepared.obs["split"]) == {"train", "test"}
    about = prepared.uns["latentbench"]
    assert about["preset"] == "counts_lenient"
    assert about["source"] == "mine.h5ad"


@pytest.mark.parametrize(
    ("fixture", "preset"),
    [
        ("raw_counts", "counts_lenient"),
        ("raw_images", "images_unit"),
        ("raw_real", "real_standardised"),
    ],
)
def test_what_is_fitted_does_not_depend_on_the_test_cells(fixture, preset, request):
    raw = request.getfixturevalue(fixture)
    first = run(
        raw.copy(), preset, n_pcs=4, **({"n_top_genes": 50} if fixture == "raw_counts" else {})
    )
    is_test = (first.obs["split"] == "test").to_numpy()
    # Other test cells: the same ones in another order, so that the same cells are drawn again.
    order = np.arange(raw.n_obs)
    order[is_test] = np.random.default_rng(1).permutation(order[is_test])
    changed = raw.copy()
    changed.X = (
        changed.X[order] + changed.X[order] if fixture != "raw_images" else changed.X[order] // 2
    ).astype(changed.X.dtype)
    changed.X[~is_test] = raw.X[~is_test]

    second = run(
        changed, preset, n_pcs=4, **({"n_top_genes": 50} if fixture == "raw_counts" else {})
    )

    np.testing.assert_array_equal(first.obs["split"], second.obs["split"])
    np.testing.assert_array_equal(first.var["highly_variable"], second.var["highly_variable"])
    np.testing.assert_allclose(
        first.obsm["X_pca"][~is_test], second.obsm["X_pca"][~is_test], atol=1e-5
    )
    assert not np.allclose(first.obsm["X_pca"][is_test], second.obsm["X_pca"][is_test])


def test_a_cell_without_counts_and_a_gene_without_cells_leave_before_the_split(as_raw):
    counts = np.ones((30, 15), dtype=np.int32)
    counts[3], counts[:, 2] = 0, 0

    prepared = run(as_raw(sparse.csr_matrix(counts), modality="counts"), "counts_raw", n_pcs=2)

    assert prepared.shape == (29, 14)
    assert (
        prepared.uns["latentbench"]["filters"]["empty_cells"],
        prepared.uns["latentbench"]["filters"]["empty_genes"],
    ) == (1, 1)
    assert prepared.uns["latentbench"]["filters"]["cells_dropped"] == 0
    assert (prepared.obs["split"] == "test").sum() == round(29 * 0.2)


def test_nothing_but_zeros_is_refused(as_raw):
    with pytest.raises(ValueError, match="data set mine: every cell is empty"):
        run(as_raw(sparse.csr_matrix((3, 2), dtype=np.int32), modality="counts"), "counts_raw")


@pytest.mark.parametrize("seed", range(5))
def test_a_single_bad_value_anywhere_is_found(seed, as_raw):
    rng = np.random.default_rng(seed)
    matrix = rng.poisson(1.0, (50, 40)).astype(np.float32)
    cell, gene = rng.integers(50), rng.integers(40)
    matrix[cell, gene] = rng.choice([0.5, -1, np.nan, np.inf])

    with pytest.raises(
        ValueError,
        match=rf"data set mine: .*1 of \d+ stored values \(first: cell c{cell}, variable g{gene}: ",
    ):
        run(as_raw(sparse.csr_matrix(matrix), modality="counts"), "counts_raw")


def test_every_filter_of_quality_control_is_counted(as_raw):
    counts = np.full((40, 12), 5)
    counts[0] = 0
    counts[1] = [1] * 10 + [0] * 2
    counts[2] = [500] + [0] * 11
    counts[3, 11] = 400
    counts[4:, 10] = 0
    raw = as_raw(sparse.csr_matrix(counts), modality="counts")
    raw.var_names = [f"g{i}" for i in range(11)] + ["mt-Nd1"]

    prepared = run(
        raw, "counts_lenient", min_counts=20, min_genes=5, max_mito_fraction=0.5, min_cells=3
    )

    found = prepared.uns["latentbench"]["filters"]
    assert found["empty_cells"] == 1
    assert found["empty_genes"] == 0
    assert (
        found["cells_below_min_counts"],
        found["cells_below_min_genes"],
        found["cells_above_max_mito_fraction"],
    ) == (1, 1, 1)
    assert found["cells_dropped"] == 3
    assert prepared.uns["latentbench"]["quality"]["kept"].sum() == prepared.n_obs
    assert len(prepared.uns["latentbench"]["quality"]["total_counts"]) == 39
    assert found["genes_below_min_cells"] == 1
    assert list(prepared.obs_names[:1]) == ["c4"]
    assert "g10" not in prepared.var_names


def test_quality_control_that_leaves_nothing_says_which_thresholds_to_lower(raw_counts):
    with pytest.raises(
        ValueError,
        match=r"data set mine: quality control leaves 0 of 600 cells .* lower its thresholds",
    ):
        run(raw_counts, "counts_lenient", min_counts=10**6)


def test_counts_raw_keeps_every_gene(raw_counts):
    prepared = run(raw_counts, "counts_raw", target_sum="median")

    assert prepared.var["highly_variable"].all()
    assert prepared.n_vars == (raw_counts.X.sum(axis=0) > 0).sum()
    totals = np.asarray(prepared.layers["counts"].sum(axis=1)).ravel()
    median = np.median(totals[prepared.obs["split"] == "train"])
    np.testing.assert_allclose(np.expm1(prepared.X.toarray()).sum(axis=1), median, rtol=1e-4)


def test_images_are_divided_by_the_largest_training_pixel_and_binarised_at_half(raw_images):
    unit, binary = run(raw_images.copy(), "images_unit"), run(raw_images.copy(), "images_binarised")

    np.testing.assert_allclose(unit.X, raw_images.X / 16, rtol=1e-6)
    np.testing.assert_array_equal(binary.X, raw_images.X > 8)
    assert unit.X.dtype == binary.X.dtype == np.float32
    assert unit.var["highly_variable"].all()


def test_test_pixels_above_the_largest_are_clipped_and_counted(raw_images):
    n_above = int(np.greater(raw_images.X, 10).sum())

    prepared = run(raw_images, "images_unit", max_value=10)

    assert prepared.X.max() == 1
    assert prepared.uns["latentbench"]["filters"]["pixels_clipped"] == n_above > 0


def test_real_values_are_standardised_on_training_cells_and_constants_become_zero(raw_real):
    prepared = run(raw_real, "real_standardised")

    train = prepared.X[(prepared.obs["split"] == "train").to_numpy()]
    varying = [0, 1, 3, 4, 5]
    np.testing.assert_allclose(train[:, varying].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(train[:, varying].std(axis=0), 1, rtol=1e-5)
    assert (prepared.X[:, 2] == 0).all()
    assert prepared.uns["latentbench"]["filters"] == {"constant_variables_zeroed": 1}


def test_the_components_are_clamped_and_the_number_asked_for_is_recorded(raw_real):
    pca = run(raw_real, "real_standardised", n_pcs=50).uns["latentbench"]["pca"]

    assert (pca["n_pcs"], pca["n_pcs_asked"]) == (6, 50)


@pytest.mark.parametrize(
    ("fixture", "preset"),
    [
        ("raw_counts", "counts_lenient"),
        ("raw_images", "images_binarised"),
        ("raw_real", "real_standardised"),
    ],
)
def test_the_same_data_gives_the_same_bytes_and_reads_back(fixture, preset, request, tmp_path):
    raw = request.getfixturevalue(fixture)
    for name in ("first.h5ad", "second.h5ad"):
        write_h5ad(run(raw.copy(), preset), tmp_path / name)

    assert sha256_of(tmp_path / "first.h5ad") == sha256_of(tmp_path / "second.h5ad")
    read = ad.read_h5ad(tmp_path / "first.h5ad")
    assert read.uns["latentbench"]["preset"] == preset
    assert read.obs["split"].dtype == "category"


def test_the_simulated_blobs_come_out_with_separate_classes(as_raw):
    blobs = SIMULATED["blobs"]()
    blobs.obs = blobs.obs.rename(columns={"class": "label"}).astype("category")
    prepared = run(as_raw(blobs.X, modality="real", obs=blobs.obs), "real_standardised")

    centres = np.array(
        [
            prepared.obsm["X_pca"][prepared.obs["label"] == name].mean(axis=0)
            for name in prepared.obs["label"].cat.categories
        ]
    )
    nearest = ((prepared.obsm["X_pca"][:, None] - centres) ** 2).sum(axis=-1).argmin(axis=1)
    np.testing.assert_array_equal(nearest, prepared.obs["label"].cat.codes)


def test_quality_is_that_of_all_counts_and_models_see_the_rest(raw_counts):
    whole = raw_counts.copy()
    options = {"preset": "counts_lenient", "options": {"n_top_genes": 100}, "split": {}}
    prepared = preprocess(raw_counts, **options, held_out=0.2)
    plain = preprocess(whole, **options)
    assert prepared.uns["latentbench"]["filters"] == plain.uns["latentbench"]["filters"]
    both = prepared.layers["counts"] + prepared.layers["held_out"]
    assert (both != plain.layers["counts"]).nnz == 0
    assert (prepared.obs["total_counts"] == plain.obs["total_counts"]).all()
    np.testing.assert_allclose(
        np.expm1(prepared.X.toarray()).sum(axis=1), 1e4, rtol=1e-4, err_msg="X is of what is seen"
    )
    assert prepared.uns["latentbench"]["held_out"] == 0.2
