rule download:
    input:
        own=told(parameters.own_files),
        code=library("download"),
    output:
        raw="results/data/{dataset}/raw.h5ad",
    log:
        "results/logs/download/{dataset}.log",
    conda:
        "../envs/download.yaml"
    params:
        row=told(parameters.row_to_read),
        cache="results/cache",
    message:
        "get {wildcards.dataset}"
    script:
        "../workflow_scripts/download.py"
