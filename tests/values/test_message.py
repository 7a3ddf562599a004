"""A message shows what it was made of, can be copied out and destroyed, and is read-only otherwise."""

import pytest

from gamesockets.values.enums import SendFlags
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import NetworkingMessage, PeerRecord


@pytest.fixture
def peer() -> PeerRecord:
    return PeerRecord(0x12345678, NetworkingIdentity.generic_string("alice"), 7)


@pytest.fixture
def message(peer: PeerRecord) -> NetworkingMessage:
    return NetworkingMessage(b"hello", 3, 8, 2, 1_000_000, peer)


@pytest.mark.rule("3, 17")
def test_a_message_shows_what_it_was_made_of(message: NetworkingMessage, peer: PeerRecord) -> None:
    assert message.data == b"hello"
    assert message.length == 5
    assert message.message_number == 3
    assert message.lane == 2
    assert message.time_received == 1_000_000
    assert message.channel == -1
    assert message.flags is SendFlags.RELIABLE
    assert message.connection == 0x12345678
    assert message.identity is peer.identity
    assert message.user_data == 7
    assert NetworkingMessage(b"", 1, 0, 0, 0, peer).flags is SendFlags.UNRELIABLE
    assert NetworkingMessage(b"", 1, 29, 0, 0, peer).flags == 29, "only pipes carry more than one bit"


@pytest.mark.rule("2, 2.12.2")
def test_user_data_of_waiting_messages_follows_the_connection(message: NetworkingMessage, peer: PeerRecord) -> None:
    peer.user_data = 99
    assert message.user_data == 99


@pytest.mark.parametrize("name", ["data", "length", "lane", "flags", "channel", "connection", "no_such_field"])
def test_a_message_is_read_only(message: NetworkingMessage, name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(message, name, 1)


def test_copy_to_fills_the_start_of_a_buffer(message: NetworkingMessage) -> None:
    buffer = bytearray(b"........")
    assert message.copy_to(buffer) == 5
    assert buffer == b"hello..."
    assert message.copy_to(memoryview(buffer)[3:]) == 5
    assert buffer == b"helhello"
    buffer.clear()  # fails if a view of the buffer were still held


def test_copy_to_counts_bytes_not_items(message: NetworkingMessage) -> None:
    numbers = memoryview(bytearray(8)).cast("I")
    assert message.copy_to(numbers) == 5
    assert numbers.tobytes() == b"hello\0\0\0"


@pytest.mark.rule("3, 1.6")
def test_copy_to_refuses_what_it_cannot_fill(message: NetworkingMessage) -> None:
    with pytest.raises(ValueError, match="5 bytes, the buffer only 4"):
        message.copy_to(bytearray(4))
    with pytest.raises(TypeError, match="bytes cannot be written to"):
        message.copy_to(bytes(8))
    with pytest.raises(TypeError):
        message.copy_to("text")
    with pytest.raises(TypeError):
        message.copy_to(memoryview(bytearray(16))[::2])


@pytest.mark.rule("3, 1.6")
def test_destroying_a_message_is_harmless_and_final(message: NetworkingMessage) -> None:
    assert "5 bytes" in repr(message)
    message.destroy()
    message.destroy()
    with pytest.raises(ValueError, match="destroyed"):
        _ = message.data
    with pytest.raises(ValueError, match="destroyed"):
        _ = message.length
    with pytest.raises(ValueError, match="destroyed"):
        message.copy_to(bytearray(8))
    assert message.message_number == 3
    assert "destroyed" in repr(message)


def test_no_payload_looks_like_a_destroyed_message(message: NetworkingMessage, peer: PeerRecord) -> None:
    message.destroy()
    twin = NetworkingMessage(bytes(bytearray(message.payload)), 1, 0, 0, 0, peer)
    assert twin.data == message.payload


def test_repr_names_the_connection(message: NetworkingMessage, peer: PeerRecord) -> None:
    assert repr(message) == ("<NetworkingMessage 3 of lane 2 from connection 0x12345678: 5 bytes, reliable>")
    assert repr(peer) == "PeerRecord(0x12345678, <NetworkingIdentity 'str:alice'>, 7)"
