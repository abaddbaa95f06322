# One job a (data set, model): all seeds of the variant are trained in it, side by side on the
# rule's threads.


# Where nobody declared a number of clusters: more than there are. What the components of a mixture
# amount to is found by merging them.
rule bound_clusters:
    input:
        prepared=rules.preprocess.output.prepared,
        code=library("bound_clusters"),
    output:
        bound="results/data/{dataset}/n_clusters.json",
    log:
        "results/logs/bound_clusters/{dataset}.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    message:
        "bound the number of clusters of {wildcards.dataset}"
    script:
        "../workflow_scripts/bound_clusters.py"


rule train:
    input:
        prepared=rules.preprocess.output.prepared,
        bound=of_another("bound_clusters", "bound", parameters.bounded_by),
        source=of_another("preprocess", "prepared", parameters.pretrained_on),
        guide=of_another("train", "embedding", parameters.guide),
        code=library_with_kind("train"),
    output:
        weights="results/models/{dataset}/{model}/weights.safetensors",
        history="results/models/{dataset}/{model}/history.parquet",
        embedding="results/models/{dataset}/{model}/embedding.h5ad",
        status="results/models/{dataset}/{model}/status.json",
        quality="results/models/{dataset}/{model}/quality.tsv",
    log:
        "results/logs/train/{dataset}/{model}.log",
    benchmark:
        "results/benchmarks/train/{dataset}/{model}.tsv"
    conda:
        training_environment()
    threads: 1
    resources:
        gpu=0,
    params:
        variant=told(parameters.variant),
        seeds=study.seeds,
        held_out=config["evaluation"].get("held_out", {}),
    message:
        "train {wildcards.model} on {wildcards.dataset}"
    script:
        "../workflow_scripts/train.py"


# Pictures of what a network of images has learned; nothing that is scored.
rule decode:
    input:
        prepared=rules.preprocess.output.prepared,
        weights=rules.train.output.weights,
        status=rules.train.output.status,
        code=library_with_kind("decode"),
    output:
        decoded="results/decoded/{dataset}/{model}.npz",
    log:
        "results/logs/decode/{dataset}/{model}.log",
    conda:
        "../envs/train.yaml"
    threads: 1
    params:
        variant=told(parameters.variant),
    message:
        "decode images of {wildcards.dataset} by {wildcards.model}"
    script:
        "../workflow_scripts/decode.py"


rule sample_latents:
    input:
        prepared=rules.preprocess.output.prepared,
        weights=rules.train.output.weights,
        status=rules.train.output.status,
        code=library_with_kind("sample_latents"),
    output:
        latents="results/latents/{dataset}/{model}.npz",
    log:
        "results/logs/sample_latents/{dataset}/{model}.log",
    conda:
        "../envs/train.yaml"
    threads: 1
    params:
        variant=told(parameters.variant),
    message:
        "draw both latents of {wildcards.dataset} under {wildcards.model}"
    script:
        "../workflow_scripts/sample_latents.py"
