"""A client that sends its name and prints the answer, with the game-loop API: `python -m examples.hello.client`."""

import sys

import gamesockets as gs


def main(port: int = 27015) -> None:
    """Say hello once."""
    with gs.NetworkingSockets() as sockets:
        connection = sockets.connect(gs.Address("::1", port))
        # The connection is still being made. The message waits for it, and leaves once connected.
        sockets.send_message_to_connection(connection, b"world", gs.SendFlags.RELIABLE)

        answers: list[gs.NetworkingMessage] = []
        while not answers and sockets.wait(timeout=5):
            sockets.run_callbacks()
            answers = sockets.receive_messages_on_connection(connection)
        print(answers[0].data.decode() if answers else "no server there")

        sockets.close_connection(connection, reason=1000, debug="done")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
