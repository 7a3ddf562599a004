"""Do players move as the rules say, never through walls, and score what they should?"""

from hypothesis import given
from hypothesis import strategies as st

from examples.arena import rules
from examples.arena.rules import Body, Collected, Gem, Robbed, Won, World

OPEN = Body(600 * 16, 300 * 16)
"""A place with nothing near."""


def run(body: Body, buttons: int, ticks: int) -> Body:
    for _ in range(ticks):
        body = rules.move(body, buttons)
    return body


def test_holding_a_button_moves_that_way_and_letting_go_stops() -> None:
    moved = run(OPEN, rules.RIGHT, 30)
    assert moved.x > OPEN.x
    assert moved.y == OPEN.y
    rested = run(moved, 0, 60)
    assert (rested.vx, rested.vy) == (0, 0)
    assert run(rested, 0, 60) == rested


def test_left_and_right_and_up_and_down_are_mirror_images() -> None:
    right, left = run(OPEN, rules.RIGHT, 40), run(OPEN, rules.LEFT, 40)
    assert right.x - OPEN.x == OPEN.x - left.x
    down, up = run(OPEN, rules.DOWN, 10), run(OPEN, rules.UP, 10)
    assert down.y - OPEN.y == OPEN.y - up.y


def test_opposite_buttons_cancel() -> None:
    assert run(OPEN, rules.LEFT | rules.RIGHT | rules.UP | rules.DOWN, 20) == OPEN


def test_a_diagonal_is_no_short_cut() -> None:
    straight = run(OPEN, rules.LEFT, 40)
    diagonal = run(OPEN, rules.LEFT | rules.UP, 40)
    assert (diagonal.x - OPEN.x) ** 2 + (diagonal.y - OPEN.y) ** 2 <= (straight.x - OPEN.x) ** 2


def test_a_dash_is_fast_and_has_to_cool_down() -> None:
    walked, dashed = run(OPEN, rules.LEFT, 10), run(OPEN, rules.LEFT | rules.DASH, 10)
    assert OPEN.x - dashed.x > 2 * (OPEN.x - walked.x)
    assert rules.move(dashed, rules.RIGHT | rules.DASH).vx < 0  # too early for another
    rested = run(dashed, 0, 200)
    assert rules.move(rested, rules.RIGHT | rules.DASH).dash


@given(st.lists(st.tuples(st.integers(0, rules.BUTTONS_MAX), st.integers(1, 60)), max_size=20), st.integers(0, 20))
def test_nobody_leaves_the_field_or_enters_a_wall(holds: list[tuple[int, int]], seed: int) -> None:
    body = World(seed).add(0).body
    for buttons, ticks in holds:
        for _ in range(ticks):
            body = rules.move(body, buttons)
            assert rules.RADIUS <= body.x <= rules.WIDTH - rules.RADIUS
            assert rules.RADIUS <= body.y <= rules.HEIGHT - rules.RADIUS
            for wall in rules.WALLS:
                inside_x = wall.left - rules.RADIUS < body.x < wall.right + rules.RADIUS
                inside_y = wall.top - rules.RADIUS < body.y < wall.bottom + rules.RADIUS
                assert not (inside_x and inside_y)
            assert max(map(abs, (body.vx, body.vy))) < 1 << 15


def test_who_touches_a_gem_has_it_and_the_next_lies_elsewhere() -> None:
    world = World(1)
    player = world.add(3)
    near = Gem(player.body.x + rules.RADIUS, player.body.y)
    world.gems = [Gem(0, 0), near]
    assert world.settle() == [Collected(3, 1, 1, world.gems[1])]
    assert world.gems[1] != near
    assert player.score == 1


def test_dashing_into_somebody_takes_a_point_once() -> None:
    world = World(1)
    world.gems.clear()
    thief, victim = world.add(0), world.add(1)
    victim.score = 5
    thief.body = OPEN._replace(dash=5)
    victim.body = OPEN._replace(x=OPEN.x + rules.RADIUS)
    assert world.settle() == [Robbed(0, 1, 1, 4)]
    assert world.settle() == []
    thief.body = OPEN  # touching alone is nothing
    victim.safe = 0
    assert world.settle() == []


def test_enough_points_end_the_round() -> None:
    world = World(1)
    world.gems.clear()
    winner, other = world.add(0), world.add(1)
    winner.score, other.score = rules.SCORE_TO_WIN, 7
    assert world.settle() == [Won(0)]
    assert (winner.score, other.score) == (0, 0)
