"""A client that sends its name and prints the answer, in a game loop: `python -m examples.hello.client`."""

import sys

import gamesockets as gs


def main(port: int = 27015) -> None:
    """Say hello once."""
    with gs.Client(f"localhost:{port}") as client:
        # The connection is still being made. The message waits for it, and leaves once connected.
        client.send(b"world", gs.SendFlags.RELIABLE)

        answers: list[gs.NetworkingMessage] = []
        while not answers and client.wait(timeout=5):
            answers = client.receive()
        print(answers[0].data.decode() if answers else "no server there")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
