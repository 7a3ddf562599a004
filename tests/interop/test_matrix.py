"""Is what the table of versions says what happened? And does a capture that lies get caught? Needs no library."""

from pathlib import Path

import pytest
from tests.behaviour.relay import Datagram
from tests.interop.capture import Captured, Weather, assert_true_acks, messages_of, read
from tests.interop.gns import Send
from tests.interop.matrix import Outcome, libraries, outcomes, render

from gamesockets.wire.frames import encode_ack, encode_reliable, encode_reliable_to_end, encode_stop_waiting, with_size
from gamesockets.wire.packet import NO_TIME, encode_header
from gamesockets.wire.stream import encode_message_header

REPORT = """<testsuites><testsuite>
<testcase classname="tests.interop.test_scenarios" name="test_eight_lanes[threads-reference]"/>
<testcase classname="tests.interop.test_scenarios" name="test_eight_lanes[aio-reference]">
    <failure message="AssertionError: seven&#10;more"/></testcase>
<testcase classname="tests.interop.test_scenarios" name="test_eight_lanes[reference-aio]"/>
<testcase classname="tests.interop.test_captures" name="test_loss[reference-threads-0]"/>
<testcase classname="tests.interop.test_captures" name="test_loss[reference-threads-1]"><skipped/></testcase>
<testcase classname="tests.interop.test_scenarios" name="test_eight_lanes[reference-reference]"/>
</testsuite></testsuites>"""


def test_versions_are_named_with_their_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one.so", tmp_path / "two.so"
    one.touch()
    two.touch()
    assert libraries(f"1.4.1={one}:newest={two}") == {"1.4.1": one, "newest": two}
    with pytest.raises(ValueError, match="must look like"):
        libraries("")
    with pytest.raises(ValueError, match="must look like"):
        libraries(str(one))
    with pytest.raises(ValueError, match=r"no file for 1\.5\.1"):
        libraries(f"1.5.1={tmp_path}/three.so")


def test_a_report_is_counted_by_scenario_and_role() -> None:
    found = outcomes(REPORT)
    failure = "test_eight_lanes[aio-reference]: AssertionError: seven"
    assert found == {
        ("eight lanes", "client"): Outcome(2, 1, [failure]),
        ("eight lanes", "server"): Outcome(1, 1),
        ("loss (captured)", "server"): Outcome(1, 1),
    }
    table = render({"1.6.0": found}, "today")
    assert "4 plays of 2 scenarios, 3 of them as expected" in table
    assert "| eight lanes | 1 of 2 | ✓ |" in table
    assert "| loss (captured) |  | ✓ |" in table
    assert f"- 1.6.0: `{failure}`" in table


def test_the_weather_is_as_bad_as_it_says() -> None:
    weather = Weather(1, loss=0.3, burst=3)
    arrived = [weather(b"data") for _ in range(20_000)]
    lost = arrived.count(None)
    bursts = sum(one is None and two is not None for one, two in zip(arrived, [*arrived[1:], b""], strict=True))
    assert 0.28 < lost / len(arrived) < 0.32
    assert 2.8 < lost / bursts < 3.2
    altered = [Weather(seed, corruption=0.3)(b"data") for seed in range(2000)]
    assert 0.25 < sum(data != b"data" for data in altered) / 2000 < 0.35
    assert all(data is not None and len(data) == 4 for data in altered)


def packet(upwards: bool, number: int, payload: bytes, arrives: bool = True) -> Captured:
    """A packet without encryption, to id 1 upwards and to id 2 downwards."""
    data = encode_header(1 if upwards else 2, number, b"", NO_TIME) + payload
    return Datagram(upwards, data), data if arrives else None


def opened(number: int, chunk: bytes) -> bytes | None:
    return None if number == 13 else chunk


OPENS = {True: opened, False: opened}
IDS = {True: 1, False: 2}


def test_an_ack_of_what_did_not_arrive_is_caught() -> None:
    talk = [packet(True, 2, b""), packet(True, 3, b"", arrives=False), packet(True, 4, b"")]
    true = read([*talk, packet(False, 2, encode_ack(4, -1, [(1, 1)]))], OPENS, IDS)
    assert assert_true_acks(true[True], true[False]) == 1
    for lie in (encode_ack(4, -1, []), encode_ack(3, -1, []), encode_ack(4, -1, [(2, 1)])):
        false = read([*talk, packet(False, 2, lie)], OPENS, IDS)
        with pytest.raises(AssertionError, match="did not arrive"):
            assert_true_acks(false[True], false[False])
    early = read([*talk[:1], packet(False, 2, encode_ack(4, -1, [(1, 1)])), *talk[1:]], OPENS, IDS)
    with pytest.raises(AssertionError, match="did not arrive"):
        assert_true_acks(early[True], early[False])
    settled = [*talk, packet(True, 5, encode_stop_waiting(0)), packet(False, 2, encode_ack(5, -1, []))]
    waited = read(settled, OPENS, IDS)
    assert assert_true_acks(waited[True], waited[False]) == 1, "nothing below 4 is reported any more"


def test_packets_that_do_not_follow_or_do_not_open_are_caught() -> None:
    with pytest.raises(AssertionError, match="packet 4 after 2"):
        read([packet(True, 2, b""), packet(True, 4, b"")], OPENS, IDS)
    with pytest.raises(AssertionError, match="somebody else"):
        read([(Datagram(False, packet(True, 2, b"")[0].data), b"")], OPENS, IDS)
    with pytest.raises(AssertionError, match="cannot be decrypted"):
        read([packet(True, number, b"") for number in range(2, 14)], OPENS, IDS)


def test_messages_are_read_from_what_arrived() -> None:
    stream = encode_message_header(1, 5) + b"first" + encode_message_header(3, 6) + b"second"
    cut = 8
    first = with_size(encode_reliable(48, 1), cut) + stream[:cut]
    rest = encode_reliable_to_end(1 + cut) + stream[cut:]
    lost = read([packet(True, 2, first), packet(True, 3, rest, arrives=False)], OPENS, IDS)[True]
    assert [(m.number, m.size, m.flags) for m in messages_of(lost)] == [(1, 5, Send.RELIABLE)]
    repeated = read([packet(True, 2, first), packet(True, 3, rest, arrives=False), packet(True, 4, rest)], OPENS, IDS)
    assert [(m.number, m.size) for m in messages_of(repeated[True])] == [(1, 5), (4, 6)]
    other = encode_reliable_to_end(1 + cut) + b"x" + stream[cut + 1 :]
    with pytest.raises(AssertionError, match="two versions"):
        messages_of(read([packet(True, 2, first), packet(True, 3, rest), packet(True, 4, other)], OPENS, IDS)[True])
