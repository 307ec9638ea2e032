"""Where the files of a source are: a folder or file here, or fetched from the Hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from soc_gen.errors import HubError, UsageError
from soc_gen.io.datasets import is_hub_id, quiet_hub_clients
from soc_gen.io.hub import fault_reason, hub_faults
from soc_gen.mix.config import label_of, source_of
from soc_gen.mix.sources.base import SourceSettings

_NO_ROWS = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "README.json")


def is_local(settings: SourceSettings) -> bool:
    """Whether a source is read without the Hub."""
    return bool(settings.path) and not is_hub_id(settings.path)


def locate(settings: SourceSettings) -> list[Path]:
    """Return the files of a source, sorted.

    Raises:
        UsageError: There is nothing at its path.
        HubError: The Hub cannot be reached, or does not give the data set.
    """
    source = source_of(settings)
    if not settings.path and not source.hub_id:
        hint = "Set path to a file, a folder or a Hub id"
        raise UsageError(f"the source {label_of(settings)} has no path", hint=hint)
    if is_local(settings):
        place = Path(settings.path)
    else:
        place = _fetch(settings.path or source.hub_id, source.files, source.access)
    if not place.exists():
        hint = "Set its path to a folder or file; without a path it is fetched from the Hub"
        raise UsageError("no such file or folder", where=str(place), hint=hint)
    if place.is_file():
        return [place]
    for pattern in source.files:
        found = sorted(
            path
            for path in place.glob(pattern)
            if path.is_file() and path.name not in _NO_ROWS and not _is_hidden(path, place)
        )
        if found:
            return found
    wanted = ", ".join(source.files)
    raise UsageError(f"has no file of {source.name}", where=str(place), hint=f"It should have {wanted}")


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _fetch(dataset: str, patterns: Sequence[str], access: str) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - heavy, and only for the Hub
    from huggingface_hub.errors import (  # noqa: PLC0415
        GatedRepoError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    quiet_hub_clients()
    # The Hub's patterns know no "**": a "*" goes across folders.
    wanted = [form for pattern in patterns for form in (pattern, pattern.removeprefix("**/"))]
    page = f"https://huggingface.co/datasets/{dataset}"
    ask = f"Ask for access at {page}, then set HF_TOKEN or run: hf auth login; or set path to a local copy"
    try:
        return Path(snapshot_download(dataset, repo_type="dataset", allow_patterns=wanted))
    except GatedRepoError:
        raise HubError("is gated, and this token has no access", where=dataset, hint=ask) from None
    except RepositoryNotFoundError:
        hint = ask if access == "gated" else "Look at its name; a private one needs HF_TOKEN"
        raise HubError("the Hub has no such data set for you", where=dataset, hint=hint) from None
    except (LocalEntryNotFoundError, OfflineModeIsEnabled):
        gated = f" It is gated: {ask[0].lower()}{ask[1:]}" if access == "gated" else ""
        hint = f"Go online once, or set path to a local copy.{gated}"
        raise HubError("the Hub cannot be reached and nothing is cached", where=dataset, hint=hint) from None
    except hub_faults() as error:
        hint = ask if access == "gated" else "Run the same command again, or set path to a local copy"
        raise HubError(f"cannot be fetched: {fault_reason(error)}", where=dataset, hint=hint) from None
