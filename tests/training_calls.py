"""A training and its task with their options named one by one, for tests that state one or two."""

from latentbench.training import fit as fitting
from latentbench.training import tasks
from latentbench.training.fit import RunOptions
from latentbench.training.options import TaskOptions, training_options

RUN = ("n_workers", "device", "checkpoints", "show_progress")


def fit(model, data, *, seeds, observed, **options):
    run = {name: options.pop(name) for name in RUN if name in options}
    return fitting.fit(
        model,
        data,
        seeds=seeds,
        observed=observed,
        options=training_options(options),
        run=RunOptions(**run),
    )


def observed_classes(data, *, seeds, n_clusters, guide_codes=None, **task):
    return tasks.observed_classes(
        data, seeds=seeds, n_clusters=n_clusters, task=TaskOptions(**task), guide_codes=guide_codes
    )
