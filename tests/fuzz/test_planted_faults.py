"""Can the targets fail? Faults are planted in the code, and each is found within a moment."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.fuzz import codecs
from tests.fuzz.engine import FailureError, run
from tests.fuzz.targets import TARGETS, corpus

from gamesockets.build import COMPILED
from gamesockets.connection import traffic
from gamesockets.crypto import peer_check, trust
from gamesockets.endpoint.challenge import ChallengeKey
from gamesockets.endpoint.strangers import Strangers
from gamesockets.receive import receiver, reliable, unreliable
from gamesockets.receive.acks import AckReporter
from gamesockets.receive.memory import MemoryShare
from gamesockets.receive.replay_window import ReplayWindow
from gamesockets.send import sender
from gamesockets.send.loss import LossDetection
from gamesockets.send.number_runs import NumberRuns
from gamesockets.values.moments import NEVER
from gamesockets.wire.numbers import encode_varint

pytestmark = pytest.mark.skipif(COMPILED, reason="compiled code cannot be patched")

EXECUTIONS = 4000

Plant = Callable[[pytest.MonkeyPatch], None]


def changed(owner: Any, name: str, value: Any) -> Plant:
    """Something else in the place of a constant, function or method."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(owner, name, value)

    return plant


def wrapped(owner: Any, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Plant:
    """A method that does something else around the true one."""
    return changed(owner, name, wrap(getattr(owner, name)))


def forgotten_hole(true: Callable[..., Any]) -> Callable[..., Any]:
    def received(self: AckReporter, number: int, wants_ack: bool, now: int) -> None:
        if number == self.next_number + 1:
            self.next_number = number
        true(self, number, wants_ack, now)

    return received


def one_too_low(true: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self: max(1, true(self) - 64)


def _with_one_more(true: Callable[..., Any]) -> Callable[..., Any]:
    def process(self: Any, *rest: Any) -> Any:
        self._peer.queued_messages -= 1
        verdict = true(self, *rest)
        self._peer.queued_messages += 1
        return verdict

    return process


def _widen_up(low: int, bits: int, reference: int) -> int:
    half = 1 << (bits - 1)
    return reference - (((reference - low + half) & ((1 << bits) - 1)) - half)


def _forty_times(true: Callable[..., Any]) -> Callable[..., Any]:
    def reply(self: Strangers, data: bytes, path: Any) -> None:
        for _ in range(40):
            true(self, data, path)

    return reply


def _stop_waiting_back(true: Callable[..., Any]) -> Callable[..., Any]:
    def acknowledge(self: LossDetection, latest: int, blocks: list[tuple[int, int]], now: int) -> Any:
        is_progress = true(self, latest, blocks, now)
        if latest % 2:
            self.minimum_waited_for = max(0, latest - 30)
        return is_progress

    return acknowledge


def _a_walk_for_each_message(true: Callable[..., Any]) -> Callable[..., Any]:
    def process(self: Any, *rest: Any) -> Any:
        for _ in range(self._peer.queued_messages * 500):
            encode_varint(1 << 40)
        return true(self, *rest)

    return process


FAULTS: dict[str, tuple[str, Plant]] = {
    "a hole too many in the stream": ("reliable-stream", changed(reliable, "HOLES_MAX_EXTENDING", 31)),
    "a hole of one packet is forgotten": ("conversations", wrapped(AckReporter, "received", forgotten_hole)),
    "acks of what was refused": ("conversations", changed(traffic, "NOT_ACKNOWLEDGED", -1)),
    "the replay window reaches back too far": ("replay-window", wrapped(ReplayWindow, "oldest_accepted", one_too_low)),
    "a piece too many is kept": ("reassembly", changed(unreliable, "PIECES_MAX", 21)),
    "memory without asking": ("conversations", changed(MemoryShare, "grow", lambda *_: True)),
    "the limit of messages is off by one": (
        "conversations",
        wrapped(receiver.Receiver, "process", _with_one_more),
    ),
    "a timer that is lost": ("conversations", changed(sender.Sender, "next_time", lambda self, now: NEVER)),
    "numbers that wait are forgotten": (
        "number-runs",
        changed(NumberRuns, "gaps", lambda self, begin, end: [(begin, end)]),
    ),
    "a tie goes up": ("numbers", changed(codecs, "widen", _widen_up)),
    "a signature that nobody looks at": ("chains", changed(trust, "verify", lambda *_: True)),
    "a stranger's key signs for another": ("peers", changed(peer_check, "signature_problem", lambda *_: None)),
    "a challenge that anybody may guess": ("handshakes", changed(ChallengeKey, "check", lambda *_: True)),
    "a server that says too much": ("handshakes", wrapped(Strangers, "_reply", _forty_times)),
    "work that grows with what waits": ("costs", wrapped(receiver.Receiver, "process", _a_walk_for_each_message)),
    "stop waiting goes back": ("conversations", wrapped(LossDetection, "acknowledge", _stop_waiting_back)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, plant = FAULTS[name]
    plant(monkeypatch)
    with pytest.raises(FailureError):
        run(TARGETS[target], corpus(target), 1, EXECUTIONS, 1e9)
