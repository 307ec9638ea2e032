"""soc_gen from Python: what the commands do, with objects or paths in and objects out.

Functions that ask a model have a twin that is awaited: ``rollout`` and ``arollout``. The plain one also
works inside a running event loop, such as a notebook's: the work is then done in a thread of its own.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from soc_gen.config import DEFAULT_PRESET, Config, load_config, with_overrides
from soc_gen.engine.context import RunContext
from soc_gen.engine.execute import Stage, StageResult, run_stage
from soc_gen.engine.metrics import RunMetrics
from soc_gen.errors import UsageError
from soc_gen.export.rows import Format, Perspective, Start, Tags
from soc_gen.export.split import SplitBy
from soc_gen.export.writers import ExportPlan, ExportResult
from soc_gen.export.writers import export as write_export
from soc_gen.io.datasets import read_source
from soc_gen.io.files import check_output
from soc_gen.io.jsonl import BadLine, read_jsonl
from soc_gen.io.jsonl import write_jsonl as write_records
from soc_gen.io.resources import shipped
from soc_gen.llm.embedded.serve import ensure_endpoint
from soc_gen.models import Chat, Experience, Failure, Persona, Record, Rejection
from soc_gen.settings import Endpoint

if TYPE_CHECKING:
    from soc_gen.publish.hub import PushResult
    from soc_gen.stages.clean.run import CleanReport

__all__ = [
    "CleanedChats",
    "ExportResult",
    "Produced",
    "agenerate_experiences",
    "arollout",
    "clean",
    "clean_files",
    "export",
    "generate_experiences",
    "push_to_hub",
    "read_chats",
    "read_experiences",
    "read_personas",
    "rollout",
    "write_jsonl",
]

R = TypeVar("R", bound=Record)
T = TypeVar("T")
Source = str | Path
"""A JSONL, Parquet or (personas) CSV file, or the id of a dataset on the Hub."""
OnMessage = Callable[[str], None]
"""Is told, one line at a time, what a user should know at once."""


class Records(Sequence[R], Generic[R]):
    """Records in order: index them, iterate over them, take their ``len``."""

    def __init__(self, records: Iterable[R]) -> None:
        self._records = tuple(records)

    @overload
    def __getitem__(self, index: int) -> R: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[R, ...]: ...
    def __getitem__(self, index: int | slice) -> R | tuple[R, ...]:
        """Return the record at ``index``, or a tuple for a slice."""
        return self._records[index]

    def __len__(self) -> int:
        """Return how many records there are."""
        return len(self._records)


class Produced(Records[R]):
    """The records that a stage made, in the order of its input, and how the run went.

    Attributes:
        result: The figures of the run: model, tokens, replies, seconds, why it stopped.
    """

    def __init__(self, records: Iterable[R], result: StageResult) -> None:
        super().__init__(records)
        self.result = result

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What could not be obtained; a call with the same ``out`` tries again."""
        return self.result.failures

    def __repr__(self) -> str:
        """Return the counts."""
        return f"<{self.result.stage}: {len(self)} records, {len(self.failures)} failures>"


class CleanedChats(Records[Chat]):
    """The chats that were kept, repaired, and the rejections of the others.

    Attributes:
        rejections: One for each chat that was not kept, in order, with the reason and the chat as it was.
    """

    def __init__(self, outcomes: Iterable[Chat | Rejection]) -> None:
        found = list(outcomes)
        super().__init__(outcome for outcome in found if isinstance(outcome, Chat))
        self.rejections = tuple(outcome for outcome in found if isinstance(outcome, Rejection))

    def __repr__(self) -> str:
        """Return the two counts."""
        return f"<{len(self)} chats kept, {len(self.rejections)} rejected>"


def read_personas(
    source: Source | None = None, *, revision: str | None = None, bad_lines: list[BadLine] | None = None
) -> list[Persona]:
    """Return the personas of ``source``; those that come with the package when it is not given.

    Args:
        source: A JSONL, CSV or Parquet file, or a Hub dataset such as ``marcodsn/SPB-2508``.
        revision: Branch, tag or commit of a Hub dataset.
        bad_lines: Is given the lines that are not personas; without it the first one is an error.

    Raises:
        UsageError: The source cannot be read, or has a bad line.
        HubError: There is no such dataset, or the Hub cannot be reached.

    Example:
        >>> people = read_personas()
        >>> people[0].name
    """
    return _read(source or shipped("seeds") / "personas.jsonl", Persona, revision, bad_lines)


def read_experiences(
    source: Source | None = None, *, revision: str | None = None, bad_lines: list[BadLine] | None = None
) -> list[Experience]:
    """Return the experiences of ``source``; those that come with the package when it is not given.

    Arguments and errors are those of ``read_personas``.
    """
    return _read(source or shipped("seeds") / "experiences.jsonl", Experience, revision, bad_lines)


def read_chats(
    source: Source, *, revision: str | None = None, bad_lines: list[BadLine] | None = None
) -> list[Chat]:
    """Return the chats of ``source``; arguments and errors as for ``read_personas``.

    Example:
        >>> chats = read_chats("data/clean.jsonl")
        >>> chats[0].chat_parts[0].messages
    """
    return _read(source, Chat, revision, bad_lines)


def _read(source: Source, kind: type[R], revision: str | None, bad_lines: list[BadLine] | None) -> list[R]:
    records: list[R] = []
    for record in read_source(str(source), kind, revision):
        if not isinstance(record, BadLine):
            records.append(record)
        elif bad_lines is None:
            hint = "Mend it, or pass bad_lines=[] to have bad lines collected there"
            raise UsageError(record.why, where=record.where, hint=hint)
        else:
            bad_lines.append(record)
    return records


def write_jsonl(path: str | Path, records: Iterable[Record]) -> None:
    """Write ``records`` to ``path``, one a line; the file is replaced only when all are written.

    Raises:
        OutputError: It cannot be written.
    """
    write_records(Path(path), records)


def clean(chats: Iterable[Chat] | Source, *, config: Config | str | Path | None = None) -> CleanedChats:
    """Repair ``chats``, reject what cannot be repaired with a reason, and drop what repeats.

    Holds all chats in memory; ``clean_files`` does not.

    Args:
        chats: Chats, or where to read them from.
        config: A ``Config``, a preset's name or a TOML file; its ``clean`` part counts.

    Raises:
        UsageError: The config or the source cannot be read.

    Example:
        >>> kept = clean(chats)
        >>> kept.rejections[0].reason
    """
    from soc_gen.stages.clean.decide import clean_chats  # noqa: PLC0415 - heavy

    given = read_chats(chats) if isinstance(chats, str | Path) else chats
    return CleanedChats(clean_chats(given, _config(config).clean))


def clean_files(
    inputs: Sequence[str | Path] | str | Path,
    out: str | Path,
    *,
    config: Config | str | Path | None = None,
    workers: int = 1,
) -> CleanReport:
    """Clean files into ``out``, as ``soc clean`` does: for more chats than fit into memory.

    Args:
        inputs: JSONL files of chats, also ``.gz`` and ``.zst``, or globs.
        out: JSONL of the kept chats; the rejected and a manifest are written beside it.
        config: As for ``clean``.
        workers: Processes; the result is the same for any number.

    Raises:
        UsageError: An input cannot be read, or ``out`` is somebody else's file.
        OutputError: ``out`` cannot be written.

    Example:
        >>> clean_files("runs/*/chats.jsonl", "data/clean.jsonl", workers=4).kept
    """
    from soc_gen.stages.clean.run import CleanJob  # noqa: PLC0415 - heavy
    from soc_gen.stages.clean.run import clean_files as run  # noqa: PLC0415

    paths = [inputs] if isinstance(inputs, str | Path) else inputs
    settings = _config(config)
    return run(CleanJob(paths, Path(out), settings.clean, settings.random_seed, workers=workers))


def export(
    chats: Iterable[Chat] | Source,
    out: str | Path,
    *,
    form: Format = "messages",
    perspective: Perspective = "both",
    tags: Tags = "keep",
    start: Start = "user",
    test_size: float = 0.0,
    split_by: SplitBy = "conversation",
    random_seed: int = 0,
) -> ExportResult:
    """Write ``chats`` as rows for trainers into the folder ``out``.

    Args:
        chats: Chats, or where to read them from.
        out: Folder; made if it is not there, files of an earlier export in it are replaced.
        form: Columns of the rows: ``messages``, ``sharegpt``, ``chatml-text``, or ``parquet``.
        perspective: Who becomes the assistant; ``both`` gives one row for each side.
        tags: ``<image>`` and the others: ``keep`` them, ``strip`` them, or ``verbalize`` them.
        start: ``user``: rows start with the user; ``any``: with whoever wrote first.
        test_size: Share of the chats for the test file, 0 to 0.9.
        split_by: ``persona`` keeps everybody to one of the two files.
        random_seed: Seed of the split.

    Returns:
        The rows of each file, and what was left out.

    Raises:
        UsageError: No rows, no such split, or files of somebody else's in the way.
        OutputError: The folder cannot be written.

    Example:
        >>> export(chats, "data/export", test_size=0.1).files
        {'train.jsonl': 18, 'test.jsonl': 2}
    """
    given = chats if isinstance(chats, str | Path) else list(chats)
    plan = ExportPlan(form, perspective, tags, start, test_size, split_by, random_seed)

    def read() -> Iterable[Chat | BadLine]:
        return read_source(str(given), Chat) if isinstance(given, str | Path) else given

    return write_export(read, Path(out), plan, lambda _: None)


def push_to_hub(
    chats: Iterable[Chat] | str | Path,
    repo: str,
    *,
    private: bool = False,
    create_pr: bool = False,
    tag: str | None = None,
    revision: str | None = None,
    licence: str | None = None,
    parquet: bool = False,
    token_env: str | None = None,
) -> PushResult:
    """Upload ``chats`` as a dataset, with a card.

    Args:
        chats: A clean file, whose manifests the card is written from, or chats.
        repo: ``USER/NAME``.
        private: Only you, or your organisation, can see it.
        create_pr: Open a pull request instead of pushing to the main branch.
        tag: Name of the pushed version.
        revision: Branch to push to.
        licence: Licence id; the card's, else cc-by-4.0, when not given.
        parquet: Also upload the rows as ``data.parquet``.
        token_env: Variable that has the token; ``HF_TOKEN``, else the stored login, when not given.

    Raises:
        UsageError: A line is not a chat, a bad name, no token.
        HubError: The Hub refused it or cannot be reached.
    """
    from soc_gen.publish.hub import PushOptions, check_wanted, connect, push, read_token  # noqa: PLC0415 - heavy
    from soc_gen.publish.staging import stage  # noqa: PLC0415

    options = PushOptions(repo, private, create_pr, tag, revision, licence)
    check_wanted(options)
    hub = connect(options, read_token(token_env))
    with tempfile.TemporaryDirectory(prefix="soc-push-") as folder:
        if isinstance(chats, str | Path):
            file = Path(chats)
        else:
            file = Path(folder, "chats.jsonl")
            write_records(file, chats)
        staged = Path(folder, "staged")
        staged.mkdir()
        return push(hub, stage(file, staged, parquet=parquet, advance=lambda _: None), options)


async def agenerate_experiences(
    personas: Iterable[Persona] | Source | None = None,
    *,
    count: int | None = None,
    out: str | Path | None = None,
    config: Config | str | Path | None = None,
    base_url: str | Sequence[str] | None = None,
    model: str | None = None,
    restart: bool = False,
    on_message: OnMessage = lambda _: None,
) -> Produced[Experience]:
    """Do what ``generate_experiences`` does, to be awaited."""
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

    return await _produce(make_stage, Experience, out, settings, restart=restart, on_message=on_message)


def generate_experiences(
    personas: Iterable[Persona] | Source | None = None,
    *,
    count: int | None = None,
    out: str | Path | None = None,
    config: Config | str | Path | None = None,
    base_url: str | Sequence[str] | None = None,
    model: str | None = None,
    restart: bool = False,
    on_message: OnMessage = lambda _: None,
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
        restart: Throw away what an earlier run left in ``out``.
        on_message: Is told, one line at a time, what a user should know at once.

    Returns:
        The experiences in order, the failures, and the figures of the run.

    Raises:
        SocError: The run cannot go on; what was paid for is kept if ``out`` is given.

    Example:
        >>> made = generate_experiences(count=2)
        >>> made[0].situation
    """
    return _run(
        agenerate_experiences(
            personas,
            count=count,
            out=out,
            config=config,
            base_url=base_url,
            model=model,
            restart=restart,
            on_message=on_message,
        )
    )


async def arollout(
    experiences: Iterable[Experience] | str | Path,
    *,
    out: str | Path | None = None,
    config: Config | str | Path | None = None,
    base_url: str | Sequence[str] | None = None,
    model: str | None = None,
    limit: int | None = None,
    restart: bool = False,
    on_message: OnMessage = lambda _: None,
) -> Produced[Chat]:
    """Do what ``rollout`` does, to be awaited."""
    settings = _config_for(config, base_url, model, {})

    def make_stage() -> Stage[Any]:
        from soc_gen.stages.rollout.run import RolloutStage, check_experiences  # noqa: PLC0415

        if isinstance(experiences, str | Path):
            check_experiences(Path(experiences))
            return RolloutStage(Path(experiences), settings.rollout, settings.random_seed, limit)
        return RolloutStage(list(experiences), settings.rollout, settings.random_seed, limit)

    return await _produce(make_stage, Chat, out, settings, restart=restart, on_message=on_message)


def rollout(
    experiences: Iterable[Experience] | str | Path,
    *,
    out: str | Path | None = None,
    config: Config | str | Path | None = None,
    base_url: str | Sequence[str] | None = None,
    model: str | None = None,
    limit: int | None = None,
    restart: bool = False,
    on_message: OnMessage = lambda _: None,
) -> Produced[Chat]:
    """Play experiences turn by turn until they are chats.

    Args:
        experiences: Experiences, or a JSONL file of them.
        limit: Experiences at most, from the start.
        out: As for ``generate_experiences``, as are the others.
        config: A ``Config``, a preset's name or a TOML file; ``quickstart`` without an endpoint.
        base_url: URL of the endpoint, or several of replicas.
        model: Name the endpoint knows the model by.
        restart: Throw away what an earlier run left in ``out``.
        on_message: Is told what a user should know at once.

    Returns:
        The finished chats in the order of the experiences, the failures, and the figures of the run.

    Raises:
        SocError: The run cannot go on; what was paid for is kept if ``out`` is given.

    Example:
        >>> chats = rollout(experiences, config="qwen3-vllm", base_url="http://localhost:8000/v1")
        >>> len(chats), len(chats.failures)
    """
    return _run(
        arollout(
            experiences,
            out=out,
            config=config,
            base_url=base_url,
            model=model,
            limit=limit,
            restart=restart,
            on_message=on_message,
        )
    )


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` to its end, also where an event loop is running: then in a thread of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, work).result()


async def _produce(
    make_stage: Callable[[], Stage[Any]],
    kind: type[R],
    out: str | Path | None,
    settings: Config,
    *,
    restart: bool,
    on_message: OnMessage,
) -> Produced[R]:
    stage = make_stage()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="soc-")) if out is None else None
        path = Path(folder, f"{stage.name}.jsonl") if folder else Path(out or "")
        check_output(path)
        configured = settings.endpoint_of(stage.name)
        endpoint = await stack.enter_async_context(_endpoint(configured, on_message))
        context = RunContext(
            endpoint,
            embedded=not configured.base_urls,
            budget=settings.budget,
            metrics=RunMetrics(prices=configured.prices),
            random_seed=settings.random_seed,
            settings=settings.model_dump(mode="json"),
            restart=restart,
            on_message=on_message,
        )
        result = await run_stage(stage, path, context)
        records = [record for record in read_jsonl(path, kind) if not isinstance(record, BadLine)]
        return Produced(records, result)


@asynccontextmanager
async def _endpoint(settings: Endpoint, on_message: OnMessage) -> AsyncIterator[Endpoint]:
    """Yield the endpoint with URLs in it; the embedded model is started and ended beside the loop."""
    serving = ensure_endpoint(settings, on_message, lambda *_: None)
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
    return _config(config, overrides | {"endpoint": endpoint})


def _config(config: Config | str | Path | None, overrides: dict[str, Any] | None = None) -> Config:
    if isinstance(config, Config):
        return with_overrides(config, overrides or {})
    return load_config(None if config is None else str(config), overrides)


# The package soc_gen.export has the name of the function: importing it has put the module in its place.
sys.modules["soc_gen"].__dict__["export"] = export
