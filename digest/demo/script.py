"""How a test tells the recording server to misbehave."""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from digest.demo.received import Received


class Action(Enum):
    """How a script can misbehave other than by words."""

    DROP = auto()  #: close the connection (FIN)
    RESET = auto()  #: tear it down (RST)
    HANG = auto()  #: say and hear nothing more
    ACCEPT_AND_DROP = auto()  #: do what the answer would have promised, then close without it


@dataclass(frozen=True, slots=True)
class Step:
    """Where a session stands when its script is asked, before it acts and answers."""

    #: "connect", a command ("ehlo", "mail" ...), "content" at its first bytes, "dot" when all of it is there (BDAT too)
    name: str
    argument: str  #: of the command
    connection: int  #: counted from 1
    mail: int  #: on this connection, counted from 1


#: None: as usual. Bytes: said instead of the usual reply, which takes effect all the same if they begin with 2 or 3; a
#: tuple of them goes out in as many packets. A 221 or 421 among them closes the connection.
Answer = bytes | tuple[bytes, ...] | Action | None
Script = Callable[[Step], Answer]


@dataclass(frozen=True, slots=True)
class Rules:
    """What all sessions of a server have in common."""

    accept: Callable[[Sequence[Received]], None]  #: keeps mails, durably if at all
    script: Script | None = None
    tls: ssl.SSLContext | None = None  #: offers STARTTLS
    credentials: tuple[str, str] | None = None  #: asks for AUTH
