"""The one way to log: every script logs to its rule's log file and, for warnings, to the
terminal.
"""

import faulthandler
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger("latentbench")
REFUSED = "refused:"
STOPPED = "stopped:"
CRASHED = "Fatal Python error:"


@dataclass(frozen=True)
class Failure:
    """A script that stopped on an error: its log, a sentence, and whether it refused what a user
    gave it (a ``ValueError``) or broke.
    """

    log: Path
    sentence: str
    is_refusal: bool

    def __str__(self) -> str:
        return f"{self.sentence} (log: {self.log})"


def log_to(path: str | Path) -> None:
    """Send the library's log lines and the script's uncaught errors to ``path``, warnings also to
    the terminal.

    A ``ValueError`` is a user's mistake: it is shown as one sentence, without a traceback, on the
    terminal and with one in the log."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    to_file = logging.FileHandler(path, mode="w")
    to_file.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
    )
    to_terminal = logging.StreamHandler()
    to_terminal.setLevel(logging.WARNING)
    to_terminal.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logger.handlers = [to_file, to_terminal]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").handlers = [to_file]
    sys.excepthook = _report_uncaught
    # A library that dies over damaged bytes leaves at least the lines that it died in.
    faulthandler.enable(to_file.stream)


def failures_since(moment: float, folder: Path) -> list[Failure]:
    """Return what stopped every script on an error whose log under ``folder`` was written since
    ``moment`` (seconds of the epoch).
    """
    failures = []
    for path in sorted(folder.rglob("*.log")):
        if path.stat().st_mtime >= moment - 1:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            stopped = [
                Failure(path, line.split(mark, 1)[1].strip(), mark == REFUSED)
                for line in lines
                for mark in (REFUSED, STOPPED, CRASHED)
                if mark in line
            ]
            failures += stopped[-1:]
    return failures


def _report_uncaught(kind, error, traceback) -> None:
    to_file, to_terminal = logger.handlers
    logger.handlers = [to_file]
    # The sentence once more at the end, on one line: a reader, and failures_since, look there
    # first.
    logger.error("traceback", exc_info=(kind, error, traceback))
    if not issubclass(kind, KeyboardInterrupt):
        mark = REFUSED if issubclass(kind, ValueError) else STOPPED
        logger.error("%s %s", mark, str(error).replace("\n", " ") or kind.__name__)
    if issubclass(kind, ValueError):
        sys.stderr.write(f"\nERROR: {error}\n")
    else:
        sys.__excepthook__(kind, error, traceback)
    logger.handlers = [to_file, to_terminal]
