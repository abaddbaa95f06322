# The equations that the models rest on, with numbers put in: one that does not hold stops the
# study.


rule theory:
    input:
        code=library("theory"),
    output:
        multiext("results/tables/theory", ".tsv", ".parquet"),
    log:
        "results/logs/theory.log",
    conda:
        "../envs/train.yaml"
    threads: 1
    message:
        "check the equations of the theory"
    script:
        "../workflow_scripts/theory.py"
