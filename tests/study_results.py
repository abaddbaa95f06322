"""A made-up study with the shape of a real one: three data sets, ten models, five seeds, one
replica that diverged.
"""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from latentbench.evaluation.rank_tables import rank_table, rank_tests
from latentbench.evaluation.selection import choices
from latentbench.evaluation.statistics import answer, summarise
from latentbench.figures.inputs import Arrays, Inputs
from latentbench.figures.style import apply_style, save
from latentbench.files.clusters import clusters_frame
from latentbench.prediction.metrics import METRICS
from latentbench.prediction.tables import ALL_METHODS
from latentbench.report.tables import STUDY_TABLES, StudyTables, read_table, read_tables

SEEDS = (0, 1, 2, 3, 4)
DATASETS = {"blobs": 5, "digits": 10, "pbmc68k_reduced": 10}
LABELS = {
    "blobs": [f"class {i}" for i in range(5)],
    "digits": [str(i) for i in range(10)],
    "pbmc68k_reduced": [
        *(
            "CD14+ Monocyte",
            "CD19+ B",
            "CD34+",
            "CD4+/CD25 T Reg",
            "CD4+/CD45RA+/CD25- Naive T",
            "CD4+/CD45RO+ Memory",
        ),
        *("CD56+ NK", "CD8+ Cytotoxic T", "CD8+/CD45RA+ Naive Cytotoxic", "Dendritic"),
    ],
}
QUALITY = {
    "pca": 0.60,
    "leiden_pca": 0.66,
    "ae": 0.58,
    "vae": 0.62,
    "vae_nb": 0.68,
    "gmvae": 0.74,
    "gmvae_dirichlet": 0.75,
    "random_projection": 0.35,
    "shuffled_labels": 0.0,
    "true_labels": 1.0,
}
OWN = ("leiden_pca", "gmvae", "gmvae_dirichlet", "shuffled_labels", "true_labels")
SAW = ("shuffled_labels", "true_labels")
TERMS = {
    "ae": ["reconstruction"],
    "vae": ["reconstruction", "kl_z"],
    "vae_nb": ["reconstruction", "kl_z"],
}
TERMS["gmvae"] = TERMS["gmvae_dirichlet"] = ["reconstruction", "kl_z", "kl_y"]
KINDS = {"vae_nb": "vae"}
RULE = {"seed": "agreement_of_models", "model": "agreement_of_models"}
NOT_COUNTS = "likelihood nb is for counts, the data are not"
DIVERGED = ("digits", "gmvae", 3)
REASON = "loss term 'kl_z' is not finite at epoch 12"


@pytest.fixture(autouse=True)
def styled():
    apply_style()
    yield
    plt.close("all")


def pairs() -> list[tuple[str, str]]:
    return [
        (dataset, model)
        for dataset in DATASETS
        for model in QUALITY
        if model != "vae_nb" or dataset == "pbmc68k_reduced"
    ]


def make_scores(random: np.random.Generator) -> pd.DataFrame:
    rows = []
    for dataset, model in pairs():
        clusterings = (["own"] if model in OWN else []) + ["kmeans", "leiden"]
        for seed in SEEDS:
            for clustering in clusterings:
                for split in ("test", "train"):
                    rows += _scores_of(random, dataset, model, seed, clustering, split)
    for dataset in ("blobs", "digits"):
        rows.append(
            [
                dataset,
                "vae_nb",
                np.nan,
                "test",
                "none",
                "ari",
                np.nan,
                "not_applicable",
                NOT_COUNTS,
                False,
                True,
            ]
        )
    return pd.DataFrame(
        rows,
        columns=[
            "dataset",
            "model",
            "seed",
            "split",
            "clustering",
            "metric",
            "value",
            "status",
            "reason",
            "saw_labels",
            "headline",
        ],
    )


def _scores_of(random, dataset, model, seed, clustering, split) -> list[list]:
    failed = (dataset, model, seed) == DIVERGED
    status, reason = ("diverged", REASON) if failed else ("ok", "")
    exact = model in SAW
    ari = QUALITY[model] + (0 if exact else random.normal(0, 0.03) + 0.1 * (dataset == "blobs"))
    values = {
        "ari": ari,
        "nmi": min(1.0, ari + 0.06),
        "acc": min(1.0, ari + 0.09),
        "n_clusters_found": DATASETS[dataset],
    }
    values |= {
        "agreement_of_models": ari - 0.1 + random.normal(0, 0.02),
        "silhouette_of_clusters": 0.2,
    }
    saw, headline = model in SAW, clustering == ("own" if model in OWN else "kmeans")
    return [
        [
            dataset,
            model,
            seed,
            split,
            clustering,
            metric,
            np.nan if failed else value,
            status,
            reason,
            saw,
            headline,
        ]
        for metric, value in values.items()
    ]


def make_status(random: np.random.Generator) -> pd.DataFrame:
    rows = []
    for dataset, model in pairs():
        for seed in SEEDS:
            status, reason = (
                ("diverged", REASON) if (dataset, model, seed) == DIVERGED else ("ok", "")
            )
            seconds = (6.0 if model in TERMS else 0.2) * random.lognormal(0, 0.2)
            rows.append(
                [
                    dataset,
                    model,
                    KINDS.get(model, model),
                    model in SAW,
                    "cpu",
                    seed,
                    status,
                    reason,
                    seconds,
                    300 + 40 * random.random(),
                    60 if model in TERMS else 0,
                ]
            )
    for dataset in ("blobs", "digits"):
        rows.append(
            [
                dataset,
                "vae_nb",
                "vae",
                False,
                "",
                np.nan,
                "not_applicable",
                NOT_COUNTS,
                np.nan,
                np.nan,
                np.nan,
            ]
        )
    return pd.DataFrame(
        rows,
        columns=[
            "dataset",
            "model",
            "kind",
            "saw_labels",
            "device",
            "seed",
            "status",
            "reason",
            "seconds",
            "peak_memory_mb",
            "epochs",
        ],
    )


def made_up_kinds() -> dict[str, str]:
    return {model: KINDS.get(model, model) for model in QUALITY}


def make_reliability(random: np.random.Generator) -> pd.DataFrame:
    rows = []
    for dataset, model in pairs():
        for seed in SEEDS if model in ("gmvae", "gmvae_dirichlet") and dataset != "blobs" else ():
            for bin_, confidence in enumerate(np.arange(0.05, 1.0, 0.1)):
                accuracy = float(np.clip(confidence - 0.1 + random.normal(0, 0.03), 0, 1))
                rows.append(
                    (
                        dataset,
                        model,
                        seed,
                        "test",
                        bin_,
                        int(random.integers(5, 60)),
                        confidence,
                        accuracy,
                    )
                )
    return pd.DataFrame(
        rows,
        columns=["dataset", "model", "seed", "split", "bin", "n_obs", "confidence", "accuracy"],
    )


def make_quality(random: np.random.Generator) -> pd.DataFrame:
    rows = []
    for dataset, model in pairs():
        for seed in SEEDS if model in TERMS else ():
            elbo = float(random.normal(-40, 1))
            measured = {"elbo": elbo, "iw_bound": elbo + 0.4, "active_units": 6.0}
            rows += [
                (dataset, model, seed, "test", measure, "", value, "ok", "")
                for measure, value in measured.items()
            ]
            rows += [
                (
                    dataset,
                    model,
                    seed,
                    "test",
                    "kl_per_dimension",
                    str(i),
                    float(max(0.0, 2 - 0.3 * i)),
                    "ok",
                    "",
                )
                for i in range(10)
            ]
    return pd.DataFrame(
        rows,
        columns=[
            "dataset",
            "model",
            "seed",
            "split",
            "measure",
            "part",
            "value",
            "status",
            "reason",
        ],
    )


def make_history(random: np.random.Generator) -> pd.DataFrame:
    frames = []
    for dataset, model in pairs():
        for seed in SEEDS if model in TERMS else ():
            for split, gap in (("train", 0.0), ("test", 0.6)):
                epoch = np.arange(1, 41)
                terms = {
                    term: (
                        (40.0 if term == "reconstruction" else 4.0) * (1 + 2 * np.exp(-epoch / 8))
                        + gap
                        + random.normal(0, 0.1, epoch.size)
                    )
                    for term in TERMS[model]
                }
                terms["loss"] = sum(terms.values())
                frames += [
                    pd.DataFrame(
                        {
                            "dataset": dataset,
                            "model": model,
                            "replica": seed,
                            "epoch": epoch,
                            "term": term,
                            "split": split,
                            "value": value,
                        }
                    )
                    for term, value in terms.items()
                ]
    return pd.concat(frames, ignore_index=True)


def make_maps(random: np.random.Generator, dataset: str, n_obs: int = 400) -> pd.DataFrame:
    labels = np.array(LABELS[dataset])
    codes = random.integers(len(labels), size=n_obs)
    condition = (
        np.where(random.random(n_obs) < 0.5, "control", "stimulated")
        if dataset == "blobs"
        else np.full(n_obs, None)
    )
    frames = []
    for model in [model for name, model in pairs() if name == dataset and model not in SAW]:
        centre = random.normal(0, 10, (len(labels), 2))
        point = centre[codes] + random.normal(0, 2.2 - QUALITY[model], (n_obs, 2))
        cluster = np.where(
            random.random(n_obs) < QUALITY[model] + 0.15,
            codes,
            random.integers(len(labels), size=n_obs),
        )
        frames.append(
            pd.DataFrame(
                {
                    "cell": [f"cell{i}" for i in range(n_obs)],
                    "model": model,
                    "seed": 0,
                    "x": point[:, 0].astype("float32"),
                    "y": point[:, 1].astype("float32"),
                    "label": labels[codes],
                    "cluster": cluster.astype(str),
                    "batch": None,
                    "condition": condition,
                    "split": np.where(np.arange(n_obs) % 5 == 0, "test", "train"),
                    "layout": "tsne",
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def write_cells(folder: Path, dataset: str, random: np.random.Generator, n_obs: int = 120) -> None:
    """Write prepared.h5ad, and for every model embedding.h5ad and the clusters of its replicas."""
    codes = random.integers(DATASETS[dataset], size=n_obs)
    cells = [f"cell{i}" for i in range(n_obs)]
    obs = pd.DataFrame(
        {
            "label": pd.Categorical(np.array(LABELS[dataset])[codes]),
            "split": pd.Categorical(np.where(np.arange(n_obs) % 5, "train", "test")),
        },
        index=cells,
    )
    about = {
        "dataset": dataset,
        "modality": "real",
        "source": f"builtin:{dataset}",
        "sha256": "ab" * 32,
    }
    about |= {
        "preset": "real_standardised",
        "filters": {"empty_cells": 0, "empty_genes": 3},
    }
    var = pd.DataFrame({"highly_variable": True}, index=["gene_a", "gene_b", "gene_c"])
    prepared = ad.AnnData(
        (np.arange(3) * random.normal(size=(n_obs, 3))).astype("float32"),
        obs=obs,
        var=var,
        uns={"latentbench": about},
    )
    (folder / "data" / dataset).mkdir(parents=True)
    prepared.write_h5ad(folder / "data" / dataset / "prepared.h5ad")
    (folder / "clusters" / dataset).mkdir(parents=True)
    for model in [model for name, model in pairs() if name == dataset]:
        seeds = [seed for seed in SEEDS if (dataset, model, seed) != DIVERGED]
        own = {
            "dataset": dataset,
            "model": model,
            "kind": KINDS.get(model, model),
            "saw_labels": model in SAW,
            "clusters": model in OWN,
        }
        embedding = ad.AnnData(obs=obs[["split"]], uns={"latentbench": own})
        for seed in seeds:
            embedding.obsm[f"X_seed{seed}"] = (
                np.eye(10)[codes] * 4 + random.normal(size=(n_obs, 10))
            ).astype("float32")
        (folder / "models" / dataset / model).mkdir(parents=True)
        embedding.write_h5ad(folder / "models" / dataset / model / "embedding.h5ad")
        clusterings = [*(["own"] if model in OWN else []), "kmeans"]
        found = {
            (seed, clustering): np.where(random.random(n_obs) < 0.8, codes, 0)
            for seed in seeds
            for clustering in clusterings
        }
        is_train = (obs["split"] == "train").to_numpy(dtype=bool)
        clusters_frame(found, obs.index, is_train).to_parquet(
            folder / "clusters" / dataset / f"{model}.parquet", index=False
        )


def write_study(folder: Path) -> Path:
    """Write the tables, maps, statuses and counts of the made-up study under ``folder`` and return
    it.
    """
    random = np.random.default_rng(0)
    scores = make_scores(random)
    tables = {
        "scores": scores,
        "summary": summarise(scores, n_bootstrap=200),
        "status": make_status(random),
        "history": make_history(random),
    }
    tables |= {
        "reliability": make_reliability(random),
        "quality": make_quality(random),
        "choices": choices(scores, made_up_kinds(), **RULE),
    }
    tables["answer"] = answer(scores, made_up_kinds(), n_bootstrap=200)
    tables |= {
        "ranks": rank_table(scores, made_up_kinds(), n_bootstrap=200),
        "tests": rank_tests(scores, made_up_kinds()),
    }
    (folder / "tables").mkdir(parents=True)
    (folder / "maps").mkdir()
    for name, frame in tables.items():
        frame.to_parquet(folder / "tables" / f"{name}.parquet", index=False)
    for dataset in DATASETS:
        make_maps(random, dataset).to_parquet(folder / "maps" / f"{dataset}.parquet", index=False)
        write_cells(folder, dataset, random)
    for dataset, model in pairs():
        path = folder / "models" / dataset / model / "status.json"
        path.write_text(
            json.dumps(
                {
                    "dataset": dataset,
                    "model": model,
                    "kind": KINDS.get(model, model),
                    "versions": {"python": "3.11.9", "torch": "2.13.0"},
                    "device": "cpu",
                }
            )
        )
    return folder


@pytest.fixture(scope="session")
def study_folder(tmp_path_factory) -> Path:
    return write_study(tmp_path_factory.mktemp("study") / "results")


@pytest.fixture(scope="session")
def tables(study_folder) -> StudyTables:
    folder = study_folder / "tables"
    return read_tables({name: folder / f"{name}.parquet" for name in STUDY_TABLES})


class Given(Inputs):
    """Inputs in memory: tables and arrays by name (``decoded``, ``latents``), and what else figures
    ask for (``means``, ``obs``, ``clusters``); ``kinds`` of the models.
    """

    def __init__(self, kinds: dict[str, str] | None = None, options=None, **held) -> None:
        super().__init__({}, options=options)
        self.held = held
        self.study = SimpleNamespace(kinds=kinds or {})
        for name in ("means", "obs", "clusters", "tables"):
            if name in held:
                setattr(self, name, held[name])

    def frame(self, name: str) -> pd.DataFrame:
        return self.held[name]

    def arrays(self, name: str) -> dict[str, Arrays]:
        return self.held[name]


@pytest.fixture(scope="session")
def inputs_of(study_folder) -> Callable[[str], Inputs]:
    """Give what the figures of a data set, or of the study (""), are drawn from."""

    def inputs(of: str) -> Inputs:
        folder = study_folder
        one = {"prepared": f"data/{of}/prepared.h5ad", "maps": f"maps/{of}.parquet"}
        one |= {name: f"tables/{name}.parquet" for name in ("ranks", "tests")}
        several = {"clusters": f"clusters/{of}/*.parquet", "embeddings": f"models/{of}/*/*.h5ad"}
        return Inputs(
            {
                "tables": [folder / f"tables/{name}.parquet" for name in STUDY_TABLES],
                **{name: folder / path for name, path in one.items()},
                **{name: sorted(folder.glob(pattern)) for name, pattern in several.items()},
            },
            of=of,
        )

    return inputs


@pytest.fixture(scope="session")
def ranks(study_folder) -> pd.DataFrame:
    return read_table(study_folder / "tables/ranks.parquet", "ranks")


@pytest.fixture(scope="session")
def tests_of_ranks(study_folder) -> pd.DataFrame:
    return read_table(study_folder / "tables/tests.parquet", "tests")


@pytest.fixture(scope="session")
def made_up() -> SimpleNamespace:
    """What the made-up study is known to hold."""
    return SimpleNamespace(
        diverged=DIVERGED, reason=REASON, not_counts=NOT_COUNTS, pairs=pairs(), labels=LABELS
    )


@pytest.fixture(scope="session")
def svg(tmp_path_factory) -> Path:
    """A small figure whose one text is what a hostile file could bring."""
    apply_style()
    figure = Figure(figsize=(7, 1))
    ax = figure.subplots()
    ax.plot([0, 1], [0, 1], color="#0072b2")
    ax.set_title("<script>alert('$1$')</script>")
    path = tmp_path_factory.mktemp("svg") / "figure.svg"
    save(figure, [path])
    return path


@pytest.fixture
def predictions() -> pd.DataFrame:
    """Two methods on two cell types, one of them without one of the metrics; a third type is too
    rare for any.
    """
    rows = []
    for metric in METRICS:
        for cell_type, level in (("a", 0.6), ("b", 0.8)):
            for seed in (0, 1):
                rows.append(("scgen", seed, cell_type, metric, level + 0.01 * seed, "ok", "", True))
            none = metric == "r2_change"
            told = (np.nan, "degenerate", "none") if none else (0.5, "ok", "")
            rows.append(("no_prediction", pd.NA, cell_type, metric, *told, False))
        few = (np.nan, "not_applicable", "3 cells", False)
        rows.append((ALL_METHODS, pd.NA, "<rare>", metric, *few))
    columns = ["model", "seed", "cell_type", "metric", "value", "status", "reason", "saw_labels"]
    frame = pd.DataFrame(rows, columns=columns).assign(dataset="kang", hidden="cell_type")
    return frame.astype({"seed": "Int64"})
