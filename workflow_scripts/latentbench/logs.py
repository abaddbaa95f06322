"""The one way to log: every script logs to its rule's log file and, for warnings, to the
terminal.
"""

import faulthandler
import logging
import sys
from pathlib import Path

logger = logging.getLogger("latentbench")
STOPPED = "stopped:"
CRASHED = "Fatal Python error:"


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


def failures_since(moment: float, folder: Path) -> list[str]:
    """Return one sentence for every log under ``folder``, written since ``moment`` (seconds of the
    epoch), of a script that stopped on an error.
    """
    sentences = []
    for path in sorted(folder.rglob("*.log")):
        if path.stat().st_mtime >= moment - 1:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            stopped = [
                line.split(mark, 1)[1].strip()
                for line in lines
                for mark in (STOPPED, CRASHED)
                if mark in line
            ]
            sentences += [f"{stopped[-1]} (log: {path})"] if stopped else []
    return sentences


def _report_uncaught(kind, error, traceback) -> None:
    to_file, to_terminal = logger.handlers
    logger.handlers = [to_file]
    # The sentence once more at the end, on one line: a reader, and failures_since, look there
    # first.
    logger.error("traceback", exc_info=(kind, error, traceback))
    logger.error("%s %s", STOPPED, str(error).replace("\n", " ") or kind.__name__)
    if issubclass(kind, ValueError):
        sys.stderr.write(f"\nERROR: {error}\n")
    else:
        sys.__excepthook__(kind, error, traceback)
    logger.handlers = [to_file, to_terminal]
