"""Train all seeds of one variant on one data set; go on where a run that was stopped left off."""

from threadpoolctl import threadpool_limits

from latentbench.logs import log_to
from latentbench.study.variant import Variant
from latentbench.training.bounded import bounded_by, with_merged_components
from latentbench.training.checkpoints import checkpoints_of_job
from latentbench.training.devices import cards_given, choose_device
from latentbench.training.interruption import ending_a_job_when_asked
from latentbench.training.results import write_results
from latentbench.training.variant import train_variant


def main(
    prepared,
    outputs,
    *,
    dataset,
    model,
    variant,
    seeds,
    held_out,
    n_gpus,
    n_workers,
    checkpoints,
    source,
    guide,
    bound,
    log,
):
    """Write the five files of the training; ``outputs``: weights, history, embedding, status,
    quality, by name; ``bound``: the file with the number of clusters of a variant that was told
    none.
    """
    device = choose_device(n_gpus)
    given = {"seeds": seeds, "held_out": held_out, "n_workers": n_workers, "device": device}
    resolved = Variant(**variant) if bound is None else bounded_by(Variant(**variant), bound)
    trained, data = train_variant(
        prepared, resolved, **given, checkpoints=checkpoints, source=source, guide=guide
    )
    if bound is not None:
        trained = with_merged_components(trained, resolved, data)
    write_results(
        trained,
        data,
        dataset=dataset,
        model=model,
        variant=resolved,
        device=device,
        log=log,
        **outputs,
    )
    checkpoints.clear()


if __name__ == "__main__":
    log_to(snakemake.log[0])
    source, guide = snakemake.input.source or None, snakemake.input.guide or None
    bound = snakemake.input.bound or None
    # k-means (task mode guided) would take every core, whatever else runs beside this job.
    with threadpool_limits(limits=1), ending_a_job_when_asked():
        main(
            snakemake.input.prepared,
            dict(snakemake.output.items()),
            dataset=snakemake.wildcards.dataset,
            model=snakemake.wildcards.model,
            variant=snakemake.params.variant,
            seeds=snakemake.params.seeds,
            held_out=snakemake.params.held_out,
            n_gpus=cards_given(
                snakemake.resources.get("gpu", 0), snakemake.resources.get("gres", "")
            ),
            n_workers=snakemake.threads,
            checkpoints=checkpoints_of_job(
                f"results/checkpoints/{snakemake.wildcards.dataset}/{snakemake.wildcards.model}",
                every_seconds=snakemake.config["checkpoints"]["every_seconds"],
                data=[snakemake.input.prepared, *filter(None, (source, guide, bound))],
                variant=snakemake.params.variant,
                code=snakemake.input.code,
            ),
            source=source,
            guide=guide,
            bound=bound,
            log=snakemake.log[0],
        )
