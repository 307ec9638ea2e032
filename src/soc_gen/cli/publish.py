"""``soc push-to-hub``: a clean file becomes a dataset on the Hub."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from soc_gen.cli.bars import step_progress
from soc_gen.cli.console import err, out, print_json, table, tell

if TYPE_CHECKING:
    from soc_gen.publish.hub import PushOptions, PushResult
    from soc_gen.publish.staging import StagedDataset


def push_to_hub(
    file: Path = typer.Argument(help="Clean chats, one a line, or the folder of a mix.", show_default=False),
    repo: str = typer.Argument(metavar="USER/NAME", help="Dataset to push to.", show_default=False),
    *,
    private: bool = typer.Option(False, "--private", help="Only you, or your organisation, can see it."),
    create_pr: bool = typer.Option(
        False, "--create-pr", help="Open a pull request instead of pushing to main."
    ),
    tag: str | None = typer.Option(None, help="Name the pushed version."),
    revision: str | None = typer.Option(None, help="Branch to push to, or refs/pr/N to go on with a PR."),
    licence: str | None = typer.Option(
        None, "--license", help="Licence id, such as odc-by; the card's, else cc-by-4.0, when not given."
    ),
    language: list[str] = typer.Option(
        [],
        metavar="CODE",
        help="Language of the card, such as en; told by the data when not given. Repeatable.",
    ),
    parquet: bool = typer.Option(False, "--parquet", help="Also upload the rows as data.parquet."),
    card_only: bool = typer.Option(
        False, "--card-only", help="Write the card of data that is there already."
    ),
    recipe_only: bool = typer.Option(
        False, "--recipe-only", help="Of a mix: ids, hashes and config, enough to build it again; no text."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Write all files beside FILE and send nothing."),
    token_env: str | None = typer.Option(
        None, help="Variable that has the token; HF_TOKEN, else the login, when not given."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Upload FILE as a dataset, with a card written from the manifests beside it.

    Pushing unchanged data makes no commit; a push that was cut off goes on when it is run again.
    What you write into the card on the Hub, in sections of your own, stays.

    For example:

      soc push-to-hub data/clean.jsonl mia/night-chats --dry-run

      soc push-to-hub data/clean.jsonl mia/night-chats --private

      soc push-to-hub data/clean.jsonl mia/night-chats --tag v1 --parquet --license odc-by

      soc push-to-hub data/clean.jsonl team/chats --create-pr --token-env TEAM_TOKEN
    """
    from soc_gen.io.datasets import quiet_hub_clients
    from soc_gen.publish.hub import PushOptions, check_wanted, connect, push, read_token

    wanted = PushOptions(repo, private, create_pr, tag, revision, licence, card_only, tuple(language))
    check_wanted(wanted)
    if _push_as_mix(file, wanted, token_env, recipe_only=recipe_only, dry_run=dry_run, as_json=as_json):
        return
    if dry_run:
        _rehearse(file, wanted, parquet=parquet, as_json=as_json)
        return
    quiet_hub_clients()
    api = connect(wanted, read_token(token_env))
    with tempfile.TemporaryDirectory(prefix="soc-push-") as folder:
        staged = _stage(file, Path(folder), parquet=parquet)
        pushed = push(api, staged, wanted)
        _report(pushed, staged, wanted, as_json=as_json)


def _push_as_mix(
    file: Path, wanted: PushOptions, token_env: str | None, *, recipe_only: bool, dry_run: bool, as_json: bool
) -> bool:
    """Push FILE if it is a mix; return whether it was one."""
    from soc_gen.errors import UsageError
    from soc_gen.io.datasets import quiet_hub_clients
    from soc_gen.io.file_set import replaced_folder
    from soc_gen.io.files import wrap_write_errors
    from soc_gen.mix.publication import check_publishable, check_rehearsal, find_mix, stage_mix
    from soc_gen.publish.hub import connect, push_folder, read_token

    mix = find_mix(file)
    if mix is None:
        if recipe_only:
            raise UsageError("is no mix, so it has no recipe", where=str(file))
        return False
    check_publishable(mix, recipe_only=recipe_only)
    if dry_run:
        aside = mix.with_name(f"{mix.name}.hub")
        check_rehearsal(aside)
        with wrap_write_errors(aside), replaced_folder(aside) as folder:
            sizes = stage_mix(mix, folder, recipe_only=recipe_only)
        if as_json:
            print_json({"repo": wanted.repo, "folder": str(aside), "files": sizes})
        else:
            table(f"would be pushed to {wanted.repo}", ("file", "bytes"), _shown(sizes))
        return True
    quiet_hub_clients()
    api = connect(wanted, read_token(token_env))
    with tempfile.TemporaryDirectory(prefix="soc-push-") as name:
        sizes = stage_mix(mix, Path(name), recipe_only=recipe_only)
        pushed = push_folder(api, Path(name), wanted, "Push a mix with soc_gen")
    if as_json:
        fields = {"repo": wanted.repo, "url": pushed.url, "commit": pushed.commit, "changed": pushed.changed}
        print_json(fields | {"tag": wanted.tag})
    else:
        table(f"pushed to {wanted.repo}", ("file", "bytes"), _shown(sizes))
        out.print(pushed.url)
    return True


def _rehearse(file: Path, wanted: PushOptions, *, parquet: bool, as_json: bool) -> None:
    from soc_gen.io.file_set import replaced_folder
    from soc_gen.io.files import open_input, path_to_text, wrap_write_errors
    from soc_gen.publish.hub import DEFAULT_LICENCE, write_card_file
    from soc_gen.publish.staging import check_rehearsal

    open_input(file).close()
    folder = file.with_name(f"{file.stem}.hub")
    check_rehearsal(folder)
    with wrap_write_errors(folder), replaced_folder(folder) as aside:
        staged = _stage(file, aside, parquet=parquet)
        write_card_file(staged, wanted, wanted.licence or DEFAULT_LICENCE, staged.files(), None)
        sizes = _sizes(staged)
    if as_json:
        facts = {"repo": wanted.repo, "folder": path_to_text(folder), "files": sizes}
        print_json(facts)
        return
    _tell_missing_language(staged, wanted)
    table(f"would be pushed to {wanted.repo}", ("file", "bytes"), _shown(sizes))
    err.print(f"Nothing was sent. Look at {folder / 'README.md'}, then run without --dry-run.")


def _stage(file: Path, folder: Path, *, parquet: bool) -> StagedDataset:
    from soc_gen.publish.staging import stage

    with step_progress("Validating", file.stat().st_size if file.is_file() else None) as on_progress:
        return stage(file, folder, parquet=parquet, on_progress=on_progress)


def _tell_missing_language(staged: StagedDataset, wanted: PushOptions) -> None:
    if not wanted.languages and not staged.statistics.languages:
        hint = "give --language CODE, or pip install 'soc-gen[language]' to have it told by the data"
        tell(f"The card names no language: {hint}.")


def _sizes(staged: StagedDataset) -> dict[str, int]:
    return {name: (staged.folder / name).stat().st_size for name in staged.files()}


def _shown(sizes: dict[str, int]) -> list[tuple[str, str]]:
    return [(name, f"{size:,}") for name, size in sizes.items()]


def _report(pushed: PushResult, staged: StagedDataset, wanted: PushOptions, *, as_json: bool) -> None:
    if as_json:
        fields = {"repo": wanted.repo, "url": pushed.url, "commit": pushed.commit, "changed": pushed.changed}
        fields |= {"tag": wanted.tag, "conversations": staged.statistics.chats}
        print_json(fields)
        return
    _tell_missing_language(staged, wanted)
    if not pushed.changed:
        err.print(f"{wanted.repo} has all of this already: no commit was made.")
    else:
        table(f"pushed to {wanted.repo}", ("file", "bytes"), _shown(_sizes(staged)))
    out.print(pushed.url)
    err.print(f'Load it: datasets.load_dataset("{wanted.repo}", split="train")')
