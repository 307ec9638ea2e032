"""From the command line to the loopback Hub and back through the real ``datasets``, in fresh processes."""

from __future__ import annotations

import json
from pathlib import Path

from soc_gen.models import Chat
from tests.support.loopback_hub import WRITE_TOKEN, LoopbackHub
from tests.support.publishing import REPO, chat, run_python, run_soc, write_chats

LOAD = "import json\nfrom datasets import load_dataset\nprint(json.dumps(list({call})))"


def test_what_is_pushed_loads_as_it_was(hub: LoopbackHub, clean_file: Path, tmp_path: Path) -> None:
    """``soc push-to-hub`` and ``load_dataset`` agree on every value, nulls and empty lists too."""
    first = chat(0, persona1=chat(0).experience.persona2, persona2=chat(0).experience.persona1)
    write_chats(clean_file, [first, *(chat(number) for number in range(1, 12))])
    pushed = run_soc(
        "push-to-hub", clean_file, REPO, "--tag", "v1", hub=hub, home=tmp_path, HF_TOKEN=WRITE_TOKEN
    )
    assert pushed.returncode == 0, pushed.stderr
    assert pushed.stdout.splitlines()[-1].startswith(f"{hub.url}/datasets/{REPO}/commit/")
    assert WRITE_TOKEN not in pushed.stdout + pushed.stderr
    call = f"load_dataset({REPO!r}, split='train', revision='v1')"
    loaded = run_python(LOAD.format(call=call), hub, tmp_path)
    assert loaded.returncode == 0, loaded.stderr
    assert json.loads(loaded.stdout) == [json.loads(line) for line in clean_file.read_text().splitlines()]


def test_parquet_loads_too(lfs_hub: LoopbackHub, clean_file: Path, tmp_path: Path) -> None:
    """By the call that the card shows; the default stays the JSONL."""
    arguments = ("push-to-hub", clean_file, REPO, "--parquet")
    pushed = run_soc(*arguments, hub=lfs_hub, home=tmp_path, HF_TOKEN=WRITE_TOKEN)
    assert pushed.returncode == 0, pushed.stderr
    card = lfs_hub.store.repos[REPO].tree("main")["README.md"].content.decode()
    call = next(line for line in card.splitlines() if "data.parquet" in line).split("`")[3]
    loaded = run_python(LOAD.format(call=call), lfs_hub, tmp_path)
    assert loaded.returncode == 0, loaded.stderr
    assert json.loads(loaded.stdout) == [json.loads(line) for line in clean_file.read_text().splitlines()]


def test_sources_read_a_hub_dataset_then_the_cache(
    lfs_hub: LoopbackHub, clean_file: Path, tmp_path: Path
) -> None:
    """``read_source`` takes ``user/name`` at a revision; the second time no Hub is needed."""
    run_soc("push-to-hub", clean_file, REPO, "--tag", "v1", hub=lfs_hub, home=tmp_path, HF_TOKEN=WRITE_TOKEN)
    code = (
        "from soc_gen.models import Chat\nfrom soc_gen.io.datasets import read_source\n"
        "for item in read_source('mia/night-chats', Chat, {revision!r}): print(item.to_json().decode())"
    )
    expected = clean_file.read_text()
    online = run_python(code.format(revision="v1"), lfs_hub, tmp_path)
    offline = run_python(code.format(revision="v1"), lfs_hub, tmp_path, HF_HUB_OFFLINE="1")
    assert [online.stdout, offline.stdout] == [expected, expected], online.stderr + offline.stderr
    missing = run_python(code.format(revision="v9"), lfs_hub, tmp_path / "other")
    assert "HubError: mia/night-chats@v9: Revision 'v9' doesn't exist" in missing.stderr.splitlines()[-1]


def test_cleaning_does_not_repeat_a_hub_dataset(
    lfs_hub: LoopbackHub, clean_file: Path, tmp_path: Path
) -> None:
    """``soc clean --against user/name`` rejects what lies there, naming where, and keeps what is new."""
    run_soc("push-to-hub", clean_file, REPO, hub=lfs_hub, home=tmp_path, HF_TOKEN=WRITE_TOKEN)
    published = [Chat.model_validate_json(line) for line in clean_file.read_bytes().splitlines()]
    own_words = [(1, ["my bees have left the hive again"]), (2, ["so that was the noise in the chimney"])]
    again = published[0].model_copy(update={"chat_id": "c-again"})
    batch = write_chats(tmp_path / "batch.jsonl", [published[1], again, chat(500, own_words)])
    out = tmp_path / "batch" / "clean.jsonl"
    cleaned = run_soc("clean", batch, "--against", REPO, "--out", out, "--json", hub=lfs_hub, home=tmp_path)
    assert cleaned.returncode == 0, cleaned.stderr
    facts = json.loads(cleaned.stdout)
    assert (facts["against"], facts["against_unread"], facts["kept"]) == (len(published), 0, 1)
    assert Chat.model_validate_json(out.read_bytes()).chat_id == "c-500"
    rejected = [json.loads(line) for line in (out.parent / "clean.rejected.jsonl").read_bytes().splitlines()]
    assert [(one["reason"], one["detail"]) for one in rejected] == [
        ("duplicate_id", f"of c-1 ({REPO}:2)"),
        ("duplicate_text", f"of c-0 ({REPO}:1)"),
    ]


def test_json_output_is_one_object(lfs_hub: LoopbackHub, clean_file: Path, tmp_path: Path) -> None:
    """For scripts: what was pushed, and whether anything changed."""
    arguments = ("push-to-hub", clean_file, REPO, "--json")
    done = run_soc(*arguments, hub=lfs_hub, home=tmp_path, HF_TOKEN=WRITE_TOKEN)
    fields = json.loads(done.stdout)
    assert (fields["changed"], fields["conversations"], fields["repo"]) == (True, 12, REPO)


def test_a_dry_run_writes_the_files_and_asks_nobody(
    lfs_hub: LoopbackHub, clean_file: Path, tmp_path: Path
) -> None:
    """No token needed, no request made; the folder is what a push would send, its settings a config again."""
    from soc_gen.config import load_config

    done = run_soc("push-to-hub", clean_file, REPO, "--dry-run", hub=lfs_hub, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert lfs_hub.log == []
    assert "Nothing was sent" in done.stderr
    folder = clean_file.parent / "clean.hub"
    assert (folder / "data.jsonl").read_bytes() == clean_file.read_bytes()
    config = load_config(str(folder / "generation.toml"))
    assert (config.random_seed, config.rollout.sampling.temperature) == (7, 0.9)
    assert (config.endpoint.base_urls, config.endpoint.api_key_env) == ((), "MY_KEY")
    assert config.experiences.personas == "bank.jsonl"


def test_a_dry_run_too_is_one_object_with_json(
    lfs_hub: LoopbackHub, clean_file: Path, tmp_path: Path
) -> None:
    """The folder, and the bytes of each file."""
    done = run_soc("push-to-hub", clean_file, REPO, "--dry-run", "--json", hub=lfs_hub, home=tmp_path)
    fields = json.loads(done.stdout)
    assert (fields["repo"], fields["folder"]) == (REPO, str(clean_file.parent / "clean.hub"))
    assert fields["files"]["data.jsonl"] == clean_file.stat().st_size


def test_a_bad_file_is_one_line_and_nothing_is_sent(lfs_hub: LoopbackHub, tmp_path: Path) -> None:
    """Exit code 2, no trace, no repo."""
    (tmp_path / "broken.jsonl").write_text('{"chat_id": \n{}\n')
    arguments = ("push-to-hub", tmp_path / "broken.jsonl", REPO)
    done = run_soc(*arguments, hub=lfs_hub, home=tmp_path, HF_TOKEN=WRITE_TOKEN)
    assert done.returncode == 2
    assert "broken.jsonl:1: record: Invalid JSON" in done.stderr
    assert done.stderr.count("\n") == 1
    assert lfs_hub.store.repos == {}


def test_no_token_is_one_line(lfs_hub: LoopbackHub, clean_file: Path, tmp_path: Path) -> None:
    """Before the file is read or a request is made."""
    done = run_soc("push-to-hub", clean_file, REPO, hub=lfs_hub, home=tmp_path)
    assert (done.returncode, done.stdout, lfs_hub.log) == (2, "", [])
    assert done.stderr == (
        "error: no Hub token. Set HF_TOKEN, or name a variable with --token-env, or run: hf auth login\n"
    )


def test_no_network_is_one_line(lfs_hub: LoopbackHub, clean_file: Path, tmp_path: Path) -> None:
    """Exit code 1, no trace, no token."""
    down = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_TOKEN": WRITE_TOKEN}
    done = run_soc("push-to-hub", clean_file, REPO, hub=lfs_hub, home=tmp_path, **down)
    assert done.returncode == 1
    assert "the Hub cannot be reached" in done.stderr
    assert done.stderr.count("\n") == 1
    assert WRITE_TOKEN not in done.stderr
