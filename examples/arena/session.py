"""What does a client know and do? One player's side of the game, without network, clock or screen.

A driver hands in what arrived, calls `tick` about 60 times a second with the buttons that are held, and sends what
comes back. Drivers are `client.py` and `bots_asyncio.py`, and tests with the simulated network.
"""

from collections import deque
from typing import Final, final

from examples.arena import protocol, rules
from examples.arena.netcode import Place, Prediction, Timeline, place_of
from examples.arena.protocol import Hello, Joined, Left, Snapshot, Welcome
from examples.arena.rules import Collected, Gem, Robbed, Won

TICK_S: Final = 1 / rules.TICKS_PER_SECOND

_WAITING_WANTED: Final = (1, 3)
"""So many of our inputs should wait at the server: fewer, and a late one is missed; more, and we play in the past."""
_CLOCK_STEP: Final = 0.02

_NEWS: Final = 6


@final
class Session:
    """One player's view of the match."""

    def __init__(self, name: str) -> None:
        self.name = protocol.clean_name(name) or "nobody"
        self.me: int | None = None
        """Our number; None until the server has welcomed us."""
        self.names: dict[int, str] = {}
        self.scores: dict[int, int] = {}
        self.gems: list[Gem] = []
        self.news: deque[str] = deque(maxlen=_NEWS)
        """What happened lately, for people, the newest last."""
        self.prediction: Prediction | None = None
        """None until the first snapshot."""
        self.timeline = Timeline()
        self.waiting_at_server = 0
        self.corrections = 0
        """Snapshots so far that proved a guess wrong, of..."""
        self.snapshots = 0
        """...so many."""

    @property
    def is_playing(self) -> bool:
        """Whether we are on the field."""
        return self.prediction is not None

    def hello(self) -> bytes:
        """The first message to send, reliably, on the event lane."""
        return protocol.encode(Hello(self.name))

    def tick(self, buttons: int) -> bytes | None:
        """One tick of playing: what to send now, unreliably, on the state lane. None while we are not playing."""
        if self.prediction is None:
            return None
        self.prediction.press(buttons)
        return protocol.encode(self.prediction.to_send())

    @property
    def tick_s(self) -> float:
        """How long the tick should last: our clock is nudged until our inputs reach the server in time."""
        fewest, most = _WAITING_WANTED
        if self.waiting_at_server < fewest:
            return TICK_S * (1 - _CLOCK_STEP)
        return TICK_S * (1 + _CLOCK_STEP) if self.waiting_at_server > most else TICK_S

    def receive(self, data: bytes, now_s: float) -> None:
        """A message of the server. Raises `ProtocolError` when it is none."""
        message = protocol.decode_from_server(data)
        match message:
            case Snapshot():
                self._see(message, now_s)
            case Welcome(you, players, gems):
                self.me = you
                self.names = {number: name for number, _, name in players}
                self.scores = {number: score for number, score, _ in players}
                self.gems = list(gems)
            case Joined(player, name):
                self.names[player], self.scores[player] = name, 0
                self.news.append(f"{name} joined")
            case Left(player):
                self.news.append(f"{self._name(player)} left")
                self.names.pop(player, None)
                self.scores.pop(player, None)
            case Collected(player, score, slot, gem):
                self.scores[player] = score
                if slot < len(self.gems):
                    self.gems[slot] = gem
            case Robbed(thief, thief_score, victim, victim_score):
                self.scores[thief], self.scores[victim] = thief_score, victim_score
                self.news.append(f"{self._name(thief)} robbed {self._name(victim)}")
            case Won(player):
                self.scores = dict.fromkeys(self.scores, 0)
                self.news.append(f"{self._name(player)} won the round")

    def _see(self, snapshot: Snapshot, now_s: float) -> None:
        if self.me is None or not self.timeline.add(snapshot.tick, snapshot.bodies, now_s):
            return
        self.snapshots += 1
        self.waiting_at_server = snapshot.waiting
        body = snapshot.bodies.get(self.me)
        if body is None:
            return
        if self.prediction is None:
            self.prediction = Prediction(body, snapshot.confirmed)
            return
        self.prediction.confirm(body, snapshot.confirmed)
        self.corrections += self.prediction.correction_pixels > 0

    def places(self, share: float = 1.0, *, predict: bool = True, interpolate: bool = True) -> dict[int, Place]:
        """Where to draw everybody, in pixels of the field: ourselves where we will be, the others where they were.

        `share` is how much of the current tick has passed. Without `predict` or `interpolate` it is where the last
        snapshot has us, or them: to see what these two are good for.
        """
        newest = self.timeline.newest
        places = self.timeline.places() if interpolate else {number: place_of(body) for number, body in newest.items()}
        if self.me is not None and self.prediction is not None:
            predicted, word = self.prediction.place_between(share), place_of(self.prediction.confirmed_body)
            places[self.me] = predicted if predict else word
        return places

    def _name(self, player: int) -> str:
        return self.names.get(player, "somebody")
