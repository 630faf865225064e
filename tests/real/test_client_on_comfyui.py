"""The client against a real ComfyUI whose address COMFYGEN_TEST_URL gives; see tests/real/README.md."""

from __future__ import annotations

import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from pytest_comfygen.engine.client import ComfyClient
from pytest_comfygen.errors import (
    GraphRejected,
    Interrupted,
    JobLost,
    JobSilent,
    ModelMissing,
    NodeMissing,
    ValueRefused,
)

if TYPE_CHECKING:
    from pytest_comfygen.records import Event, Execution

URL = os.environ.get("COMFYGEN_TEST_URL", "")
pytestmark = [pytest.mark.real, pytest.mark.skipif(not URL, reason="set COMFYGEN_TEST_URL to a running ComfyUI")]

GRAY: dict[str, Any] = {
    "class_type": "EmptyImage",
    "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 8421504},
}


def save(node: str) -> dict[str, Any]:
    return {"class_type": "SaveImage", "inputs": {"images": [node, 0], "filename_prefix": f"comfygen-test/{uuid4()}"}}


def noise() -> dict[str, Any]:
    add = {"class_type": "ImageAddNoise", "inputs": {"image": ["1", 0], "seed": uuid4().int % 2**64, "strength": 0.5}}
    return {"1": GRAY, "2": add, "9": save("2")}


def slow(blurs: int) -> dict[str, Any]:
    """A graph that takes about 0.2 s for each blur on two cores, and can be interrupted between them."""
    graph = noise()
    graph["1"] = {**GRAY, "inputs": {**GRAY["inputs"], "width": 256, "height": 256}}
    for number in range(10, 10 + blurs):
        source = str(number - 1) if number > 10 else "2"
        inputs = {"image": [source, 0], "blur_radius": 31, "sigma": 10.0}
        graph[str(number)] = {"class_type": "ImageBlur", "inputs": inputs}
    return {**graph, "9": save(str(9 + blurs))}


def checkpoint(name: str, **sampler: Any) -> dict[str, Any]:
    links = {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}
    values = {
        "steps": 2,
        "cfg": 7.0,
        "sampler_name": "euler",
        "scheduler": "normal",
        "denoise": 1.0,
        "seed": uuid4().int % 2**64,
    }
    return {
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": name}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a dwarf", "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text", "clip": ["4", 1]}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "3": {"class_type": "KSampler", "inputs": {**values, **links, **sampler}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": save("8"),
    }


@pytest.fixture
def client() -> Iterator[ComfyClient]:
    with ComfyClient(URL) as client:
        yield client


@pytest.fixture
def tiny(client: ComfyClient) -> str:
    """A checkpoint that is cheap to run."""
    listed = client.object_info()["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0]
    name = next((name for name in listed if "tiny" in name), None)
    if name is None:
        pytest.skip("the server lists no checkpoint with 'tiny' in its name")
    return str(name)


def submit(client: ComfyClient, graph: dict[str, Any]) -> str:
    prompt_id = str(uuid4())
    client.submit(graph, prompt_id)
    return prompt_id


def run(client: ComfyClient, graph: dict[str, Any], events: list[Event] | None = None) -> Execution:
    return client.follow(submit(client, graph), (events if events is not None else []).append)


def test_the_server_tells_its_version_device_and_nodes(client: ComfyClient) -> None:
    info = client.server_info()
    assert info.version
    assert info.device
    assert "KSampler" in client.object_info()


def test_a_model_free_picture_is_made_and_fetched(client: ComfyClient) -> None:
    execution = run(client, noise())
    (image,) = execution.images
    assert (image.node, image.subfolder, image.type) == ("9", "comfygen-test", "output")
    content = client.fetch(image)
    assert content.startswith(b"\x89PNG")
    assert content.endswith(b"IEND\xaeB`\x82")


def test_a_checkpoint_picture_tells_its_progress_and_its_times(client: ComfyClient, tiny: str) -> None:
    run(client, noise())  # the websocket is there from now on, and no checkpoint is cached
    events: list[Event] = []
    execution = run(client, checkpoint(tiny), events)
    steps = [(event.value, event.maximum, event.text) for event in events if event.kind == "progress"]
    assert steps == [(1, 2, "KSampler"), (2, 2, "KSampler")]
    timing = execution.timing
    assert timing.run_s is not None
    assert timing.load_s is not None
    assert timing.queued_s is not None
    assert 0 < timing.load_s < timing.run_s


def test_a_missing_checkpoint_is_told_with_those_that_are_there(client: ComfyClient, tiny: str) -> None:
    with pytest.raises(
        ModelMissing, match=r"node 4 \(CheckpointLoaderSimple\) ckpt_name: 'absent.safetensors'"
    ) as caught:
        client.submit(checkpoint("absent.safetensors"), str(uuid4()))
    assert tiny in caught.value.message


@pytest.mark.parametrize(
    ("sampler", "told"),
    [
        ({"steps": 0}, "node 3 (KSampler) steps: 0 is less than 1"),
        ({"seed": 2**64}, "node 3 (KSampler) seed: 18446744073709551616 is more than 18446744073709551615"),
        (
            {"sampler_name": "eulr"},
            "node 3 (KSampler) sampler_name: 'eulr' is not in the server's list; did you mean 'euler'?",
        ),
        ({"cfg": "much"}, "node 3 (KSampler) cfg: 'much' is not of type FLOAT"),
    ],
)
def test_a_wrong_value_is_told(client: ComfyClient, tiny: str, sampler: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueRefused) as caught:
        client.submit(checkpoint(tiny, **sampler), str(uuid4()))
    assert caught.value.message.startswith(told)


@pytest.mark.parametrize(
    ("graph", "kind", "told"),
    [
        ({"1": {"class_type": "No Such", "inputs": {}}}, NodeMissing, "node 1: the server has no node class 'No Such'"),
        ({"1": GRAY}, GraphRejected, "no outputs"),
        ({}, GraphRejected, "no outputs"),
        (
            {"1": GRAY, "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x"}}},
            GraphRejected,
            "is missing",
        ),
        ({"9": save("absent")}, GraphRejected, "node 9 (SaveImage)"),
    ],
)
def test_a_wrong_graph_is_refused(client: ComfyClient, graph: dict[str, Any], kind: type[Exception], told: str) -> None:
    with pytest.raises(kind) as caught:
        client.submit(graph, str(uuid4()))
    assert told in str(caught.value)


def test_a_graph_that_would_run_in_part_is_rejected_and_does_not_stay(client: ComfyClient, tiny: str) -> None:
    prompt_id = str(uuid4())
    graph = {**checkpoint(tiny, steps=0), "21": GRAY, "29": save("21")}
    with pytest.raises(GraphRejected, match="only a part of the graph: node 3"):
        client.submit(graph, prompt_id)
    assert prompt_id not in client.queue().pending


def test_an_interrupted_job_says_so(client: ComfyClient) -> None:
    prompt_id = submit(client, slow(40))
    stopped = threading.Event()

    def interrupt(event: Event) -> None:
        if event.kind == "started" and not stopped.is_set():
            stopped.set()
            with ComfyClient(URL) as other:
                other.forget([prompt_id])

    with pytest.raises(Interrupted, match="somebody else interrupted the job at node"):
        client.follow(prompt_id, interrupt)


def test_a_queued_job_that_is_forgotten_is_lost_and_the_running_one_stays(client: ComfyClient) -> None:
    first, second = submit(client, slow(8)), submit(client, noise())
    client.forget([second])
    with pytest.raises(JobLost):
        client.follow(second, lambda _: None)
    assert client.follow(first, lambda _: None).images


def test_a_silent_job_is_stopped() -> None:
    with ComfyClient(URL, silence_s=0.02) as client:
        prompt_id = submit(client, slow(40))
        with pytest.raises(JobSilent):
            client.follow(prompt_id, lambda _: None)
    with ComfyClient(URL) as client, pytest.raises(Interrupted):
        client.follow(prompt_id, lambda _: None)


@pytest.mark.parametrize("has_websocket", [True, False])
def test_the_end_of_a_job_is_noticed_at_once(
    client: ComfyClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, has_websocket: bool
) -> None:
    """From the server's `execution_success`, to its millisecond, to our return."""
    if not has_websocket:
        monkeypatch.setattr(client._hints, "watch", lambda: None)
    delays_ms = []
    for _ in range(20):
        prompt_id = submit(client, noise())
        client.follow(prompt_id, lambda _: None)
        noticed_ms = time.time() * 1000
        entry = client.history(prompt_id)
        assert entry is not None
        delays_ms.append(noticed_ms - dict(entry["status"]["messages"])["execution_success"]["timestamp"])
    median, worst = statistics.median(delays_ms), max(delays_ms)
    way = "with" if has_websocket else "without"
    with capsys.disabled():
        sys.stdout.write(f"\nnoticed {way} websocket: median {median:.1f} ms, worst {worst:.1f} ms\n")
    assert median < 25
