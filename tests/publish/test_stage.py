"""What is refused, and what is made, before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from soc_gen.errors import UsageError
from soc_gen.io.manifest import find_manifests
from soc_gen.io.scrub import scrub
from soc_gen.models import Chat
from soc_gen.publish.manifests import generation_settings
from soc_gen.publish.staging import check_rehearsal, stage
from tests.support.publishing import chat, ignore, write_chats


def refused(file: Path, folder: Path) -> str:
    folder.mkdir()
    with pytest.raises(UsageError) as caught:
        stage(file, folder, parquet=False, on_progress=ignore)
    return str(caught.value)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ([chat(1), chat(2), chat(1)], "chat c-1 appears twice"),
        ([chat(1, [(1, [" "]), (2, [])])], "chat c-1 says nothing"),
    ],
)
def test_a_chat_that_has_the_schema_may_still_be_refused(tmp_path: Path, bad: list[Chat], why: str) -> None:
    """Twice the same id, or no words."""
    file = write_chats(tmp_path / "c.jsonl", bad)
    assert why in refused(file, tmp_path / "out")


def test_a_sender_who_is_neither_persona_is_refused(tmp_path: Path) -> None:
    """Whoever loads it could not say who speaks."""
    fields = json.loads(chat(1).to_json())
    fields["chat_parts"][1]["sender"] = "narrator"
    file = tmp_path / "c.jsonl"
    file.write_text(json.dumps(fields))
    assert "a sender who is neither of its personas (narrator)" in refused(file, tmp_path / "out")


def test_bad_lines_are_counted_and_the_first_is_shown(tmp_path: Path) -> None:
    """All lines are read before the refusal, so that one run tells how bad it is."""
    file = write_chats(tmp_path / "c.jsonl", [chat(1)])
    file.write_text(file.read_text() + "{}\n" + file.read_text() + "[]\n")
    message = refused(file, tmp_path / "out")
    assert message.startswith(f"{file}:2: chat_id: Field required")
    assert "(and 2 more bad lines)" in message
    assert message.endswith(f"Run: soc clean {file}")


@pytest.mark.parametrize(("content", "said"), [(None, "no such file"), ("", "holds no conversations")])
def test_a_missing_or_empty_file_is_one_line(tmp_path: Path, content: str | None, said: str) -> None:
    """Not an empty dataset."""
    file = tmp_path / "c.jsonl"
    if content is not None:
        file.write_text(content)
    assert said in refused(file, tmp_path / "out")


def test_keys_that_are_not_in_the_schema_are_not_uploaded(tmp_path: Path) -> None:
    """A key that comes and goes breaks ``load_dataset``."""
    file = tmp_path / "c.jsonl"
    file.write_text(json.dumps({**json.loads(chat(1).to_json()), "note": "mine"}) + "\n")
    (tmp_path / "out").mkdir()
    stage(file, tmp_path / "out", parquet=False, on_progress=ignore)
    assert (tmp_path / "out" / "data.jsonl").read_bytes() == chat(1).to_json() + b"\n"


def test_the_manifests_are_found_back_to_the_first_stage(clean_file: Path) -> None:
    """Also when the folder has moved since the inputs were written down."""
    assert [manifest.stage for _, manifest in find_manifests(clean_file)] == [
        "experiences",
        "rollout",
        "clean",
    ]


def test_a_manifest_with_odd_fields_is_read_without_them(clean_file: Path) -> None:
    """A manifest of another version costs its odd fields, not the push."""
    path = clean_file.with_name("clean.manifest.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "counts": "many", "cost": "free", "new": 1}))
    _, manifest = find_manifests(clean_file)[-1]
    assert (manifest.stage, manifest.counts, manifest.cost) == ("clean", {}, None)


def test_the_tables_inside_the_counts_of_clean_are_found(clean_file: Path) -> None:
    """Its reasons and repairs stand there."""
    path = clean_file.with_name("clean.manifest.json")
    counts = {"in": 3, "kept": 1, "rejected_by_reason": {"too_short": 2}, "repairs": {"tags": 1}}
    path.write_text(json.dumps({"stage": "clean", "counts": counts}))
    _, manifest = find_manifests(clean_file)[-1]
    assert manifest.counts == {"in": 3, "kept": 1}
    assert (manifest.reasons, manifest.repairs) == ({"too_short": 2}, {"tags": 1})


@pytest.mark.parametrize("content", ["{", "[]", "7"])
def test_a_manifest_that_is_no_object_is_one_line(clean_file: Path, content: str) -> None:
    """It is told where it is."""
    clean_file.with_name("clean.manifest.json").write_text(content)
    with pytest.raises(UsageError, match=r"clean\.manifest\.json"):
        find_manifests(clean_file)


def test_scrubbing_takes_secrets_addresses_and_folders() -> None:
    """Names of variables and counts of tokens stay."""
    before = {
        "api_key": "sk-1", "api_key_env": "MY_KEY", "max_tokens": 5, "tokens": {"prompt": 1},
        "extra_body": {"access_token": "x", "top_k": 20}, "url": "https://user:pw@host/v1",
        "urls": ["http://host:1/v1"], "path": "/home/mia/x.jsonl", "rel": "data/x",
        "win": "C:\\Users\\mia\\x.jsonl",
    }  # fmt: skip
    assert scrub(before) == {
        "api_key_env": "MY_KEY", "max_tokens": 5, "tokens": {"prompt": 1}, "extra_body": {"top_k": 20},
        "urls": [], "path": "x.jsonl", "win": "x.jsonl", "rel": "data/x",
    }  # fmt: skip


def test_each_stage_gives_its_own_section_of_the_settings() -> None:
    """Stages may have been run with different files; the endpoint is the rollout's."""
    from soc_gen.io.manifest import Manifest

    own: dict[str, dict[str, object]] = {"experiences": {"count": 3}, "rollout": {"max_turns": 4, "x": None}}
    others = {"experiences": {"count": 8}, "rollout": {"max_turns": 9}}
    one = Manifest(stage="experiences", random_seed=1, config={**others, **own, "rollout": others["rollout"]})
    two = Manifest(stage="rollout", random_seed=1, config={**others, "rollout": own["rollout"]})
    one.config["endpoint"], two.config["endpoint"] = {"model": "a"}, {"model": "b"}
    expected = {"experiences": {"count": 3}, "rollout": {"max_turns": 4}, "endpoint": {"model": "b"}}
    assert generation_settings([one, two]) == {"random_seed": 1, **expected}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["thesis.txt", "data.jsonl"], "holds thesis.txt, and would be replaced"),
        (["README.md"], "is there, and no dry run made it"),
        (["data.jsonl", "README.md", "manifests/1-c.manifest.json"], ""),
        ([], ""),
    ],
)
def test_a_folder_of_somebody_else_is_not_replaced_by_a_dry_run(
    tmp_path: Path, files: list[str], said: str
) -> None:
    """Its own has the files of a repo, and the data always."""
    folder = tmp_path / "c.hub"
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    if not said:
        check_rehearsal(folder)
        return
    with pytest.raises(UsageError, match=said):
        check_rehearsal(folder)


def test_a_file_is_not_replaced_by_a_dry_run(tmp_path: Path) -> None:
    (tmp_path / "c.hub").write_text("mine")
    with pytest.raises(UsageError, match="no dry run made it"):
        check_rehearsal(tmp_path / "c.hub")
