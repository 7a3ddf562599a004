"""A server as one writes it in C#, in Python: README.md has both side by side."""

import sys

import gamesockets as gs


def main(port: int = 27015) -> None:
    """Greet until interrupted."""
    with gs.NetworkingSockets() as server:
        poll_group = server.create_poll_group()

        def on_status(status: gs.StatusInfo) -> None:
            match status.connection_info.state:
                case gs.ConnectionState.CONNECTING:
                    server.accept_connection(status.connection)
                    server.set_connection_poll_group(status.connection, poll_group)
                case gs.ConnectionState.CONNECTED:
                    print("connected:", status.connection_info.address, flush=True)
                case gs.ConnectionState.CLOSED_BY_PEER | gs.ConnectionState.PROBLEM_DETECTED_LOCALLY:
                    server.close_connection(status.connection)
                    print("gone:", status.connection_info.address, flush=True)

        server.set_status_callback(on_status)
        listen_socket = server.create_listen_socket(gs.Address("::", port))
        print("listening on", server.get_listen_socket_address(listen_socket), flush=True)

        while True:
            server.run_callbacks()
            for message in server.receive_messages_on_poll_group(poll_group, 20):
                answer = b"Hello, " + message.data
                server.send_message_to_connection(message.connection, answer, gs.SendFlags.RELIABLE)
            server.wait(0.015)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
