"""Does the demo notice what must not happen, and show what does?"""

import gamesockets as gs
from gamesockets.cli.demo_traffic import Counts, Traffic, faults, reliable_message, settled, unreliable_message
from gamesockets.cli.demo_view import SideView, plain_table, rich_table, rows, summary

NO_COUNTS = Counts(0, 0, 0, 0, 0, 0)


def a_view(name: str, counts: Counts = NO_COUNTS, flags: int = 1) -> SideView:
    info = gs.ConnectionInfo(
        identity=gs.NetworkingIdentity.generic_string("peer"),
        user_data=-1,
        listen_socket=gs.ListenSocket(0),
        address=gs.Address.localhost(1),
        state=gs.ConnectionState.CONNECTED,
        end_reason=0,
        end_debug="",
        connection_description="",
        flags=gs.ConnectionInfoFlags(flags),
    )
    status = gs.ConnectionStatus(
        state=gs.ConnectionState.CONNECTED,
        ping=61,
        connection_quality_local=0.95,
        connection_quality_remote=-1,
        out_packets_per_second=50.0,
        out_bytes_per_second=12345.0,
        in_packets_per_second=0.0,
        in_bytes_per_second=0.0,
        send_rate_bytes_per_second=262144,
        pending_unreliable=0,
        pending_reliable=0,
        sent_unacked_reliable=0,
        queue_time=0,
        max_jitter=-1,
    )
    return SideView(name, counts, status, info, "")


def exchange(count: int) -> tuple[Traffic, Traffic]:
    client, server = Traffic("client"), Traffic("server")
    for _ in range(count):
        server.receive(client.next_reliable(), True, "client")
        server.receive(client.next_unreliable(), False, "client")
        client.receive(server.next_reliable(), True, "server")
        client.receive(server.next_unreliable(), False, "server")
    return client, server


def test_a_perfect_exchange_has_no_faults() -> None:
    client, server = exchange(130)
    assert faults(client.counts, server.counts) == []
    assert settled(client.counts, server.counts)
    assert client.counts == Counts(130, 130, 130, 130, 0, 0)
    assert client.last_heard.startswith("server: ")
    assert server.last_heard.startswith("client: ")


def test_reliable_messages_come_in_all_sizes() -> None:
    sizes = [len(reliable_message("client", number)) for number in range(1, 81)]
    assert max(sizes) > 10_000
    assert min(sizes) < 64


def test_a_missing_reliable_message_is_a_fault_but_a_missing_unreliable_one_is_not() -> None:
    client, server = exchange(5)
    client.next_unreliable()
    assert faults(client.counts, server.counts) == []
    client.next_reliable()
    assert not settled(client.counts, server.counts)
    assert faults(client.counts, server.counts) == ["1 reliable messages never reached the server"]


def test_swapped_doubled_and_damaged_messages_are_faults() -> None:
    for second, reliable in (
        (reliable_message("client", 3), True),
        (reliable_message("client", 1), True),
        (reliable_message("client", 2) + b"!", True),
        (unreliable_message("client", 1) + b"!", False),
        (b"", False),
        ("move ² client".encode(), False),
    ):
        client, server = exchange(1)
        server.receive(second, reliable, "client")
        assert any("reached the server" in fault for fault in faults(client.counts, server.counts)), second


def test_silence_is_a_fault() -> None:
    assert faults(NO_COUNTS, NO_COUNTS) == [
        "no reliable message reached the client",
        "no reliable message reached the server",
    ]


def test_rows_show_both_sides_and_dashes_for_the_unknown() -> None:
    client = a_view("client", Counts(10, 20, 9, 18, 0, 0))
    server = a_view("server", Counts(9, 20, 10, 15, 0, 0))
    table = {what: (left, right) for what, left, right in rows(client, server)}
    assert table["ping"] == ("61 ms", "61 ms")
    assert table["quality here / there"] == ("95.0% / -", "95.0% / -")
    assert table["out"] == ("50 pkt/s, 12.3 kB/s", "50 pkt/s, 12.3 kB/s")
    assert table["in"] == ("-", "-")
    assert table["lost or on the way"] == ("2 (10.0%)", "5 (25.0%)")
    assert table["state"] == ("connected, encrypted", "connected, encrypted")


def test_before_the_connection_there_is_little_to_show() -> None:
    nothing = SideView("client", NO_COUNTS, None, None, "")
    table = {what: (left, right) for what, left, right in rows(nothing, nothing)}
    assert table["state"] == ("connecting", "connecting")
    assert table["ping"] == ("-", "-")


def test_the_plain_table_is_aligned() -> None:
    lines = plain_table([("a", "1", "2"), ("long name", "100", "2000")], "after 1 s").splitlines()
    assert lines == [
        "after 1 s  client  server",
        "a               1       2",
        "long name     100    2000",
    ]


def test_the_rich_table_has_a_row_for_each() -> None:
    assert rich_table([("a", "1", "2"), ("b", "3", "4")], "title", "chat").row_count == 2


def test_the_summary_names_counts_cipher_and_faults() -> None:
    client = a_view("client", Counts(10, 20, 9, 18, 0, 0))
    server = a_view("server", Counts(9, 20, 10, 15, 0, 0))
    text = "\n".join(summary(client, server, [], 10.0, 5.0))
    assert "passed" in text
    assert "client -> server: reliable 10 of 10, all in order;" in text
    assert "unreliable 15 of 20 (25.0% lost, 5% simulated)" in text
    assert "AES-256-GCM" in text
    assert "ping 61 ms" in text
    failed = "\n".join(summary(a_view("client", flags=3), server, ["something"], 10.0, 5.0))
    assert "FAILED" in failed
    assert "problem: something" in failed
    assert "plain text" in failed
