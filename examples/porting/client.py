"""A client as one writes it in C#, in Python: README.md has both side by side."""

import sys

import gamesockets as gs


def main(port: int = 27015) -> None:
    """Say hello once."""
    with gs.NetworkingSockets() as client:
        connection = gs.Connection(0)
        is_over = False

        def on_status(status: gs.StatusInfo) -> None:
            nonlocal is_over
            match status.connection_info.state:
                case gs.ConnectionState.CONNECTED:
                    client.send_message_to_connection(connection, b"world", gs.SendFlags.RELIABLE)
                case gs.ConnectionState.CLOSED_BY_PEER | gs.ConnectionState.PROBLEM_DETECTED_LOCALLY:
                    print("no connection:", status.connection_info.end_debug)
                    is_over = True

        client.set_status_callback(on_status)
        connection = client.connect(gs.Address("::1", port))

        while not is_over:
            client.run_callbacks()
            for message in client.receive_messages_on_connection(connection, 20):
                print(message.data.decode())
                is_over = True
            client.wait(0.015)

        client.close_connection(connection, 1000, "done")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
