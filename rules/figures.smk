# What people look at: maps, the explorer's data, figures. Every figure comes as pdf and svg for
# papers and as png.


rule draw_maps:
    input:
        prepared=rules.preprocess.output.prepared,
        embeddings=of(rules.train.output.embedding, plan.evaluated),
        clusters=of(rules.cluster.output.clusters, plan.evaluated),
        code=library("draw_maps"),
    output:
        maps="results/maps/{dataset}.parquet",
    log:
        "results/logs/draw_maps/{dataset}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    params:
        n_clusters=told(parameters.n_clusters),
        options=parameters.maps_options(study),
    message:
        "lay out the embeddings of {wildcards.dataset}"
    script:
        "../workflow_scripts/draw_maps.py"


rule explore:
    input:
        prepared=rules.preprocess.output.prepared,
        embeddings=of(rules.train.output.embedding, plan.evaluated),
        clusters=of(rules.cluster.output.clusters, plan.evaluated),
        maps=rules.draw_maps.output.maps,
        code=library("explore"),
    output:
        explored="results/explorer/{dataset}.safetensors",
    log:
        "results/logs/explore/{dataset}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    params:
        n_clusters=told(parameters.n_clusters),
        options=told(parameters.explorer_options),
    message:
        "make {wildcards.dataset} ready for the explorer"
    script:
        "../workflow_scripts/explore.py"


# What figures may be drawn from, by the names that the catalogue's entries give in ``reads``.
READ = {
    "tables": list(TABLES.values()),
    "ranks": parquet(rules.collect.output.ranks),
    "tests": parquet(rules.collect.output.tests),
    "predictions": parquet(rules.collect_predictions.output.predictions),
    "prepared": rules.preprocess.output.prepared,
    "maps": rules.draw_maps.output.maps,
    "answer_cells": rules.answer.output.cells,
    "answer_models": rules.answer.output.models,
    "pca": rules.analyse_pca.output.pca,
    "markers": rules.find_markers.output.markers,
    "clusters": of(rules.cluster.output.clusters, plan.evaluated),
    "embeddings": of(rules.train.output.embedding, plan.evaluated),
    "decoded": of(rules.decode.output.decoded, plan.decoded),
    "latents": of(rules.sample_latents.output.latents, plan.drawn_from_two_latents),
    "means": together(
        of(rules.predict.output.means, plan.predicting),
        of(rules.predict_baselines.output.means, plan.asked_to_predict),
    ),
}


CATEGORIES = {"study": "Study", "dataset": "Data sets", "kind": "Models", "thesis": "Thesis"}


# A job a data set, and one each for the study, the plates and the thesis: its figures, and beside
# each its caption.
for name, unit in figure_jobs.units(study).items():

    rule:
        name:
            f"draw_{name}"
        input:
            **{read: READ[read] for read in unit.reads},
            code=library("draw", *unit.modules),
            style=f"{SCRIPTS}/latentbench/figures/latentbench.mplstyle",
        output:
            pdf=figure_files(unit.stems, "pdf"),
            svg=figure_files(unit.stems, "svg"),
            png=[
                report(
                    figure,
                    caption=str(Path.cwd() / caption),
                    category=CATEGORIES[unit.per],
                    subcategory=name if unit.per == "dataset" else None,
                    labels={"figure": label},
                )
                for figure, caption, label in zip(
                    figure_files(unit.stems, "png"), figure_files(unit.files, "rst"), unit.labels
                )
            ],
            caption=figure_files(unit.stems, "rst"),
        log:
            f"results/logs/draw/{'{dataset}' if unit.per == 'dataset' else name}.log",
        wildcard_constraints:
            dataset=name,
        conda:
            "../envs/figures.yaml"
        threads: 1
        params:
            figures=unit.drawings,
            reads=unit.reads,
            options=parameters.maps_options(study) if "decoded" in unit.reads else {},
        message:
            f"draw the figures of {name}"
        script:
            "../workflow_scripts/draw.py"
