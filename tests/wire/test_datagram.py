"""Control messages: the reference library's own bytes, framing rules, and anything a stranger may send."""

from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from tests.support.recorded import handshake_datagrams, load

from gamesockets.wire import datagram, messages_pb2
from gamesockets.wire.datagram import decode_control, encode_control

KINDS = {
    "ChallengeRequest": datagram.CHALLENGE_REQUEST,
    "ChallengeReply": datagram.CHALLENGE_REPLY,
    "ConnectRequest": datagram.CONNECT_REQUEST,
    "ConnectOK": datagram.CONNECT_OK,
    "ConnectionClosed": datagram.CONNECTION_CLOSED,
    "NoConnection": datagram.NO_CONNECTION,
}
CONTROL = [(name, item) for name, item in handshake_datagrams() if item["kind"] != "Data"]
REPLIES = [
    (f"{case['reference_role']} {case['name']}", reply)
    for case in load("handshake-failures")["cases"]
    for reply in case["reference_replied"]
]
CLOSED = messages_pb2.ConnectionClosed(reason_code=1000, from_connection_id=7)
REQUEST = messages_pb2.ChallengeRequest(connection_id=0x01020304, my_timestamp=5, protocol_version=13)


def recorded_fields(message: Message) -> dict[str, Any]:
    """The fields that are set, as the vectors write them: big numbers as text, messages as hex."""
    fields: dict[str, Any] = {}
    for descriptor, value in message.ListFields():
        if isinstance(value, Message):
            fields[descriptor.name] = value.SerializeToString().hex()
        elif isinstance(value, bytes):
            fields[descriptor.name] = value.decode()
        else:
            fields[descriptor.name] = str(value) if value > 1 << 53 else value
    return fields


@pytest.mark.rule("1, 2.1")
@pytest.mark.parametrize("item", [item for _, item in CONTROL], ids=lambda item: f"{item['kind']}-{item['index']}")
def test_recorded_control_messages_decode_and_encode_to_the_same_bytes(item: dict[str, Any]) -> None:
    data = bytes.fromhex(item["hex"])
    message = decode_control(data)
    assert message is not None
    assert type(message).__name__ == item["kind"]
    assert recorded_fields(message) == item["fields"]
    assert encode_control(KINDS[item["kind"]], message) == data


@pytest.mark.parametrize(("name", "reply"), REPLIES, ids=[f"{name}-{reply['kind']}" for name, reply in REPLIES])
def test_recorded_replies_to_failures_decode_and_encode_to_the_same_bytes(name: str, reply: dict[str, Any]) -> None:
    data = bytes.fromhex(reply["hex"]).ljust(reply.get("zero_padded_to", 0), b"\0")
    assert len(data) == reply["length"]
    message = decode_control(data)
    assert message is not None
    assert recorded_fields(message) == reply["fields"]
    assert encode_control(KINDS[reply["kind"]], message) == data


def test_all_kinds_of_control_message_are_in_the_recordings() -> None:
    assert {item["kind"] for _, item in CONTROL} == set(KINDS)


@pytest.mark.rule("1, 1.1 rule 4")
@pytest.mark.parametrize(("size", "accepted"), [(511, False), (512, True), (513, True), (1300, True), (2324, True)])
def test_padded_messages_must_fill_512_bytes(size: int, accepted: bool) -> None:
    data = encode_control(datagram.CHALLENGE_REQUEST, REQUEST)
    assert len(data) == 512
    assert decode_control(data.ljust(size, b"\0")[:size]) == (REQUEST if accepted else None)


@pytest.mark.rule("1, 1.1 rule 3")
def test_the_content_of_padding_does_not_matter() -> None:
    data = encode_control(datagram.CHALLENGE_REQUEST, REQUEST)
    end = 3 + len(REQUEST.SerializeToString())
    assert decode_control(data[:end] + b"\xff" * (512 - end)) == REQUEST


@pytest.mark.rule("1, 1.1 rule 4")
@pytest.mark.parametrize("length", [0, 510, 0xFFFF])
def test_padded_messages_need_a_length_that_is_there(length: int) -> None:
    data = bytearray(encode_control(datagram.CHALLENGE_REQUEST, REQUEST))
    data[1:3] = length.to_bytes(2, "little")
    assert decode_control(bytes(data)) is None


@pytest.mark.rule("1, 1.1 rule 4")
def test_a_length_up_to_the_last_byte_is_accepted() -> None:
    message = messages_pb2.ConnectionClosed(debug=b"x" * (512 - 3 - 3), reason_code=None)
    data = encode_control(datagram.CONNECTION_CLOSED, message)
    assert int.from_bytes(data[1:3], "little") == 509
    assert len(data) == 512
    assert decode_control(data) == message


@pytest.mark.rule("1, 1.1 rule 3")
@pytest.mark.parametrize("zeros", [1, 2, 3])
def test_nothing_may_follow_a_plain_message(zeros: int) -> None:
    data = encode_control(datagram.NO_CONNECTION, messages_pb2.NoConnection(to_connection_id=9))
    assert decode_control(data) is not None
    assert decode_control(data + bytes(zeros)) is None


@pytest.mark.rule("1, 1.1 rule 1")
@pytest.mark.parametrize("kind", [0, 31, 38, 127, 128, 0xFF])
def test_other_kinds_are_no_control_messages(kind: int) -> None:
    assert decode_control(bytes((kind,)) + bytes(511)) is None


@pytest.mark.rule("1, 1.1 rule 1")
def test_fewer_than_five_bytes_are_nothing() -> None:
    assert decode_control(b"") is None
    assert decode_control(b"\x21\x20\x0d\x00"[:4]) is None
    assert decode_control(b"\x21\x20\x0d\x20\x0d") == messages_pb2.ChallengeReply(protocol_version=13)


@pytest.mark.rule("1, 2")
def test_unknown_fields_and_any_order_are_accepted() -> None:
    message = decode_control(b"\x25" + bytes.fromhex("7a01ff1d040000001503000000"))
    assert isinstance(message, messages_pb2.NoConnection)
    assert (message.from_connection_id, message.to_connection_id) == (3, 4)


@pytest.mark.rule("1, 2")
def test_text_need_not_be_utf8() -> None:
    message = messages_pb2.ConnectionClosed(debug=b"\xff\xfe", reason_code=1)
    assert decode_control(encode_control(datagram.CONNECTION_CLOSED, message)) == message


@pytest.mark.rule("1, 2", "1, 13 rule 16")
def test_unknown_ciphers_vanish_and_packed_lists_are_read() -> None:
    """A closed enum: numbers not known count as absent (spec 1, 2)."""
    for data in ("2802286328012800", "2a0402630100"):
        info = messages_pb2.CryptInfo()
        info.ParseFromString(bytes.fromhex(data))
        assert list(info.ciphers) == [2, 1, 0]
    only_unknown = messages_pb2.CryptInfo()
    only_unknown.ParseFromString(bytes.fromhex("08022863"))
    assert list(only_unknown.ciphers) == []
    assert not only_unknown.HasField("key_type")


@pytest.mark.rule("1, 1.1 rule 5")
@pytest.mark.parametrize(("spare_bytes", "fits"), [(0, True), (1, False)])
def test_control_messages_have_at_most_1300_bytes(spare_bytes: int, fits: bool) -> None:
    reply = messages_pb2.ConnectOK(identity_string=b"x" * (1300 - 1 - 3 + spare_bytes))
    closed = messages_pb2.ConnectionClosed(debug=b"x" * (1300 - 3 - 3 + spare_bytes))
    for kind, message in ((datagram.CONNECT_OK, reply), (datagram.CONNECTION_CLOSED, closed)):
        if fits:
            assert len(encode_control(kind, message)) == datagram.MAX_CONTROL_BYTES
        else:
            with pytest.raises(ValueError, match="1301 bytes, the limit is 1300"):
                encode_control(kind, message)


def test_encoding_refuses_the_wrong_kind_and_what_peers_would_drop() -> None:
    with pytest.raises(ValueError, match="kind 33 cannot be a ChallengeRequest"):
        encode_control(datagram.CHALLENGE_REPLY, REQUEST)
    with pytest.raises(ValueError, match="kind 99 cannot be"):
        encode_control(99, REQUEST)
    with pytest.raises(ValueError, match="at least one field"):
        encode_control(datagram.CONNECTION_CLOSED, messages_pb2.ConnectionClosed())


@given(st.integers(min_value=30, max_value=40), st.binary(max_size=80), st.booleans())
def test_decoding_never_raises(kind: int, rest: bytes, pad: bool) -> None:
    data = bytes((kind,)) + rest
    decode_control(data)
    if pad:
        decode_control(bytes((kind,)) + len(rest).to_bytes(2, "little") + rest.ljust(509, b"\0"))


@given(st.sampled_from([bytes.fromhex(item["hex"]) for _, item in CONTROL]), st.data())
def test_decoding_damaged_recordings_never_raises(original: bytes, data: st.DataObject) -> None:
    damaged = bytearray(original)
    meaningful = max(1, len(original.rstrip(b"\0")))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, meaningful - 1))] = data.draw(st.integers(0, 255))
    decode_control(bytes(damaged))
    decode_control(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))


@given(
    st.integers(0, (1 << 32) - 1),
    st.integers(0, (1 << 64) - 1),
    st.binary(max_size=100),
    st.integers(0, (1 << 32) - 1),
)
def test_what_is_encoded_is_decoded(connection_id: int, timestamp: int, debug: bytes, number: int) -> None:
    request = messages_pb2.ChallengeRequest(connection_id=connection_id, my_timestamp=timestamp)
    assert decode_control(encode_control(datagram.CHALLENGE_REQUEST, request)) == request
    closed = messages_pb2.ConnectionClosed(debug=debug, reason_code=number, to_connection_id=connection_id)
    assert decode_control(encode_control(datagram.CONNECTION_CLOSED, closed)) == closed
    reply = messages_pb2.ChallengeReply(connection_id=connection_id, challenge=timestamp, protocol_version=number)
    assert decode_control(encode_control(datagram.CHALLENGE_REPLY, reply)) == reply


def set_fields(message: Message) -> dict[str, Any]:
    """All fields that are set, nested messages as dictionaries."""
    return {
        descriptor.name: set_fields(value) if isinstance(value, Message) else value
        for descriptor, value in message.ListFields()
    }


STATS = load("connection-stats")


@pytest.mark.parametrize("blob", STATS["steady_traffic"] + STATS["others"], ids=lambda blob: blob["stats_hex"][:12])
def test_recorded_statistics_decode_and_encode_to_the_same_bytes(blob: dict[str, Any]) -> None:
    data = bytes.fromhex(blob["stats_hex"])
    message = messages_pb2.UdpStats()
    message.ParseFromString(data)
    assert set_fields(message) == blob["decoded"]
    assert message.SerializeToString() == data
