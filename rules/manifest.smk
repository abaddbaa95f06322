# The last job: what the study has made, with size and checksum, for `make verify`.


rule manifest:
    input:
        unpack(artefacts_of_study),
        code=library("manifest"),
    output:
        manifest="results/manifest.tsv",
    log:
        "results/logs/manifest.log",
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    message:
        "record the checksum of every artefact"
    script:
        "../workflow_scripts/manifest.py"
