"""Which logger does a line reach, and what can a program read from the record beside the text?"""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.pairs import Loopback, Side
from tests.support.waiting import wait_until

import gamesockets as gs
from gamesockets import aio
from gamesockets.observe.log_fields import printable

FIELDS = {"connection", "peer", "identity", "state", "reason", "debug_type"}


@pytest.fixture
def meeting(caplog: pytest.LogCaptureFixture) -> Iterator[Loopback]:
    caplog.set_level(logging.DEBUG, "gamesockets")
    named = gs.NetworkingIdentity.generic_string("player one")
    with Loopback(client=Side(named)) as meeting:
        yield meeting


def wait_for(caplog: pytest.LogCaptureFixture, connection: int, text: str) -> Any:
    """The first record about a connection with that text in it."""

    def found() -> list[logging.LogRecord]:
        return [x for x in list(caplog.records) if x.__dict__["connection"] == connection and text in x.getMessage()]

    wait_until(lambda: bool(found()), lambda: f"{text!r} about {connection} in {caplog.text}")
    return found()[0]


def test_a_record_about_a_connection_names_it_and_its_peer(meeting: Loopback, caplog: pytest.LogCaptureFixture) -> None:
    outgoing, incoming = meeting.connected()
    record = wait_for(caplog, incoming, "connected")
    assert record.name == "gamesockets.connection"
    info = meeting.server.info(incoming)
    assert (record.peer, record.identity) == (str(info.address), "str:player one")
    assert (record.state, record.reason, record.debug_type) == ("CONNECTED", 0, "MESSAGE")
    meeting.server.close_connection(incoming, 1234, "enough")
    record = wait_for(caplog, outgoing, "closed by peer")
    assert (record.state, record.reason, record.peer) == ("CLOSED_BY_PEER", 1234, str(meeting.address))


def test_every_record_has_all_fields(meeting: Loopback, caplog: pytest.LogCaptureFixture) -> None:
    meeting.connected()
    meeting.server.create_listen_socket(gs.Address("127.0.0.1", 0))
    assert {x.name for x in caplog.records} >= {"gamesockets.listen", "gamesockets.connection"}
    for record in caplog.records:
        assert record.__dict__.keys() >= FIELDS
    listening = next(x for x in caplog.records if x.name == "gamesockets.listen")
    assert [listening.__dict__[name] for name in sorted(FIELDS)] == [None, "VERBOSE", None, None, None, None]


def test_a_format_string_may_name_the_fields(meeting: Loopback, caplog: pytest.LogCaptureFixture) -> None:
    ends = meeting.connected()
    meeting.server.create_listen_socket(gs.Address("127.0.0.1", 0))
    formatter = logging.Formatter("%(connection)s %(peer)s %(state)s")
    lines = [formatter.format(record) for record in caplog.records]
    assert f"{ends.outgoing} {meeting.address} CONNECTED" in lines
    assert "None None None" in lines


def test_lines_that_log_levels_ask_for_have_a_logger_of_their_own(
    meeting: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    ends = meeting.connected()
    client = meeting.client
    client.set_connection_configuration_value(
        ends.outgoing, gs.ConfigurationValue.LOG_LEVEL_MESSAGE, gs.DebugType.VERBOSE
    )
    client.send_message_to_connection(ends.outgoing, b"x", gs.SendFlags.RELIABLE)
    assert wait_for(caplog, ends.outgoing, "message 1 queued").name == "gamesockets.trace"
    caplog.clear()
    logging.getLogger("gamesockets.trace").setLevel(logging.CRITICAL)
    try:
        client.send_message_to_connection(ends.outgoing, b"x", gs.SendFlags.RELIABLE)
        assert not [x for x in caplog.records if x.name == "gamesockets.trace"]
    finally:
        logging.getLogger("gamesockets.trace").setLevel(logging.NOTSET)


def test_a_handler_that_raises_is_told_of_with_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    handles: list[int] = []

    async def fail(connection: aio.Connection) -> None:
        handles.append(connection.handle)
        raise ZeroDivisionError

    async def run() -> None:
        async with aio.serve(fail, "127.0.0.1", 0) as server:
            async with aio.connect("127.0.0.1", server.address.port) as connection:
                with pytest.raises(gs.ConnectionClosed):
                    await connection.receive()

    asyncio.run(run())
    record: Any = next(x for x in caplog.records if x.name == "gamesockets.handler")
    assert (record.connection, record.debug_type) == (handles[0], "BUG")
    assert record.exc_info is not None


def test_control_characters_of_a_peer_are_escaped_in_fields_too() -> None:
    assert printable("a\x1b[31m\nb") == "a\\x1b[31m\\nb"
    assert printable("ü 漢") == "ü 漢"


def test_structlog_shows_the_fields(meeting: Loopback) -> None:
    structlog = pytest.importorskip("structlog")
    lines: list[dict[str, Any]] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(self.format(record)))

    handler = Keep()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    log = logging.getLogger("gamesockets.connection")
    log.addHandler(handler)
    try:
        ends = meeting.connected()
        wait_until(lambda: any(x["state"] == "CONNECTED" and x["connection"] == ends.outgoing for x in lines))
    finally:
        log.removeHandler(handler)
    assert {x["peer"] for x in lines if x["connection"] == ends.outgoing} == {str(meeting.address)}
