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


rule draw_figures:
    input:
        **TABLES,
        ranks=parquet(rules.collect.output.ranks),
        tests=parquet(rules.collect.output.tests),
        code=library("draw_figures"),
        style=f"{SCRIPTS}/latentbench/figures/latentbench.mplstyle",
    output:
        scores=[
            "results/figures/scores.pdf",
            "results/figures/scores.svg",
            report(
                "results/figures/scores.png",
                caption="../report/scores.rst",
                category="Study",
                labels={"figure": "scores"},
            ),
        ],
        cost=[
            "results/figures/cost.pdf",
            "results/figures/cost.svg",
            report(
                "results/figures/cost.png",
                caption="../report/cost.rst",
                category="Study",
                labels={"figure": "time and memory"},
            ),
        ],
        ranks=[
            "results/figures/ranks.pdf",
            "results/figures/ranks.svg",
            report(
                "results/figures/ranks.png",
                caption="../report/ranks.rst",
                category="Study",
                labels={"figure": "ranks"},
            ),
        ],
    log:
        "results/logs/draw_figures.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    message:
        "draw the figures of the study"
    script:
        "../workflow_scripts/draw_figures.py"


rule draw_plates:
    input:
        code=library("draw_plates", *parameters.modules_of_kinds(plan.networks(study))),
        style=f"{SCRIPTS}/latentbench/figures/latentbench.mplstyle",
    output:
        pdf=expand("results/figures/plates/{kind}.pdf", kind=plan.networks(study)),
        svg=expand("results/figures/plates/{kind}.svg", kind=plan.networks(study)),
        png=report(
            expand("results/figures/plates/{kind}.png", kind=plan.networks(study)),
            caption="../report/plates.rst",
            category="Models",
            labels={"figure": "plates"},
        ),
    log:
        "results/logs/draw_plates.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    params:
        kinds=plan.networks(study),
    message:
        "draw the plates of the models"
    script:
        "../workflow_scripts/draw_plates.py"


rule draw_thesis_figures:
    input:
        code=library(
            "draw_thesis_figures",
            "models.vae",
            "models.gmvae",
            "models.gmvae_dilokthanakul",
            "models.gmvae_dirichlet",
            "models.gmvae_conditional",
        ),
        style=f"{SCRIPTS}/latentbench/figures/latentbench.mplstyle",
    output:
        multiext("results/figures/thesis/figure_2_1_neuron", ".pdf", ".svg"),
        multiext("results/figures/thesis/figure_2_2_layers", ".pdf", ".svg"),
        multiext("results/figures/thesis/figure_2_3_layer_network", ".pdf", ".svg"),
        multiext("results/figures/thesis/figure_2_4_autoencoder", ".pdf", ".svg"),
        multiext("results/figures/thesis/figure_3_1_vae", ".pdf", ".svg"),
        multiext("results/figures/thesis/figure_4_1_mixtures", ".pdf", ".svg"),
        report(
            "results/figures/thesis/figure_2_1_neuron.png",
            caption="../report/thesis.rst",
            category="Thesis",
            labels={"figure": "2.1"},
        ),
        report(
            "results/figures/thesis/figure_2_2_layers.png",
            caption="../report/thesis.rst",
            category="Thesis",
            labels={"figure": "2.2"},
        ),
        report(
            "results/figures/thesis/figure_2_3_layer_network.png",
            caption="../report/thesis.rst",
            category="Thesis",
            labels={"figure": "2.3"},
        ),
        report(
            "results/figures/thesis/figure_2_4_autoencoder.png",
            caption="../report/thesis.rst",
            category="Thesis",
            labels={"figure": "2.4"},
        ),
        report(
            "results/figures/thesis/figure_3_1_vae.png",
            caption="../report/thesis.rst",
            category="Thesis",
            labels={"figure": "3.1"},
        ),
        report(
            "results/figures/thesis/figure_4_1_mixtures.png",
            caption="../report/thesis.rst",
            category="Thesis",
            labels={"figure": "4.1"},
        ),
    log:
        "results/logs/draw_thesis_figures.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    message:
        "draw the numbered figures of the thesis"
    script:
        "../workflow_scripts/draw_thesis_figures.py"


rule draw_dataset_figures:
    input:
        **TABLES,
        maps=rules.draw_maps.output.maps,
        prepared=rules.preprocess.output.prepared,
        clusters=of(rules.cluster.output.clusters, plan.evaluated),
        code=library("draw_dataset_figures"),
        style=f"{SCRIPTS}/latentbench/figures/latentbench.mplstyle",
    output:
        multiext("results/figures/{dataset}/scores", ".pdf", ".svg"),
        multiext("results/figures/{dataset}/maps", ".pdf", ".svg"),
        multiext("results/figures/{dataset}/losses", ".pdf", ".svg"),
        multiext("results/figures/{dataset}/usage", ".pdf", ".svg"),
        multiext("results/figures/{dataset}/confusion", ".pdf", ".svg"),
        multiext("results/figures/{dataset}/calibration", ".pdf", ".svg"),
        multiext("results/figures/{dataset}/latents", ".pdf", ".svg"),
        report(
            "results/figures/{dataset}/scores.png",
            caption="../report/scores.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "scores"},
        ),
        report(
            "results/figures/{dataset}/maps.png",
            caption="../report/maps.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "maps"},
        ),
        report(
            "results/figures/{dataset}/losses.png",
            caption="../report/losses.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "losses"},
        ),
        report(
            "results/figures/{dataset}/usage.png",
            caption="../report/usage.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "sizes of clusters"},
        ),
        report(
            "results/figures/{dataset}/confusion.png",
            caption="../report/confusion.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "confusion matrix"},
        ),
        report(
            "results/figures/{dataset}/calibration.png",
            caption="../report/calibration.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "calibration"},
        ),
        report(
            "results/figures/{dataset}/latents.png",
            caption="../report/latents.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "latent dimensions"},
        ),
    log:
        "results/logs/draw_dataset_figures/{dataset}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    params:
        models=told(parameters.models),
    message:
        "draw the figures of {wildcards.dataset}"
    script:
        "../workflow_scripts/draw_dataset_figures.py"


rule draw_detail_figures:
    input:
        embeddings=of(rules.train.output.embedding, plan.evaluated),
        pca=rules.analyse_pca.output,
        code=library("draw_detail_figures"),
        style=f"{SCRIPTS}/latentbench/figures/latentbench.mplstyle",
    output:
        multiext("results/figures/{dataset}/responsibilities", ".pdf", ".svg"),
        multiext("results/figures/{dataset}/pca", ".pdf", ".svg"),
        report(
            "results/figures/{dataset}/responsibilities.png",
            caption="../report/responsibilities.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "responsibilities"},
        ),
        report(
            "results/figures/{dataset}/pca.png",
            caption="../report/pca.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "principal components"},
        ),
    log:
        "results/logs/draw_detail_figures/{dataset}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    params:
        kinds=told(parameters.kinds_on),
    message:
        "draw responsibilities and principal components of {wildcards.dataset}"
    script:
        "../workflow_scripts/draw_detail_figures.py"


rule draw_markers:
    input:
        markers=rules.find_markers.output,
        code=library("draw_markers"),
        style=f"{SCRIPTS}/latentbench/figures/latentbench.mplstyle",
    output:
        multiext("results/figures/{dataset}/markers", ".pdf", ".svg"),
        report(
            "results/figures/{dataset}/markers.png",
            caption="../report/markers.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "marker genes"},
        ),
    log:
        "results/logs/draw_markers/{dataset}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    message:
        "draw the marker genes of {wildcards.dataset}"
    script:
        "../workflow_scripts/draw_markers.py"


rule draw_latents:
    input:
        prepared=rules.preprocess.output.prepared,
        latents=of(rules.sample_latents.output.latents, plan.drawn_from_two_latents),
        code=library("draw_latents"),
        style=f"{SCRIPTS}/latentbench/figures/latentbench.mplstyle",
    output:
        multiext("results/figures/{dataset}/two_latents", ".pdf", ".svg"),
        report(
            "results/figures/{dataset}/two_latents.png",
            caption="../report/two_latents.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "both latents"},
        ),
    log:
        "results/logs/draw_latents/{dataset}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    params:
        kinds=told(partial(parameters.kinds_of_units, where=plan.drawn_from_two_latents)),
    message:
        "draw both latents of {wildcards.dataset}"
    script:
        "../workflow_scripts/draw_latents.py"


rule draw_image_figures:
    input:
        prepared=rules.preprocess.output.prepared,
        decoded=of(rules.decode.output.decoded, plan.decoded),
        code=library("draw_image_figures"),
        style=f"{SCRIPTS}/latentbench/figures/latentbench.mplstyle",
    output:
        multiext("results/figures/{dataset}/reconstructions", ".pdf", ".svg"),
        multiext("results/figures/{dataset}/samples", ".pdf", ".svg"),
        multiext("results/figures/{dataset}/heads", ".pdf", ".svg"),
        multiext("results/figures/{dataset}/traversals", ".pdf", ".svg"),
        multiext("results/figures/{dataset}/posteriors", ".pdf", ".svg"),
        report(
            "results/figures/{dataset}/reconstructions.png",
            caption="../report/reconstructions.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "reconstructions"},
        ),
        report(
            "results/figures/{dataset}/samples.png",
            caption="../report/samples.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "samples of the prior"},
        ),
        report(
            "results/figures/{dataset}/heads.png",
            caption="../report/heads.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "means of the components"},
        ),
        report(
            "results/figures/{dataset}/traversals.png",
            caption="../report/traversals.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "walks through the code"},
        ),
        report(
            "results/figures/{dataset}/posteriors.png",
            caption="../report/posteriors.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "means and samples of the posteriors"},
        ),
    log:
        "results/logs/draw_image_figures/{dataset}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    params:
        kinds=told(partial(parameters.kinds_of_units, where=plan.decoded)),
        layout=lookup(dpath="report/maps/layout", within=config, default="tsne"),
        seed=lookup(dpath="report/maps/seed", within=config, default=0),
    message:
        "draw what the networks decode of {wildcards.dataset}"
    script:
        "../workflow_scripts/draw_image_figures.py"
