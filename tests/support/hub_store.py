"""What the loopback Hub knows: repos with commits, branches, tags and pull requests; large files by hash."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LARGE = (".jsonl", ".parquet")


class Refused(Exception):  # noqa: N818 - it is an answer
    """An answer other than 2xx."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        self.status, self.message, self.code = status, message, code
        super().__init__(message)


@dataclass(frozen=True)
class Entry:
    """One file of a commit: in git itself, or a large one that git has a pointer to."""

    read: Callable[[], bytes]
    """Put together when asked for: until then another process may have the Xet store open."""
    size: int
    oid: str
    """sha256 of a large file, git's hash of another."""
    large: bool

    @property
    def content(self) -> bytes:
        return self.read()

    def info(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = {"type": "file", "path": path, "size": self.size, "oid": self.oid[:40]}
        if self.large:
            found["lfs"] = {"oid": self.oid, "size": self.size, "pointerSize": 130}
        return found


def small(content: bytes) -> Entry:
    """Return a file that git has itself."""
    oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324 - git's
    return Entry(lambda: content, len(content), oid, large=False)


Tree = dict[str, Entry]


@dataclass
class Repo:
    """A dataset."""

    private: bool
    commits: dict[str, Tree] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    """One for each commit, the oldest first."""
    refs: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pull_requests: list[str] = field(default_factory=list)
    """Their titles."""

    def commit_at(self, revision: str) -> str:
        found = self.refs.get(revision) or self.tags.get(revision)
        if found or revision in self.commits:
            return found or revision
        raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def tree(self, revision: str) -> Tree:
        return self.commits[self.commit_at(revision)]

    def add(self, ref: str, tree: Tree, message: str) -> str:
        listing = repr((message, len(self.commits), sorted((p, e.oid) for p, e in tree.items())))
        oid = hashlib.sha1(listing.encode()).hexdigest()  # noqa: S324 - looks like git's
        self.commits[oid] = tree
        self.refs[ref] = oid
        self.messages.append(message)
        return oid


@dataclass
class Store:
    """All repos, and the large files that have been uploaded."""

    folder: Path
    repos: dict[str, Repo] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    """Classic uploads by sha256."""

    @property
    def cas(self) -> Path:
        """Where hf_xet's local backend keeps chunks and shards."""
        return self.folder / "cas"

    def repo(self, name: str) -> Repo:
        if name not in self.repos:
            raise Refused(404, "Repository not found", "RepoNotFound")
        return self.repos[name]

    def create(self, name: str, *, private: bool) -> Repo:
        repo = self.repos[name] = Repo(private)
        repo.add("main", {".gitattributes": small(b"*.parquet filter=lfs\n")}, "initial commit")
        return repo

    def commit(self, name: str, ref: str, lines: list[dict[str, Any]]) -> str:
        repo = self.repo(name)
        header, *operations = lines
        parent = header["value"].get("parentCommit")
        if parent and parent != repo.commit_at(ref):
            raise Refused(412, "A commit has happened since. Please refresh and try again.")
        tree = dict(repo.tree(ref))
        for line in operations:
            value = line["value"]
            if line["key"] == "deletedFile":
                del tree[value["path"]]
            elif line["key"] == "file":
                tree[value["path"]] = small(base64.b64decode(value["content"]))
            else:
                tree[value["path"]] = self.large_file(value["oid"])
        return repo.add(ref, tree, header["value"]["summary"])

    def large_file(self, sha256: str) -> Entry:
        if sha256 in self.blobs:
            content = self.blobs[sha256]
            return Entry(lambda: content, len(content), sha256, large=True)
        xet_hash, size = self.xet_files().get(sha256, ("", 0))
        if not xet_hash:
            raise Refused(400, f"LFS pointer pointed to a file that does not exist: {sha256}")
        target = self.folder / sha256
        return Entry(lambda: read_xet(self.cas, xet_hash, size, target), size, sha256, large=True)

    def xet_files(self) -> dict[str, tuple[str, int]]:
        """Return the Xet hash and the size of every file in the shards, by sha256."""
        found: dict[str, tuple[str, int]] = {}
        for shard in sorted(self.cas.glob("xet/xorbs/shards/*.mdb")):
            found |= dict(read_shard(shard.read_bytes()))
        return found


def read_shard(data: bytes) -> list[tuple[str, tuple[str, int]]]:
    """Return ``(sha256, (xet hash, size))`` of the files in a shard of hf_xet, a table of 48-byte records."""
    found = []
    at = 48
    while data[at : at + 32] != b"\xff" * 32:
        flags, segments = struct.unpack_from("<II", data, at + 32)
        xet_hash = _hex(data[at : at + 32])
        size = sum(struct.unpack_from("<I", data, at + 48 * i + 36)[0] for i in range(1, segments + 1))
        at += 48 * (1 + segments * (2 if flags & 1 << 31 else 1))
        if flags & 1 << 30:
            found.append((_hex(data[at : at + 32]), (xet_hash, size)))
            at += 48
    return found


def _hex(digest: bytes) -> str:
    return "".join(f"{word:016x}" for word in struct.unpack("<4Q", digest))


def read_xet(cas: Path, xet_hash: str, size: int, target: Path) -> bytes:
    """Put a file together again from the local content-addressed store."""
    import hf_xet

    access: dict[str, Any] = {"token": "read", "token_expiry_unix_secs": 2**33}
    with hf_xet.XetSession().new_file_download_group(
        endpoint=f"local://{cas}",
        token_refresh_url=None,
        token_refresh_headers={},
        custom_headers={},
        **access,
    ) as group:
        group.start_download_file(hf_xet.XetFileInfo(xet_hash, size), str(target))
    return target.read_bytes()
