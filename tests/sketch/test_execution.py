from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from pytest_comfygen.sketch.actions import Bench
from pytest_comfygen.sketch.catalogue import node_classes
from pytest_comfygen.sketch.execution import Executor, Stage
from pytest_comfygen.sketch.files import Folders
from pytest_comfygen.sketch.paint import Painter
from pytest_comfygen.sketch.queue import Item

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path


def node(class_type: str, **inputs: object) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def portrait(**sampling: Any) -> dict[str, dict[str, Any]]:
    values = {"seed": 1, "steps": 2, "cfg": 8.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    links = {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}
    return {
        "4": node("CheckpointLoaderSimple", ckpt_name="a.safetensors"),
        "6": node("CLIPTextEncode", text="a dwarf", clip=["4", 1]),
        "7": node("CLIPTextEncode", text="watermark", clip=["4", 1]),
        "5": node("EmptyLatentImage", width=70, height=64, batch_size=1),
        "3": node("KSampler", **values | links | sampling),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", images=["8", 0], filename_prefix="kin"),
    }


BROKEN = {
    "1": node("EmptyImage", width=8, height=8, batch_size=1, color=0),
    "2": node("SaveImage", images=["1", 0], filename_prefix="../out"),
}


class Theatre:
    """An executor whose messages and waits are written down."""

    def __init__(self, root: Path, on_sleep: Callable[[], None] = lambda: None) -> None:
        self.sent: list[tuple[str, Mapping[str, Any], str | None]] = []
        self.slept: list[float] = []
        self._on_sleep = on_sleep
        self.output = root / "output"
        self.executor = Executor(
            Stage(
                catalogue=node_classes(["a.safetensors"], any_model=False),
                bench=Bench(folders=Folders.below(root), painter=Painter()),
                send=self._send,
                seconds_per_step=0.5,
                sleep=self._sleep,
            )
        )

    def _send(self, event: str, data: Mapping[str, Any], client_id: str | None = None, /) -> None:
        self.sent.append((event, data, client_id))

    def _sleep(self, seconds: float) -> Awaitable[None]:
        self.slept.append(seconds)
        self._on_sleep()
        return asyncio.sleep(0)

    def play(self, graph: dict[str, dict[str, Any]], client_id: str | None = "me") -> Any:
        """The history of a graph that runs now; `sent` holds what was said about it."""
        self.sent.clear()
        outputs = [node_id for node_id, each in graph.items() if each["class_type"] == "SaveImage"]
        extra = {"client_id": client_id} if client_id else {}
        return asyncio.run(self.executor.execute(Item(0, "id", graph, extra, outputs)))

    def events(self) -> list[str]:
        return [event for event, _, _ in self.sent]

    def cached(self) -> Any:
        return next(data["nodes"] for event, data, _ in self.sent if event == "execution_cached")


@pytest.fixture
def theatre(tmp_path: Path) -> Theatre:
    return Theatre(tmp_path)


def test_a_run_is_told_as_comfyui_tells_it(theatre: Theatre) -> None:
    theatre.play(portrait())
    quick = ["progress_state", "executing", "progress_state"]
    sampler = ["progress_state", "executing", *["progress_state", "progress"] * 2, "progress_state"]
    saver = ["progress_state", "executing", "executed", "progress_state"]
    assert theatre.events() == [
        "execution_start",
        "execution_cached",
        *quick * 4,
        *sampler,
        *quick,
        *saver,
        "execution_success",
    ]
    assert [client for _, _, client in theatre.sent] == ["me"] * len(theatre.sent)


def test_without_a_client_only_progress_is_told_and_to_everybody(theatre: Theatre) -> None:
    history = theatre.play(portrait(), client_id=None)
    assert {event for event, _, _ in theatre.sent} == {"progress_state", "progress"}
    assert {client for _, _, client in theatre.sent} == {None}
    kinds = [kind for kind, _ in history["status"]["messages"]]
    assert kinds == ["execution_start", "execution_cached", "execution_success"]


def test_steps_take_their_time(theatre: Theatre) -> None:
    theatre.play(portrait(steps=3))
    assert theatre.slept == [0.5] * 3


def test_a_side_shrinks_to_a_multiple_of_eight(theatre: Theatre) -> None:
    (image,) = theatre.play(portrait())["outputs"]["9"]["images"]
    with Image.open(theatre.output / image["filename"]) as picture:
        assert picture.size == (64, 64)


def test_the_same_graph_again_is_cached_and_saves_nothing(theatre: Theatre) -> None:
    first = theatre.play(portrait())
    again = theatre.play(portrait())
    assert theatre.cached() == list(portrait())
    assert again["outputs"] == first["outputs"]
    assert theatre.events() == [
        "execution_start",
        "execution_cached",
        "executed",
        "progress_state",
        "execution_success",
    ]
    assert len(list(theatre.output.iterdir())) == 1


def test_another_seed_keeps_model_and_text(theatre: Theatre) -> None:
    theatre.play(portrait())
    theatre.play(portrait(seed=2))
    assert sorted(theatre.cached()) == ["4", "5", "6", "7"]


def test_only_the_last_prompts_results_are_kept(theatre: Theatre) -> None:
    for seed in (1, 2, 1):
        theatre.play(portrait(seed=seed))
    assert "3" not in theatre.cached()
    assert len(list(theatre.output.iterdir())) == 3


def test_results_are_dropped_on_request(theatre: Theatre) -> None:
    theatre.play(portrait())
    theatre.executor.forget_results()
    theatre.play(portrait())
    assert theatre.cached() == []


def test_a_failing_node_ends_its_prompt_and_says_why(theatre: Theatre) -> None:
    history = theatre.play(BROKEN)
    kind, message = history["status"]["messages"][-1]
    assert (kind, message["node_id"], message["node_type"]) == ("execution_error", "2", "SaveImage")
    assert message["exception_type"] == "Exception"
    assert message["exception_message"].startswith("**** ERROR: Saving image outside the output folder")
    assert message["exception_message"].endswith("\n")
    assert sorted(message["current_inputs"]) == ["extra_pnginfo", "filename_prefix", "images", "prompt"]
    assert (history["status"]["status_str"], history["status"]["completed"]) == ("error", False)


def test_a_failed_prompt_keeps_what_was_saved_before(theatre: Theatre) -> None:
    fine = node("SaveImage", images=["1", 0], filename_prefix="fine")
    history = theatre.play({"1": BROKEN["1"], "0": fine, "2": BROKEN["2"]})
    assert list(history["outputs"]) == ["0"]
    assert not history["status"]["completed"]


def test_a_literal_where_a_link_belongs_fails_when_the_node_runs(theatre: Theatre) -> None:
    history = theatre.play({"9": node("SaveImage", images=5, filename_prefix="kin")})
    assert history["status"]["messages"][-1][0] == "execution_error"


def test_an_interrupt_ends_the_prompt_at_its_next_step(tmp_path: Path) -> None:
    played = Theatre(tmp_path, on_sleep=lambda: played.executor.interrupt() if len(played.slept) == 2 else None)
    history = played.play(portrait(steps=5), client_id=None)
    assert played.slept == [0.5, 0.5]
    kind, message = history["status"]["messages"][-1]
    assert (kind, message["node_id"], sorted(message["executed"])) == (
        "execution_interrupted",
        "3",
        ["4", "5", "6", "7"],
    )
    assert (history["status"]["status_str"], history["status"]["completed"]) == ("error", False)
    assert played.events()[-1] == "execution_interrupted", "it is told to everybody when there is no client"


def test_an_interrupt_without_a_prompt_is_lost(theatre: Theatre) -> None:
    theatre.executor.interrupt()
    assert theatre.play(portrait())["status"]["completed"]


def test_credentials_do_not_reach_the_history(theatre: Theatre) -> None:
    extra = {"api_key_comfy_org": "made up", "auth_token_comfy_org": "made up", "other": 1}
    asyncio.run(theatre.executor.execute(Item(0, "id", portrait(), extra, ["9"])))
    assert extra == {"other": 1}
