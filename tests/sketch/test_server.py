"""The API of a running stand-in, over the wire."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from PIL import Image


def node(class_type: str, **inputs: object) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


EMPTY = node("EmptyImage", width=64, height=64, batch_size=1, color=0xFF8800)


def picture(prefix: str = "kin") -> dict[str, dict[str, Any]]:
    return {"1": EMPTY, "2": node("SaveImage", images=["1", 0], filename_prefix=prefix)}


def slow(steps: int) -> dict[str, dict[str, Any]]:
    values = {"seed": 1, "steps": steps, "cfg": 8.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    return {
        "4": node("CheckpointLoaderSimple", ckpt_name="a.safetensors"),
        "6": node("CLIPTextEncode", text="a dwarf", clip=["4", 1]),
        "5": node("EmptyLatentImage", width=64, height=64, batch_size=1),
        "3": node("KSampler", **values, model=["4", 0], positive=["6", 0], negative=["6", 0], latent_image=["5", 0]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", images=["8", 0], filename_prefix="slow"),
    }


def test_a_picture_comes_back_as_it_was_saved(sketch: Any) -> None:
    with Image.open(BytesIO(sketch.picture(sketch.submit(slow(2))))) as image:
        assert (image.format, image.size, sorted(image.info)) == ("PNG", (64, 64), ["prompt"])


def test_a_part_of_a_file_can_be_asked_for(sketch: Any) -> None:
    (image,) = sketch.finished(sketch.submit(picture("part")))["outputs"]["2"]["images"]
    part = sketch.ask("GET", "/view", params=image, headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content, part.headers["Content-Type"]) == (206, b"PNG", "image/png")


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_every_question_has_an_answer_with_and_without_the_prefix(sketch: Any, prefix: str) -> None:
    answers = {
        path: sketch.ask("GET", prefix + path).json()
        for path in ("/prompt", "/queue", "/models/checkpoints", "/models/loras", "/embeddings", "/object_info/Nothing")
    }
    assert answers == {
        "/prompt": {"exec_info": {"queue_remaining": 0}},
        "/queue": {"queue_running": [], "queue_pending": []},
        "/models/checkpoints": ["a.safetensors"],
        "/models/loras": [],
        "/embeddings": [],
        "/object_info/Nothing": {},
    }


def test_it_says_what_it_is(sketch: Any) -> None:
    stats = sketch.ask("GET", "/system_stats").json()
    assert stats["system"]["comfyui_version"] == "0.3.64"
    assert stats["system"]["comfygen_sketch"] is True
    assert "--checkpoint" in stats["system"]["argv"]
    assert [device["type"] for device in stats["devices"]] == ["cpu"]


def test_object_info_lists_the_checkpoints_and_marks_the_outputs(sketch: Any) -> None:
    info = sketch.ask("GET", "/object_info").json()
    assert info["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0] == ["a.safetensors"]
    outputs = {name for name, entry in info.items() if entry["output_node"]}
    assert {name for name in outputs if "Image" in name} == {"PreviewImage", "SaveImage"}
    assert {name[:4] for name in outputs} == {"Prev", "Save"}
    assert sketch.ask("GET", "/object_info/KSampler").json() == {"KSampler": info["KSampler"]}


def test_a_refused_prompt_says_why(sketch: Any) -> None:
    answer = sketch.ask("POST", "/prompt", json={"prompt": {"1": EMPTY}})
    assert answer.status_code == 400
    assert answer.json() == {
        "error": {"type": "prompt_no_outputs", "message": "Prompt has no outputs", "details": "", "extra_info": {}},
        "node_errors": {},
    }


@pytest.mark.parametrize("body", ["", "{", '{"prompt": null}', '{"prompt": {}, "number": "x"}'])
def test_a_body_of_another_kind_is_answered_in_plain_text(sketch: Any, body: str) -> None:
    answer = sketch.ask("POST", "/prompt", data=body)
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "text/plain; charset=utf-8")
    assert answer.text.startswith("500 Internal Server Error")


@pytest.mark.parametrize("extra_data", [None, [], "x"])
def test_extra_data_that_would_wedge_comfyui_is_refused(sketch: Any, extra_data: object) -> None:
    answer = sketch.ask("POST", "/prompt", json={"prompt": picture(), "extra_data": extra_data})
    assert answer.status_code == 500
    assert sketch.ask("GET", "/prompt").json() == {"exec_info": {"queue_remaining": 0}}


def test_a_valid_branch_runs_beside_a_refused_one(sketch: Any) -> None:
    prompt = picture("beside") | {"3": node("SaveImage", images=["9", 0], filename_prefix="x")}
    answer = sketch.ask("POST", "/prompt", json={"prompt": prompt}).json()
    assert list(answer["node_errors"]) == ["3"]
    assert list(sketch.finished(answer["prompt_id"])["outputs"]) == ["2"]


def test_numbers_count_up_unless_given(sketch: Any) -> None:
    bodies: list[dict[str, Any]] = [{}, {}, {"front": True}, {"number": 7.5}, {}]
    numbers = [sketch.ask("POST", "/prompt", json={"prompt": picture("n"), **body}).json()["number"] for body in bodies]
    start = numbers[0]
    assert numbers == [start, start + 1, -(start + 2), 7.5, start + 3]


def test_history_is_kept_and_forgotten_by_id(sketch: Any) -> None:
    kept, gone = sketch.submit(picture("k")), sketch.submit(picture("g"))
    entry = sketch.finished(gone)
    assert entry["prompt"][1:3] == [gone, picture("g")]
    assert list(sketch.ask("GET", "/history?max_items=1").json()) == [gone]
    sketch.ask("POST", "/history", json={"delete": [gone]})
    assert sketch.ask("GET", f"/history/{gone}").json() == {}
    assert list(sketch.ask("GET", f"/history/{kept}").json()) == [kept]


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://example.org", 403), ("http://127.0.0.1:1", 403), ("http://localhost", 403), ("null", 200)],
)
def test_requests_on_behalf_of_other_pages_are_refused(sketch: Any, origin: str, status: int) -> None:
    assert sketch.ask("GET", "/prompt", headers={"Origin": origin}).status_code == status


def test_requests_from_its_own_address_are_welcome(sketch: Any) -> None:
    assert sketch.ask("GET", "/prompt", headers={"Origin": sketch.url}).status_code == 200


def test_an_upload_can_be_read_again(sketch: Any) -> None:
    answer = sketch.ask("POST", "/upload/image", files={"image": ("u.png", b"bytes")}, data={"subfolder": "s"})
    assert answer.json() == {"name": "u.png", "subfolder": "s", "type": "input"}
    view = {"filename": "u.png", "subfolder": "s", "type": "input"}
    assert sketch.ask("GET", "/view", params=view).content == b"bytes"


def test_a_page_is_never_shown_as_one(sketch: Any) -> None:
    sketch.ask("POST", "/upload/image", files={"image": ("page.html", b"<script>")})
    answer = sketch.ask("GET", "/view?filename=page.html&type=input")
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_a_client_hears_its_prompt_to_the_end_when_history_is_written(sketch: Any) -> None:
    with sketch.socket("listener") as socket:
        blue = node("EmptyImage", width=64, height=64, batch_size=1, color=0x0000FF)
        prompt_id = sketch.submit(picture("heard") | {"1": blue}, client_id="listener")
        heard = sketch.heard(socket, lambda kind, data: kind == "executing" and data["node"] is None)
        assert list(sketch.ask("GET", f"/history/{prompt_id}").json()) == [prompt_id]
    assert heard[0] == ("status", {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "listener"})
    assert [kind for kind, _ in heard if kind != "progress_state"] == [
        *["status"] * 3,
        "execution_start",
        "execution_cached",
        *["executing"] * 2,
        "executed",
        "execution_success",
        "status",
        "executing",
    ]


def test_flags_are_answered_when_they_come_first(sketch: Any) -> None:
    with sketch.socket("flags") as socket:
        socket.send("no json")
        socket.send('{"type": "feature_flags", "data": {}}')
        sketch.submit(picture("flags"), client_id="flags")
        heard = sketch.heard(socket, lambda kind, _: kind == "execution_success")
    assert "feature_flags" not in dict(heard)
    with sketch.socket("flags") as socket:
        socket.send('{"type": "feature_flags", "data": {}}')
        heard = sketch.heard(socket, lambda kind, _: kind == "feature_flags")
    assert heard[-1][1] == {"supports_preview_metadata": True, "max_upload_size": 104857600}


def test_a_client_that_connects_again_is_told_where_its_prompt_is(start: Any) -> None:
    with start("--checkpoint", "a.safetensors", "--seconds-per-step", "0.02") as sketch:
        with sketch.socket("again") as first:
            prompt_id = sketch.submit(slow(10_000), client_id="again")
            sketch.heard(first, lambda kind, _: kind == "progress")
        with sketch.socket("again") as second:
            heard = sketch.heard(second, lambda kind, _: kind == "executing")
        assert heard[-1] == ("executing", {"node": "3"})
        sketch.ask("POST", "/interrupt", json={"prompt_id": prompt_id})
        sketch.finished(prompt_id)


def test_prompts_can_be_interrupted_and_taken_out_of_the_queue(start: Any) -> None:
    with start("--checkpoint", "a.safetensors", "--seconds-per-step", "0.02") as sketch:
        with sketch.socket("me") as socket:
            running = sketch.submit(slow(10_000), client_id="me")
            waiting, deleted = sketch.submit(picture("w")), sketch.submit(picture("d"))
            sketch.heard(socket, lambda kind, _: kind == "progress")
        queue = sketch.ask("GET", "/queue").json()
        assert [item[1] for item in queue["queue_running"]] == [running]
        assert sorted(item[1] for item in queue["queue_pending"]) == sorted([waiting, deleted])
        sketch.ask("POST", "/queue", json={"delete": [deleted, running]})
        sketch.ask("POST", "/interrupt", json={"prompt_id": waiting})
        assert sketch.ask("GET", "/prompt").json() == {"exec_info": {"queue_remaining": 2}}
        sketch.ask("POST", "/interrupt")
        messages = sketch.finished(running)["status"]["messages"]
        assert messages[-1][0] == "execution_interrupted"
        assert sketch.finished(waiting)["status"]["completed"]
        assert sketch.ask("GET", f"/history/{deleted}").json() == {}


def test_an_outsized_body_is_refused(sketch: Any) -> None:
    assert sketch.ask("POST", "/prompt", data=b" " * (100 * 1024 * 1024 + 1)).status_code == 413
