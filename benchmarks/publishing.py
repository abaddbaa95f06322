"""What a benchmark leaves behind: its tables and figures under results/benchmarks, and its summary
on the terminal.
"""

import sys

import pandas as pd
from driver import RESULTS
from matplotlib.figure import Figure

from latentbench.figures.style import save
from latentbench.files.artefacts import write_table


def publish(name: str, figure: Figure, **tables: pd.DataFrame) -> None:
    """Write the figure as {name}.png and .pdf and every table as {name}_{table}.tsv, and show the
    table ``summary``.
    """
    for table, frame in tables.items():
        write_table(frame, RESULTS / f"{name}_{table}.tsv")
    save(figure, [RESULTS / f"{name}.{suffix}" for suffix in ("png", "pdf")])
    write_summary(name, tables["summary"])


def write_summary(name: str, summary: pd.DataFrame) -> None:
    """Write {name}_summary.tsv and show it."""
    write_table(summary, RESULTS / f"{name}_summary.tsv")
    sys.stdout.write(f"{name}\n{summary.to_string(index=False, float_format='{:.4g}'.format)}\n\n")


def on_device(name: str, device: str) -> str:
    """Return the name of a benchmark's files: those of a GPU stand beside those of the CPU."""
    return name if device == "cpu" else f"{name}_{device}"
