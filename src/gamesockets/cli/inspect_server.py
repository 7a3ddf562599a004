"""Who may see the page of `gamesockets inspect`, and how do events come into it?

The server listens on 127.0.0.1 alone. A trace has addresses of players in it, and any page that a browser shows can
send requests to this machine: so the path holds a random token, the name of the host must be ours (a page elsewhere may
have its own name point here), and a WebSocket is opened only for a page that came from here. No other page may read an
answer.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Final, final

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

HOST: Final = "127.0.0.1"
CHUNK_BYTES: Final = 256 * 1024
LOOK_AGAIN_S: Final = 0.1
OPEN_TIMEOUT_S: Final = 2
CLOSE_TIMEOUT_S: Final = 0.5
"""Browsers open connections in advance and say nothing on them; who has pressed Ctrl-C does not wait for these."""

_DATA: Final = '<script id="trace" type="application/x-ndjson"></script>'


def page_text() -> str:
    """The page, without events."""
    return resources.files("gamesockets.cli").joinpath("inspect_page.html").read_text(encoding="utf-8")


def page_with(trace: str) -> str:
    """The page with these events in it: a file that needs no server."""
    harmless = trace.replace("<", "\\u003c")  # in JSON it can only be in a text, and there it means the same
    return page_text().replace(_DATA, _DATA.replace("></", f">\n{harmless}\n</"), 1)


def content_policy(page: str, port: int) -> str:
    """What the page may do: run its own code, and talk to its own server. Nothing that a peer chose becomes code."""
    parts = [f"connect-src ws://{HOST}:{port} ws://localhost:{port}"]
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        texts = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
        parts.append(" ".join([directive, *[f"'sha256-{one}'" for one in hashes]]))
    return "; ".join(["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", *parts])


@final
class Inspector:
    """The page, and the events of one file, which may still be written."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace
        self._token = secrets.token_urlsafe(24)
        self._page = page_text()
        self._port = 0

    @property
    def url(self) -> str:
        """Where the page is, token included."""
        return f"http://{HOST}:{self._port}/{self._token}/"

    @asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator[None]:
        """Inside, the page is served; with port 0 on a free one. Raises `OSError` if the port cannot be had."""
        async with serve(
            self._send_events,
            HOST,
            port,
            process_request=self._answer,
            compression=None,
            max_size=1024,
            server_header=None,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
        ) as server:
            [socket] = server.sockets
            self._port = socket.getsockname()[1]
            yield

    def _answer(self, _connection: ServerConnection, request: Request) -> Response | None:
        """The answer to a request; None where a WebSocket may be opened."""
        hosts = {f"{name}:{self._port}" for name in (HOST, "localhost")}
        if request.headers.get_all("Host") not in [[host] for host in hosts]:
            return self._response(403, "Forbidden", "This host is not known here.\n")
        _, _, rest = request.path.partition("/")
        token, slash, name = rest.partition("/")
        if not slash or not hmac.compare_digest(token.encode(), self._token.encode()) or name not in ("", "events"):
            return self._response(404, "Not Found", "There is nothing here. Use the whole address that was printed.\n")
        if name == "":
            return self._response(200, "OK", self._page, "text/html; charset=utf-8")
        if request.headers.get_all("Origin") not in [[f"http://{host}"] for host in hosts]:
            return self._response(403, "Forbidden", "Only its own page may read the events.\n")
        return None

    def _response(self, status: int, reason: str, text: str, kind: str = "text/plain; charset=utf-8") -> Response:
        body = text.encode()
        headers = Headers(
            {
                "Content-Type": kind,
                "Content-Length": str(len(body)),
                "Connection": "close",
                "Cache-Control": "no-store",
                "Content-Security-Policy": content_policy(self._page, self._port),
                "Cross-Origin-Opener-Policy": "same-origin",
                "Cross-Origin-Resource-Policy": "same-origin",
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
                "X-Frame-Options": "DENY",
            }
        )
        return Response(status, reason, headers, body)

    async def _send_events(self, connection: ServerConnection) -> None:
        """Everything that is in the file, and then what is added to it; from the start if it is written anew."""
        offset = 0
        with suppress(ConnectionClosed):
            while True:
                data, offset = await asyncio.to_thread(read_further, self._trace, offset)
                if data:
                    await connection.send(data.decode("utf-8", "replace"))
                    continue
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_AGAIN_S):
                        await connection.recv()  # the page says nothing, but it may be closed


def read_further(path: Path, offset: int) -> tuple[bytes, int]:
    """Whole lines of a file from an offset on, at most `CHUNK_BYTES` unless one is longer, and the next offset."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < offset:
                offset = 0
            file.seek(offset)
            data = file.read(CHUNK_BYTES)
            end = data.rfind(b"\n") + 1
            if not end and len(data) == CHUNK_BYTES:
                data += file.readline()
                end = len(data) if data.endswith(b"\n") else 0
    except OSError:
        return b"", offset
    return data[:end], offset + end
