"""The errors soc_gen raises on purpose, and the whole error policy.

* An error is one sentence: what happened, where (``file:line`` when there is one), what to do next.
* ``UsageError`` means the user can put it right before anything runs: exit code 2.
* Every other ``SocError`` means a run that failed: exit code 1. What was paid for is in the journal.
* Ctrl-C is no error: exit code 130.
* A conversation that goes wrong is data, not a crash: it ends as a ``Failure`` record (tried again by
  the next run) and the run goes on. ``ConversationError`` carries it there and never reaches the user.
* No message may contain a key: keys are read from the environment where the client is opened and
  are kept nowhere else.
"""

from __future__ import annotations

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class SocError(Exception):
    """A failed run, told in one line.

    Args:
        what: What happened.
        where: ``file`` or ``file:line`` it happened at, if it has a place.
        hint: What to do next.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        """Return ``where: what. hint`` on one line."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        text = f"{text.rstrip('.')}. {self.hint}" if self.hint else text
        return " ".join(text.split())


class UsageError(SocError):
    """Wrong use: an option, a config key, or an input that cannot be read as what it should be."""

    exit_code = 2


class OutputError(SocError):
    """An output could not be written: full disk, no permission, another run holds it."""


class JournalError(SocError):
    """A journal that is damaged, or that belongs to other inputs than this run's."""


class EndpointError(SocError):
    """The endpoint cannot be used at all: wrong key, wrong model, nobody listening, no usable reply."""


class EmbeddedModelError(SocError):
    """The embedded model could not be fetched, verified or started."""


class HubError(SocError):
    """The Hub refused a dataset or could not be reached."""


class MissingExtraError(UsageError):
    """An optional dependency is not installed; the message names the ``pip install``."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed", hint=f"Run: pip install 'soc-gen[{extra}]'")


class ConversationError(Exception):
    """One conversation could not be finished; becomes a ``Failure`` record.

    Args:
        reason: Stable code, such as ``context_length`` or ``bad_turn``.
        detail: One line for people.
    """

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")
