"""Do the bytes of the game mean what they say, and is everything else refused?"""

import pytest

from examples.bots.bots import Bot
from examples.bots.game import (
    EDGE,
    GameError,
    World,
    decode_input,
    decode_snapshot,
    decode_welcome,
    encode_input,
    encode_welcome,
)


def test_messages_come_back_as_they_went() -> None:
    assert decode_input(encode_input(-100, 7)) == (-100, 7)
    assert decode_input(b"\x01\x80\x7f") == (-100, 100), "a client may send more than it may"
    assert decode_welcome(encode_welcome(65_535)) == 65_535


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01\x00", b"\x02\x00\x00\x00", b"\x03" + bytes(5), bytes(1_000)])
def test_anything_else_is_refused(data: bytes) -> None:
    for decode in (decode_input, decode_welcome, decode_snapshot):
        with pytest.raises(GameError):
            decode(data)


def test_players_walk_and_stop_at_the_edge() -> None:
    world = World()
    ada, bob = world.enter(), world.enter()
    ada.dx, bob.dy = 100, -50
    for _ in range(10):
        world.advance()
    assert decode_snapshot(world.snapshot()) == (10, {1: (100, 0), 2: (0, -50)})
    for _ in range(1_000):
        world.advance()
    assert (ada.x, bob.y) == (EDGE, -EDGE)
    world.leave(ada)
    assert world.enter().number == 1


def test_a_bot_walks_to_its_goals() -> None:
    world = World()
    player, bot = world.enter(), Bot(7)
    bot.receive(encode_welcome(player.number))
    for _ in range(2_000):
        player.dx, player.dy = decode_input(bot.think())
        world.advance()
        bot.receive(world.snapshot())
    assert bot.walked > 5_000
    with pytest.raises(GameError):
        bot.receive(b"HTTP/1.1 400 Bad Request")
