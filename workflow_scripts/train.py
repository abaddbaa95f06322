"""Train all seeds of one variant on one data set."""

from threadpoolctl import threadpool_limits

from latentbench.logs import log_to
from latentbench.training.devices import choose_device
from latentbench.training.results import train_variant, write_results


def main(prepared, weights, history, embedding, status, *, dataset, model, variant, seeds, n_gpus, n_workers):
    device = choose_device(n_gpus)
    trained, data = train_variant(prepared, **variant, seeds=seeds, n_workers=n_workers, device=device)
    write_results(
        trained,
        data,
        dataset=dataset,
        model=model,
        kind=variant["kind"],
        device=device,
        weights=weights,
        history=history,
        embedding=embedding,
        status=status,
    )


if __name__ == "__main__":
    log_to(snakemake.log[0])
    # k-means (task mode guided) would take every core, whatever else runs beside this job.
    with threadpool_limits(limits=1):
        main(
            snakemake.input.prepared,
            *snakemake.output,
            dataset=snakemake.wildcards.dataset,
            model=snakemake.wildcards.model,
            variant=snakemake.params.variant,
            seeds=snakemake.params.seeds,
            n_gpus=snakemake.resources.get("gpu", 0),
            n_workers=snakemake.threads,
        )
