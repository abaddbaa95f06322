rule preprocess:
    input:
        code=library("preprocess"),
        raw=rules.download.output.raw,
        genes_of=of_another("preprocess", "prepared", parameters.sharing_genes),
    output:
        prepared="results/data/{dataset}/prepared.h5ad",
    log:
        "results/logs/preprocess/{dataset}.log",
    conda:
        "../envs/preprocess.yaml"
    params:
        preset=told(parameters.preset),
        options=told(parameters.preset_options),
        split=config["preprocessing"]["split"],
        subset=told(parameters.cells_looked_at),
        held_out=config["preprocessing"]["held_out"],
        stream_above_gb=config["preprocessing"]["stream_above_gb"],
    message:
        "prepare {wildcards.dataset}"
    script:
        "../workflow_scripts/preprocess.py"
