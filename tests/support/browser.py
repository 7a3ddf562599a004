"""A headless Chromium, driven through its debugging protocol. Nothing but the browser itself is needed for that."""

import base64
import json
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from tests.support.waiting import wait_until
from websockets.sync.client import ClientConnection, connect

Test = TypeVar("Test", bound=Callable[..., None])

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
PROGRAM: Final = next((found for name in NAMES if (found := shutil.which(name))), None)
_needs: Final = pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium here")


def needs_browser(test: Test) -> Test:
    """A test that takes a browser, and with it a few seconds."""
    marked: Test = pytest.mark.slow(_needs(test))
    return marked


class Page:
    """One tab. `problems` are errors of its code, of its policy, and failed requests."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._last = 0
        self.problems: list[str] = []
        for domain in ("Runtime", "Page", "Log"):
            self._call(f"{domain}.enable")

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(30))
            if message.get("id") == self._last:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(parameters["exceptionDetails"]))
        elif message.get("method") == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.problems.append(parameters["entry"]["text"])

    def look(self, width: int, height: int, dark: bool) -> None:
        """The size of the window, and the colours that the system is set to."""
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url: str) -> None:
        self._call("Page.navigate", url=url)
        self.until(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def run(self, code: str) -> Any:
        """What an expression is worth, as JSON."""
        answer = self._call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, code: str) -> None:
        """Waits until an expression is true."""
        wait_until(lambda: self.run(code), lambda: f"{code}; problems: {self.problems}")

    def settle(self) -> None:
        """Waits until what was changed is drawn."""
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")

    def mouse(self, kind: str, x: float, y: float, buttons: int = 0) -> None:
        """A mouse event of the browser's own, as from a user."""
        button = "left" if kind != "mouseMoved" else "none"
        self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=buttons, clickCount=1)

    def drag(self, x: float, y: float, to_x: float) -> None:
        self.mouse("mousePressed", x, y, 1)
        for step in range(1, 6):
            self.mouse("mouseMoved", x + (to_x - x) * step / 5, y, 1)
        self.mouse("mouseReleased", to_x, y)

    def key(self, name: str) -> None:
        self._call("Input.dispatchKeyEvent", type="keyDown", key=name)
        self._call("Input.dispatchKeyEvent", type="keyUp", key=name)

    def picture(self, path: Path) -> None:
        """The whole page as a PNG."""
        answer = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer["data"]))


@contextmanager
def browser() -> Iterator[Page]:
    """A browser with one empty tab."""
    assert PROGRAM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [
                PROGRAM,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--remote-debugging-port=0",
                f"--user-data-dir={folder}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            told = Path(folder, "DevToolsActivePort")
            port = wait_until(lambda: int(told.read_text().split()[0]) if told.exists() else None, "the browser's port")
            with connect(_tab(port), max_size=None, proxy=None) as socket:
                yield Page(socket)
        finally:
            process.terminate()
            process.wait()


def _tab(port: int) -> str:
    """Where its first tab is driven."""

    def found() -> str | None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [each for each in json.load(answer) if each["type"] == "page"]
        return str(pages[0]["webSocketDebuggerUrl"]) if pages else None

    return wait_until(found, "a tab")
