"""What is said to a program that asks for a name as the C# wrappers spell it?

Their names are spelt otherwise here, and some have become other names (docs/porting.md). Such a name does not work, so
that there is one name for each thing; but the error says which one that is.
"""

from collections.abc import Iterable, Mapping
from enum import EnumType
from typing import TYPE_CHECKING, Final, NoReturn

_EARLY_MEMBERS: Final[Mapping[str, Mapping[str, str]]] = {
    "ConfigurationValue": {
        "CLIENTCONSECUTITIVEPINGTIMEOUTSFAIL": "SDR_CLIENT_CONSECUTITIVE_PING_TIMEOUTS_FAIL",
        "CLIENTCONSECUTITIVEPINGTIMEOUTSFAILINITIAL": "SDR_CLIENT_CONSECUTITIVE_PING_TIMEOUTS_FAIL_INITIAL",
        "CLIENTMINPINGSBEFOREPINGACCURATE": "SDR_CLIENT_MIN_PINGS_BEFORE_PING_ACCURATE",
        "CLIENTSINGLESOCKET": "SDR_CLIENT_SINGLE_SOCKET",
        "LOGLEVELPACKET": "LOG_LEVEL_PACKET_DECODE",
        "LOGLEVELRELAYPINGS": "LOG_LEVEL_SDR_RELAY_PINGS",
        "MAXRATE": "SEND_RATE_MAX",
        "MINRATE": "SEND_RATE_MIN",
        "TIMEOUTSECONDSCONNECTED": "TIMEOUT_CONNECTED",
        "TIMEOUTSECONDSINITIAL": "TIMEOUT_INITIAL",
    },
}
"""Members of the early wrapper's enumerations that have another name today, by their `bare` name."""

_EARLY_NAMES: Final[Mapping[str, str]] = {
    "CONFIGURATION": "the config argument of NetworkingSockets.connect and create_listen_socket",
    "DEBUGCALLBACK": "Library.set_debug_callback, which takes any function",
    "EXTENSIONS": "Address.ipv4, Address.ipv6 and Address.from_packed",
    "MESSAGECALLBACK": "what NetworkingSockets.receive_messages_on_connection returns",
    "NETWORKINGUTILS": "Library and NetworkingSockets",
    "STATUSCALLBACK": "NetworkingSockets.set_status_callback and dispatch_callback, which take any function",
}
"""Types of the wrappers that are something else today, by their `bare` name."""


def bare(name: str) -> str:
    """A name without what spellings differ in."""
    return name.replace("_", "").upper()


def other_spelling(name: str, names: Iterable[str]) -> str:
    """The one of `names` that differs from `name` only in its spelling; empty if there is none."""
    wanted = bare(name)
    return next((other for other in names if bare(other) == wanted), "")


def missing_name(name: str, names: Iterable[str]) -> AttributeError:
    """The error for a public name that the package does not have, and one of these `names` may be today."""
    today = _EARLY_NAMES.get(bare(name)) or other_spelling(name, names)
    text = f"module 'gamesockets' has no attribute {name!r}"
    return AttributeError(f"{text}: it is {today} here" if today else text, name=name)


class RenamedMembers(EnumType):
    """The type of the public enumerations: its error for a name of the wrappers says the member's name today."""

    if not TYPE_CHECKING:  # type checkers would take every name for a member

        def __getattr__(cls, name: str) -> NoReturn:
            text = f"{cls.__name__} has no member {name!r}"
            # Python itself asks classes for names in underscores, before there are members, too.
            if not name.startswith("_"):
                early = _EARLY_MEMBERS.get(cls.__name__, {})
                today = early.get(bare(name)) or other_spelling(name, cls.__members__)
                if today:
                    text += f": it is {cls.__name__}.{today} here"
            raise AttributeError(text, name=name, obj=cls)
