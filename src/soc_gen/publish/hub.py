"""Sends a staged folder to the Hub: token, repo, card, one upload, tag; every error in one line.

Only the client gets the token; it is removed from every message that comes back.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soc_gen.errors import HubError, UsageError
from soc_gen.io.datasets import check_repo_name
from soc_gen.io.hub import fault_reason, hub_faults
from soc_gen.publish.card import Facts
from soc_gen.publish.card_file import licence_of, write_card
from soc_gen.publish.staging import CARD, DATA, MANIFESTS, PARQUET, SETTINGS, StagedDataset
from soc_gen.redact import Redactor

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo, HfApi

DEFAULT_LICENCE = "cc-by-4.0"
_LICENCES = Path(__file__).with_name("licences.txt")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z]{2,8})*")
_WRITE_HINT = "Make a token with write access at https://huggingface.co/settings/tokens"


@dataclass(frozen=True, slots=True)
class PushOptions:
    """The user's options of a push."""

    repo: str
    """``user/name``."""
    private: bool = False
    create_pr: bool = False
    tag: str | None = None
    revision: str | None = None
    """Branch to push to, or ``refs/pr/N`` to continue a pull request; None is main."""
    licence: str | None = None
    """Licence id; None keeps the one in the card, or uses the default."""
    card_only: bool = False
    languages: tuple[str, ...] = ()
    """ISO 639 codes for the card; if empty, the languages found in the data."""


@dataclass(frozen=True, slots=True)
class PushResult:
    """Result of a push."""

    url: str
    """URL of the commit, or of the pull request."""
    commit: str
    changed: bool
    """False when the Hub already had all of it, so that no commit was made."""


def check_wanted(options: PushOptions) -> None:
    """Refuse invalid options before anything is read or sent.

    Raises:
        UsageError: A bad repo name, licence or language, or options that exclude each other.
    """
    check_repo_name(options.repo)
    if options.create_pr and (options.revision or options.tag):
        hint = "To go on with a pull request use --revision refs/pr/N; tag after the merge"
        raise UsageError("--create-pr goes with neither --revision nor --tag", hint=hint)
    if options.licence is not None and options.licence not in _LICENCES.read_text("utf-8").split():
        hint = "Use one such as cc-by-4.0, cc-by-nc-4.0, cc0-1.0, odc-by, apache-2.0, mit or other"
        raise UsageError(f"the Hub knows no licence {options.licence!r}", hint=hint)
    for language in options.languages:
        if not _LANGUAGE.fullmatch(language):
            hint = "Use an ISO 639 code such as en, zh or yue"
            raise UsageError(f"not a language: {language!r}", hint=hint)


def read_token(token_env: str | None) -> str:
    """Return the token from the variable ``token_env``, else from ``HF_TOKEN`` or the stored login.

    Raises:
        UsageError: There is no token, or it has characters that no token has.
    """
    from huggingface_hub import get_token  # noqa: PLC0415 - heavy

    token = os.environ.get(token_env, "").strip() if token_env else get_token()
    if not token:
        what = f"the environment variable {token_env} is empty" if token_env else "no Hub token"
        hint = "Set HF_TOKEN, or name a variable with --token-env, or run: hf auth login"
        raise UsageError(what, hint=hint)
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("the Hub token has characters that no token has", hint="Copy it again")
    return token


def connect(options: PushOptions, token: str, endpoint: str | None = None) -> HfApi:
    """Return a client whose token was accepted by the Hub and may write.

    Args:
        options: Has the repo's name for messages.
        token: The user's token.
        endpoint: URL of the Hub, instead of ``HF_ENDPOINT``.

    Raises:
        HubError: The token was refused or is read-only, or the Hub cannot be reached.
    """
    from huggingface_hub import HfApi  # noqa: PLC0415 - heavy

    api = HfApi(endpoint=endpoint, token=token, library_name="soc_gen")
    with _translate_hub_errors(options.repo, token):
        writes = _may_write(api.whoami().get("auth", {}).get("accessToken", {}))
    if not writes:
        raise HubError("this token can only read", where=options.repo, hint=_WRITE_HINT)
    return api


def _may_write(access: dict[str, Any]) -> bool:
    if access.get("role") == "fineGrained":
        scopes = access.get("fineGrained", {}).get("scoped", [])
        allowed = [permission for scope in scopes for permission in scope.get("permissions", [])]
        return any("write" in permission for permission in allowed)
    return access.get("role") != "read"


def push(api: HfApi, staged: StagedDataset, options: PushOptions) -> PushResult:
    """Create the repo if needed, write the card, upload in one commit, tag.

    Raises:
        HubError: The Hub refused the push or could not be reached; the same push can be repeated.
    """
    with _translate_hub_errors(options.repo, str(api.token)):
        head = _open_repo(api, options)
        _check_tag(api, options, head)
        if options.card_only:
            _check_same_data(api, staged, options, head)
        _write_card(api, staged, options, head)
        info = _upload(api, staged, options, head)
        if options.tag:
            _tag(api, options, info.oid)
    return PushResult(info.pr_url or info.commit_url, info.oid, info.oid != head)


def push_folder(api: HfApi, folder: Path, options: PushOptions, message: str) -> PushResult:
    """Upload a folder as it is, with a card of its own, in one commit; tag it.

    Files that are on the Hub and not in ``folder`` go, since they are of an earlier version.

    Raises:
        HubError: The Hub refused or could not be reached; the same push can be run again.
    """
    with _translate_hub_errors(options.repo, str(api.token)):
        head = _open_repo(api, options)
        _check_tag(api, options, head)
        info = api.upload_folder(
            repo_id=options.repo,
            repo_type="dataset",
            folder_path=folder,
            delete_patterns="*",
            revision=options.revision,
            create_pr=options.create_pr or None,
            parent_commit=head,
            commit_message=message,
        )
        if options.tag:
            _tag(api, options, info.oid)
    return PushResult(info.pr_url or info.commit_url, info.oid, info.oid != head)


def _open_repo(api: HfApi, options: PushOptions) -> str:
    """Create the repo and branch if needed; return the commit on which the push is based."""
    from huggingface_hub.errors import RevisionNotFoundError  # noqa: PLC0415 - heavy

    if not api.repo_exists(options.repo, repo_type="dataset"):
        api.create_repo(options.repo, repo_type="dataset", private=options.private or None, exist_ok=True)
    try:
        info = api.dataset_info(options.repo, revision=options.revision)
    except RevisionNotFoundError:
        if options.revision is None or options.revision.startswith("refs/"):
            raise
        api.create_branch(options.repo, branch=options.revision, repo_type="dataset")
        info = api.dataset_info(options.repo, revision=options.revision)
    if options.private and info.private is False:
        api.update_repo_settings(options.repo, private=True, repo_type="dataset")
    return str(info.sha)


def _check_tag(api: HfApi, options: PushOptions, head: str) -> None:
    """Refuse a tag that exists on another commit; on ``head`` it is accepted, as nothing may change."""
    at = _tag_commit(api, options) if options.tag else None
    if at not in (None, head):
        raise HubError(
            f"the tag {options.tag} exists already", where=options.repo, hint="Choose another --tag"
        )


def _tag_commit(api: HfApi, options: PushOptions) -> str | None:
    tags = api.list_repo_refs(options.repo, repo_type="dataset").tags
    return next((tag.target_commit for tag in tags if tag.name == options.tag), None)


def _tag(api: HfApi, options: PushOptions, commit: str) -> None:
    at = _tag_commit(api, options)
    if at is None:
        api.create_tag(options.repo, tag=str(options.tag), revision=commit, repo_type="dataset")
    elif at != commit:
        what = f"the data is uploaded, but the tag {options.tag} exists already on an older commit"
        raise HubError(what, where=options.repo, hint="Run again with another --tag")


def _check_same_data(api: HfApi, staged: StagedDataset, options: PushOptions, head: str) -> None:
    """Refuse a card that describes other data than the repo has."""
    from huggingface_hub import RepoFile  # noqa: PLC0415 - heavy
    from huggingface_hub.utils import sha  # noqa: PLC0415

    same = False
    for remote in api.get_paths_info(options.repo, [DATA], revision=head, repo_type="dataset"):
        if isinstance(remote, RepoFile):
            with (staged.folder / DATA).open("rb") as file:
                ours = sha.sha_fileobj(file).hex() if remote.lfs else sha.git_hash(file.read())
            same = ours == (remote.lfs.sha256 if remote.lfs else remote.blob_id)
    if not same:
        what = f"its {DATA} is not the data of this file, so this card would not be true of it"
        raise HubError(what, where=options.repo, hint="Push without --card-only")


def _write_card(api: HfApi, staged: StagedDataset, options: PushOptions, head: str) -> None:
    old = _old_card(api, options.repo, head)
    licence = options.licence or licence_of(old, options.repo) or DEFAULT_LICENCE
    files = staged.files()
    if options.card_only:
        files = tuple(api.list_repo_files(options.repo, revision=head, repo_type="dataset"))
    write_card_file(staged, options, licence, files, old)


def write_card_file(
    staged: StagedDataset, options: PushOptions, licence: str, files: tuple[str, ...], old: str | None
) -> Path:
    """Write the card into the staged folder and return its path."""
    about = (staged.manifests, staged.statistics, staged.sample)
    facts = Facts(options.repo, *about, licence, files, options.languages)
    path = staged.folder / CARD
    path.write_text(write_card(facts, old, licence_given=options.licence is not None), "utf-8")
    return path


def _old_card(api: HfApi, repo: str, head: str) -> str | None:
    from huggingface_hub.errors import EntryNotFoundError  # noqa: PLC0415 - heavy

    with tempfile.TemporaryDirectory() as folder:
        try:
            path = api.hf_hub_download(repo, CARD, repo_type="dataset", revision=head, local_dir=folder)
        except EntryNotFoundError:
            return None
        return Path(path).read_text("utf-8", errors="replace")


def _upload(api: HfApi, staged: StagedDataset, options: PushOptions, head: str) -> CommitInfo:
    """Upload in one commit on top of ``head``; delete files of earlier pushes that this one does not have."""
    ours = [PARQUET, SETTINGS, f"{MANIFESTS}/*"]
    return api.upload_folder(
        repo_id=options.repo,
        repo_type="dataset",
        folder_path=staged.folder,
        allow_patterns=CARD if options.card_only else None,
        delete_patterns=None if options.card_only else ours,
        revision=options.revision,
        create_pr=options.create_pr or None,
        parent_commit=head,
        commit_message="Write the card with soc_gen" if options.card_only else _message(staged),
    )


def _message(staged: StagedDataset) -> str:
    return f"Push {staged.statistics.chats:,} conversations with soc_gen"


@contextmanager
def _translate_hub_errors(repo: str, token: str) -> Iterator[None]:
    """Turn any exception of the Hub's clients into a ``HubError`` of one line without the token."""
    try:
        yield
    except hub_faults() as error:
        # RuntimeError comes from uploads.
        what, hint = _explain(
            error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        )
        raise HubError(Redactor([token], "(token)").error(what), where=repo, hint=hint) from None


def _explain(error: BaseException) -> tuple[str, str]:
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled  # noqa: PLC0415 - heavy

    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set", "Unset it to push"
    if not isinstance(error, HfHubHTTPError):
        what = f"the Hub cannot be reached or broke off ({fault_reason(error)})"
        return what, "Run the same command again to go on"
    status = error.response.status_code
    message = ((error.server_message or str(error)).strip().splitlines() or ["no reason given"])[0]
    known = {
        401: ("the Hub does not accept this token, or there is no such dataset", _WRITE_HINT),
        403: (
            f"not allowed: {message}",
            _WRITE_HINT if "quota" not in message and "storage" not in message else "",
        ),
        404: (f"not found: {message}", "Look at the name and the revision"),
        409: (f"in conflict with what is there: {message}", "Run the same command again"),
        412: (
            "the dataset was changed meanwhile",
            "Run the same command again: it starts from what is there now",
        ),
        429: ("the Hub asks to slow down (429)", "Run the same command again in a while"),
    }
    usual = (f"the Hub answered {status}: {message}", "Run the same command again to go on")
    return known.get(status, usual)
