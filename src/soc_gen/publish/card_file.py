"""The card as a file: YAML for the Hub on top, Markdown for people below."""

from __future__ import annotations

from typing import Any

from soc_gen.errors import HubError
from soc_gen.io.schema import features
from soc_gen.publish.card import Facts, card_text, title
from soc_gen.publish.card_merge import merge_metadata, merge_text

_TAGS = (
    "synthetic",
    "conversational",
    "dialogue",
    "role-playing",
    "multi-turn",
    "soc-gen",
    "arxiv:2503.17460",
)
_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
)


def size_category(rows: int) -> str:
    """Return the Hub's name for the size of a dataset of ``rows`` rows."""
    return next((name for bound, name in _SIZES if rows < bound), "n>10M")


def write_card(facts: Facts, old: str | None, *, licence_given: bool) -> str:
    """Return the ``README.md`` of a dataset.

    Args:
        facts: The data from which the card is written.
        old: The ``README.md`` on the Hub, None if there is none.
        licence_given: The user chose the licence in ``facts``, so it replaces the one on the Hub.

    Raises:
        HubError: The YAML of ``old`` cannot be read.
    """
    old_metadata, old_text = _read_card(old, facts.repo) if old else ({}, None)
    if licence_given:
        old_metadata = {key: value for key, value in old_metadata.items() if not key.startswith("license")}
    if facts.languages:
        old_metadata.pop("language", None)
    metadata = merge_metadata(_metadata(facts), old_metadata)
    text = merge_text(card_text(facts), old_text, title(facts.repo))
    return f"---\n{_yaml(metadata)}\n---\n\n{text}"


def licence_of(card: str | None, repo: str) -> str | None:
    """Return the licence in a card's YAML."""
    licence = _read_card(card, repo)[0].get("license") if card else None
    return ", ".join(map(str, licence)) if isinstance(licence, list) else licence


def _metadata(facts: Facts) -> dict[str, Any]:
    from datasets import DatasetInfo  # noqa: PLC0415 - heavy
    from datasets.info import DatasetInfosDict  # noqa: PLC0415
    from huggingface_hub import DatasetCardData  # noqa: PLC0415

    data = DatasetCardData(
        license=facts.licence,
        language=list(facts.languages) or facts.statistics.languages or _checked_language(facts),
        pretty_name=title(facts.repo),
        task_categories=["text-generation"],
        size_categories=[size_category(facts.statistics.chats)],
        tags=list(_TAGS),
        configs=[{"config_name": "default", "data_files": [{"split": "train", "path": "data.jsonl"}]}],
    )
    DatasetInfosDict({"default": DatasetInfo(features=features())}).to_dataset_card_data(data)
    return dict(data.to_dict())  # type: ignore[no-untyped-call]


def _checked_language(facts: Facts) -> list[str] | None:
    """Return the language that ``soc clean`` required of every chat."""
    cleaning = next((m.config.get("clean") for m in facts.manifests if m.stage == "clean"), None)
    language = cleaning.get("language") if isinstance(cleaning, dict) else None
    return [language] if isinstance(language, str) else None


def _yaml(metadata: dict[str, Any]) -> str:
    from huggingface_hub import DatasetCardData  # noqa: PLC0415

    return str(DatasetCardData(**metadata).to_yaml(original_order=list(metadata))).strip()


def _read_card(content: str, repo: str) -> tuple[dict[str, Any], str]:
    """Return the YAML, with its keys in order, and the Markdown of a card."""
    import yaml  # noqa: PLC0415
    from huggingface_hub.repocard import REGEX_YAML_BLOCK  # noqa: PLC0415

    content = content.replace("\r\n", "\n")
    block = REGEX_YAML_BLOCK.search(content)
    if block is None:
        return {}, content
    try:
        metadata = yaml.safe_load(block[2]) or {}
    except yaml.YAMLError as error:
        metadata = str(error)
    if not isinstance(metadata, dict):
        what = f"the YAML of the card on the Hub cannot be read ({metadata})"
        raise HubError(what, where=repo, hint="Put it right on the Hub, then push again")
    return metadata, content[block.end() :]
