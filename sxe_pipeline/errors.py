"""Every way this engine can fail.

* SxeError
  x Terminal      another try cannot help
    - BadConfig         a setting is missing or wrong                    exit 3
    - NotFound          the thing asked for does not exist               exit 4
    - Refused           policy, tier or grant says no                    exit 5
    - ContractBroken    data does not meet its contract or schema        exit 6
    - Leak              contact data where none may be                   exit 6
    - LandingGone       a registered landing file is no longer there     exit 4
    - BadInput          what was handed in cannot be used                exit 2
    - Tampered          a signature, hash or audit record does not hold  exit 1
  x Transient     another try may help and costs nothing
    - StoreUnavailable  database or object store cannot be reached       exit 7
    - Busy              somebody else holds the lock                     exit 8

A message says what, how many, and what to do next. It never holds a value from a profile or a
contact: the texts end up in logs and in Dagster's event log, which every tier can read.
"""


class SxeError(Exception):
    """Base of all errors; `exit_code` is what the command line ends with."""

    exit_code = 1


class Terminal(SxeError):
    """Another try cannot help."""


class Transient(SxeError):
    """Another try may help and costs nothing."""


class BadInput(Terminal):
    """What was handed in cannot be used."""

    exit_code = 2


class BadConfig(Terminal):
    """A setting is missing or wrong."""

    exit_code = 3


class NotFound(Terminal):
    """The thing asked for does not exist."""

    exit_code = 4


class LandingGone(NotFound):
    """A registered landing file is no longer in the landing store."""


class Refused(Terminal):
    """Policy, tier separation or a database grant says no."""

    exit_code = 5


class ContractBroken(Terminal):
    """Data does not meet its contract."""

    exit_code = 6


class Leak(Terminal):
    """Contact data was found where none may be stored."""

    exit_code = 6


class Tampered(Terminal):
    """A signature, a hash or an audit record does not hold."""

    exit_code = 1


class StoreUnavailable(Transient):
    """A database or an object store cannot be reached."""

    exit_code = 7


class Busy(Transient):
    """Somebody else holds the lock."""

    exit_code = 8
