"""How does a program start a server, inside an event loop or with one of its own?"""

import asyncio
import socket
from asyncio import AbstractEventLoop
from collections.abc import Callable

from gamesockets.aio.opening import Opening, is_loop_running, running_loop
from gamesockets.aio.server import Admit, Handler, Server
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.trust import TrustStore
from gamesockets.drivers.inherited import Place
from gamesockets.drivers.resolving import resolve
from gamesockets.node.creation import Config
from gamesockets.node.draining import TIMEOUT_S
from gamesockets.values.address import Address
from gamesockets.values.arguments import check_admit, seconds_as_us
from gamesockets.values.identity import NetworkingIdentity


def serve(
    handler: Handler,
    host: str | Address | socket.socket,
    port: int | None = None,
    *,
    identity: NetworkingIdentity | None = None,
    config: Config | None = None,
    admit: Admit | None = None,
    credentials: Credentials | None = None,
    trust: TrustStore | None = None,
) -> Opening[Server]:
    """Listens; use it as ``async with serve(...) as server`` or ``server = await serve(...)``.

    Each client gets a task that runs ``handler(connection)``. When the handler returns, its connection is closed with
    linger. When it raises, that is logged and the client is told 2000; a `ConnectionClosed` of its own connection is no
    error. Leaving the block closes the server.

    Args:
        handler: what to do with a connection.
        host: where to listen: ``"::"`` is every interface and both families, a name all its addresses; with its port
            as in ``"[::]:27015"``, or an `Address`, which brings its port too. A UDP socket that is bound already, such
            as one of `Library.inherited_sockets`, is taken over, and closed with the server.
        port: 0 takes a free one, which `Server.address` tells.
        identity: who this side claims to be; by default nobody in particular.
        config: configuration values for the connections of this server.
        admit: asked about each client before it is accepted; what it returns, unless None, refuses the client. It must
            be quick: the event loop waits for it.
        credentials: instead of `identity`, one that a certificate proves.
        trust: whose signatures on the certificates of clients count; by default those whom `Library.trust` names.

    Raises:
        OSError: the address cannot be bound, or the name not resolved. Raised on entering, as the others.
        ValueError: a configuration value cannot be set, the port is out of range, the text is no host with a port, or
            the socket is none of UDP, not bound, connected to one peer, or closed.
        TypeError: an argument is of a wrong type.
        RuntimeError: no asyncio event loop runs here.
    """
    if not callable(handler):
        raise TypeError(f"handler must be an async function of a connection, not {type(handler).__name__}")
    check_admit(admit)

    async def open_server() -> Server:
        shown = Credentials.chosen(identity, credentials)
        loop = running_loop()
        places: list[Place] = []
        if isinstance(host, socket.socket):
            if port is not None:
                raise ValueError(f"a socket has its port already: leave out port, which was {port!r}")
            places.append(host)
        else:
            places.extend(await resolve(loop, host, port, may_be_zero=True))
        return Server(handler, places, config, admit, shown, trust)

    return Opening(open_server, lambda server: (server,))


def run_server(
    handler: Handler,
    host: str | Address | socket.socket,
    port: int | None = None,
    *,
    identity: NetworkingIdentity | None = None,
    config: Config | None = None,
    admit: Admit | None = None,
    credentials: Credentials | None = None,
    trust: TrustStore | None = None,
    on_start: Callable[[Server], object] | None = None,
    grace: float = 0.0,
    timeout: float = TIMEOUT_S,
    loop_factory: Callable[[], AbstractEventLoop] | None = None,
) -> None:
    """Runs a server as a whole program: an event loop, `serve`, and a drain when Ctrl-C or SIGTERM comes.

    It returns when the server was drained or closed, without a traceback. On a thread that is not the main one it hears
    no signals: have `Server.drain` called there.

    Args:
        handler: what to do with a connection, as for `serve`; so are the other arguments down to `trust`.
        host: where to listen.
        port: 0 takes a free one.
        identity: who this side claims to be.
        config: configuration values for the connections of this server.
        admit: asked about each client before it is accepted.
        credentials: instead of `identity`, one that a certificate proves.
        trust: whose signatures on the certificates of clients count.
        on_start: called with the server once it listens; to say where, or to start tasks of one's own.
        grace: as in `Server.drain`.
        timeout: as in `Server.drain`.
        loop_factory: makes the event loop, for example `uvloop.new_event_loop`; by default asyncio's own.

    Raises:
        OSError, TypeError, ValueError: as `serve`.
        RuntimeError: an event loop runs on this thread already: use `serve`.
    """
    seconds_as_us("grace", grace)
    seconds_as_us("timeout", timeout)
    if is_loop_running():
        raise RuntimeError(
            "run_server makes an event loop of its own, and one runs here already: use `async with aio.serve(...) as "
            "server` and `await server.serve_forever(stop_signals=True)`"
        )
    if on_start is not None and not callable(on_start):
        raise TypeError(f"on_start must be a function of the server, or None, not {type(on_start).__name__}")
    opening = serve(
        handler, host, port, identity=identity, config=config, admit=admit, credentials=credentials, trust=trust
    )

    async def main() -> None:
        async with opening as server:
            if on_start is not None:
                on_start(server)
            await server.serve_forever(stop_signals=True, grace=grace, timeout=timeout)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
