"""What an endpoint can do: a small piece of each stage's work, asked for as a run asks for it."""

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
from soc_gen.llm.types import LLM, PromptMessage, Reply, Request, Usage
from soc_gen.log import log
from soc_gen.settings import Endpoint, Sampling

PATIENCE_SECONDS = 60.0
"""How long faults that may pass are repeated, in all; less where ``give_up_seconds`` is less."""
_FAULTS = (TransientError, ContextLengthError, RequestRejectedError)
_MOST_WORDS = 300  # characters of a refusal: the URL, and 200 of the server's own
_BAD_URL = "Check --base-url: it usually ends in /v1"
_LATER = "Try again when the server is well; --base-url and its own log say more"
_SLOW = "Raise timeout_seconds under [endpoint], or have the server do less at once"
_NO_ROOM = "Give the server a larger context, or take a smaller max_tokens"
_REFUSED = "Change what its words name; a field can be left out with omit under [endpoint]"
_UNCOUNTED = "--max-cost and --max-total-tokens cannot be kept to; --max-minutes can"


@dataclass(frozen=True, slots=True)
class Finding:
    """One question about the endpoint, and what was found."""

    question: str
    good: bool
    answer: str
    hint: str = ""
    """What to do where it is not good, or not as good as it could be."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A small piece of a stage's work."""

    stage: str
    question: str
    """What is to be seen, such as ``writes an experience``."""
    play: Callable[[LLM], Awaitable[str]]
    """Does it; returns what came of it. Raises ``ConversationError`` where no reply can be used."""
    otherwise: str
    """What to set where a model or a server cannot do it this way."""


@dataclass
class _Asker:
    """The model as a trial sees it: faults that may pass are repeated, for a time."""

    router: Router
    until: float
    """Of the monotonic clock."""
    request: Request | None = None
    """The last one."""
    replies: list[Reply] = field(default_factory=list)

    async def complete(self, request: Request) -> Reply:
        """Answer ``request``.

        Raises:
            TransientError: It has not passed in time.
            SocError: No request can be answered.
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
    """Make each of ``trials``, and say what was found.

    Args:
        config: Where the model is; has at least one URL.
        trials: Of the stages that ask this endpoint.

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
    """Return what to set; where the request was refused, by asking what would have been taken."""
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
    if await _is_taken(_without_system(refused), refused, asker):
        return 'It takes the request without a system message: set system_role = "user" under [endpoint]'
    return trial.otherwise if refused.continue_final else _REFUSED


def _hint_of_fault(fault: TransientError) -> str:
    if fault.kind == "timeout":
        return _SLOW
    return _BAD_URL if isinstance(fault, NotACompletionError) else _LATER


async def _is_taken(changed: Request, refused: Request, asker: _Asker) -> bool:
    """Whether the server answers ``changed``, where it differs from what it refused."""
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
    """Return the names of what ``sampling`` sends and ``plain`` does not."""
    names = [name for name in type(sampling).model_fields if getattr(sampling, name) != getattr(plain, name)]
    return [*(name for name in names if name != "extra_body"), *sampling.extra_body]


def _without_system(request: Request) -> Request:
    """Return ``request`` with the system text at the head of the first message of the user."""
    system, *others = request.messages
    if system["role"] != "system" or not others or others[0]["role"] != "user":
        return request
    first: PromptMessage = {"role": "user", "content": f"{system['content']}\n\n{others[0]['content']}"}
    return replace(request, messages=(first, *others[1:]))


# --- figures -----------------------------------------------------------------------------------------


def _figures(replies: Sequence[Reply]) -> list[Finding]:
    """Return what the replies to all trials say of tokens and time."""
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
