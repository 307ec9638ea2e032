"""Checks an endpoint with a small piece of each stage's work, requested exactly as a run does it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from soc_gen.display import excerpt
from soc_gen.engine.connect import Connection, connect
from soc_gen.engine.runner import wait_seconds
from soc_gen.engine.unusable import THINKING_OFF, advice, came, thinks
from soc_gen.errors import ConversationError
from soc_gen.llm.faults import (
    ContextLengthError,
    NotACompletionError,
    RequestRejectedError,
    TransientError,
)
from soc_gen.llm.router import Router
from soc_gen.llm.types import LLM, Reply, Request, Usage
from soc_gen.llm.wire import fold_system
from soc_gen.log import log
from soc_gen.settings import Endpoint, Sampling

PATIENCE_SECONDS = 60.0
"""Total seconds in which temporary faults are retried; less if ``give_up_seconds`` is less."""
_FAULTS = (TransientError, ContextLengthError, RequestRejectedError)
_MOST_WORDS = 300  # characters of an error: the URL, and 200 of the server's message
_BAD_URL = "Check --base-url: it usually ends in /v1"
_LATER = "Try again when the server is well; --base-url and its own log say more"
_SLOW = "Raise timeout_seconds under [endpoint], or have the server do less at once"
_NO_ROOM = "Give the server a larger context, or take a smaller max_tokens"
_REFUSED = "Change what its words name; a field can be left out with omit under [endpoint]"
_UNCOUNTED = "--max-cost and --max-total-tokens cannot be kept to; --max-minutes can"


@dataclass(frozen=True, slots=True)
class Finding:
    """One question about the endpoint, and the answer."""

    question: str
    good: bool
    answer: str
    hint: str = ""
    """What to do when the answer is bad or could be better."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A small piece of a stage's work."""

    stage: str
    question: str
    """The ability that is checked, such as ``writes an experience``."""
    play: Callable[[LLM], Awaitable[str]]
    """Does the work, returns a description of the result; ``ConversationError`` if no reply is usable."""
    otherwise: str
    """Settings to suggest when the model or the server cannot do this."""


@dataclass
class _Asker:
    """The model as a trial sees it: temporary faults are retried until a deadline."""

    router: Router
    until: float
    """Deadline on the monotonic clock."""
    request: Request | None = None
    """The last one."""
    replies: list[Reply] = field(default_factory=list)

    async def complete(self, request: Request) -> Reply:
        """Answer ``request``.

        Raises:
            TransientError: The fault did not pass before the deadline.
            SocError: The endpoint cannot answer any request.
        """
        self.request = request
        faults = 0
        while True:
            try:
                reply = await self.router.ask(request)
            except TransientError as fault:
                faults += 1
                seconds = wait_seconds(fault, faults)
                left = self.until - time.monotonic()
                if seconds > left:
                    raise
                if faults == 1:
                    words = excerpt(str(fault))
                    log.warning("the endpoint fails (%s); asked again, for %.0f s at most", words, left)
                await asyncio.sleep(seconds)
            else:
                self.replies.append(reply)
                return reply


async def probe(config: Endpoint, trials: Sequence[Trial]) -> list[Finding]:
    """Run each of ``trials`` and return the findings.

    Args:
        config: Endpoint with at least one URL.
        trials: Trials of the stages that use this endpoint.

    Raises:
        SocError: The endpoint cannot be used at all.
    """
    patience = min(PATIENCE_SECONDS, config.give_up_seconds)
    config = config.model_copy(update={"give_up_seconds": patience})
    until = time.monotonic() + patience
    async with connect(config, asyncio.sleep, _once(log.warning)) as connection:
        findings = [
            Finding("is there, with this model", good=True, answer=connection.model),
            *map(_absent, connection.absent),
        ]
        replies: list[Reply] = []
        for trial in trials:
            asker = _Asker(connection.router, until)
            findings.append(await _try(trial, asker, connection))
            replies += asker.replies
    return [*findings, *_figures(replies)]


def _once(on_wait: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function that passes only the first text to ``on_wait``; later ones differ in seconds."""
    called = False

    def first_only(text: str) -> None:
        nonlocal called
        if text and not called:
            on_wait(text)
            called = True

    return first_only


def _absent(url: str) -> Finding:
    return Finding("every replica answers", good=False, answer=f"not {url}", hint="Start it, or leave it out")


async def _try(trial: Trial, asker: _Asker, connection: Connection) -> Finding:
    try:
        made = await trial.play(asker)
    except ConversationError as verdict:
        reply = asker.replies[-1] if asker.replies else Reply("")
        answer = f"{excerpt(verdict.detail)}; the last reply {came(reply)}"
        return Finding(trial.question, good=False, answer=answer, hint=advice(reply, trial.otherwise))
    except _FAULTS as fault:
        hint = await _remedy(fault, trial, asker)
        return Finding(trial.question, good=False, answer=excerpt(str(fault), _MOST_WORDS), hint=hint)
    slow = any(map(thinks, asker.replies))
    hint = f"The model thinks before it answers, which takes time and tokens: {THINKING_OFF}" if slow else ""
    asked = asker.request
    how = (
        f"with response_format {connection.capabilities.response_format}: " if asked and asked.schema else ""
    )
    return Finding(trial.question, good=True, answer=f"{how}{excerpt(made, 80)}", hint=hint)


# --- what to do about a refusal ----------------------------------------------------------------------


async def _remedy(fault: Exception, trial: Trial, asker: _Asker) -> str:
    """Return the settings to suggest; for a refused request, found by trying variants of it."""
    if isinstance(fault, ContextLengthError):
        return _NO_ROOM
    if isinstance(fault, TransientError):
        return _hint_of_fault(fault)
    refused = asker.request
    if refused is None:
        return _REFUSED
    plain = _plain_sampling(refused)
    fields = ", ".join(_more_than(plain.sampling, refused.sampling))
    if await _is_taken(plain, refused, asker):
        return f"It takes the request without {fields}: leave out what it names of [{trial.stage}.sampling]"
    if await _is_taken(replace(refused, messages=fold_system(refused.messages)), refused, asker):
        return 'It takes the request without a system message: set system_role = "user" under [endpoint]'
    return trial.otherwise if refused.continue_final else _REFUSED


def _hint_of_fault(fault: TransientError) -> str:
    if fault.kind == "timeout":
        return _SLOW
    return _BAD_URL if isinstance(fault, NotACompletionError) else _LATER


async def _is_taken(changed: Request, refused: Request, asker: _Asker) -> bool:
    """Whether the server answers ``changed``; False if it equals the refused request."""
    if changed == refused:
        return False
    try:
        await asker.complete(changed)
    except _FAULTS:
        return False
    return True


def _plain_sampling(request: Request) -> Request:
    sampling = request.sampling
    plain = Sampling(temperature=sampling.temperature, max_tokens=sampling.max_tokens)
    return replace(request, sampling=plain)


def _more_than(plain: Sampling, sampling: Sampling) -> list[str]:
    """Return the names of fields that ``sampling`` sends and ``plain`` does not."""
    names = [name for name in type(sampling).model_fields if getattr(sampling, name) != getattr(plain, name)]
    return [*(name for name in names if name != "extra_body"), *sampling.extra_body]


# --- figures -----------------------------------------------------------------------------------------


def _figures(replies: Sequence[Reply]) -> list[Finding]:
    """Return findings about tokens and time from all replies."""
    if not replies:
        return []
    usage = sum((reply.usage for reply in replies), Usage())
    counted = f"{usage.prompt} in, {usage.cached} of them cached, {usage.completion} out"
    seconds = sum(reply.seconds for reply in replies)
    rate = usage.completion / seconds if seconds else 0.0
    speed = f"{seconds / len(replies):.1f} s for a reply, {rate:.0f} tokens/s alone"
    return [
        Finding("counts tokens", usage.prompt > 0, counted, "" if usage.prompt else _UNCOUNTED),
        Finding("how fast", good=True, answer=speed),
    ]
