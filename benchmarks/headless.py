"""A headless Chromium, driven by its DevTools protocol over a pair of pipes: nothing but the
standard library.

Messages are JSON, each closed by a zero byte; the browser reads them from its file descriptor 3 and
writes to 4 (``--remote-debugging-pipe``). https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *(
        "--headless=new",
        "--no-sandbox",
        "--no-first-run",
        "--disable-dev-shm-usage",
        "--disable-extensions",
        "--disable-background-networking",
    ),
    *("--disable-component-update", "--hide-scrollbars", "--remote-debugging-pipe"),
)
SOFTWARE = ("--disable-gpu",)
"""Everything is drawn by the processor, as on a machine without a graphics card."""

PIPES_AT_3_AND_4 = """
import fcntl, os, sys
its_in, its_out = (fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3])
os.dup2(its_in, 3)
os.dup2(its_out, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Where Chromium looks for them: a program that puts them there and becomes Chromium."""


def find_browser() -> str | None:
    """Return the path of a Chromium, None where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page of a headless Chromium; ``events`` holds all that it has reported of itself so
    far.
    """

    def __init__(self, executable: str, flags: Sequence[str] = SOFTWARE) -> None:
        """Start the browser on an empty page."""
        self.events: list[dict[str, Any]] = []
        self._waiting, self._number, self._session = b"", 0, {}
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        (its_in, self._out), (self._in, its_out) = os.pipe(), os.pipe()
        command = [
            executable,
            *FLAGS,
            *flags,
            f"--user-data-dir={self._profile.name}",
            "about:blank",
        ]
        self.process = subprocess.Popen(
            [sys.executable, "-c", PIPES_AT_3_AND_4, str(its_in), str(its_out), *command],
            pass_fds=(its_in, its_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(its_in)
        os.close(its_out)
        page = next(
            target
            for target in self.call("Target.getTargets")["targetInfos"]
            if target["type"] == "page"
        )
        self._session = {
            "sessionId": self.call(
                "Target.attachToTarget", targetId=page["targetId"], flatten=True
            )["sessionId"]
        }
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        """Return the browser."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the browser and all its processes."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._out)
        os.close(self._in)
        self._profile.cleanup()

    def call(self, method: str, *, within: float = 60.0, **params: Any) -> dict[str, Any]:
        """Send one command and return its result; RuntimeError if the browser refuses it,
        TimeoutError after ``within`` seconds.
        """
        self._number += 1
        message = {"id": self._number, "method": method, "params": params, **self._session}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._receive(within)).get("id") != self._number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page; a promise is waited for."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def until(self, expression: str, *, within: float = 60.0) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + within
        while not self.evaluate(expression):
            if time.monotonic() > end:
                raise TimeoutError(f"not true within {within} s: {expression}")
            time.sleep(0.05)

    def open(self, path: Path) -> None:
        """Open a page from its file and wait until it is loaded."""
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.until(
            f"location.protocol === 'file:' && location.pathname.endsWith({json.dumps(path.name)})"
            " && document.readyState === 'complete'"
        )

    def look(self, width: int, height: int, *, dark: bool = False) -> None:
        """Set the size of the window and the theme."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}],
        )

    def screenshot(self) -> bytes:
        """Return the window as png."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Move (``mouseMoved``), press (``mousePressed``) or release (``mouseReleased``) the mouse
        at a place of the window.
        """
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def drag(self, places: Sequence[tuple[float, float]]) -> None:
        """Press the mouse at the first place, move it over all and release it at the last."""
        held = {"button": "left", "clickCount": 1}
        self.mouse("mouseMoved", *places[0])
        self.mouse("mousePressed", *places[0], buttons=1, **held)
        for place in places[1:]:
            self.mouse("mouseMoved", *place, buttons=1, **held)
        self.mouse("mouseReleased", *places[-1], **held)

    def problems(self) -> list[str]:
        """Return what the page complained of: exceptions, errors and warnings on its console,
        refused requests.
        """
        return [
            text
            for event in self.events
            if (text := _complaint(event.get("method"), event.get("params", {})))
        ]

    def requests(self) -> list[str]:
        """Return the addresses that the page has asked for, but for those that hold their own
        content.
        """
        asked = [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]
        return [url for url in asked if not url.startswith(("data:", "blob:"))]

    def _receive(self, within: float) -> dict[str, Any]:
        end = time.monotonic() + within
        while b"\0" not in self._waiting:
            if not select.select([self._in], [], [], max(0.0, end - time.monotonic()))[0]:
                raise TimeoutError(f"no word from the browser within {within} s")
            read = os.read(self._in, 1 << 20)
            if not read:
                raise RuntimeError("the browser has ended")
            self._waiting += read
        message, self._waiting = self._waiting.split(b"\0", 1)
        return json.loads(message)


def _complaint(method: str | None, params: dict[str, Any]) -> str | None:
    if method == "Runtime.exceptionThrown":
        details = params["exceptionDetails"]
        return details.get("exception", {}).get("description") or details["text"]
    if method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
        return params["entry"]["text"]
    if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
        return " ".join(str(each.get("value", each.get("description"))) for each in params["args"])
    return None
