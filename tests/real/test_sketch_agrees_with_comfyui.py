"""The same requests to a real ComfyUI and to the stand-in: statuses, bodies and messages have to agree.

`COMFYGEN_TEST_URL=http://127.0.0.1:8188 pytest tests/real` asks the server there, which needs one checkpoint or more.
What may differ is taken out first: ids, times, prose, the device.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests
import websocket

if TYPE_CHECKING:
    from collections.abc import Iterator

REAL = os.environ.get("COMFYGEN_TEST_URL", "").rstrip("/")
pytestmark = [pytest.mark.real, pytest.mark.skipif(not REAL, reason="set COMFYGEN_TEST_URL to a running ComfyUI")]

DEADLINE_S = 120
PROSE = {"tooltip", "description", "output_tooltips", "traceback", "timestamp"}

FRAMES = {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 48, "batch_size": 3, "color": 255}}
EMPTY = {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255}}


def node(class_type: str, **inputs: object) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def saved(source: object, prefix: object = "sketch-agrees/refused") -> dict[str, Any]:
    return node("SaveImage", images=source, filename_prefix=prefix)


def checkpoint_graph(**sampling: object) -> dict[str, Any]:
    values = {"seed": 1, "steps": 2, "cfg": 8.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    links = {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}
    return {
        "4": node("CheckpointLoaderSimple", ckpt_name="?"),
        "6": node("CLIPTextEncode", text="a dwarf", clip=["4", 1]),
        "7": node("CLIPTextEncode", text="watermark", clip=["4", 1]),
        "5": node("EmptyLatentImage", width=64, height=64, batch_size=1),
        "3": node("KSampler", **values | links | sampling),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": saved(["8", 0], f"sketch-agrees/{uuid.uuid4().hex}"),
    }


@dataclass
class Server:
    url: str
    made: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        return requests.request(method, self.url + path, timeout=DEADLINE_S, **more)

    def submit(self, graph: object, **more: object) -> str:
        prompt_id = str(uuid.uuid4())
        answer = self.ask("POST", "/prompt", json={"prompt": graph, "prompt_id": prompt_id, **more})
        assert answer.status_code == 200, answer.text
        self.made.append(prompt_id)
        return prompt_id

    def history(self, prompt_id: str) -> Any:
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            entry = self.ask("GET", f"/history/{prompt_id}").json()
            if entry:
                return entry[prompt_id]
        pytest.fail(f"{self.url} did not run the prompt in time")


@pytest.fixture(scope="module")
def real() -> Iterator[Server]:
    server = Server(REAL)
    yield server
    server.ask("POST", "/history", json={"delete": server.made})


@pytest.fixture(scope="module")
def checkpoints(real: Server) -> list[str]:
    names: list[str] = real.ask("GET", "/models/checkpoints").json()
    return names


@pytest.fixture(scope="module")
def sketch(checkpoints: list[str]) -> Iterator[Server]:
    named = [word for name in checkpoints for word in ("--checkpoint", name)]
    command = [sys.executable, "-m", "pytest_comfygen.sketch", "--lifeline", "--seconds-per-step", "0.1", *named]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield Server(process.stdout.readline().split()[-1])
        process.stdin.close()


def comparable(value: Any) -> Any:
    """`value` without what may differ, and with the lists that ComfyUI makes from sets in order."""
    if isinstance(value, dict):
        kept = {key: comparable(item) for key, item in value.items() if key not in PROSE}
        for key in {"errors", "dependent_outputs", "executed", "current_outputs"} & kept.keys():
            kept[key] = sorted(kept[key], key=str)
        if isinstance(kept.get("details"), str):
            kept["details"] = sorted(kept["details"].splitlines())
        return kept
    return [comparable(item) for item in value] if isinstance(value, (list, tuple)) else value


def answer_of(response: requests.Response) -> tuple[int, Any]:
    try:
        body = response.json()
    except ValueError:
        body = response.text if response.status_code == 500 else ""
    return response.status_code, comparable(body)


# --- refused prompts ------------------------------------------------------------------------------------------------

REFUSED: dict[str, object] = {
    "no prompt": {},
    "a list": [],
    "empty": {"prompt": {}},
    "empty list": {"prompt": []},
    "null": {"prompt": None},
    "number that is none": {"prompt": {}, "number": "x"},
    "extra_data that is a list": {"prompt": {"1": EMPTY, "2": saved(["1", 0])}, "extra_data": [], "client_id": "x"},
    "class missing": {"prompt": {"1": {"inputs": {}}}},
    "node is text": {"prompt": {"1": "EmptyImage"}},
    "node is a number": {"prompt": {"1": 1}},
    "unknown class": {"prompt": {"1": EMPTY, "2": node("NoSuchNode")}},
    "UI format": {"prompt": {"nodes": [], "links": [], "version": 0.4}},
    "_meta on top": {"prompt": {"_meta": {"title": "x"}, "1": EMPTY}},
    "no output": {"prompt": {"1": EMPTY}},
    "target that is no output": {"prompt": {"1": EMPTY, "2": saved(["1", 0])}, "partial_execution_targets": ["1"]},
    "inputs missing": {"prompt": {"1": EMPTY, "2": {"class_type": "SaveImage"}}},
    "required missing": {"prompt": {"1": node("EmptyImage", width=8), "2": saved(["1", 0])}},
    "required missing in the output": {"prompt": {"2": node("SaveImage")}},
    "link of three": {"prompt": {"1": EMPTY, "2": saved(["1", 0, 0])}},
    "link to nowhere": {"prompt": {"2": saved(["99", 0])}},
    "picture that is not there": {"prompt": {"1": node("LoadImage", image="nobody.png"), "2": saved(["1", 0])}},
    "picture in a folder that is not there": {
        "prompt": {"1": node("LoadImage", image="no/body.png"), "2": saved(["1", 0])}
    },
    "mask that is not there, of a channel that there is not": {
        "prompt": {
            "1": node("LoadImageMask", image="nobody.png [output]", channel="grey"),
            "2": node("InvertMask", mask=["1", 0]),
            "3": node("JoinImageWithAlpha", image=["4", 0], alpha=["2", 0]),
            "4": EMPTY,
            "5": saved(["3", 0]),
        }
    },
    "link to nowhere, deeper": {"prompt": {"1": node("ImageInvert", image=["99", 0]), "2": saved(["1", 0])}},
    "link by number": {"prompt": {"1": EMPTY, "2": saved([1, 0])}},
    "slot out of range": {"prompt": {"1": EMPTY, "2": saved(["1", 5])}},
    "slot out of range, newer node": {
        "prompt": {"1": EMPTY, "3": node("ImageBlur", image=["1", 0], blur_radius=1, sigma=1), "2": saved(["3", 5])}
    },
    "slot is text": {"prompt": {"1": EMPTY, "2": saved(["1", "0"])}},
    "cycle": {
        "prompt": {"1": node("ImageInvert", image=["3", 0]), "3": node("ImageInvert", image=["1", 0])}
        | {"2": saved(["1", 0])}
    },
    "type mismatch": {"prompt": {"1": EMPTY, "2": saved(["3", 0]), "3": node("StringLength", string=["1", 0])}},
    "type mismatch of models": {"prompt": checkpoint_graph(model=["4", 1], positive=["4", 0])},
    "not a number": {"prompt": checkpoint_graph(steps="many", cfg=None, seed={"a": 1})},
    "a list as value": {"prompt": checkpoint_graph(steps={"__value__": [1, 2]})},
    "too small": {"prompt": checkpoint_graph(steps=0, cfg=-1, denoise=-0.5)},
    "too big": {"prompt": checkpoint_graph(steps=10001, cfg=1000, seed=2**64)},
    "NaN is not too big": {"prompt": checkpoint_graph(cfg="nan", steps=0)},
    "not in a long list": {"prompt": checkpoint_graph(sampler_name="eular")},
    "not in a short list": {"prompt": checkpoint_graph(scheduler="karras ")},
    "unknown checkpoint": {"prompt": checkpoint_graph() | {"4": node("CheckpointLoaderSimple", ckpt_name="gone.ckpt")}},
    "checkpoint is a number": {"prompt": checkpoint_graph() | {"4": node("CheckpointLoaderSimple", ckpt_name=7)}},
    "not in the list of a newer node": {
        "prompt": {
            "1": EMPTY,
            "2": node("SaveWEBM", images=["1", 0], filename_prefix="x", codec="vp8", fps=0.0, crf=64.0),
        }
    },
    "two outputs, one fault": {
        "prompt": {"1": node("EmptyImage", width=0, height=8, batch_size=1, color=0)}
        | {"2": saved(["1", 0]), "3": node("PreviewImage", images=["1", 0])}
    },
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_prompt_is_refused_in_the_same_words(
    name: str, real: Server, sketch: Server, checkpoints: list[str]
) -> None:
    body = json.dumps(REFUSED[name]).replace('"?"', json.dumps(checkpoints[0]))
    expected = answer_of(real.ask("POST", "/prompt", data=body))
    assert expected[0] != 200, "this prompt was to be refused"
    assert answer_of(sketch.ask("POST", "/prompt", data=body)) == expected


@pytest.mark.parametrize("body", ["", "{", "nonsense"])
def test_a_body_that_is_no_json_gets_the_same_answer(body: str, real: Server, sketch: Server) -> None:
    expected = answer_of(real.ask("POST", "/prompt", data=body))
    assert answer_of(sketch.ask("POST", "/prompt", data=body)) == expected


# --- everything else that is asked ----------------------------------------------------------------------------------

NOBODY = "00000000-0000-4000-8000-000000000000"
QUESTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("GET", "/nonsense", {}),
    ("PUT", "/prompt", {}),
    ("GET", "/features", {}),
    ("GET", "/api/features", {}),
    ("GET", "/embeddings", {}),
    ("GET", "/models", {}),
    ("GET", "/models/checkpoints", {}),
    ("GET", "/models/clip", {}),
    ("GET", "/models/nonsense", {}),
    ("GET", "/object_info/NoSuchNode", {}),
    ("GET", f"/history/{NOBODY}", {}),
    ("GET", "/history?max_items=x", {}),
    ("GET", "/history?max_items=0", {}),
    ("GET", "/history?max_items=-1", {}),
    ("POST", "/history", {"json": {"delete": [NOBODY]}}),
    ("POST", "/history", {"data": "{"}),
    ("POST", "/queue", {"json": {"delete": [NOBODY]}}),
    ("POST", "/queue", {"json": {}}),
    ("POST", "/queue", {"data": ""}),
    ("POST", "/interrupt", {"json": {"prompt_id": NOBODY}}),
    ("POST", "/interrupt", {"json": []}),
    ("POST", "/free", {"json": {}}),
    ("POST", "/free", {"data": ""}),
    ("GET", "/view", {}),
    ("GET", "/view?filename=", {}),
    ("GET", "/view?filename=gone.png", {}),
    ("GET", "/view?filename=..%2Fgone.png", {}),
    ("GET", "/view?filename=%2Fetc%2Fhostname", {}),
    ("GET", "/view?filename=gone.png&type=models", {}),
    ("GET", "/view?filename=gone.png&subfolder=..", {}),
    ("GET", "/view?filename=gone.png&subfolder=%2Fetc", {}),
    ("GET", "/view?filename=gone.png%20%5Btemp%5D&type=models", {}),
    ("POST", "/upload/image", {"data": {"type": "temp"}}),
    ("POST", "/upload/image", {"files": {"image": ("../../x.png", b"x")}, "data": {"type": "temp"}}),
    ("POST", "/upload/image", {"files": {"image": ("x.png", b"x")}, "data": {"type": "temp", "subfolder": "../.."}}),
    ("POST", "/upload/image", {"files": {"image": ("x.png", b"x")}, "data": {"type": "models"}}),
    ("GET", "/prompt", {"headers": {"Origin": "http://example.org"}}),
    ("GET", "/features", {"headers": {"Origin": "null"}}),
)


@pytest.mark.parametrize(("method", "path", "more"), QUESTIONS)
def test_a_question_gets_the_same_answer(
    method: str, path: str, more: dict[str, Any], real: Server, sketch: Server
) -> None:
    assert answer_of(sketch.ask(method, path, **more)) == answer_of(real.ask(method, path, **more))


def test_uploads_get_the_same_names(real: Server, sketch: Server) -> None:
    folder = f"sketch-agrees/{uuid.uuid4().hex}"

    def names(server: Server) -> list[Any]:
        data = {"type": "temp", "subfolder": folder}
        files = [("u.png", b"one"), ("u.png", b"one"), ("u.png", b"two"), ("u.png", b"three")]
        return [server.ask("POST", "/upload/image", data=data, files={"image": file}).json() for file in files]

    assert names(sketch) == names(real)


# What the stand-in lists no files for: the inputs whose choices are the files of a server.
FILES = {"lora_name", "vae_name", "unet_name", "control_net_name", "model_name", "image", "audio"}
FILES |= {"clip_name", "clip_name1", "clip_name2", "clip_name3"}


def without_files(info: dict[str, Any]) -> dict[str, Any]:
    """The node classes of a server, whatever files it has besides checkpoints."""
    for about in info.values():
        for name, declared in about["input"].get("required", {}).items():
            if name in FILES and isinstance(declared[0], list):
                declared[0] = []
            elif name in FILES and declared[0] == "COMBO":
                declared[1]["options"] = []
    return info


def test_node_classes_are_described_alike(real: Server, sketch: Server) -> None:
    ours, theirs = (without_files(server.ask("GET", "/object_info").json()) for server in (sketch, real))
    if "SaveAudio" not in theirs:  # a ComfyUI without torchaudio has no nodes for sound
        ours = {name: about for name, about in ours.items() if about["python_module"] != "comfy_extras.nodes_audio"}
    assert comparable(ours) == {name: comparable(theirs[name]) for name in ours}


def test_system_stats_have_the_same_shape(real: Server, sketch: Server) -> None:
    def kinds(server: Server) -> Any:
        stats = server.ask("GET", "/system_stats").json()
        assert stats["system"].pop("comfygen_sketch", None) is (True if server is sketch else None)
        device = {**stats["devices"][0], "index": None}
        return [{key: type(value) for key, value in part.items()} for part in (stats["system"], device)]

    assert kinds(sketch) == kinds(real)


# --- prompts that run -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def listening(server: Server) -> Iterator[tuple[str, websocket.WebSocket]]:
    client_id = uuid.uuid4().hex
    address = f"{server.url.replace('http', 'ws', 1)}/ws?clientId={client_id}"
    socket = websocket.create_connection(address, timeout=DEADLINE_S)
    try:
        yield client_id, socket
    finally:
        socket.close()


def messages(socket: websocket.WebSocket, last: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Text messages up to the very last about the prompt `last`."""
    while True:
        frame = socket.recv()
        if isinstance(frame, bytes):
            continue
        message = json.loads(frame)
        yield message["type"], message["data"]
        if message["type"] == "executing" and message["data"] == {"node": None, "prompt_id": last}:
            return


def run(server: Server, graphs: list[dict[str, Any]], *, named: bool = True) -> list[Any]:
    """What is said about each of the prompts, and the history of each.

    A prompt of another kind goes first, so that no results of strangers are used again, and one goes last, whose end
    is waited for.

    :param named: whether the prompts between them carry the client's id.
    """
    with listening(server) as (client_id, socket):
        identity = {"client_id": client_id} if named else {}
        server.submit({"1": node("EmptyImage", width=64, height=64, batch_size=1, color=1), "2": saved(["1", 0])})
        ids = [server.submit(graph, **identity) for graph in graphs]
        last = server.submit({"1": EMPTY, "2": saved(["1", 0])}, client_id=client_id)
        heard = list(messages(socket, last))
    said = [[said for said in heard if said[1].get("prompt_id") == prompt_id] for prompt_id in ids]
    entries = [server.history(prompt_id) for prompt_id in ids]
    for entry in entries:
        entry["prompt"][0] = "number"
    text = json.dumps(comparable([said, entries])).replace(client_id, "client")
    for position, prompt_id in enumerate(ids):
        text = text.replace(prompt_id, f"prompt {position}")
    result: list[Any] = json.loads(text)
    return result


def with_checkpoint(graph: dict[str, Any], checkpoints: list[str]) -> dict[str, Any]:
    return {**graph, "4": node("CheckpointLoaderSimple", ckpt_name=checkpoints[0])}


@pytest.mark.parametrize("named", [True, False])
def test_messages_and_history_agree(named: bool, real: Server, sketch: Server, checkpoints: list[str]) -> None:  # noqa: FBT001  # a parameter of the table
    seed = random.randrange(2**63)
    first = with_checkpoint(checkpoint_graph(seed=seed), checkpoints)
    other_seed = {**first, "3": node("KSampler", **first["3"]["inputs"] | {"seed": seed + 1, "steps": "3"})}
    other_ids = {f"n{key}": json.loads(json.dumps(value)) for key, value in other_seed.items()}
    for renamed in other_ids.values():
        for name, value in renamed["inputs"].items():
            if isinstance(value, list):
                renamed["inputs"][name] = [f"n{value[0]}", value[1]]
    graphs = [first, first, other_seed, other_ids]
    assert run(sketch, graphs, named=named) == run(real, graphs, named=named)


def test_a_valid_branch_runs_beside_a_refused_one(real: Server, sketch: Server) -> None:
    prefix = f"sketch-agrees/{uuid.uuid4().hex}"
    graph = {"1": EMPTY, "2": saved(["1", 0], prefix), "3": saved(["99", 0])}
    bodies = [server.ask("POST", "/prompt", json={"prompt": graph}).json() for server in (sketch, real)]
    for server, body in zip((sketch, real), bodies, strict=True):
        server.made.append(body.pop("prompt_id"))
        del body["number"]
    assert comparable(bodies[0]) == comparable(bodies[1])
    ours, theirs = (server.history(server.made[-1])["outputs"] for server in (sketch, real))
    assert ours == theirs


MODEL_FREE: dict[str, dict[str, Any]] = {
    "batch": {"1": node("EmptyImage", width=8, height=8, batch_size=3, color=7), "2": saved(["1", 0], "?")},
    "chain": {
        "1": EMPTY,
        "3": node("ImageAddNoise", image=["1", 0], seed=4, strength=0.5),
        "4": node("ImageBlur", image=["3", 0], blur_radius=2, sigma=1.0),
        "5": node("ImageScale", image=["4", 0], upscale_method="lanczos", width=0, height=32, crop="center"),
        "6": node("ImageScaleBy", image=["5", 0], upscale_method="area", scale_by=0.5),
        "2": saved(["6", 0], "?"),
    },
    "two outputs": {
        "1": EMPTY,
        "3": node("ImageInvert", image=["1", 0]),
        "2": saved(["1", 0], "?"),
        "4": saved(["3", 0], "?"),
    },
    "animated webp": {
        "1": FRAMES,
        "2": node(
            "SaveAnimatedWEBP",
            images=["1", 0],
            filename_prefix="?",
            fps=6.0,
            lossless=True,
            quality=80,
            method="fastest",
        ),
    },
    "animated webp of one frame": {
        "1": EMPTY,
        "2": node(
            "SaveAnimatedWEBP",
            images=["1", 0],
            filename_prefix="?",
            fps=6.0,
            lossless=False,
            quality=80,
            method="default",
        ),
    },
    "animated png": {
        "1": FRAMES,
        "2": node("SaveAnimatedPNG", images=["1", 0], filename_prefix="?", fps=6.0, compress_level=4),
    },
    "video": {
        "1": FRAMES,
        "3": node("CreateVideo", images=["1", 0], fps=6.0),
        "2": node("SaveVideo", video=["3", 0], filename_prefix="?", format="auto", codec="auto"),
    },
    "webm": {
        "1": FRAMES,
        "2": node("SaveWEBM", images=["1", 0], filename_prefix="?", codec="vp9", fps=6.0, crf=32.0),
    },
    "text": {
        "1": node("PrimitiveString", value="nine"),
        "3": node("StringConcatenate", string_a=["1", 0], string_b="char", delimiter=" "),
        "5": node("StringLength", string=["3", 0]),
        "6": node("EmptyImage", width=["5", 0], height=64, batch_size=1, color=7, unknown="ignored"),
        "2": saved(["6", 0], "?"),
    },
}


def run_model_free(server: Server, graph: dict[str, Any]) -> Any:
    prefix = f"sketch-agrees/{uuid.uuid4().hex}"
    text = json.dumps(graph).replace('"?"', json.dumps(prefix))
    return json.loads(json.dumps(run(server, [json.loads(text)])).replace(prefix.split("/")[1], "prefix"))


def unordered(result: Any) -> Any:
    """A result of two outputs, which ComfyUI runs in the order of a set."""
    (said,), (entry,) = result
    return sorted(kind for kind, _ in said), sorted(entry["prompt"][4]), entry["outputs"].keys()


@pytest.mark.parametrize("name", MODEL_FREE)
def test_model_free_graphs_agree(name: str, real: Server, sketch: Server) -> None:
    shape = unordered if name == "two outputs" else comparable
    ours, theirs = (run_model_free(server, MODEL_FREE[name]) for server in (sketch, real))
    assert shape(ours) == shape(theirs)


def test_the_pictures_have_the_same_sizes_and_texts(real: Server, sketch: Server) -> None:
    from io import BytesIO

    from PIL import Image

    def look(server: Server) -> Any:
        prompt = MODEL_FREE["chain"] | {"2": saved(["6", 0], "sketch-agrees/%width%x%height%")}
        prompt_id = server.submit(prompt, extra_data={"extra_pnginfo": {"workflow": {"a": 1}}})
        (file,) = server.history(prompt_id)["outputs"]["2"]["images"]
        with Image.open(BytesIO(server.ask("GET", "/view", params=file).content)) as picture:
            picture.load()
            return picture.size, picture.mode, picture.info, file["subfolder"], file["filename"].split("_")[0]

    assert look(sketch) == look(real)


def test_a_failing_node_is_told_alike(real: Server, sketch: Server) -> None:
    graph = {"1": EMPTY, "2": saved(["1", 0], "../out")}

    def failure(server: Server) -> Any:
        (said,), (entry,) = run(server, [graph])
        for event, data in [said[-2], entry["status"]["messages"][-1]]:
            assert event == "execution_error"
            data["exception_message"] = data["exception_message"].splitlines()[0]
            data["current_inputs"] = sorted(data["current_inputs"])
        return said, entry

    assert failure(sketch) == failure(real)


def test_an_interrupt_is_told_alike(real: Server, sketch: Server) -> None:
    blurs = {
        str(number): node("ImageBlur", image=[str(number - 1), 0], blur_radius=31, sigma=10.0)
        for number in range(11, 31)
    }
    noise = node("ImageAddNoise", image=["1", 0], seed=random.randrange(2**63), strength=0.5)
    big = node("EmptyImage", width=512, height=512, batch_size=1, color=8)
    graph = {"1": big, "10": noise, **blurs, "900": saved(["30", 0])}

    def interrupted(server: Server) -> Any:
        with listening(server) as (client_id, socket):
            prompt_id = server.submit(graph, client_id=client_id)
            told: list[tuple[str, Any]] = []
            for kind, data in messages(socket, prompt_id):
                if kind == "executing" and data["node"] == "11":
                    server.ask("POST", "/interrupt", json={"prompt_id": prompt_id})
                if kind.startswith("execution_") or (kind == "executing" and data["node"] is None):
                    told.append((kind, sorted(data)))
        entry = server.history(prompt_id)
        kinds = [(kind, sorted(data)) for kind, data in entry["status"]["messages"]]
        return told, kinds, entry["status"]["status_str"], entry["status"]["completed"], entry["outputs"]

    assert interrupted(sketch) == interrupted(real)
