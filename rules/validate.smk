# `make validate`: whether the study can run here, in seconds; nothing is made.


rule validate:
    input:
        code=library("validate"),
        project=str(WORKFLOW / "pyproject.toml"),
        locks=[
            str(WORKFLOW / "requirements.lock"),
            str(WORKFLOW / "requirements-torch.txt"),
        ],
    log:
        "results/logs/validate.log",
    localrule: True
    conda:
        "../envs/download.yaml"
    threads: 1
    params:
        rows=parameters.rows_to_validate(study),
        study=parameters.sentence(study),
    message:
        "see whether the study can run here"
    script:
        "../workflow_scripts/validate.py"
