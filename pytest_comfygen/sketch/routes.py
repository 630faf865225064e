"""The HTTP API, plain and below /api.

Handlers trust their input as ComfyUI's do: a body of the wrong shape ends in aiohttp's answer to an exception, status
500 in plain text, which is just what ComfyUI answers. Source: ComfyUI 0.3.64 server.py.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import mimetypes
import os
import sys
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.web_request import FileField

from pytest_comfygen.sketch.files import Folders, Refused, find_file, store_upload
from pytest_comfygen.sketch.queue import Item, PromptQueue
from pytest_comfygen.sketch.sockets import FEATURES, Sockets
from pytest_comfygen.sketch.validation import validate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pytest_comfygen.sketch.execution import Executor
    from pytest_comfygen.sketch.shelf import Shelf

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

FOLLOWED_VERSION = "0.3.64"
# Source: `/models` of ComfyUI 0.3.64.
MODEL_FOLDERS = (
    "checkpoints",
    "configs",
    "loras",
    "vae",
    "text_encoders",
    "diffusion_models",
    "clip_vision",
    "style_models",
    "embeddings",
    "diffusers",
    "vae_approx",
    "controlnet",
    "gligen",
    "upscale_models",
    "custom_nodes",
    "hypernetworks",
    "photomaker",
    "classifiers",
    "model_patches",
    "audio_encoders",
)
# Sent as something to download, never shown as a page. Source: ComfyUI server.py view_image.
_ACTIVE = {"text/html", "text/html-sandboxed", "application/xhtml+xml", "text/javascript", "text/css"}

_log = logging.getLogger(__name__)


class Api:
    """The handlers and what they work on."""

    def __init__(
        self,
        shelf: Shelf,
        folders: Folders,
        queue: PromptQueue,
        executor: Executor,
        sockets: Sockets,
    ) -> None:
        self._shelf = shelf
        self._folders = folders
        self._queue = queue
        self._executor = executor
        self._sockets = sockets
        self._number = 0

    def application(self) -> web.Application:
        """The application that serves all routes."""
        application = web.Application(client_max_size=int(FEATURES["max_upload_size"]), middlewares=[refuse_strangers])
        for method, path, handler in self._routes():
            for prefix in ("", "/api"):
                application.router.add_route(method, prefix + path, handler)
        application.on_shutdown.append(self._close_sockets)
        return application

    def _routes(self) -> tuple[tuple[str, str, Handler], ...]:
        return (
            ("GET", "/ws", self.websocket),
            ("GET", "/prompt", self.get_prompt),
            ("POST", "/prompt", self.post_prompt),
            ("GET", "/queue", self.get_queue),
            ("POST", "/queue", self.post_queue),
            ("GET", "/history", self.get_history),
            ("GET", "/history/{prompt_id}", self.get_history_of),
            ("POST", "/history", self.post_history),
            ("POST", "/interrupt", self.post_interrupt),
            ("POST", "/free", self.post_free),
            ("GET", "/view", self.view),
            ("HEAD", "/view", self.view),
            ("POST", "/upload/image", self.upload_image),
            ("GET", "/system_stats", self.system_stats),
            ("GET", "/features", self.features),
            ("GET", "/object_info", self.object_info),
            ("GET", "/object_info/{node_class}", self.object_info_of),
            ("GET", "/models", self.model_folders),
            ("GET", "/models/{folder}", self.models),
            ("GET", "/embeddings", self.embeddings),
        )

    async def _close_sockets(self, _: web.Application) -> None:
        await self._sockets.close()

    # --- prompts ------------------------------------------------------------------------------------------------------

    async def post_prompt(self, request: web.Request) -> web.Response:
        """Queue a prompt, or say what is wrong with it."""
        _log.info("got prompt")
        body = await request.json()
        number = self._take_number(body)
        if "prompt" not in body:
            error = {"type": "no_prompt", "message": "No prompt provided", "details": "No prompt provided"}
            return web.json_response({"error": error | {"extra_info": {}}, "node_errors": {}}, status=400)
        prompt_id = str(body.get("prompt_id", uuid.uuid4()))
        verdict = validate(body["prompt"], self._shelf.nodes(), body.get("partial_execution_targets"))
        extra_data = {**body.get("extra_data", {})}
        if "client_id" in body:
            extra_data["client_id"] = body["client_id"]
        if verdict.error is not None:
            _log.warning("invalid prompt: %s", verdict.error)
            return web.json_response({"error": verdict.error, "node_errors": verdict.node_errors}, status=400)
        self._queue.put(Item(number, prompt_id, verdict.graph, extra_data, verdict.outputs))
        return web.json_response({"prompt_id": prompt_id, "number": number, "node_errors": verdict.node_errors})

    def _take_number(self, body: Mapping[str, Any]) -> float:
        """The prompt's place in the queue; prompts that do not name one are counted, also those refused later."""
        if "number" in body:
            return float(body["number"])
        number = self._number
        self._number += 1
        return -number if "front" in body and body["front"] else number  # noqa: RUF019  # the body may be a list

    async def get_prompt(self, _: web.Request) -> web.Response:
        """How many prompts wait or run."""
        return web.json_response(queue_info(self._queue))

    async def get_queue(self, _: web.Request) -> web.Response:
        """The prompts that run and wait."""
        running = [self._queue.running] if self._queue.running else []
        return web.json_response({"queue_running": running, "queue_pending": self._queue.pending})

    async def post_queue(self, request: web.Request) -> web.Response:
        """Drop prompts that wait."""
        body = await request.json()
        if body.get("clear"):
            self._queue.clear()
        self._queue.delete(list(body.get("delete", [])))
        return web.Response()

    async def get_history(self, request: web.Request) -> web.Response:
        """Prompts that ran."""
        max_items = request.query.get("max_items")
        offset = int(request.query.get("offset", -1))
        return web.json_response(self._queue.history(None if max_items is None else int(max_items), offset))

    async def get_history_of(self, request: web.Request) -> web.Response:
        """One prompt that ran."""
        return web.json_response(self._queue.history_of(request.match_info["prompt_id"]))

    async def post_history(self, request: web.Request) -> web.Response:
        """Drop prompts that ran."""
        body = await request.json()
        if body.get("clear"):
            self._queue.forget_all()
        self._queue.forget(list(body.get("delete", [])))
        return web.Response()

    async def post_interrupt(self, request: web.Request) -> web.Response:
        """End the running prompt, or only if it is the one named."""
        try:
            prompt_id = (await request.json()).get("prompt_id")
        except json.JSONDecodeError:
            prompt_id = None
        running = self._queue.running
        if not prompt_id or (running is not None and running.prompt_id == prompt_id):
            _log.info("Interrupting prompt %s", prompt_id or "(whichever is running)")
            self._executor.interrupt()
        else:
            _log.info("Prompt %s is not currently running, skipping interrupt", prompt_id)
        return web.Response()

    async def post_free(self, request: web.Request) -> web.Response:
        """Drop kept results; there are no models to unload."""
        if (await request.json()).get("free_memory"):
            self._executor.forget_results()
        return web.Response()

    # --- files --------------------------------------------------------------------------------------------------------

    async def view(self, request: web.Request) -> web.StreamResponse:
        """A picture's file, as it is."""
        try:
            file = find_file(self._folders, request.query)
        except Refused as refused:
            return web.Response(status=refused.status)
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        headers = {
            "Content-Disposition": f'filename="{file.name}"',
            "Content-Type": "application/octet-stream" if kind in _ACTIVE else kind,
        }
        return web.FileResponse(file, headers=headers)

    async def upload_image(self, request: web.Request) -> web.Response:
        """Keep a file, in input/ unless another directory is named."""
        form = await request.post()
        image, subfolder, kind = form.get("image"), str(form.get("subfolder", "")), str(form.get("type", "input"))
        folder = self._folders.of(kind)
        if folder is None:
            raise ValueError(f"{kind} is no type of file")
        if not isinstance(image, FileField) or not image.filename:
            return web.Response(status=400)
        overwrite = form.get("overwrite") in {"true", "1"}
        try:
            name = store_upload(folder, subfolder, image.filename, image.file.read(), overwrite=overwrite)
        except Refused as refused:
            return web.Response(status=refused.status)
        return web.json_response({"name": name, "subfolder": subfolder, "type": kind})

    # --- information --------------------------------------------------------------------------------------------------

    async def websocket(self, request: web.Request) -> web.StreamResponse:
        """The messages about prompts."""
        return await self._sockets.serve(request, self._greetings)

    def _greetings(self, client_id: str) -> list[tuple[str, Mapping[str, Any]]]:
        status: tuple[str, Mapping[str, Any]] = ("status", {"status": queue_info(self._queue), "sid": client_id})
        if self._executor.client_id == client_id and self._executor.node_id is not None:
            return [status, ("executing", {"node": self._executor.node_id})]
        return [status]

    async def system_stats(self, _: web.Request) -> web.Response:
        """What this server is; `comfygen_sketch` tells it from a ComfyUI."""
        total, free = _memory_bytes("SC_PHYS_PAGES"), _memory_bytes("SC_AVPHYS_PAGES")
        system = {
            "os": os.name,
            "ram_total": total,
            "ram_free": free,
            "comfyui_version": FOLLOWED_VERSION,
            "required_frontend_version": "",
            "installed_templates_version": "",
            "required_templates_version": "",
            "python_version": sys.version,
            "pytorch_version": "",
            "embedded_python": False,
            "argv": sys.argv,
            "comfygen_sketch": True,
        }
        device = {"name": "cpu", "type": "cpu", "index": None, "vram_total": total, "vram_free": free}
        device |= {"torch_vram_total": total, "torch_vram_free": free}
        return web.json_response({"system": system, "devices": [device]})

    async def features(self, _: web.Request) -> web.Response:
        """What the server can do beyond the oldest of its kind."""
        return web.json_response(FEATURES)

    async def object_info(self, _: web.Request) -> web.Response:
        """All node classes."""
        return web.json_response({name: node.describe() for name, node in self._shelf.nodes().items()})

    async def object_info_of(self, request: web.Request) -> web.Response:
        """One node class; empty when there is no such class."""
        name, nodes = request.match_info["node_class"], self._shelf.nodes()
        return web.json_response({name: nodes[name].describe()} if name in nodes else {})

    async def model_folders(self, _: web.Request) -> web.Response:
        """The kinds of models."""
        return web.json_response(MODEL_FOLDERS)

    async def models(self, request: web.Request) -> web.Response:
        """The model files of one kind."""
        folder = request.match_info["folder"]
        if folder not in MODEL_FOLDERS:
            return web.Response(status=404)
        return web.json_response(self._shelf.checkpoints() if folder == "checkpoints" else [])

    async def embeddings(self, _: web.Request) -> web.Response:
        """The textual inversions, of which there are none."""
        return web.json_response([])


def queue_info(queue: PromptQueue) -> dict[str, Any]:
    """How many prompts wait or run, as `status` messages and `GET /prompt` say it."""
    return {"exec_info": {"queue_remaining": queue.remaining}}


@web.middleware
async def refuse_strangers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests that a browser sends to this machine on behalf of a page from elsewhere."""
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin", "")
    ours, theirs = urlsplit(f"//{host.lower()}"), urlsplit(origin.lower())
    if origin and theirs.hostname and _is_loopback(ours.hostname):
        same_port = ours.port == theirs.port or None in {ours.port, theirs.port}
        if ours.hostname != theirs.hostname or not same_port:
            _log.warning("WARNING: request with non matching host and origin %s != %s, returning 403", host, origin)
            return web.Response(status=403)
    return await handler(request)


def _is_loopback(name: str | None) -> bool:
    try:
        return ipaddress.ip_address(name or "").is_loopback
    except ValueError:
        return name == "localhost"


def _memory_bytes(pages: str) -> int:
    """A number of memory pages that the system knows by name, in bytes; 0 where it does not (Windows, macOS)."""
    known = getattr(os, "sysconf_names", {})
    return os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE") if pages in known else 0
