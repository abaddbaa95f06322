"""What figures are drawn from: each file opened when a figure asks for it, and once."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentbench.figures.style import model_colours, model_order
from latentbench.files.clusters import CELL, clusters_of, seeds_of
from latentbench.files.prepared import PreparedFile
from latentbench.report.tables import (
    StudyTables,
    headline_clusterings,
    read_table,
    read_tables,
)

Arrays = Mapping[str, np.ndarray]


class Inputs:
    """What the figures of a study read, or of one of its data sets or kinds of models (``of``).

    ``paths``: files by what they are, as the catalogue's ``reads`` name them; ``options``: the
    config's, of how maps are laid out.
    """

    def __init__(
        self,
        paths: Mapping[str, str | Path | Sequence[str | Path]],
        *,
        of: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Take note of the files; none is opened."""
        self.of, self.options = of, dict(options or {})
        self._paths = {
            name: [Path(path) for path in ([given] if isinstance(given, str | Path) else given)]
            for name, given in paths.items()
        }

    def about(self, of: str) -> "Inputs":
        """Return the same files for the figures of another data set or kind."""
        return self if of == self.of else Inputs(self._paths, of=of, options=self.options)

    @cached_property
    def study(self) -> StudyTables:
        """The study's tables."""
        return read_tables({path.stem: path for path in self._paths["tables"]})

    @cached_property
    def tables(self) -> StudyTables:
        """The study's tables, their rows of the data set if these are figures of one."""
        return self.study.of_dataset(self.of) if self.of else self.study

    @cached_property
    def colours(self) -> dict[str, str]:
        """A colour for every model of the study, in the order of every figure."""
        return model_colours(self.study.kinds)

    def frame(self, name: str) -> pd.DataFrame:
        """Return a table of its own: ``ranks``, ``tests``, ``maps``, ``pca``,
        ``markers``, ``predictions``."""
        (path,) = self._paths[name]
        return read_table(path, name)

    @cached_property
    def means(self) -> pd.DataFrame:
        """The gene means of what every method predicts."""
        parts = [frame for frame in map(pd.read_parquet, self._paths["means"]) if len(frame)]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    @cached_property
    def quality(self) -> pd.DataFrame:
        """What was measured of the cells of counts before quality control, and which it kept."""
        (path,) = self._paths["prepared"]
        return pd.DataFrame(PreparedFile(path).about["quality"]).astype({"kept": bool})

    @cached_property
    def obs(self) -> pd.DataFrame:
        """What is known of the cells."""
        (path,) = self._paths["prepared"]
        return PreparedFile(path).cells.obs

    def of_models(self, name: str) -> dict[str, Path]:
        """Return the files of all models in their order: of ``clusters``, ``embeddings``,
        ``decoded`` or ``latents``, which are named by the model, or lie in its folder.
        """
        by_model = {
            path.parent.name if name == "embeddings" else path.stem: path
            for path in self._paths[name]
        }
        kinds = self.study.kinds
        return {m: by_model[m] for m in model_order({m: kinds.get(m, "") for m in by_model})}

    def arrays(self, name: str) -> dict[str, Arrays]:
        """Return the arrays of every model (``decoded``, ``latents``) of which a replica ended
        ok.
        """
        found = {}
        for model, path in self.of_models(name).items():
            with np.load(path) as stored:
                if stored.files:
                    found[model] = dict(stored)
        return found

    @cached_property
    def clusters(self) -> pd.DataFrame:
        """The headline clustering of every replica of every model (columns model, seed, cell,
        cluster, label, split); the truth comes as model ``label``, seed 0.
        """
        cells = pd.DataFrame(
            {
                column: self.obs[column].astype("string") if column in self.obs else pd.NA
                for column in ("label", "split")
            },
            index=self.obs.index.astype("string").rename("cell"),
        )
        frames = [cells.reset_index().assign(model="label", seed=0, cluster=cells["label"].array)]
        clusterings = headline_clusterings(self.tables)
        for model, path in self.of_models("clusters").items():
            table = pd.read_parquet(path)
            for seed in seeds_of(table, clusterings[model]) if model in clusterings else []:
                found = pd.Series(
                    clusters_of(table, seed, clusterings[model]), index=table[CELL]
                ).astype("string")
                named = found.rename("cluster").rename_axis("cell").reset_index()
                frames.append(named.assign(model=model, seed=seed).join(cells, on="cell"))
        return pd.concat(frames, ignore_index=True).astype({"cluster": "string"})[
            ["model", "seed", "cell", "cluster", "label", "split"]
        ]
