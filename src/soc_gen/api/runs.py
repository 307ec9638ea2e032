"""Functions that ask a model: experiences and rollouts, with and without ``await``.

``rollout`` also works inside a running event loop, such as a notebook's: the work is then done in a thread
of its own. ``await arollout(…)`` leaves the loop free meanwhile. So it is with ``generate_experiences``.
"""

from __future__ import annotations

import asyncio
import functools
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from soc_gen.api.files import config_from
from soc_gen.api.records import Produced, Source
from soc_gen.config import DEFAULT_PRESET, Config
from soc_gen.engine.context import RunContext
from soc_gen.engine.execute import Stage, run_stage
from soc_gen.engine.metrics import RunMetrics
from soc_gen.io.files import check_output
from soc_gen.io.jsonl import BadLine, read_jsonl
from soc_gen.llm.embedded.serve import ensure_endpoint
from soc_gen.models import Chat, Experience, Persona, Record
from soc_gen.settings import Endpoint

R = TypeVar("R", bound=Record)
T = TypeVar("T")
P = ParamSpec("P")


async def agenerate_experiences(
    personas: Iterable[Persona] | Source | None = None,
    *,
    count: int | None = None,
    out: str | Path | None = None,
    config: Config | str | Path | None = None,
    base_url: str | Sequence[str] | None = None,
    model: str | None = None,
    restart: bool = False,
) -> Produced[Experience]:
    """Pair personas, draw how they know each other, and have a model invent why they write.

    Args:
        personas: Personas, or where to read them from; the shipped bank when not given.
        count: How many experiences; the config's number when not given.
        out: JSONL to write them to, with the journal beside it: the same call goes on where an earlier one
            ended. Without it nothing is left on disk.
        config: A ``Config``, a preset's name or a TOML file; ``quickstart`` without an endpoint.
        base_url: OpenAI-compatible URL, or several that are replicas; the embedded model when neither this
            nor the config names one. The key is read from the environment.
        model: Name the endpoint knows the model by.
        restart: Delete what an earlier run left in ``out``.

    Returns:
        The experiences in order, the failures, and the figures of the run.

    Raises:
        SocError: The run cannot go on; what was paid for is kept if ``out`` is given.

    Example:
        >>> made = generate_experiences(count=2)
        >>> made[0].situation
    """
    settings = _config_for(config, base_url, model, {"experiences": {"count": count}})

    def make_stage() -> Stage[Any]:
        from soc_gen.stages.experiences.personas import check_bank, read_bank  # noqa: PLC0415
        from soc_gen.stages.experiences.run import ExperiencesStage  # noqa: PLC0415

        if personas is None or isinstance(personas, str | Path):
            named = settings.experiences
            if personas is not None:
                named = named.model_copy(update={"personas": str(personas)})
            return ExperiencesStage(read_bank(named), named, settings.random_seed)
        bank = check_bank(personas, "personas")
        return ExperiencesStage(bank, settings.experiences, settings.random_seed)

    return await _produce(make_stage, Experience, out, settings, restart=restart)


async def arollout(
    experiences: Iterable[Experience] | str | Path,
    *,
    out: str | Path | None = None,
    config: Config | str | Path | None = None,
    base_url: str | Sequence[str] | None = None,
    model: str | None = None,
    limit: int | None = None,
    restart: bool = False,
) -> Produced[Chat]:
    """Play experiences turn by turn until they are chats.

    Args:
        experiences: Experiences, or a JSONL file of them.
        limit: Experiences at most, from the start.
        out: As for ``generate_experiences``, as are the others.
        config: A ``Config``, a preset's name or a TOML file; ``quickstart`` without an endpoint.
        base_url: URL of the endpoint, or several of replicas.
        model: Name the endpoint knows the model by.
        restart: Delete what an earlier run left in ``out``.

    Returns:
        The finished chats in the order of the experiences, the failures, and the figures of the run.

    Raises:
        SocError: The run cannot go on; what was paid for is kept if ``out`` is given.

    Example:
        >>> chats = rollout(experiences, config="qwen3-vllm", base_url="http://localhost:8000/v1")
        >>> len(chats), len(chats.failures)
    """
    settings = _config_for(config, base_url, model, {})

    def make_stage() -> Stage[Any]:
        from soc_gen.stages.rollout.run import RolloutStage, check_experiences  # noqa: PLC0415

        if isinstance(experiences, str | Path):
            check_experiences(Path(experiences))
            return RolloutStage(Path(experiences), settings.rollout, settings.random_seed, limit)
        return RolloutStage(list(experiences), settings.rollout, settings.random_seed, limit)

    return await _produce(make_stage, Chat, out, settings, restart=restart)


def _blocking(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Return ``function`` for callers that do not await; inside a running event loop, in a thread."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        work = function(*args, **kwargs)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(work)
        with ThreadPoolExecutor(1) as threads:
            return threads.submit(asyncio.run, work).result()

    run.__name__ = function.__name__.removeprefix("a")
    return run


generate_experiences = _blocking(agenerate_experiences)
"""``agenerate_experiences`` without await."""
rollout = _blocking(arollout)
"""``arollout`` without await."""


async def _produce(
    make_stage: Callable[[], Stage[Any]],
    kind: type[R],
    out: str | Path | None,
    settings: Config,
    *,
    restart: bool,
) -> Produced[R]:
    stage = make_stage()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="soc-")) if out is None else None
        path = Path(folder, f"{stage.name}.jsonl") if folder else Path(out or "")
        check_output(path)
        configured = settings.endpoint_of(stage.name)
        endpoint = await stack.enter_async_context(_endpoint(configured))
        context = RunContext(
            endpoint,
            embedded=not configured.base_urls,
            budget=settings.budget,
            metrics=RunMetrics(prices=configured.prices),
            random_seed=settings.random_seed,
            settings=settings.model_dump(mode="json"),
            restart=restart,
        )
        result = await run_stage(stage, path, context)
        records = [record for record in read_jsonl(path, kind) if not isinstance(record, BadLine)]
        return Produced(records, result)


@asynccontextmanager
async def _endpoint(settings: Endpoint) -> AsyncIterator[Endpoint]:
    """Yield the endpoint with URLs in it; the embedded model is started and ended beside the loop."""
    serving = ensure_endpoint(settings, lambda *_: None)
    endpoint = await asyncio.to_thread(serving.__enter__)
    try:
        yield endpoint
    finally:
        await asyncio.to_thread(serving.__exit__, None, None, None)


def _config_for(
    config: Config | str | Path | None,
    base_url: str | Sequence[str] | None,
    model: str | None,
    overrides: dict[str, Any],
) -> Config:
    urls = (base_url,) if isinstance(base_url, str) else tuple(base_url or ())
    if config is None and not urls and not model:
        config = DEFAULT_PRESET
    endpoint = {"base_urls": urls or None, "model": model}
    return config_from(config, overrides | {"endpoint": endpoint})
