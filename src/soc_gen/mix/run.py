"""A mix from its config to its files."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from soc_gen.errors import SocError, UsageError
from soc_gen.io.files import open_input, remove
from soc_gen.mix.config import Mix, exact, label_of, source_of
from soc_gen.mix.duplicates import Judged, find_duplicates
from soc_gen.mix.licences import refused
from soc_gen.mix.locate import is_local, locate
from soc_gen.mix.prepare import Job
from soc_gen.mix.recipe import Recipe, chosen_by
from soc_gen.mix.report import MixReport, SourceReport
from soc_gen.mix.selection import Chosen, Pool, Selection, pools, select
from soc_gen.mix.sources.base import SourceSettings
from soc_gen.mix.sources.generic import GenericSettings, describe, first_form
from soc_gen.mix.spool import Spool, make_spool
from soc_gen.mix.tokens import token_counter
from soc_gen.mix.write import Outcome, check_folder, write_mix

SPOOL = ".mix-spool"
_SAFE = "-_."


@dataclass(frozen=True, slots=True)
class MixJob:
    """What a mix is made of and where it goes."""

    mix: Mix
    out: Path
    workers: int = 1
    plan: bool = False
    """Say what would come out, and write nothing."""
    restart: bool = False
    preferences: bool = False
    recipe: Recipe | None = None
    tell: Callable[[str], None] = lambda _: None
    """Told which source is read, and how."""


def make_mix(job: MixJob) -> MixReport:
    """Make a mix and return what came of it.

    Raises:
        UsageError: A source is not as it should be, or nothing is left of it.
        HubError: A source cannot be fetched.
        OutputError: ``job.out`` cannot be written.
    """
    report = MixReport(job.mix.mix.unit, job.mix.mix.tokenizer)
    token_counter(job.mix.mix.tokenizer)
    for name in job.mix.mix.decontaminate:
        open_input(Path(name)).close()
    mix = _allowed(job, report)
    if not job.plan:
        check_folder(job.out)
    with _spool_folder(job) as folder:
        spools = _spools(job, mix, folder, report)
        if not spools:  # of a plan: all of it is on the Hub
            return report
        mix = mix.model_copy(update={"sources": tuple(s for s in mix.sources if label_of(s) in spools)})
        outcome = _mixed(job, mix, [spools[label_of(source)] for source in mix.sources], report)
        if not job.plan:
            write_mix(job.out, outcome)
        report.count_shares()
    return report


def _allowed(job: MixJob, report: MixReport) -> Mix:
    """Return the mix without the sources that its profile does not allow, and begin the report."""
    profile = job.mix.mix.license_profile
    kept: list[SourceSettings] = []
    for settings in job.mix.sources:
        source = source_of(settings)
        licence = settings.license or source.license
        why = refused(licence, profile) if licence != "per set" else ""
        told = f"{licence}: {why} (profile {profile})" if why else None
        report.sources[label_of(settings)] = SourceReport(
            licence, source.access, source.hub_id, settings.share, dropped_by_license=told
        )
        if not why:
            kept.append(settings)
    if not kept:
        what = f"the licence profile {profile} allows none of the sources"
        raise UsageError(what, hint="Choose another --license-profile")
    return job.mix.model_copy(update={"sources": tuple(kept)})


@contextmanager
def _spool_folder(job: MixJob) -> Iterator[Path]:
    if job.plan:
        with tempfile.TemporaryDirectory(prefix="soc-mix-") as aside:
            yield Path(aside)
        return
    folder = job.out / SPOOL
    if job.restart:
        remove(folder)
    yield folder
    remove(folder)  # not after an error: the next run goes on from it


def _spools(job: MixJob, mix: Mix, folder: Path, report: MixReport) -> dict[str, Spool]:
    """Prepare each source; one that fails stops the run only after the others are done.

    A plan leaves out what is not here.
    """
    made: dict[str, Spool] = {}
    errors: list[SocError] = []
    for settings in mix.sources:
        label = label_of(settings)
        if job.plan and not is_local(settings):
            report.sources[label].note = "on the Hub; not counted"
            report.notes.append(f"{label} is on the Hub and was not counted: set its path to plan with it")
            continue
        try:
            spool = _spool(job, settings, folder)
        except SocError as error:
            errors.append(error)
            continue
        _tell(report.sources[label], spool)
        if len(spool.facts):
            made[label] = spool
        else:
            errors.append(_nothing_left(label, spool))
    if errors:
        raise errors[0]
    return made


def _spool(job: MixJob, settings: SourceSettings, folder: Path) -> Spool:
    label = label_of(settings)
    job.tell(f"Reading {label}")
    options = job.mix.mix
    work = Job(settings, options.tokenizer, options.license_profile, options.decontaminate)
    name = "".join(letter if letter.isalnum() or letter in _SAFE else "_" for letter in label)
    paths = locate(settings)
    if isinstance(settings, GenericSettings) and (form := first_form(paths, settings)):
        job.tell(f"{label} is {describe(form)}")
    return make_spool(folder / name, work, paths, job.workers)


def _tell(told: SourceReport, spool: Spool) -> None:
    told.rows = spool.rows
    told.rejected = sum(spool.rejected.values())
    told.conversations = told.rejected + len(spool.facts)
    told.reasons = dict(spool.rejected)
    told.tokens_read = int(spool.facts["tokens"].sum())


def _nothing_left(label: str, spool: Spool) -> SocError:
    most = ", ".join(f"{reason} {count:,}" for reason, count in Counter(spool.rejected).most_common(3))
    first = next(spool.rejections(), None)
    example = f"; the first: {first['detail']}" if first else ""
    what = f"{label}: nothing is left of {spool.rows:,} rows ({most or 'there are none'}{example})"
    return UsageError(what, hint="Loosen its filters, set another path, or set its share to 0")


def _mixed(job: MixJob, mix: Mix, spools: Sequence[Spool], report: MixReport) -> Outcome:
    if job.recipe is not None:
        chosen, notes = chosen_by(job.recipe, mix, spools)
        report.notes += notes
        _count_chosen(mix, spools, chosen, report)
        for told in report.sources.values():
            told.not_drawn = told.conversations - told.rejected - told.train - told.test
        return Outcome(mix, report, spools, chosen, lambda: _rejections(mix, spools), job.preferences)
    order = _scarcest_first(mix, spools)
    ranked = [spools[place] for place in order]
    caps = [mix.sources[place].max_per_prompt for place in order]
    near = None if mix.mix.near_duplicates == "off" else mix.mix.near_duplicates
    judged = find_duplicates(ranked, caps, near)
    by_rank = pools(ranked, judged, mix)
    given = [by_rank[order.index(place)] for place in range(len(spools))]
    _count_pools(mix, given, ranked, order, judged, report)
    selection = select(spools, given, mix)
    _count_selection(mix, spools, given, selection, report)

    def rejected() -> Iterator[dict[str, str]]:
        yield from _rejections(mix, spools)
        yield from _left_out(mix, ranked, order, judged, by_rank)

    return Outcome(mix, report, spools, selection.chosen, rejected, job.preferences)


def _scarcest_first(mix: Mix, spools: Sequence[Spool]) -> list[int]:
    """Return the places of the sources, the one first that has least for its share."""
    shares = [exact(source.share) for source in mix.sources]
    return sorted(range(len(spools)), key=lambda place: (len(spools[place].facts) / shares[place], place))


def _count_pools(  # noqa: PLR0917 - one place where all of it is counted
    mix: Mix,
    given: Sequence[Pool],
    ranked: Sequence[Spool],
    order: Sequence[int],
    judged: Judged,
    report: MixReport,
) -> None:
    for source, pool in zip(mix.sources, given, strict=True):
        told = report.sources[label_of(source)]
        told.duplicates, told.contaminated = len(pool.duplicates), len(pool.contaminated)
        told.available = len(pool.train) + len(pool.test)
    start = 0
    for spool, place in zip(ranked, order, strict=True):
        reasons = report.sources[label_of(mix.sources[place])].reasons
        for number in range(start, start + len(spool.facts)):
            if found := judged.duplicates.get(number):
                reasons[found.reason] = reasons.get(found.reason, 0) + 1
        start += len(spool.facts)


def _count_selection(
    mix: Mix, spools: Sequence[Spool], given: Sequence[Pool], selection: Selection, report: MixReport
) -> None:
    _count_chosen(mix, spools, selection.chosen, report)
    for source, pool, quota in zip(mix.sources, given, selection.quotas, strict=True):
        told = report.sources[label_of(source)]
        told.quota = quota
        told.not_drawn = told.available - told.train - told.test
        if not pool.train and not pool.test:
            what = f"{label_of(source)}: nothing is left after duplicates and decontamination"
            raise UsageError(what, hint="Set its share to 0, or look at rejected.jsonl of a run without it")
    report.feasible = selection.possible.total
    report.limited_by = label_of(mix.sources[selection.possible.limited_by])
    report.total = sum(selection.quotas)
    wanted = mix.mix.total
    if wanted != "max" and report.total < wanted:
        report.notes.append(
            f"The total shrank from {wanted:,} to {report.total:,}: {report.limited_by} cannot fill its share"
        )


def _count_chosen(mix: Mix, spools: Sequence[Spool], chosen: Sequence[Chosen], report: MixReport) -> None:
    for row in chosen:
        told = report.sources[label_of(mix.sources[row.source])]
        told.tokens += int(spools[row.source].facts["tokens"][row.place])
        if row.copy:
            told.repeats += 1
        elif row.split == "train":
            told.train += 1
        else:
            told.test += 1
    report.total = report.total or len(chosen)


def _rejections(mix: Mix, spools: Sequence[Spool]) -> Iterator[dict[str, str]]:
    for source, spool in zip(mix.sources, spools, strict=True):
        for told in spool.rejections():
            yield {"source": label_of(source), **told}


def _left_out(
    mix: Mix, ranked: Sequence[Spool], order: Sequence[int], judged: Judged, by_rank: Sequence[Pool]
) -> Iterator[dict[str, str]]:
    """Yield the duplicates, each with what it repeats, and what is contaminated."""
    starts = [sum(len(spool.facts) for spool in ranked[:place]) for place in range(len(ranked) + 1)]
    labels = [label_of(mix.sources[place]) for place in order]

    def name(number: int) -> str:
        rank = next(place for place in range(len(ranked)) if number < starts[place + 1])
        return f"{labels[rank]}:{ranked[rank].record(number - starts[rank])['source_id']}"

    for rank, (spool, pool) in enumerate(zip(ranked, by_rank, strict=True)):
        for place in pool.duplicates:
            found = judged.duplicates[starts[rank] + place]
            detail = ", ".join(filter(None, (f"of {name(found.original)}", found.detail)))
            told = {"id": spool.record(place)["source_id"], "reason": found.reason, "detail": detail}
            yield {"source": labels[rank], **told}
        for place in pool.contaminated:
            told = {"id": spool.record(place)["source_id"], "reason": "contaminated"}
            yield {"source": labels[rank], **told, "detail": "shares 13 words in a row with a benchmark"}
