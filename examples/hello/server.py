"""A server that greets whoever sends it a name, in a game loop: `python -m examples.hello.server`."""

import sys

import gamesockets as gs


def main(port: int = 27015) -> None:
    """Greet until Ctrl-C or SIGTERM."""
    with gs.Server(f"[::]:{port}") as server:
        print("listening on", server.address, flush=True)

        def greet() -> None:
            # Called with each thing that happens: somebody came, a message came, somebody left.
            for event in server.events():
                if isinstance(event, gs.Received):
                    event.peer.send(b"Hello, " + event.data, gs.SendFlags.RELIABLE)

        server.run(greet, hz=None)  # sleeps until something has come; at the end it tells everybody


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
