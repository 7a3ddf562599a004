"""How is a configuration value set, inherited and read?

Each scope has one `Configuration` that holds what was set there and asks the next wider one for the rest
(spec 3, part 4). The data path never reads it: connections use `ConnectionOptions`, the simulated network
uses `NetworkConditions`, plain numbers that are resolved again after each change.
"""

from collections.abc import Mapping
from typing import Final, TypeVar, final

from gamesockets.config.convert import convert, outside_limits
from gamesockets.config.fields import in_field_unit
from gamesockets.config.kinds import ConfigurationInput, ConfigurationOutput, LockMoment
from gamesockets.config.table import CONFIGURATION_ROWS, ConfigurationRow, ConfigurationValue, find_row
from gamesockets.values.enums import ConfigurationDataType, ConfigurationScope

_V = ConfigurationValue
_T = TypeVar("_T")

_MTU_HEADROOM_BYTES: Final = 100
_LOCKABLE_ROWS: Final = [row for row in CONFIGURATION_ROWS.values() if row.locked]
_MTU_DATA_SIZE: Final = int(_V.MTU_DATA_SIZE)
_CONNECTION_USER_DATA: Final = int(_V.CONNECTION_USER_DATA)
_NOTHING_RESOLVED: Final[tuple[object, ...]] = (0,)
_NOTHING_LOCKED: Final = (0, -1)


@final
class Configuration:
    """What is set at one scope, with the wider scope it inherits from (spec 3, 4.1).

    Lookup is live: a change in a wider scope acts at once on all narrower ones that have no value of their own,
    except `ConnectionUserData`, which a connection copies when it is made, and values that are locked.
    Without settings of its own it takes a few words of memory: each of thousands of connections has one.

    Args:
        scope: what the settings apply to.
        parent: the next wider configuration; none at the global scope, and only there.

    Raises:
        ValueError: the parent is missing or not wider.
    """

    __slots__ = (
        "_changes",
        "_connection_user_data",
        "_locked",
        "_overrides",
        "_parent",
        "_scope",
        "locked_below",
        "locked_below_at",
        "resolved",
    )

    def __init__(
        self,
        scope: ConfigurationScope = ConfigurationScope.GLOBAL,
        parent: "Configuration | None" = None,
    ) -> None:
        widest = parent.scope if parent is not None else 0
        if scope <= widest or (parent is None) != (scope == ConfigurationScope.GLOBAL):
            wider = parent.scope.name if parent is not None else "nothing"
            raise ValueError(f"scope {scope.name} cannot inherit from {wider}")
        self._scope: ConfigurationScope = scope
        self._parent: Configuration | None = parent
        self._overrides: dict[int, ConfigurationOutput] | None = None
        self._locked: dict[int, ConfigurationOutput] | None = None
        # The values of the child locked last. Children locked with the same values share one dictionary.
        self.locked_below: dict[int, ConfigurationOutput] | None = None
        # Of the last child that was locked without settings of its own: the moment, and `stamp_now` then.
        self.locked_below_at = _NOTHING_LOCKED
        self._changes = 0
        # The stamp of the last `resolve`, then the objects made at that stamp: at most one of each class.
        self.resolved = _NOTHING_RESOLVED
        self._connection_user_data: ConfigurationOutput = None
        if parent is not None and scope == ConfigurationScope.CONNECTION:
            self._connection_user_data = parent.effective(_V.CONNECTION_USER_DATA)

    @property
    def scope(self) -> ConfigurationScope:
        return self._scope

    @property
    def parent(self) -> "Configuration | None":
        return self._parent

    def get(self, value: int) -> tuple[ConfigurationOutput, bool] | None:
        """Read a value, and whether it comes from a wider scope (spec 3, 4.4).

        Returns:
            The value and `True` if it is inherited; `None` for a number that is no value, and for a value that
            exists only at wider scopes.
        """
        row = find_row(value)
        if row is None or self._is_beyond(row):
            return None
        x, source = self.look_up(row)
        return x, source is not self

    def effective(self, value: int) -> ConfigurationOutput:
        """The value in force: like `get`, but without its source, and also for global values at any scope.

        Raises:
            ValueError: the number is no value.
        """
        row = find_row(value)
        if row is None:
            raise ValueError(f"{value} is no configuration value")
        return self.look_up(row)[0]

    def set(self, value: int, x: ConfigurationInput) -> bool:
        """Set a value at this scope, converted and clamped; `None` clears it (spec 3, 4.3).

        Returns:
            Whether it was set. `False`: no such value, not for this scope, read-only, locked, or wrong type.
        """
        if x is None:
            return self.clear(value)
        row = find_row(value)
        if row is None or self._refusal(row):
            return False
        converted = convert(row, x)
        if converted is None:
            return False
        if self._keeps_user_data(row.value):
            self._connection_user_data = converted
        else:
            if self._overrides is None:
                self._overrides = {}
            self._overrides[row.value] = converted
        self._changes += 1
        return True

    def clear(self, value: int) -> bool:
        """Remove the setting at this scope: the value is inherited again, or at the global scope the default.

        Returns:
            Whether that is allowed, also if nothing was set. A connection's user data cannot be cleared.
        """
        row = find_row(value)
        if row is None or self._refusal(row) or self._keeps_user_data(row.value):
            return False
        if self._overrides is not None:
            self._overrides.pop(row.value, None)
        self._changes += 1
        return True

    def apply(self, options: Mapping[ConfigurationValue, ConfigurationInput]) -> None:
        """Set several values in order, when an object is created with options (spec 3, 4.6).

        A number outside the limits of its value is a mistake here, while `set` clamps it as the reference library does.

        Raises:
            ValueError: one cannot be set; the text names it and says why. Those before it have been set.
        """
        for value, x in options.items():
            row = find_row(value)
            if row is None:
                raise ValueError(f"{value!r} is no configuration value")
            outside = outside_limits(row, x)
            if not outside and self.set(value, x):
                continue
            why = self._refusal(row) or outside or f"it holds a value of type {row.data_type.name}"
            raise ValueError(f"configuration value {row.name} ({row.value}) cannot be set to {x!r}: {why}")

    def lock(self, moment: LockMoment) -> None:
        """Fix the values that the handshake or the routing uses from this moment on (spec 3, 4.2).

        They keep what is in force now, whatever happens in wider scopes, and `set` refuses them.
        """
        parent = self._parent
        is_plain = parent is not None and self._locked is None and self._overrides is None
        if is_plain and parent is not None and parent.locked_below_at == (int(moment), parent.stamp_now()):
            self._locked = parent.locked_below
            self._changes += 1
            return
        fixed = dict(self._locked or {})
        for row in _LOCKABLE_ROWS:
            if row.locked & moment:
                fixed[row.number] = self.look_up(row)[0]
        if parent is not None:
            if parent.locked_below == fixed:
                fixed = parent.locked_below
            parent.locked_below = fixed
            parent.locked_below_at = (int(moment), parent.stamp_now()) if is_plain else _NOTHING_LOCKED
        self._locked = fixed
        self._changes += 1

    def _refusal(self, row: ConfigurationRow) -> str:
        """Why a value cannot be changed here; empty if it can."""
        if row.read_only:
            return "it is read-only"
        if self._is_beyond(row):
            is_global = row.scope == ConfigurationScope.GLOBAL
            return "it exists only at the global scope" if is_global else "no single connection has it"
        if self._locked is not None and row.value in self._locked:
            return "it is locked, because it is already in use"
        return ""

    def _is_beyond(self, row: ConfigurationRow) -> bool:
        """Whether a value exists only at wider scopes."""
        return self._scope > row.scope

    def _keeps_user_data(self, value: int) -> bool:
        return value == _CONNECTION_USER_DATA and self._scope == ConfigurationScope.CONNECTION

    def look_up(self, row: ConfigurationRow) -> "tuple[ConfigurationOutput, Configuration]":
        """The value in force, and the scope where it is set; for a default, the global one."""
        value = row.number
        if value == _MTU_DATA_SIZE:
            packet_size, source = self.look_up(CONFIGURATION_ROWS[_V.MTU_PACKET_SIZE])
            return max(0, packet_size - _MTU_HEADROOM_BYTES) if isinstance(packet_size, int) else 0, source
        source = self
        while True:
            if source._locked is not None and value in source._locked:
                return source._locked[value], source
            if source._overrides is not None and value in source._overrides:
                return source._overrides[value], source
            if source._keeps_user_data(value):
                return source._connection_user_data, source
            if source._parent is None:
                return _default(row), source
            source = source._parent

    def resolve(self, kind: type[_T], rows: Mapping[str, ConfigurationRow]) -> _T:
        """The values in force now, as an object of a class that has a field for each row.

        Cheap: the same object as long as nothing changes. Scopes that inherit from each other and have the same values
        share one object.

        Args:
            kind: the class; takes its fields as keywords, in the unit of the field.
            rows: the row of each field.
        """
        source = self._widest_alike()
        stamp = source.stamp_now()
        resolved = source.resolved
        if resolved[0] != stamp:
            resolved = (stamp,)
        for known in resolved:
            if isinstance(known, kind):
                return known
        made = kind(**{field: in_field_unit(row, source.look_up(row)[0]) for field, row in rows.items()})
        # Replaced as a whole, together with its stamp: another thread may set a global value meanwhile.
        source.resolved = (*resolved, made)
        return made

    def stamp_now(self) -> int:
        """Grows with every change here or in a wider scope."""
        return self._changes + (self._parent.stamp_now() if self._parent is not None else 0)

    def _widest_alike(self) -> "Configuration":
        """The widest scope at which every value is the same as here."""
        source = self
        while source._parent is not None and not source._differs_from_parent():
            source = source._parent
        return source

    def widest(self) -> "Configuration":
        """The global scope."""
        source = self
        while source._parent is not None:
            source = source._parent
        return source

    def _differs_from_parent(self) -> bool:
        parent = self._parent
        if parent is None or self._overrides:
            return True
        if self._locked is not None and not self._is_locked_as_parent_is(parent):
            return True
        user_data = self._connection_user_data
        return user_data is not None and user_data != parent.effective(_V.CONNECTION_USER_DATA)

    def _is_locked_as_parent_is(self, parent: "Configuration") -> bool:
        """Whether what is locked here is in force there too."""
        if self._locked is parent.locked_below and parent.locked_below_at[1] == parent.stamp_now():
            return True
        return all(parent.effective(value) == x for value, x in (self._locked or {}).items())

    def __repr__(self) -> str:
        own = {_V(value).name: x for value, x in (self._overrides or {}).items()}
        return f"<Configuration {self._scope.name} {own}>"


def _default(row: ConfigurationRow) -> ConfigurationOutput:
    """What a value reads as when it is not set: 0 where the reference library's default is not known."""
    if row.default is None and row.data_type == ConfigurationDataType.INT32:
        return 0
    return row.default
