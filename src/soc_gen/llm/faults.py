"""What can go wrong with one HTTP exchange, sorted by what has to be done about it.

* ``TransientError``: repeat the very same request, later.
* ``NotACompletionError``: the same; but where nothing was ever answered, the URL is wrong.
* ``ContextLengthError``: the conversation is longer than the server takes; repeating cannot help.
* ``UnsupportedFieldError``: this server does not know a field; ask without it, for the whole run.
* ``BadGenerationError``: the server found the model's text bad; ask again with the next seed.
* ``PromptFlaggedError``: a filter refused this prompt; this conversation ends, the others go on.
* ``RequestRejectedError``: any other 4xx. Where others were answered, the cause is this conversation; where
  none was, it is the settings.
* ``AccessRefusedError``: the key or the model was refused. Before anything was answered, this server cannot
  be used; afterwards it is a fault that may pass.
* ``EndpointError`` (see ``soc_gen.errors``): nothing can work until the user changes something.

Which one an answer stands for is decided in ``soc_gen.llm.refusals``.
"""

from __future__ import annotations

from soc_gen.errors import EndpointError


class TransientError(Exception):
    """One exchange failed in a way that may pass.

    Args:
        kind: Short stable name, counted: ``http_429``, ``timeout``, ``connection``, ``bad_body`` …
        message: The server's own words, if there were any.
        retry_after: Seconds the server asked to wait, if it did.
        overload: The server says or shows that it has too much to do.
    """

    def __init__(
        self, kind: str, message: str = "", *, retry_after: float | None = None, overload: bool = False
    ) -> None:
        self.kind = kind
        self.retry_after = retry_after
        self.overload = overload
        super().__init__(f"{kind}: {message}" if message else kind)

    @property
    def rate_limited(self) -> bool:
        """Whether the server counts requests and said "too many"."""
        return self.kind == "http_429"


class NotACompletionError(TransientError):
    """A 200 whose body is no chat completion and names no error that is known to pass."""


class ContextLengthError(Exception):
    """The prompt and the reply asked for do not fit into the server's context."""


class UnsupportedFieldError(Exception):
    """The server does not take one field of the request.

    Args:
        field: Its name in the request's body.
        message: The server's own words.
        instead: The name that the server wants it to have, or "".
    """

    def __init__(self, field: str, message: str, instead: str = "") -> None:
        self.field = field
        self.instead = instead
        super().__init__(message)


class BadGenerationError(Exception):
    """The server threw away what the model wrote, since it was not what was asked for."""


class RequestRejectedError(Exception):
    """The server does not want this request, for a reason of its own."""


class PromptFlaggedError(RequestRejectedError):
    """A filter of the server does not want this prompt."""


class AccessRefusedError(Exception):
    """The server refuses the key, the account or the model.

    Args:
        status: HTTP status.
        error: What the run ends with when no other server takes over.
        lasting: Repeating cannot help, even where the same server has answered before.
    """

    def __init__(self, status: int, error: EndpointError, *, lasting: bool = False) -> None:
        self.status = status
        self.error = error
        self.lasting = lasting
        super().__init__(str(error))
