"""The results of a study as the report, the notebooks and the chapters read them: one object, from
the files that a rule names, each read when it is asked for.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from latentbench.files.embedding import read_status
from latentbench.files.prepared import PreparedFile
from latentbench.outcomes import Outcome
from latentbench.report.tables import STUDY_TABLES, StudyTables, read_table


class Results:
    """Tables, figures and facts of a study by name.

    ``files``: the paths of the files that belong to it, under ``root``; what else lies there is of
    another study and is not seen. ``datasets``: their names, in the order of the page; ``config``:
    the study's, as it ran; ``sheet``: by data set the licence, citation, origin and number of
    clusters that its row of the data sheet gives; ``chapters``: name and title of each.
    """

    def __init__(
        self,
        files: Iterable[str | Path],
        *,
        root: str | Path = "results",
        datasets: Sequence[str] = (),
        config: Mapping[str, Any] | None = None,
        sheet: Mapping[str, Mapping[str, Any]] | None = None,
        chapters: Sequence[Mapping[str, str]] = (),
    ) -> None:
        """Take note of the files; none is opened."""
        self._paths = {
            Path(path).relative_to(root).as_posix(): Path(path)
            for path in files
            if Path(path).is_relative_to(root)
        }
        self._tables: dict[str, pd.DataFrame] = {}
        self._prepared: dict[str, dict[str, Any]] = {}
        self.datasets, self.config = list(datasets), dict(config or {})
        self.sheet, self.chapters = dict(sheet or {}), list(chapters)

    def has(self, name: str) -> bool:
        """Whether a file (``tables/ranks.parquet``) belongs to the study."""
        return name in self._paths

    def path(self, name: str) -> Path:
        """Return where a file of the study lies."""
        return self._paths[name]

    def paths(self, pattern: str) -> list[Path]:
        """Return the files that a pattern (``models/*/*/status.json``) names, in the order in which
        they were given.
        """
        return [path for name, path in self._paths.items() if PurePosixPath(name).match(pattern)]

    def table(self, name: str) -> pd.DataFrame:
        """Return ``tables/{name}.parquet``, its columns checked.

        Raises:
            ValueError: it lacks a column of its contract.
        """
        if name not in self._tables:
            self._tables[name] = read_table(self._paths[f"tables/{name}.parquet"], name)
        return self._tables[name]

    def table_if_any(self, name: str) -> pd.DataFrame | None:
        """Return a table; None where the study has none, or one without rows."""
        if not self.has(f"tables/{name}.parquet"):
            return None
        found = self.table(name)
        return None if found.empty else found

    @cached_property
    def tables(self) -> StudyTables:
        """The collected tables, all data sets in one."""
        return StudyTables(**{name: self.table(name) for name in STUDY_TABLES})

    def maps(self, dataset: str) -> pd.DataFrame:
        """Return the maps table of a data set."""
        return read_table(self.path(f"maps/{dataset}.parquet"), "maps")

    def figures(self, folder: str = "", suffix: str = ".svg") -> dict[str, Path]:
        """Return the files of the figures of the study, or of one folder of them (a data set,
        ``plates``, ``thesis``), by name.
        """
        inside = PurePosixPath("figures", folder)
        return {
            path.stem: path
            for name, path in self._paths.items()
            if PurePosixPath(name).parent == inside and path.suffix == suffix
        }

    def prepared(self, dataset: str) -> dict[str, Any]:
        """Return of a data set: about (``uns['latentbench']`` of its prepared.h5ad), n_obs, n_vars,
        n_labels; its matrices are not read.
        """
        if dataset not in self._prepared:
            file = PreparedFile(self.path(f"data/{dataset}/prepared.h5ad"))
            n_labels = int(file.obs["label"].nunique()) if "label" in file.obs else 0
            sizes = {"n_obs": len(file.obs), "n_vars": len(file.var), "n_labels": n_labels}
            self._prepared[dataset] = {"about": file.about, **sizes}
        return self._prepared[dataset]

    def has_labels(self, dataset: str) -> bool:
        """Whether a data set has labels to hold clusters against."""
        return self.prepared(dataset)["n_labels"] > 0

    @property
    def has_ranks(self) -> bool:
        """Whether the contestants could be ranked over data sets and tested."""
        ranks, tests = self.table_if_any("ranks"), self.table_if_any("tests")
        return (
            ranks is not None and tests is not None and bool((tests["status"] == Outcome.OK).all())
        )

    def origin(self, dataset: str) -> dict[str, str]:
        """Return name, source, licence and citation of a data set: where it was read from, and what
        its row of the data sheet says of it.
        """
        row, about = self.sheet.get(dataset, {}), self.prepared(dataset)["about"]
        said = {key: str(row.get(key) or "") for key in ("licence", "citation", "origin")}
        return {"name": dataset, "source": str(about.get("source", "")), **said}

    def n_clusters(self, dataset: str) -> int | None:
        """Return the number of clusters that the data sheet declares, if it does."""
        return self.sheet.get(dataset, {}).get("n_clusters")

    def is_circular(self, dataset: str) -> bool:
        """Return whether the labels were found by clustering the same expression."""
        return bool(self.sheet.get(dataset, {}).get("circular"))

    @cached_property
    def statuses(self) -> list[dict[str, Any]]:
        """What every training left of itself (status.json)."""
        return [read_status(path) for path in self.paths("models/*/*/status.json")]

    @property
    def versions(self) -> dict[str, str]:
        """Package -> version over all trainings; where they differ, all versions."""
        found: dict[str, set[str]] = {}
        for status in self.statuses:
            for name, version in status["versions"].items():
                found.setdefault(name, set()).add(str(version))
        return {name: " and ".join(sorted(versions)) for name, versions in found.items()}

    @property
    def logs(self) -> dict[tuple[str, str], str]:
        """By data set and model, the last lines of the log of every training of which a replica did
        not end ok.
        """
        return {
            (status["dataset"], status["model"]): "\n".join(status["log"])
            for status in self.statuses
            if status.get("log")
        }
