"""What happens in one life? Hosts, networks and a list of steps: plain data, which can be written down and cut down."""

import json
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final, final

from gamesockets.bad_network.link import Conditions

__all__ = ["Action", "Form", "Scenario", "Slot", "Step"]

CLIENT: Final = 0
SERVER: Final = 1
SIDES: Final = (CLIENT, SERVER)


class Form(StrEnum):
    """Who lives in it."""

    LIFE = "life"
    """Ours on all sides; an attacker sees the traffic, but has no keys."""
    DUEL = "duel"
    """One of ours, and a model of the reference library."""
    SIEGE = "siege"
    """A server of ours, an honest client, and somebody who has a connection and means no good."""


class Action(StrEnum):
    """What a step does to a slot. The numbers of each are named behind it; times are in milliseconds."""

    CONNECT = "connect"
    """The client connects, unless it is connected."""
    SEND = "send"
    """count, bytes of the first, step in bytes to the next, flags, lane."""
    FLUSH = "flush"
    READ = "read"
    """0: the application stops reading; 1: it reads again."""
    LANES = "lanes"
    """priority and weight of each lane, one after the other."""
    CONFIGURE = "configure"
    """configuration value, its number."""
    CONDITIONS = "conditions"
    """index in `Scenario.conditions`: for what this side sends from now on."""
    PARTITION = "partition"
    """how long."""
    CLOSE = "close"
    """reason, 1 for linger."""
    CRASH = "crash"
    """The host of this side dies without a word. How long until it is back."""
    ATTACK = "attack"
    """kind, count, seed: datagrams of somebody else, for the host of this side."""
    PAUSE = "pause"
    """The host of this side stands still. How long."""
    REBIND = "rebind"
    """The NAT in front of the client forgets its mapping."""
    DRIFT = "drift"
    """The clock of this side's host runs that many millionths faster."""
    CUT = "cut"
    """Nothing of what this side sends arrives, and everything that the other does. How long."""
    BLACK_HOLE = "black_hole"
    """Nothing larger arrives of what this side sends: bytes of a datagram, how long."""
    RECORDING = "recording"
    """What this side sends has, in turn: how long, delay, loss in thousandths; and then it is as before."""
    ASSAULT = "assault"
    """How, how many packets, seed, how many packet numbers are left out before each (`assault.Manner`)."""


@final
@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens.

    Attributes:
        at_ms: when, in milliseconds since the world began.
        action: what.
        slot: to which slot.
        side: 0 for its client, 1 for its server.
        numbers: more of it; `Action` says what they mean.
    """

    at_ms: int
    action: Action
    slot: int
    side: int = CLIENT
    numbers: tuple[int, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class Slot:
    """A client host, which connects to one server again and again.

    Attributes:
        server: which one.
        up: index in `Scenario.conditions`: what the way to the server is like at the beginning.
        down: the same of the way back.
        behind_nat: whether the client's address is translated.
        nat_idle_s: how long the router remembers a client that sends nothing; 0 for ever.
    """

    server: int
    up: int = 0
    down: int = 0
    behind_nat: bool = False
    nat_idle_s: int = 0


@final
@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that a run depends on.

    Attributes:
        seed: of the world: keys, ids, every draw of every link.
        duration_ms: how long steps are taken; then the network calms down and accounts are settled.
        conditions: the networks of this life.
        servers: how many there are.
        slots: the clients.
        server_config: configuration values of the servers, and of what connects to them.
        client_config: those of the clients.
        steps: in order of time.
        has_reference: whether a model of the reference library's receiver reads along.
        form: who lives in it.
        ours: in a duel, which side is ours.
    """

    seed: int
    duration_ms: int
    conditions: tuple[Conditions, ...]
    servers: int
    slots: tuple[Slot, ...]
    server_config: tuple[tuple[int, int], ...]
    client_config: tuple[tuple[int, int], ...]
    steps: tuple[Step, ...]
    has_reference: bool = False
    form: Form = Form.LIFE
    ours: int = CLIENT

    def to_json(self) -> str:
        """As text, one step a line."""
        whole = {
            "seed": self.seed,
            "duration_ms": self.duration_ms,
            "servers": self.servers,
            "has_reference": self.has_reference,
            "form": self.form,
            "ours": self.ours,
            "server_config": self.server_config,
            "client_config": self.client_config,
        }
        lines = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in whole.items()]
        lines.append(_listed("conditions", [json.dumps(_changed(one)) for one in self.conditions]))
        lines.append(_listed("slots", [json.dumps(_changed_slot(one)) for one in self.slots]))
        lines.append(
            _listed(
                "steps",
                [json.dumps([step.at_ms, step.action, step.slot, step.side, *step.numbers]) for step in self.steps],
            )
        )
        return "{\n" + ",\n".join(lines) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> "Scenario":
        """What `to_json` wrote. Raises `ValueError` for anything else."""
        try:
            read = json.loads(text)
            return cls(
                read["seed"],
                read["duration_ms"],
                tuple(Conditions(**one) for one in read["conditions"]),
                read["servers"],
                tuple(Slot(*one) for one in read["slots"]),
                tuple((value, number) for value, number in read["server_config"]),
                tuple((value, number) for value, number in read["client_config"]),
                tuple(
                    Step(at, Action(action), slot, side, tuple(numbers))
                    for at, action, slot, side, *numbers in read["steps"]
                ),
                read["has_reference"],
                Form(read.get("form", Form.LIFE)),
                read.get("ours", CLIENT),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"this is no scenario: {error!r}") from error


_PERFECT: Final = Conditions()


def _changed(conditions: Conditions) -> dict[str, Any]:
    names = [field.name for field in fields(Conditions)]
    return {name: getattr(conditions, name) for name in names if getattr(conditions, name) != getattr(_PERFECT, name)}


def _changed_slot(slot: Slot) -> list[int | bool]:
    described: list[int | bool] = [slot.server, slot.up, slot.down, slot.behind_nat]
    return [*described, slot.nat_idle_s] if slot.nat_idle_s else described


def _listed(name: str, lines: list[str]) -> str:
    return f" {json.dumps(name)}: [" + "".join([f"\n  {line}," for line in lines]).rstrip(",") + "\n ]"
