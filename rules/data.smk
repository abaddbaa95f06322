rule download:
    input:
        code=library("download"),
    output:
        raw="results/data/{dataset}/raw.h5ad",
    params:
        row=dataset_row,
        mirror=config["mirror"],
        cache="results/cache",
    log:
        "results/logs/download/{dataset}.log",
    conda:
        "../envs/download.yaml"
    message:
        "Getting {wildcards.dataset}"
    script:
        "../workflow_scripts/download.py"
