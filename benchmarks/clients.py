"""Clients of ComfyUI as people write them, for comparison: each a process that prints when it began and ended.

`python benchmarks/clients.py serial http://127.0.0.1:8188 graphs.json pictures`
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

__all__ = ["SIMPLIFIED", "all_posted_first", "serial"]

PAUSE_S = 0.005

# Run by the interpreter that has comfy-api-simplified, as its documentation does it.
SIMPLIFIED = """\
import json, sys, time
from pathlib import Path
from comfy_api_simplified import ComfyApiWrapper, ComfyWorkflowWrapper
url, graphs, directory = sys.argv[1:]
graphs = json.loads(Path(graphs).read_text())
api = ComfyApiWrapper(url)
began = time.time()
for number, graph in enumerate(graphs):
    for data in api.queue_and_wait_images(ComfyWorkflowWrapper(graph), "Save").values():
        (Path(directory) / f"{number}.png").write_bytes(data)
print(json.dumps({"began": began, "ended": time.time(), "ids": []}))
"""


class Client:
    """One connection, kept open."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def post(self, graph: Mapping[str, Any]) -> str:
        """Queue a graph; its id."""
        answer = self._session.post(f"{self._url}/prompt", json={"prompt": graph})
        answer.raise_for_status()
        return str(answer.json()["prompt_id"])

    def wait(self, prompt_id: str) -> Mapping[str, Any]:
        """Ask for a job's history every 5 ms until it is there."""
        while not (found := self._session.get(f"{self._url}/history/{prompt_id}").json()):
            time.sleep(PAUSE_S)
        entry: Mapping[str, Any] = found[prompt_id]
        if entry["status"]["status_str"] != "success":
            raise SystemExit(f"ComfyUI did not make it: {entry['status']}")
        return entry

    def save(self, entry: Mapping[str, Any], path: Path) -> None:
        """Fetch a job's picture and write it."""
        (image,) = (image for output in entry["outputs"].values() for image in output["images"])
        answer = self._session.get(f"{self._url}/view", params=image)
        answer.raise_for_status()
        path.write_bytes(answer.content)


def serial(client: Client, graphs: list[Mapping[str, Any]], directory: Path) -> list[str]:
    """Post one, wait for it, fetch and write it, then the next."""
    ids = []
    for number, graph in enumerate(graphs):
        ids.append(client.post(graph))
        client.save(client.wait(ids[-1]), directory / f"{number}.png")
    return ids


def all_posted_first(client: Client, graphs: list[Mapping[str, Any]], directory: Path) -> list[str]:
    """Post all, then wait for one after the other: the server never waits, and nothing can be taken back."""
    ids = [client.post(graph) for graph in graphs]
    for number, prompt_id in enumerate(ids):
        client.save(client.wait(prompt_id), directory / f"{number}.png")
    return ids


def main() -> None:
    """Run one client and print its times, seconds of the wall clock."""
    way, url, graphs, directory = sys.argv[1:]
    run = {"serial": serial, "all-posted-first": all_posted_first}[way]
    documents = json.loads(Path(graphs).read_text(encoding="utf-8"))
    client = Client(url)
    began_s = time.time()
    ids = run(client, documents, Path(directory))
    print(json.dumps({"began": began_s, "ended": time.time(), "ids": ids}))


if __name__ == "__main__":
    main()
