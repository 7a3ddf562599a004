"""Which lines of debug output reach the callback or the standard logger, and in which form?"""

import logging
from collections.abc import Iterator

import pytest

import gamesockets as gs
from gamesockets.observe.debug_output import LINE_BYTES_MAX, LOGGING_LEVELS, OUTPUT, DebugOutput

KINDS = [kind for kind in gs.DebugType if kind != gs.DebugType.NONE]


class Clock:
    """Time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


class Lines:
    """A callback that remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[gs.DebugType, str]] = []

    def __call__(self, kind: gs.DebugType, text: str) -> None:
        self.lines.append((kind, text))

    def take(self) -> list[str]:
        texts = [text for _, text in self.lines]
        self.lines.clear()
        return texts


@pytest.fixture
def output() -> DebugOutput:
    return DebugOutput(Clock())


@pytest.fixture
def restored() -> Iterator[None]:
    yield
    gs.Library.set_debug_callback(0, None)


@pytest.mark.rule("3, 15.4 rule 1")
@pytest.mark.parametrize("level", [*range(1, 9), 9, 1000])
def test_lines_up_to_the_detail_level_come(output: DebugOutput, level: int) -> None:
    lines = Lines()
    output.set_callback(level, lines)
    for kind in KINDS:
        assert output.wants(kind) == (kind <= level)
        output.say(kind, kind.name)
    assert lines.lines == [(kind, kind.name) for kind in KINDS if kind <= min(level, 8)]
    assert all(type(kind) is gs.DebugType for kind, _ in lines.lines)


def test_traces_come_at_any_detail_level(output: DebugOutput) -> None:
    lines = Lines()
    output.set_callback(gs.DebugType.BUG, lines)
    assert output.hears(gs.DebugType.EVERYTHING)
    output.trace(gs.DebugType.VERBOSE, "asked for")
    assert lines.lines == [(gs.DebugType.VERBOSE, "asked for")]


@pytest.mark.rule("3, 15.4 rule 1")
@pytest.mark.parametrize("level", [0, -1])
def test_without_a_level_the_callback_is_off(output: DebugOutput, level: int, caplog: pytest.LogCaptureFixture) -> None:
    lines = Lines()
    output.set_callback(8, lines)
    output.set_callback(level, lines)
    output.say(gs.DebugType.BUG, "x")
    output.trace(gs.DebugType.BUG, "y")
    assert lines.lines == []
    assert caplog.messages == ["x", "y"]


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_callback_lines_go_to_logging(
    output: DebugOutput, kind: gs.DebugType, caplog: pytest.LogCaptureFixture
) -> None:
    level = LOGGING_LEVELS[kind]
    with caplog.at_level(level, "gamesockets"):
        assert output.wants(kind)
        assert output.hears(kind)
        output.say(kind, "100 % said")
    assert caplog.record_tuples == [("gamesockets", level, "100 % said")]
    with caplog.at_level(level + 1, "gamesockets"):
        assert not output.wants(kind)
        assert not output.hears(kind)
        output.say(kind, "not said")
    assert len(caplog.records) == 1


def test_an_exception_of_the_callback_is_logged_once(output: DebugOutput, caplog: pytest.LogCaptureFixture) -> None:
    def fail(kind: gs.DebugType, text: str) -> None:
        raise RuntimeError(text)

    output.set_callback(8, fail)
    for _ in range(3):
        output.say(gs.DebugType.MESSAGE, "broken")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "broken" in caplog.text
    output.set_callback(8, fail)
    output.say(gs.DebugType.MESSAGE, "again")
    assert len(caplog.records) == 2


def test_an_unexpected_exception_is_a_bug_and_keeps_its_traceback(
    output: DebugOutput, caplog: pytest.LogCaptureFixture
) -> None:
    lines = Lines()
    output.set_callback(1, lines)
    try:
        int("why")
    except ValueError:
        output.exception("went wrong")
    assert lines.lines == [(gs.DebugType.BUG, "went wrong")]
    assert "ValueError" in caplog.text


@pytest.mark.rule("3, 15.4 rule 1")
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("end \n \t", "end"),
        ("", ""),
        ("one\ntwo\u2028\x1b[31m", "one\\ntwo\\u2028\\x1b[31m"),
        ("ü 漢", "ü 漢"),
        ("x" * 3000, "x" * LINE_BYTES_MAX),
        ("ü" * 3000, "ü" * (LINE_BYTES_MAX // 2)),
        ("\ud800", "\\ud800"),
    ],
)
def test_a_line_is_one_printable_line_of_limited_length(output: DebugOutput, text: str, line: str) -> None:
    lines = Lines()
    output.set_callback(8, lines)
    output.say(gs.DebugType.MESSAGE, text)
    assert lines.take() == [line]


@pytest.mark.rule("3, 15.4 rule 2")
def test_repeated_warnings_come_in_bursts_of_three_in_three_seconds() -> None:
    clock = Clock()
    output = DebugOutput(clock)
    lines = Lines()
    output.set_callback(8, lines)
    for index in range(10):
        output.warn(gs.DebugType.WARNING, "this", f"this {index}")
        clock.now += 1000
    output.warn(gs.DebugType.WARNING, "that", "that")
    assert lines.take() == ["this 0", "this 1", "this 2", "that"]
    clock.now = 1_000_000 + 2_999_999
    output.warn(gs.DebugType.WARNING, "this", "still too soon")
    assert lines.take() == []
    clock.now += 1
    for index in range(5):
        output.warn(gs.DebugType.WARNING, "this", f"again {index}")
    assert lines.take() == ["again 0 (8 more like this were left out before)", "again 1", "again 2"]


@pytest.mark.parametrize("level", ["5", None, 5.0])
def test_the_level_must_be_an_integer(level: object) -> None:
    with pytest.raises(TypeError, match="detail_level must be a DebugType or an integer"):
        gs.Library.set_debug_callback(level, print)  # type: ignore[arg-type]


def test_the_callback_must_be_callable() -> None:
    with pytest.raises(TypeError, match="callback must be callable or None, not int"):
        gs.Library.set_debug_callback(8, 7)  # type: ignore[arg-type]


@pytest.mark.rule("3, 15.4 rule 4")
def test_the_callback_of_the_library_is_for_the_whole_process(restored: None) -> None:
    lines = Lines()
    gs.Library.set_debug_callback(gs.DebugType.MESSAGE, lines)
    OUTPUT.say(gs.DebugType.MESSAGE, "heard")
    OUTPUT.say(gs.DebugType.VERBOSE, "not heard")
    gs.Library.deinitialize()
    OUTPUT.say(gs.DebugType.BUG, "after shutdown too")
    gs.Library.set_debug_callback(gs.DebugType.MESSAGE, None)
    OUTPUT.say(gs.DebugType.VERBOSE, "no more")
    assert lines.take() == ["heard", "after shutdown too"]
