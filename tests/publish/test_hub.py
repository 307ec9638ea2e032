"""Pushing to a loopback Hub with the real client, on both upload paths."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from soc_gen.errors import HubError, UsageError
from soc_gen.publish.hub import PushOptions, check_wanted, read_token
from soc_gen.publish.staging import StagedDataset, stage
from tests.support.loopback_hub import OTHER_TOKEN, READ_TOKEN, WRITE_TOKEN, Fault, LoopbackHub
from tests.support.publishing import REPO, Pusher, chat, ignore, write_chats

# huggingface_hub 2.4 hands files to its HTTP client in a way that this calls old.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


def tree(hub: LoopbackHub, revision: str = "main") -> dict[str, bytes]:
    return {path: entry.content for path, entry in hub.store.repos[REPO].tree(revision).items()}


def test_a_push_brings_data_card_settings_and_manifests_in_one_commit(
    hub: LoopbackHub, pusher: Pusher, staged: StagedDataset
) -> None:
    """One commit on top of the initial one, and every file is there, byte for byte."""
    pushed = pusher(hub, tag="v1")
    files = tree(hub)
    assert set(files) == {".gitattributes", *staged.files()}
    assert {"README.md", "data.jsonl", "generation.toml", "manifests/3-clean.manifest.json"} <= set(files)
    assert all(files[name] == (staged.folder / name).read_bytes() for name in staged.files())
    repo = hub.store.repos[REPO]
    assert repo.messages == ["initial commit", "Push 12 conversations with soc_gen"]
    assert repo.tags == {"v1": pushed.commit}
    assert pushed.changed
    assert pushed.url.endswith(f"/{REPO}/commit/{pushed.commit}")


def test_pushing_unchanged_data_again_makes_no_commit(hub: LoopbackHub, pusher: Pusher) -> None:
    """Neither a commit nor an error, also when the tag stands there already."""
    first = pusher(hub, tag="v1")
    again = pusher(hub, tag="v1")
    assert not again.changed
    assert again.commit == first.commit
    assert len(hub.store.repos[REPO].commits) == 2


def test_changed_data_makes_a_commit_and_old_extras_go(
    lfs_hub: LoopbackHub, clean_file: Path, tmp_path: Path, pusher: Pusher
) -> None:
    """data.parquet of an earlier push would be about other rows, so it is deleted."""
    from soc_gen.publish.hub import connect, push

    def push_file(file: Path, name: str, *, parquet: bool) -> None:
        folder = tmp_path / name
        folder.mkdir()
        wanted = PushOptions(REPO)
        made = stage(file, folder, parquet=parquet, on_progress=ignore)
        push(connect(wanted, WRITE_TOKEN, lfs_hub.url), made, wanted)

    push_file(clean_file, "one", parquet=True)
    assert "data.parquet" in tree(lfs_hub)
    push_file(write_chats(tmp_path / "other.jsonl", [chat(99)]), "two", parquet=False)
    assert set(tree(lfs_hub)) == {".gitattributes", "README.md", "data.jsonl"}


def test_a_pull_request_leaves_main_alone(hub: LoopbackHub, pusher: Pusher) -> None:
    """Somebody else's token may open one; the commit is on refs/pr/1."""
    pusher(hub)
    hub.store.repos[REPO].refs["main"] = next(iter(hub.store.repos[REPO].commits))
    pushed = pusher(hub, token=OTHER_TOKEN, create_pr=True)
    assert pushed.url.endswith(f"/{REPO}/discussions/1")
    assert "data.jsonl" not in tree(hub)
    assert "data.jsonl" in tree(hub, "refs/pr/1")


def test_a_cut_off_pull_request_goes_on_by_its_revision(lfs_hub: LoopbackHub, pusher: Pusher) -> None:
    """``--revision refs/pr/1`` pushes into the one that is open."""
    lfs_hub.store.create(REPO, private=False)
    lfs_hub.store.repos[REPO].refs["refs/pr/1"] = lfs_hub.store.repos[REPO].refs["main"]
    pusher(lfs_hub, revision="refs/pr/1")
    assert "data.jsonl" in tree(lfs_hub, "refs/pr/1")
    assert "data.jsonl" not in tree(lfs_hub)


def test_a_branch_is_made_when_it_is_not_there(lfs_hub: LoopbackHub, pusher: Pusher) -> None:
    """``--revision next`` needs no visit to the website."""
    pusher(lfs_hub, revision="next")
    assert "data.jsonl" in tree(lfs_hub, "next")
    assert "data.jsonl" not in tree(lfs_hub)


def test_private_makes_a_private_repo_and_closes_a_public_one(lfs_hub: LoopbackHub, pusher: Pusher) -> None:
    """Without --private, what is private stays private."""
    pusher(lfs_hub)
    assert not lfs_hub.store.repos[REPO].private
    pusher(lfs_hub, private=True)
    pusher(lfs_hub)
    assert lfs_hub.store.repos[REPO].private


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/preupload/", {"Retry-After": "0"}), ("/resolve/", {}), ("/batch$", {"Retry-After": "0"})],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_hub_is_asked_again(
    lfs_hub: LoopbackHub, pusher: Pusher, path: str, headers: dict[str, str], status: int
) -> None:
    """A 429 or 503 or two, with or without Retry-After, is not the user's business."""
    pusher(lfs_hub)
    lfs_hub.store.repos.clear()
    lfs_hub.store.blobs.clear()
    method = "HEAD" if "resolve" in path else "POST"
    lfs_hub.faults.append(Fault(method, path, times=1, status=status, headers=headers))
    if method == "POST":
        pusher(lfs_hub)
        assert "data.jsonl" in tree(lfs_hub)


def test_a_busy_commit_is_asked_again_on_the_xet_path(hub: LoopbackHub, pusher: Pusher) -> None:
    """The pipeline repeats a commit; the classic path says so in one line, and a second run goes through."""
    hub.faults.append(Fault("POST", "/commit/", status=503, headers={"Retry-After": "0"}))
    if hub.xet:
        pusher(hub)
    else:
        with pytest.raises(HubError, match=r"answered 503.*Run the same command again"):
            pusher(hub)
        pusher(hub)
    assert "data.jsonl" in tree(hub)


def test_an_upload_cut_off_for_good_is_one_line_and_can_be_run_again(
    lfs_hub: LoopbackHub, pusher: Pusher
) -> None:
    """No commit is left half-made: the repo is as it was, and the second run brings everything."""
    lfs_hub.faults.append(Fault("PUT", "/files/", times=6, cut=True))
    with pytest.raises(HubError, match="Run the same command again") as caught:
        pusher(lfs_hub)
    assert "\n" not in str(caught.value)
    assert set(tree(lfs_hub)) == {".gitattributes"}
    pusher(lfs_hub)
    assert "data.jsonl" in tree(lfs_hub)


def test_an_upload_that_xet_refuses_is_one_line_and_can_be_run_again(
    xet_hub: LoopbackHub, pusher: Pusher
) -> None:
    """The store's own errors come from another library than the Hub's."""
    xet_hub.faults.append(Fault("GET", "/xet-write-token/", times=9, status=403))
    with pytest.raises(HubError, match=r"broke off.*Run the same command again") as caught:
        pusher(xet_hub)
    assert "\n" not in str(caught.value)
    xet_hub.faults.clear()
    assert pusher(xet_hub).changed


def test_a_commit_by_someone_else_in_between_is_not_overwritten(lfs_hub: LoopbackHub, pusher: Pusher) -> None:
    """The card was merged with what was there; so the push refuses to land on anything else."""
    pusher(lfs_hub)
    repo = lfs_hub.store.repos[REPO]
    lfs_hub.store.repos[REPO].commits[repo.refs["main"]].pop("README.md")
    lfs_hub.faults.append(Fault("POST", "/commit/", status=412, message="A commit has happened since."))
    with pytest.raises(HubError, match=r"changed meanwhile.*starts from what is there now"):
        pusher(lfs_hub)
    pusher(lfs_hub)
    assert "README.md" in tree(lfs_hub)


def test_the_parent_commit_is_sent(lfs_hub: LoopbackHub, pusher: Pusher) -> None:
    """The Hub can only notice a change in between if it is told what the push was made for."""
    original = lfs_hub.store.commit

    def meanwhile(name: str, ref: str, lines: list[dict[str, object]]) -> str:
        lfs_hub.store.repos[name].add("main", {}, "somebody else")
        return original(name, ref, lines)

    lfs_hub.store.commit = meanwhile  # type: ignore[method-assign]
    with pytest.raises(HubError, match="changed meanwhile"):
        pusher(lfs_hub)


@pytest.mark.parametrize("token", [READ_TOKEN, "hf_nobody"])
def test_a_token_that_cannot_write_is_refused_before_any_upload(
    lfs_hub: LoopbackHub, pusher: Pusher, token: str
) -> None:
    """One request, one line, and the token is not in it."""
    with pytest.raises(HubError, match=r"write access at https://huggingface\.co/settings/tokens") as caught:
        pusher(lfs_hub, token=token)
    assert lfs_hub.log == ["GET /api/whoami-v2"]
    assert token not in str(caught.value)


def test_anothers_namespace_is_one_line(lfs_hub: LoopbackHub, pusher: Pusher) -> None:
    """403 from the Hub, before any upload."""
    with pytest.raises(HubError, match="not allowed: You don't have the rights"):
        pusher(lfs_hub, repo="someone/else")
    assert not any("preupload" in line for line in lfs_hub.log)


def test_a_private_repo_over_quota_says_what_the_hub_says(lfs_hub: LoopbackHub, pusher: Pusher) -> None:
    """The Hub's own sentence, without advice about tokens that would not help."""
    said = "Private repository storage limit reached, upgrade your plan."
    lfs_hub.faults.append(Fault("POST", "/batch", status=403, message=said))
    with pytest.raises(HubError) as caught:
        pusher(lfs_hub, private=True)
    assert said.removesuffix(".") in str(caught.value)
    assert "token" not in str(caught.value)


def test_a_tag_on_an_older_commit_is_refused_before_the_upload(lfs_hub: LoopbackHub, pusher: Pusher) -> None:
    """Tags do not move."""
    lfs_hub.store.create(REPO, private=False).tags["v1"] = "0" * 40
    with pytest.raises(HubError, match="the tag v1 exists already"):
        pusher(lfs_hub, tag="v1")
    assert not any("preupload" in line for line in lfs_hub.log)


def test_card_only_sends_the_card_and_only_for_the_same_data(
    lfs_hub: LoopbackHub, pusher: Pusher, staged: StagedDataset, tmp_path: Path
) -> None:
    """A card about other rows than the repo has would be a lie."""
    with pytest.raises(HubError, match="not the data of this file"):
        pusher(lfs_hub, card_only=True)
    pusher(lfs_hub)
    pushed = pusher(lfs_hub, card_only=True, licence="odc-by")
    assert pushed.changed
    assert b"license: odc-by" in tree(lfs_hub)["README.md"]
    assert set(tree(lfs_hub)) == {".gitattributes", *staged.files()}


def test_the_owners_words_survive_the_next_push(lfs_hub: LoopbackHub, pusher: Pusher) -> None:
    """Section, banner, YAML key and licence of the owner's, edited on the website."""
    from tests.support.hub_store import small

    pusher(lfs_hub)
    repo = lfs_hub.store.repos[REPO]
    card = tree(lfs_hub)["README.md"].decode()
    card = card.replace("license: cc-by-4.0", "license: mit\nannotations_creators:\n- machine-generated")
    card = card.replace("# night-chats", "![a banner](x.png)\n\n# Night chats") + "\n## Thanks\n\nTo Bo.\n"
    repo.add("main", {**repo.tree("main"), "README.md": small(card.encode())}, "edit")
    pusher(lfs_hub)
    assert tree(lfs_hub)["README.md"].decode() == card.replace("`cc-by-4.0`", "`mit`")
    assert not pusher(lfs_hub).changed


def test_a_hub_that_is_not_there_is_one_line(lfs_hub: LoopbackHub, pusher: Pusher) -> None:
    """Connection refused; no trace and no token."""
    lfs_hub.url = "http://127.0.0.1:9"
    with pytest.raises(HubError, match="cannot be reached") as caught:
        pusher(lfs_hub)
    assert WRITE_TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "repo", ["a/b/c", "noslash", "/x", "x/", "a b/c", "../x", "a/..", "a/b--c", "-a/b", ""]
)
def test_a_bad_dataset_name_is_refused(repo: str) -> None:
    """Before anything is read or sent."""
    with pytest.raises(UsageError, match="Write it as USER/NAME"):
        check_wanted(PushOptions(repo))


def test_an_unknown_licence_is_refused() -> None:
    """With some that are known."""
    with pytest.raises(UsageError, match=r"knows no licence 'cc-by-5'.*cc-by-4\.0"):
        check_wanted(PushOptions(REPO, licence="cc-by-5"))


@pytest.mark.parametrize("options", [{"revision": "x"}, {"tag": "v1"}])
def test_a_pull_request_goes_with_no_revision_and_no_tag(options: dict[str, str]) -> None:
    """The client would refuse it with a trace, or tag what is not merged."""
    with pytest.raises(UsageError, match="neither"):
        check_wanted(PushOptions(REPO, create_pr=True, **options))  # type: ignore[arg-type]


def test_no_token_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """The named variable, and what else would do."""
    monkeypatch.delenv("TEAM_TOKEN", raising=False)
    with pytest.raises(UsageError, match=r"TEAM_TOKEN is empty.*hf auth login"):
        read_token("TEAM_TOKEN")


@pytest.mark.parametrize("value", ["hf_a b", "hf_\u00e9", "hf_a\x07b"])
def test_a_mangled_token_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """An HTTP library would print it in its complaint."""
    monkeypatch.setenv("TEAM_TOKEN", value)
    with pytest.raises(UsageError, match="Copy it again") as caught:
        read_token("TEAM_TOKEN")
    assert value not in str(caught.value)


def test_a_token_in_a_message_is_taken_out(lfs_hub: LoopbackHub, pusher: Pusher) -> None:
    """Even a Hub that repeats the token back cannot make us print it."""
    lfs_hub.faults.append(Fault("POST", "/repos/create", status=400, message=f"bad token {WRITE_TOKEN}"))
    with pytest.raises(HubError, match=r"bad token \(token\)"):
        pusher(lfs_hub)


def test_published_manifests_have_no_addresses_and_no_folders(lfs_hub: LoopbackHub, pusher: Pusher) -> None:
    """Nothing of the writer's machine or servers goes public."""
    pusher(lfs_hub)
    files = tree(lfs_hub)
    assert (
        json.loads(files["manifests/2-chats.manifest.json"])["config"]["endpoint"]["api_key_env"] == "MY_KEY"
    )
    public = b"".join(content for name, content in files.items() if name != "data.jsonl")
    assert b"10.0.0.7" not in public
    assert b"secret-place" not in public
    assert b"/elsewhere" not in public
