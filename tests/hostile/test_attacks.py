"""What do attacks of every kind do to honest clients of a server? Over real sockets, for both APIs.

Each kind sends some hundred datagrams, not for some time; `python -m benchmarks.hostile` measures what they cost.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from benchmarks.hostile import inside
from benchmarks.hostile.app import HONEST, App, make_app, role_of
from benchmarks.hostile.attack import Attack, Target, send_some
from benchmarks.hostile.clients import Clients
from benchmarks.hostile.insiders import Insider
from benchmarks.hostile.kinds import KINDS, Kind
from tests.support.waiting import wait_until

import gamesockets as gs
from gamesockets.clock import now_us
from gamesockets.connection.states import State

CLIENTS: Final = 3
BATCH: Final = 100
"""So many datagrams fit into any receive buffer."""
PEERS_MAX: Final = 6
REQUESTS_MAX: Final = 10
PATIENCE_S: Final = 2.0
SMALL: Final[dict[gs.ConfigurationValue, int]] = {
    gs.ConfigurationValue.RECV_BUFFER_SIZE: 131_072,
    gs.ConfigurationValue.RECV_BUFFER_MESSAGES: 200,
    gs.ConfigurationValue.RECV_MAX_MESSAGE_SIZE: 131_072,
    gs.ConfigurationValue.RECV_INCOMPLETE_SIZE: 131_072,
    gs.ConfigurationValue.LISTEN_MEMORY_MAX: 1_048_576,
    gs.ConfigurationValue.LISTEN_WAITING_MAX: 20,
    gs.ConfigurationValue.LISTEN_HANDSHAKES_PER_SECOND: 20,
    gs.ConfigurationValue.LISTEN_ADDRESS_HANDSHAKES_PER_SECOND: 3,
    gs.ConfigurationValue.TIMEOUT_INITIAL: 3000,
}
"""Limits that a few hundred datagrams reach."""

IN_TURN: Final = [(name, kind.apis[place % len(kind.apis)]) for place, (name, kind) in enumerate(KINDS.items())]
"""Each kind with one of the APIs: both behave the same but for who wakes up, so the plain run asks one of them."""
RUNS: Final = [
    pytest.param(name, api, marks=[] if (name, api) in IN_TURN else [pytest.mark.slow])
    for name, kind in KINDS.items()
    for api in kind.apis
]
"""Each kind with each of its APIs."""


@contextmanager
def attacked(kind: Kind, api: str) -> Iterator[tuple[App, Clients, Attack]]:
    """A server, its honest clients, and an attack on it that has begun."""
    app = make_app(api, kind.listen_ip(), SMALL)
    app.start()
    try:
        clients = Clients(gs.Address("127.0.0.1", app.address.port), CLIENTS)
        try:
            clients.connect()
            attack = kind.attack(Target(kind.target_ip(), app.address.port, clients.victims()), patience_s=PATIENCE_S)
            if isinstance(attack, Insider):
                attack.count = min(attack.count, PEERS_MAX)
            strangers = app.port().endpoint.strangers
            assert strangers is not None
            strangers.requests.count_max = REQUESTS_MAX
            try:
                attack.begin()
                yield app, clients, attack
            finally:
                attack.end()
        finally:
            clients.close()
            wait_until(lambda: is_left(app), "end of the clients")  # else the server would tell those who are gone
    finally:
        app.stop()


def is_left(app: App) -> bool:
    """Whether the server has heard that its honest clients have gone."""
    return not any(
        role_of(connection.peer.identity) == HONEST and connection.state == State.CONNECTED
        for connection in app.connections()
    )


def everybody_speaks(app: App, clients: Clients) -> None:
    """Two messages of each, one of them reliable: once that is back, the server has read all that was sent before."""
    for client in range(CLIENTS):
        clients.speak(client)
        clients.speak(client)
    wait_until(
        lambda: clients.all_reliable_came(clients.tally) or app.error is not None,
        lambda: f"echo of every reliable message: {clients.tally}, {clients.ended}, {app.ended}",
        pause=lambda: clients.serve(0.01),
    )


def spend_answers(app: App) -> None:
    """As if a thousand strays had come in a second, which a slow machine cannot send: until long after the test."""
    strangers = app.port().endpoint.strangers
    assert strangers is not None
    with app.node.lock:
        strangers._stray_replies.paid_until = now_us() + 600_000_000


@pytest.mark.parametrize(("name", "api"), RUNS)
def test_honest_clients_are_served_beside_an_attack(name: str, api: str, caplog: pytest.LogCaptureFixture) -> None:
    """All reliable messages come in order, nobody is dropped, a new client gets in, memory stays within its limits."""
    kind = KINDS[name]
    if missing := kind.missing():
        pytest.skip(missing)
    caplog.set_level(logging.ERROR, "gamesockets")
    with attacked(kind, api) as (app, clients, attack):
        before = inside.counts(app)
        source = attack.datagrams()
        newcomer = None
        for sent in range(0, kind.datagrams, BATCH):
            send_some(attack, source, BATCH)
            everybody_speaks(app, clients)
            if newcomer is None and sent >= kind.datagrams // 2:
                newcomer = clients.invite()
                if "replies_limited" in kind.limited_by:
                    spend_answers(app)
        assert newcomer is not None
        wait_until(lambda: newcomer.connected_after_s >= 0, "new client", pause=lambda: clients.serve(0.01))
        assert app.error is None
        assert clients.all_reliable_came(app.tally)
        assert clients.all_reliable_came(clients.tally)
        assert clients.refused == app.unsent == 0
        assert clients.ended == []
        assert [end for end in app.ended if end[0] == "honest"] == []
        assert inside.beyond_limits(app) == []
        after = inside.counts(app)
        rose = {count for count in after if after[count] > before[count]}
        assert not kind.limited_by or rose & set(kind.limited_by), rose
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


def test_there_are_many_kinds() -> None:
    assert len(KINDS) >= 30
    assert all(kind.apis for kind in KINDS.values())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "api"), IN_TURN)
def test_an_attack_at_full_speed_beside_twenty_clients(name: str, api: str) -> None:
    """Three processes: no honest connection ends, and all that was sent reliably arrives in the end."""
    pytest.importorskip("resource", reason="measuring needs a Unix system")
    from benchmarks.hostile.run import measure

    if missing := KINDS[name].missing():
        pytest.skip(missing)
    assert measure(name, api, is_limited=False, seconds=1.0).problems == []


def test_the_command_line_measures_and_writes_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("resource", reason="measuring needs a Unix system")
    from benchmarks.hostile import table
    from benchmarks.hostile.__main__ import main

    figures, page = tmp_path / "figures.json", tmp_path / "page.md"
    monkeypatch.setattr(table, "PAGE", page)
    arguments = ["one-byte", "--clients", "2", "--api", "aio", "--json", str(figures), "--seconds"]
    status = main([*arguments, "0.3"])
    if status:  # on a busy machine a process may have to wait for all of so short a time
        capsys.readouterr()
        status = main([*arguments, "3"])
    assert status == 0
    assert main(["--docs", str(figures)]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("| `one-byte`"))
    assert line in page.read_text()
    assert "| aio |" in line
    assert "stray" in line
