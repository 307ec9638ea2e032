"""A model that says what it is told to, and remembers what it was asked."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from soc_gen.llm.types import Reply, Request

Answer = str | Reply | Exception
"""A reply's text, a whole reply, or what to raise instead."""
Script = Callable[[Request], Answer | Awaitable[Answer]]


class ScriptedLLM:
    """An ``LLM`` that answers from a queue, or from a function (plain or async) of the request.

    Example:
        >>> llm = ScriptedLLM(["not JSON", '{"messages": ["hi"]}'])
    """

    def __init__(self, script: Iterable[Answer] | Script) -> None:
        self.requests: list[Request] = []
        """Every request, in the order in which they were made."""
        self._answer: Script = script if callable(script) else self._next
        self._queue: deque[Answer] = deque() if callable(script) else deque(script)

    async def complete(self, request: Request) -> Reply:
        """Answer ``request``, or raise the exception that stands in its place.

        Raises:
            LookupError: The queue is empty: more was asked than the test expected.
        """
        self.requests.append(request)
        answer = self._answer(request)
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, Exception):
            raise answer
        return Reply(answer, finish_reason="stop") if isinstance(answer, str) else answer

    def _next(self, request: Request) -> Answer:
        if not self._queue:
            msg = f"no reply left in the script for {request.conversation} turn {request.turn}"
            raise LookupError(msg)
        return self._queue.popleft()
