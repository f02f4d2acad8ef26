"""Everything that can go wrong on purpose.

    PushupDataError
    ├── BadInputError        a file or table that the user gave is not what it should be
    │   └── BadVideoError    one video; it goes to quarantine, the run goes on
    ├── MissingInputError    something that an earlier step makes is not there
    ├── ServerError          Label Studio or MongoDB does not answer as it should
    │   └── UnansweredError  a request may or may not have been carried out
    └── LabelsAtRiskError    going on could lose or misplace a label; nothing was changed

Every message is one line: what was wrong, where, and what to do about it.
The command line prints it without a traceback and exits with 1.
"""


class PushupDataError(Exception):
    """Root of all errors raised on purpose; `message` carries the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class BadInputError(PushupDataError):
    """A file or table from the user is malformed, e.g. `params.yaml: train.lr must be positive`."""


class BadVideoError(BadInputError):
    """A video cannot be used. `reason` is a short code for quarantine.csv, the message says more."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type["BadVideoError"], tuple[str, str]]:  # crosses process borders
        return type(self), (self.reason, str(self))


class MissingInputError(PushupDataError):
    """A table, model or program that should be there is not, e.g. no pose model before `make setup`."""


class ServerError(PushupDataError):
    """A server is down, refuses the token, or answers nonsense."""


class UnansweredError(ServerError):
    """The answer to a request got lost: what it asked for is done or not, and must be looked up."""


class LabelsAtRiskError(PushupDataError):
    """Labels could get lost or land on the wrong rep; the user decides."""
