"""A server that greets whoever sends it a name, with the game-loop API: `python -m examples.hello.server`."""

import sys

import gamesockets as gs


def main(port: int = 27015) -> None:
    """Greet until interrupted."""
    with gs.NetworkingSockets() as sockets:

        def on_status(status: gs.StatusInfo) -> None:
            # Called inside run_callbacks(), with each change of a connection's state.
            if status.connection_info.state == gs.ConnectionState.CONNECTING:
                sockets.accept_connection(status.connection)
            elif status.connection_info.state >= gs.ConnectionState.CLOSED_BY_PEER:
                sockets.close_connection(status.connection)  # its handle is ours until we say so

        sockets.set_status_callback(on_status)
        listen_socket = sockets.create_listen_socket(gs.Address("::", port))
        print("listening on", sockets.get_listen_socket_address(listen_socket), flush=True)

        while sockets.wait():  # sleeps until there is something to do; a game calls the rest once a frame instead
            sockets.run_callbacks()
            for message in sockets.receive_messages_on_listen_socket(listen_socket):
                sockets.send_message_to_connection(message.connection, b"Hello, " + message.data, gs.SendFlags.RELIABLE)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
