"""Do the arena's rules hold?"""

from __future__ import annotations

from gamesockets.cli import play_rules as rules
from gamesockets.cli.play_rules import Arena


def steps(arena: Arena, count: int) -> None:
    for _ in range(count * rules.TICKS_PER_STEP):
        arena.tick()


def test_players_go_where_they_steer_and_stop_at_the_wall() -> None:
    arena = Arena(1)
    number = arena.join("Ada")
    assert number == 0
    player = arena.players[number]
    for direction, place in ((rules.LEFT, (0, player.y)), (rules.UP, (0, 0))):
        arena.steer(number, direction)
        steps(arena, rules.WIDTH)
        assert (player.x, player.y) == place
    arena.steer(number, rules.RIGHT)
    arena.steer(number, 99)
    steps(arena, rules.WIDTH + 5)
    assert (player.x, player.y) == (rules.WIDTH - 1, 0)
    arena.steer(number, rules.STOP)
    steps(arena, 3)
    assert (player.x, player.y) == (rules.WIDTH - 1, 0)


def test_a_gem_is_a_point_and_is_replaced() -> None:
    arena = Arena(2)
    number = arena.join("Ada")
    assert number is not None
    player = arena.players[number]
    player.x, player.y = 5, 5
    arena.gems[0] = (6, 5)
    arena.steer(number, rules.RIGHT)
    steps(arena, 1)
    assert player.score == 1
    assert (6, 5) not in arena.gems
    assert len(arena.gems) == rules.GEMS


def test_bots_play_until_one_wins_and_all_begin_again() -> None:
    arena = Arena(3)
    for name in rules.BOT_NAMES:
        arena.join(name, is_bot=True)
    arena.news.clear()
    while not arena.news:
        arena.tick()
        assert arena.tick_number < 100_000
    assert arena.news[0].endswith(f" wins with {rules.SCORE_TO_WIN} gems")
    assert {player.score for player in arena.players.values()} == {0}


def test_each_player_has_a_name_of_its_own() -> None:
    """Two who name themselves nothing in particular are told apart, and no name gets longer than it may be."""
    arena = Arena(4)
    for name in ("player", "player", "player", "Wolfeschlege", "Wolfeschlege"):
        arena.join(name)
    names = [player.name for player in arena.players.values()]
    assert names == ["player", "player 2", "player 3", "Wolfeschlege", "Wolfeschle 2"]
    assert max(map(len, names)) == rules.NAME_CHARACTERS_MAX
    arena.leave(0)
    arena.join("player")
    assert arena.players[0].name == "player"


def test_a_full_field_takes_nobody_until_somebody_leaves() -> None:
    arena = Arena(4)
    numbers = [arena.join(f"p{number}") for number in range(rules.PLAYERS_MAX)]
    assert numbers == list(range(rules.PLAYERS_MAX))
    assert arena.join("late") is None
    arena.leave(3)
    arena.leave(3)
    assert arena.join("late") == 3
    assert arena.news[-2:] == ["p3 leaves", "late joins"]
