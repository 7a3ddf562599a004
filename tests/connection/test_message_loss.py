"""Are unreliable messages lost on purpose as whole ones, at the right place, and nothing else? (spec 3, 2.1)"""

from typing import Final

import pytest
from tests.support.rig import PLAIN_ONLY, Rig
from tests.support.snp import pieces_of

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.inbox import Inbox
from gamesockets.connection.message_loss import LossyInbox, LossyOutbox
from gamesockets.send.builder import PacketBuilder
from gamesockets.send.sender import MAX_UNRELIABLE_BYTES, UNRELIABLE_RUN_MAX, Outbox, Sender
from gamesockets.values.entropy import SeededEntropy
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import NetworkingMessage, PeerRecord
from gamesockets.values.results import Result

NO_NAGLE: Final = 1
RELIABLE: Final = 8
ALL: Final = 100.0
OPTIONS: Final = ConnectionOptions(send_buffer_size_bytes=4096, message_loss_send_percent=ALL)


def outbox() -> tuple[LossyOutbox, Sender]:
    sender = Sender(OPTIONS, 2, PacketBuilder(), SeededEntropy(1))
    sender.filling.payload_bytes_max = 1232
    return LossyOutbox(sender, sender, OPTIONS, SeededEntropy(1)), sender


def received(inbox: LossyInbox, flags: int, is_late: bool = False) -> PeerRecord:
    """A message comes as from a receiver, which has counted it."""
    peer = PeerRecord(1, NetworkingIdentity.invalid())
    peer.queued_messages, peer.queued_bytes = 1, 3
    message = NetworkingMessage(b"abc", 7, flags, 0, 0, peer)
    if is_late:
        inbox.insert_late(message)
    else:
        inbox.append(message)
    return peer


# ---------------------------------------------------------------------- received


@pytest.mark.parametrize("is_late", [False, True])
def test_a_message_lost_in_front_of_the_inbox_frees_its_place(is_late: bool) -> None:
    inbox = Inbox(set())
    peer = received(LossyInbox(inbox, ALL, SeededEntropy(1)), 0, is_late)
    assert len(inbox) == peer.queued_messages == peer.queued_bytes == 0


@pytest.mark.parametrize(("percent", "flags"), [(ALL, RELIABLE), (0.0, 0)])
@pytest.mark.parametrize("is_late", [False, True])
def test_other_messages_pass(percent: float, flags: int, is_late: bool) -> None:
    inbox = Inbox(set())
    peer = received(LossyInbox(inbox, percent, SeededEntropy(1)), flags, is_late)
    assert len(inbox) == peer.queued_messages == 1
    assert [message.data for message in inbox.take(10)] == [b"abc"]


# ---------------------------------------------------------------------- sent


def test_a_message_lost_in_front_of_the_sender_takes_a_number_and_nothing_else() -> None:
    lossy, sender = outbox()
    assert [lossy.send(b"lost", NO_NAGLE, 0, 0) for _ in range(3)] == [1, 2, 3]
    assert sender.pending_bytes() == 0
    assert lossy.send(b"sure", RELIABLE | NO_NAGLE, 0, 0) == 4
    [piece] = pieces_of(sender.filling.fill(b"", 1232, 0))
    assert piece.data.endswith(b"sure")


@pytest.mark.parametrize(
    ("size", "lane", "result"),
    [
        (1, 1, Result.INVALID_PARAM),
        (1, -1, Result.INVALID_PARAM),
        (524_289, 0, Result.VALUE_OUT_OF_RANGE),
        (4097, 0, Result.LIMIT_EXCEEDED),
    ],
)
def test_what_the_sender_would_refuse_is_refused(size: int, lane: int, result: Result) -> None:
    lossy, _ = outbox()
    assert lossy.send(bytes(size), 0, lane, 0) == -result


def test_what_the_sender_would_send_reliably_is_sent() -> None:
    options = ConnectionOptions(message_loss_send_percent=ALL)
    sender = Sender(options, 2, PacketBuilder(), SeededEntropy(1))
    lossy: Outbox = LossyOutbox(sender, sender, options, SeededEntropy(1))
    assert lossy.send(bytes(MAX_UNRELIABLE_BYTES), 0, 0, 0) == 1
    assert sender.pending_bytes() == 0
    assert lossy.send(bytes(MAX_UNRELIABLE_BYTES + 1), 0, 0, 0) == 2
    assert sender.pending_bytes() > MAX_UNRELIABLE_BYTES
    sender.lanes.lanes[0].last_number = 2 + UNRELIABLE_RUN_MAX
    before = sender.pending_bytes()
    assert lossy.send(b"x", 0, 0, 0) == 3 + UNRELIABLE_RUN_MAX
    assert sender.pending_bytes() > before


# ---------------------------------------------------------------------- installed


def test_it_stands_in_the_way_only_while_it_is_asked_for() -> None:
    rig = Rig()
    traffic = rig.connection.traffic

    def in_the_way() -> tuple[bool, bool]:
        return isinstance(traffic.outbox, LossyOutbox), isinstance(traffic.receiver.inbox, LossyInbox)

    assert in_the_way() == (False, False)
    rig.connection.configure(
        ConnectionOptions(unencrypted=PLAIN_ONLY, message_loss_send_percent=1, message_loss_receive_percent=1)
    )
    assert in_the_way() == (True, True)
    rig.connection.configure(ConnectionOptions(unencrypted=PLAIN_ONLY))
    assert in_the_way() == (False, False)
    assert (traffic.outbox, traffic.receiver.inbox) == (traffic.sender, rig.connection.inbox)
