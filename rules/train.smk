# One job a (data set, model): all seeds of the variant are trained in it, side by side on the rule's threads.


rule train:
    input:
        prepared="results/data/{dataset}/prepared.h5ad",
        source=data_transferred_from,
        guide=guiding_codes,
        code=library_of_model,
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
        variant=model_variant,
        seeds=study.seeds,
        held_out=config["evaluation"].get("held_out", {}),
    message:
        "train {wildcards.model} on {wildcards.dataset}"
    script:
        "../workflow_scripts/train.py"
