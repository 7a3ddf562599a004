"""Which calls read and set configuration? (spec 3, part 4)"""

from gamesockets.config.kinds import ConfigurationInput, ConfigurationOutput
from gamesockets.config.strings import ConfigurationString
from gamesockets.config.table import ConfigurationRow, ConfigurationValue, find_row, listed_values, value_name
from gamesockets.node.process import PROCESS
from gamesockets.observe.debug_output import LINES
from gamesockets.sockets.calls import Calls
from gamesockets.values.arguments import check_type
from gamesockets.values.enums import ConfigurationScope, ConfigurationValueResult
from gamesockets.values.handles import Connection


class ConfigurationCalls(Calls):
    """Configuration values at the four scopes, and the early wrapper's strings.

    Scopes: `GLOBAL` is the whole process and `SOCKETS_INTERFACE` this object, both without a scope object;
    `LISTEN_SOCKET` and `CONNECTION` take a handle as scope object. What is not set at a scope is inherited from the
    next wider one, and looked up anew each time: a change acts at once on everything below, live connections included.

    Bad input: an argument that is not even an integer is a `TypeError`; an unknown value, scope or handle, a global
    value at another scope, a locked or read-only value, or a content that cannot be converted changes nothing and is
    answered with `None` or `False`, as the reference library does (spec 3, 4.3, 4.4 and 16).
    """

    def get_configuration_value(
        self,
        value: ConfigurationValue,
        scope: ConfigurationScope = ConfigurationScope.GLOBAL,
        scope_object: int = 0,
    ) -> ConfigurationOutput:
        """The value in force at a scope, its own or inherited: `get_configuration_value_result` tells which.

        Returns:
            An `int`, `float`, `str` or callback, by the value's type; None if value or object is unknown, if a global
            value is asked for at another scope, and for a callback that is not set.
        """
        return self._find(value, scope, scope_object)[1]

    def get_configuration_value_result(
        self,
        value: ConfigurationValue,
        scope: ConfigurationScope = ConfigurationScope.GLOBAL,
        scope_object: int = 0,
    ) -> ConfigurationValueResult:
        """Whether a value is set at exactly this scope (`OK`) or supplied by a wider one (`OK_INHERITED`).

        Returns:
            One of these, or why the value cannot be read: `BAD_VALUE`, `BAD_SCOPE_OBJECT`.
        """
        return self._find(value, scope, scope_object)[0]

    def _find(self, value: int, scope: int, scope_object: int) -> tuple[ConfigurationValueResult, ConfigurationOutput]:
        _check_arguments(value, scope, scope_object)
        if find_row(value) is None:
            return ConfigurationValueResult.BAD_VALUE, None
        with self._node.lock:
            found = self._node.find_value(scope, scope_object, value)
        if found is None:
            return ConfigurationValueResult.BAD_SCOPE_OBJECT, None
        content, is_inherited = found
        result = ConfigurationValueResult.OK_INHERITED if is_inherited else ConfigurationValueResult.OK
        return result, content

    def set_configuration_value(
        self,
        value: ConfigurationValue,
        x: ConfigurationInput,
        scope: ConfigurationScope = ConfigurationScope.GLOBAL,
        scope_object: int = 0,
    ) -> bool:
        """Sets a value at a scope, by default for the whole process: all live `NetworkingSockets` follow at once.

        Numbers and texts are converted to the value's type, then clamped to its limits (spec 3, 4.3); a warning in the
        debug output tells of a number that was. In a `config` argument such a number is a `ValueError`.
        `x` None takes back what was set at this scope.

        Returns:
            Whether it was done. False: no such value or object, read-only, locked, or a content of a wrong type.
        """
        _check_arguments(value, scope, scope_object)
        if scope == ConfigurationScope.GLOBAL:
            return PROCESS.set(value, x)
        with LINES, self._node.entering():
            return self._node.configure(scope, scope_object, value, x)

    def get_configuration_value_name(self, value: ConfigurationValue) -> str | None:
        """The value's name as the reference library spells it; None if it is unknown."""
        check_type("value", value, int)
        return value_name(value)

    def get_configuration_value_info(self, value: ConfigurationValue) -> ConfigurationRow | None:
        """Name, type, scope, default, limits and meaning of a value; None if it is unknown."""
        check_type("value", value, int)
        return find_row(value)

    def iterate_configuration_values(self, include_development: bool = False) -> list[ConfigurationValue]:
        """The values that an application may offer for editing, in ascending order (spec 3, 4.5).

        Not listed: callbacks, user data, values for peer-to-peer connections alone, the read-only one, those without
        effect here, and the two of message loss, which the reference library does not know.

        Args:
            include_development: also list `IP_ALLOW_WITHOUT_AUTH` and `UNENCRYPTED`.
        """
        return listed_values(include_development)

    def get_connection_configuration_value(
        self, connection: Connection, value: ConfigurationValue
    ) -> ConfigurationOutput:
        """The value in force for a connection; None if value or handle is unknown."""
        return self.get_configuration_value(value, ConfigurationScope.CONNECTION, connection)

    def set_connection_configuration_value(
        self, connection: Connection, value: ConfigurationValue, x: ConfigurationInput
    ) -> bool:
        """Sets a value for one connection; see `set_configuration_value`."""
        return self.set_configuration_value(value, x, ConfigurationScope.CONNECTION, connection)

    def get_configuration_string(self, string: ConfigurationString) -> str | None:
        """A text setting of the early wrapper, empty when not set; None for an unknown one (spec 3, 2.1)."""
        value = _value_of_string(string)
        if value is None:
            return None
        text = self.get_configuration_value(value)
        return text if isinstance(text, str) else None

    def set_configuration_string(self, string: ConfigurationString, text: str | None) -> bool:
        """Sets a text setting of the early wrapper for the whole process; None takes it back.

        It is the ordinary value `string.configuration_value`, of Valve's relay network: kept, without effect here.

        Returns:
            Whether it was done. False: there is no such setting.
        """
        value = _value_of_string(string)
        if text is not None and not isinstance(text, str):
            raise TypeError(f"text must be str or None, not {type(text).__name__}")
        return value is not None and self.set_configuration_value(value, text)

    def get_configuration_string_name(self, string: ConfigurationString) -> str | None:
        """The name of a text setting as the early wrapper spelt it; None for an unknown one."""
        value = _value_of_string(string)
        return None if value is None else ConfigurationString(string).early_name


def _value_of_string(string: int) -> ConfigurationValue | None:
    check_type("string", string, int)
    try:
        return ConfigurationString(string).configuration_value
    except ValueError:
        return None


def _check_arguments(value: object, scope: object, scope_object: object) -> None:
    check_type("value", value, int)
    check_type("scope", scope, int)
    check_type("scope_object", scope_object, int)
