"""A Hub on 127.0.0.1 that the real ``huggingface_hub`` and ``datasets`` clients take for the real one.

It speaks the part of the API that pushing and loading a dataset need, on both upload paths (LFS, and Xet
with a local store), keeps files apart on another host name as the real one does, and fails on demand.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.support.hub_store import LARGE, Refused, Repo, Store

READ_TOKEN, WRITE_TOKEN, OTHER_TOKEN = "hf_readonlytoken", "hf_secretwritetoken", "hf_otherwriter"
WRITE_SCOPE = {"scoped": [{"entity": {"name": "mia"}, "permissions": ["repo.content.read", "repo.write"]}]}
USERS: dict[str, tuple[str, dict[str, Any]]] = {
    READ_TOKEN: ("mia", {"role": "read"}),
    WRITE_TOKEN: ("mia", {"role": "write"}),
    OTHER_TOKEN: ("tom", {"role": "fineGrained", "fineGrained": WRITE_SCOPE}),
}
NOBODY: tuple[str, dict[str, Any]] = ("", {})
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Fault:
    """An answer instead of the right one."""

    method: str
    path: str
    """Regular expression, searched in the path."""
    times: int = 1
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "out of order"
    cut: bool = False
    """Read a little and break the connection off."""


class LoopbackHub:
    """The HTTP side; ``store`` is the rest."""

    def __init__(self, folder: Path, *, xet: bool) -> None:
        self.store = Store(folder)
        self.xet = xet
        self.faults: list[Fault] = []
        self.log: list[str] = []
        """``METHOD path`` of every request."""
        self.url = ""
        self.files_url = ""

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self.guard], client_max_size=2**30)
        repo = "{repo:[^/]+/[^/]+}"
        api = f"/api/datasets/{repo}"
        app.add_routes(
            [
                web.get("/api/whoami-v2", self.whoami),
                web.post("/api/repos/create", self.create),
                web.post("/api/validate-yaml", self.validate_yaml),
                web.get(f"{api}/refs", self.refs),
                web.get(f"{api}/tree/{{rev}}", self.tree),
                web.get(f"{api}/revision/{{rev}}", self.info),
                web.get(f"{api}/xet-{{kind:read|write}}-token/{{rev}}", self.xet_token),
                web.get(f"{api}/discussions/{{num}}", self.discussion),
                web.get(api, self.info),
                web.post(f"{api}/preupload/{{rev}}", self.preupload),
                web.post(f"{api}/commit/{{rev}}", self.commit),
                web.post(f"{api}/paths-info/{{rev}}", self.paths_info),
                web.post(f"{api}/tag/{{rev}}", self.tag),
                web.post(f"{api}/branch/{{rev}}", self.branch),
                web.post(f"{api}/discussions", self.discuss),
                web.put(f"{api}/settings", self.settings),
                web.post(f"/datasets/{repo}.git/info/lfs/objects/batch", self.lfs_batch),
                web.post(f"/datasets/{repo}.git/info/lfs/objects/verify", self.lfs_verify),
                web.put("/files/{sha}", self.put_file),
                web.get("/files/{sha}", self.get_file),
                web.get(f"/datasets/{repo}/resolve/{{rev}}/{{path:.+}}", self.resolve),
            ]
        )
        return app

    @web.middleware
    async def guard(self, request: web.Request, handler: Answer) -> web.StreamResponse:
        """Count the request, fail if told so, check the token, and put refusals as the Hub does."""
        self.log.append(f"{request.method} {request.path}")
        fault = self._fault(request)
        if fault and fault.cut:
            await request.content.read(64)
            if request.transport:
                request.transport.close()
        if fault:
            return _refusal(Refused(fault.status, fault.message), fault.headers)
        try:
            self._authorise(request)
            return await handler(request)
        except Refused as refused:
            return _refusal(refused)
        except web.HTTPNotFound:
            return _refusal(Refused(404, f"no such page: {request.path}"))

    def _fault(self, request: web.Request) -> Fault | None:
        for fault in self.faults:
            if fault.times and fault.method == request.method and re.search(fault.path, request.path):
                fault.times -= 1
                return fault
        return None

    def _authorise(self, request: web.Request) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        on_files = request.host == self.files_url.removeprefix("http://")
        if on_files and token:
            raise Refused(500, "a token was sent to the file host")
        if on_files:
            return
        name, access = USERS.get(token, NOBODY)
        if token and not name:
            raise Refused(401, "Invalid credentials in Authorization header")
        asked = request.match_info.get("repo", "")
        if asked in self.store.repos and self.store.repos[asked].private and not name:
            raise Refused(401, "Repository not found", "RepoNotFound")
        reads = request.method in {"GET", "HEAD"} or request.path.endswith("/validate-yaml")
        writes = not reads and "/paths-info/" not in request.path
        if writes and access.get("role", "read") == "read":
            raise Refused(403, "You need a token with write access")
        foreign = asked and not asked.startswith(f"{name}/")
        if writes and foreign and "create_pr" not in request.query and "/discussions" not in request.path:
            pull_request = "refs/pr/" in request.match_info.get("rev", "") or "/info/lfs/" in request.path
            if not pull_request:
                raise Refused(403, f"You don't have the rights to write to {asked}")

    def _repo(self, request: web.Request) -> Repo:
        return self.store.repo(request.match_info["repo"])

    async def whoami(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in USERS:
            raise Refused(401, "Invalid username or password.")
        name, access = USERS[token]
        return web.json_response({"name": name, "orgs": [], "auth": {"accessToken": access}})

    async def create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        name = f"{asked['organization']}/{asked['name']}"
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if asked["organization"] != USERS[token][0]:
            raise Refused(403, "You don't have the rights to create a dataset under this namespace")
        there = name in self.store.repos
        if not there:
            self.store.create(name, private=asked.get("visibility") == "private")
        fields = {"url": f"{self.url}/datasets/{name}"} | (
            {"error": "You already created it"} if there else {}
        )
        return web.json_response(fields, status=409 if there else 200)

    async def validate_yaml(self, request: web.Request) -> web.Response:
        import yaml

        content = (await request.json())["content"]
        fields = yaml.safe_load(content.split("---\n")[1])
        problems = [] if isinstance(fields, dict) and "license" in fields else [{"message": "no licence"}]
        return web.json_response({"errors": [], "warnings": problems})

    async def refs(self, request: web.Request) -> web.Response:
        repo = self._repo(request)
        branches = {name: oid for name, oid in repo.refs.items() if not name.startswith("refs/")}
        listed = {
            key: [
                {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": oid}
                for name, oid in refs.items()
            ]
            for key, kind, refs in (("branches", "heads", branches), ("tags", "tags", repo.tags))
        }
        return web.json_response({**listed, "converts": []})

    async def info(self, request: web.Request) -> web.Response:
        repo, name = self._repo(request), request.match_info["repo"]
        sha = repo.commit_at(request.match_info.get("rev", "main"))
        files = [{"rfilename": path} for path in repo.commits[sha]]
        return web.json_response(
            {"id": name, "sha": sha, "private": repo.private, "siblings": files, "tags": []}
        )

    async def tree(self, request: web.Request) -> web.Response:
        tree = self._repo(request).tree(request.match_info["rev"])
        recursive = request.query.get("recursive", "").lower() in {"1", "true"}
        files = [entry.info(path) for path, entry in tree.items() if recursive or "/" not in path]
        return web.json_response(files)

    async def paths_info(self, request: web.Request) -> web.Response:
        tree = self._repo(request).tree(request.match_info["rev"])
        form = await request.post()
        asked = form.getall("paths", []) if form else (await request.json())["paths"]
        return web.json_response([tree[str(path)].info(str(path)) for path in asked if path in tree])

    async def preupload(self, request: web.Request) -> web.Response:
        tree = self._repo(request).tree(request.match_info["rev"])
        files = []
        for file in (await request.json())["files"]:
            mode = "lfs" if file["path"].endswith(LARGE) else "regular"
            there = tree.get(file["path"])
            files.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False,
                          "oid": there.oid if there else None})  # fmt: skip
        return web.json_response({"files": files})

    async def commit(self, request: web.Request) -> web.Response:
        lines = [json.loads(line) for line in (await request.read()).splitlines()]
        name, ref = request.match_info["repo"], request.match_info["rev"]
        url = f"{self.url}/datasets/{name}"
        if request.query.get("create_pr"):
            ref = self._open_pull_request(name, lines[0]["value"]["summary"])
        oid = self.store.commit(name, ref, lines)
        pull_request = f"{url}/discussions/{ref.rpartition('/')[2]}" if ref.startswith("refs/pr/") else None
        return web.json_response(
            {"commitUrl": f"{url}/commit/{oid}", "commitOid": oid, "pullRequestUrl": pull_request}
        )

    def _open_pull_request(self, name: str, title: str) -> str:
        repo = self.store.repo(name)
        repo.pull_requests.append(title)
        ref = f"refs/pr/{len(repo.pull_requests)}"
        repo.refs[ref] = repo.refs["main"]
        return ref

    async def discuss(self, request: web.Request) -> web.Response:
        ref = self._open_pull_request(request.match_info["repo"], (await request.json())["title"])
        return web.json_response({"num": int(ref.rpartition("/")[2])})

    async def discussion(self, request: web.Request) -> web.Response:
        num, repo = int(request.match_info["num"]), self._repo(request)
        about = {
            "title": repo.pull_requests[num - 1],
            "num": num,
            "author": {"name": "mia"},
            "status": "draft",
        }
        about |= {"createdAt": "2026-01-01T00:00:00.000Z", "isPullRequest": True, "events": [], "diff": ""}
        about |= {"repo": {"name": request.match_info["repo"], "type": "dataset"}, "filesWithConflicts": []}
        return web.json_response(about | {"changes": {"base": "refs/heads/main"}})

    async def tag(self, request: web.Request) -> web.Response:
        repo, name = self._repo(request), (await request.json())["tag"]
        if name in repo.tags:
            raise Refused(409, "Tag reference exists already")
        repo.tags[name] = repo.commit_at(request.match_info["rev"])
        return web.json_response({})

    async def branch(self, request: web.Request) -> web.Response:
        repo = self._repo(request)
        repo.refs[request.match_info["rev"]] = repo.refs["main"]
        return web.json_response({})

    async def settings(self, request: web.Request) -> web.Response:
        self._repo(request).private = (await request.json())["visibility"] == "private"
        return web.json_response({})

    async def xet_token(self, request: web.Request) -> web.Response:
        if not self.xet:
            raise Refused(404, "no Xet here")
        self._repo(request)
        access = {"casUrl": f"local://{self.store.cas}", "accessToken": "cas", "exp": 2**33}
        names = {
            "casUrl": "X-Xet-Cas-Url",
            "accessToken": "X-Xet-Access-Token",
            "exp": "X-Xet-Token-Expiration",
        }
        return web.json_response(access, headers={names[key]: str(value) for key, value in access.items()})

    async def lfs_batch(self, request: web.Request) -> web.Response:
        verify = str(request.url.with_path(request.path.replace("/batch", "/verify")))
        objects = []
        for asked in (await request.json())["objects"]:
            upload = {"href": f"{self.files_url}/files/{asked['oid']}"}
            there = asked["oid"] in self.store.blobs
            actions = {} if there else {"actions": {"upload": upload, "verify": {"href": verify}}}
            objects.append({"oid": asked["oid"], "size": asked["size"], **actions})
        return web.json_response({"transfer": "basic", "objects": objects})

    async def lfs_verify(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if len(self.store.blobs.get(asked["oid"], b"")) != asked["size"]:
            raise Refused(422, "size does not match")
        return web.json_response({})

    async def put_file(self, request: web.Request) -> web.Response:
        content = await request.read()
        if hashlib.sha256(content).hexdigest() != request.match_info["sha"]:
            raise Refused(400, "the file is not what its name says")
        self.store.blobs[request.match_info["sha"]] = content
        return web.Response()

    async def get_file(self, request: web.Request) -> web.Response:
        entry = self.store.large_file(request.match_info["sha"])
        return _ranged(request, await asyncio.to_thread(entry.read), {})

    async def resolve(self, request: web.Request) -> web.Response:
        repo, path = self._repo(request), request.match_info["path"]
        sha = repo.commit_at(request.match_info["rev"])
        entry = repo.commits[sha].get(path)
        headers = {"X-Repo-Commit": sha}
        if entry is None:
            raise Refused(404, "Entry not found", "EntryNotFound")
        if not entry.large:
            return _ranged(request, entry.content, {**headers, "ETag": f'"{entry.oid}"'})
        headers |= {"X-Linked-Etag": f'"{entry.oid}"', "X-Linked-Size": str(entry.size)}
        xet_hash = self.store.xet_files().get(entry.oid, ("", 0))[0] if self.xet else ""
        if xet_hash:
            refresh = f"{self.url}/api/datasets/{request.match_info['repo']}/xet-read-token/{sha}"
            headers |= {"X-Xet-Hash": xet_hash, "Link": f'<{refresh}>; rel="xet-auth"'}
        return web.Response(
            status=302, headers={**headers, "Location": f"{self.files_url}/files/{entry.oid}"}
        )


def _refusal(refused: Refused, headers: dict[str, str] | None = None) -> web.Response:
    told = {"X-Error-Message": refused.message, **(headers or {})}
    if refused.code:
        told["X-Error-Code"] = refused.code
    return web.json_response({"error": refused.message}, status=refused.status, headers=told)


def _ranged(request: web.Request, content: bytes, headers: dict[str, str]) -> web.Response:
    asked = request.http_range
    if asked.start is None:
        return web.Response(body=content, headers=headers)
    part = content[asked]
    start = asked.start if asked.start >= 0 else len(content) + asked.start
    headers |= {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(content)}"}
    return web.Response(status=206, body=part, headers=headers)


@contextmanager
def running(hub: LoopbackHub) -> Iterator[LoopbackHub]:
    """Serve ``hub`` from a thread of its own; its addresses are set when the block begins."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(hub.app())

    async def start() -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        hub.url, hub.files_url = f"http://127.0.0.1:{port}", f"http://localhost:{port}"

    loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield hub
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
