rule preprocess:
    input:
        code=library("preprocess"),
        raw="results/data/{dataset}/raw.h5ad",
        genes_of=data_sharing_genes,
    output:
        prepared="results/data/{dataset}/prepared.h5ad",
    log:
        "results/logs/preprocess/{dataset}.log",
    conda:
        "../envs/preprocess.yaml"
    params:
        preset=dataset_preset,
        options=preset_options,
        split=config["preprocessing"]["split"],
        subset=cells_looked_at,
        stream_above_gb=config["preprocessing"]["stream_above_gb"],
    message:
        "prepare {wildcards.dataset}"
    script:
        "../workflow_scripts/preprocess.py"
