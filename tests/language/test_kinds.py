"""What the keys beyond a checkpoint become: a recipe, and from that a graph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from pytest_comfygen.errors import ItemCycle, OutOfRange
from pytest_comfygen.language.drawing import key_of
from pytest_comfygen.language.expand import load_job_file, make_job
from pytest_comfygen.language.families import FAMILIES, Family, named_families
from pytest_comfygen.language.graph import build_graph, canonical_sha256, family, recipe_number
from pytest_comfygen.records import CheckpointRecipe, Graph, Job, Size
from tests.documentation import family_row

FLUX = {
    "checkpoint": None,
    "family": "flux",
    "diffusion_model": "flux.sft",
    "text_encoders": ["clip_l.sft", "t5.sft"],
    "vae": "ae.sft",
}


def job(tmp_path: Path, **keys: object) -> Job:
    root = tmp_path.resolve()
    values = {"prompt": "a dwarf", "checkpoint": "base.pt", **keys}
    return make_job(values, name="kin", root=root, file=root / "test_a.py")


def recipe(tmp_path: Path, **keys: object) -> CheckpointRecipe:
    found = job(tmp_path, **keys).recipe
    assert isinstance(found, CheckpointRecipe)
    return found


def graph(tmp_path: Path, **keys: object) -> Graph:
    return build_graph(job(tmp_path, **keys), 7, "p")


def added(tmp_path: Path, **keys: object) -> dict[str, Any]:
    """What the keys change in the graph of a plain job."""
    plain = graph(tmp_path)
    return {node: body for node, body in graph(tmp_path, **keys).items() if plain.get(node) != body}


def node(kind: str, /, **inputs: object) -> dict[str, object]:
    return {"class_type": kind, "inputs": inputs}


def test_a_plain_job_has_the_graph_that_it_always_had(tmp_path: Path) -> None:
    assert canonical_sha256(graph(tmp_path)) == canonical_sha256(graph(tmp_path, loras=None, hires=None, family=None))
    assert sorted(graph(tmp_path)) == ["3", "4", "5", "6", "7", "8", "9"]


def test_loras_are_laid_over_each_other_in_order(tmp_path: Path) -> None:
    found = graph(tmp_path, loras=["a.pt", {"model": "b.pt", "strength": 0.5}, {"model": "c.pt", "strength_clip": 0}])

    first = {"model": ["4", 0], "clip": ["4", 1], "lora_name": "a.pt", "strength_model": 1.0, "strength_clip": 1.0}
    assert found["100"] == node("LoraLoader", **first)
    assert found["101"]["inputs"] | {"model": ["100", 0], "strength_clip": 0.5} == found["101"]["inputs"]
    assert found["102"]["inputs"]["strength_clip"] == 0.0
    assert found["3"]["inputs"]["model"] == ["102", 0]
    assert found["6"]["inputs"]["clip"] == ["102", 1]


def test_clip_skip_counts_from_the_end(tmp_path: Path) -> None:
    found = graph(tmp_path, clip_skip=2, loras=["a.pt"])

    assert found["10"] == node("CLIPSetLastLayer", clip=["100", 1], stop_at_clip_layer=-2)
    assert found["7"]["inputs"]["clip"] == ["10", 0]


def test_a_vae_takes_the_place_of_the_checkpoint_s(tmp_path: Path) -> None:
    assert added(tmp_path, vae="clear.pt") == {
        "8": node("VAEDecode", samples=["3", 0], vae=["11", 0]),
        "11": node("VAELoader", vae_name="clear.pt"),
    }


def test_a_start_is_brought_to_size_and_encoded(tmp_path: Path) -> None:
    found = graph(tmp_path, init_image="a.PNG", size="64x96")

    assert "5" not in found
    assert found["20"] == node("LoadImage", image="init_image.png")
    scaled = {"image": ["20", 0], "upscale_method": "lanczos", "width": 64, "height": 96, "crop": "center"}
    assert found["21"] == node("ImageScale", **scaled)
    assert found["22"] == node("VAEEncode", pixels=["21", 0], vae=["4", 2])
    assert found["3"]["inputs"] | {"latent_image": ["22", 0], "denoise": 0.6} == found["3"]["inputs"]


def test_what_is_outside_of_the_mask_comes_from_the_start(tmp_path: Path) -> None:
    found = graph(tmp_path, init_image="a.png", mask="b.jpg", denoise=1)

    assert found["23"] == node("LoadImage", image="mask.jpg")
    assert found["25"] == node("ImageToMask", image=["24", 0], channel="red")
    assert found["26"] == node("SetLatentNoiseMask", samples=["22", 0], mask=["25", 0])
    assert found["27"]["inputs"]["destination"] == ["21", 0]
    assert found["9"]["inputs"]["images"] == ["27", 0]


def test_a_controlnet_sees_the_picture_by_its_preprocessor(tmp_path: Path) -> None:
    control = {"model": "c.pt", "image": "p.webp", "end": 0.5, "preprocessor": {"node": "Canny", "inputs": {"low": 1}}}
    found = graph(tmp_path, controlnet=control)

    assert found["33"] == node("Canny", low=1, image=["31", 0])
    assert found["34"]["inputs"] | {"image": ["33", 0], "strength": 1.0, "end_percent": 0.5} == found["34"]["inputs"]
    assert found["3"]["inputs"] | {"positive": ["34", 0], "negative": ["34", 1]} == found["3"]["inputs"]


def test_a_preprocessor_gets_the_picture_whatever_its_inputs_say(tmp_path: Path) -> None:
    control = {"model": "c.pt", "image": "p.png", "preprocessor": {"node": "X", "inputs": {"image": "/etc/passwd"}}}

    assert graph(tmp_path, controlnet=control)["33"] == node("X", image=["31", 0])


@pytest.mark.parametrize(
    ("hires", "size", "steps", "denoise"),
    [
        ({}, Size(768, 768), 20, 0.5),
        ({"scale": 2, "steps": 9, "denoise": 0.3}, Size(1024, 1024), 9, 0.3),
        ({"scale": 1.51}, Size(776, 776), 20, 0.5),
        ({"size": "640x768"}, Size(640, 768), 20, 0.5),
    ],
)
def test_a_second_pass_works_on_the_enlarged_latent(
    tmp_path: Path, hires: dict[str, object], size: Size, steps: int, denoise: float
) -> None:
    found = graph(tmp_path, hires=hires)

    assert found["40"]["inputs"] | {"width": size.width, "height": size.height} == found["40"]["inputs"]
    assert found["46"]["inputs"] | {"steps": steps, "denoise": denoise, "seed": 7} == found["46"]["inputs"]
    assert job(tmp_path, hires=hires).checks.size == size


def test_a_second_pass_may_go_round_by_an_upscale_model(tmp_path: Path) -> None:
    found = graph(tmp_path, hires={"upscaler": "4x.pt", "scale": 2})

    assert "40" not in found
    assert found["42"] == node("UpscaleModelLoader", model_name="4x.pt")
    assert found["46"]["inputs"]["latent_image"] == ["45", 0]


@pytest.mark.parametrize(
    ("upscale", "size"),
    [
        ("4x.pt", Size(2048, 2048)),
        ({"model": "4x.pt", "scale": 1.5}, Size(768, 768)),
        ({"model": "4x.pt", "size": "1001x1003"}, Size(1001, 1003)),
    ],
)
def test_an_upscaled_picture_has_exactly_the_size_that_was_asked_for(
    tmp_path: Path, upscale: object, size: Size
) -> None:
    found = graph(tmp_path, upscale=upscale)

    assert found["52"]["inputs"] | {"width": size.width, "height": size.height} == found["52"]["inputs"]
    assert found["9"]["inputs"]["images"] == ["52", 0]
    assert job(tmp_path, upscale=upscale).checks.size == size


def test_both_enlargements_multiply(tmp_path: Path) -> None:
    assert job(tmp_path, hires={"scale": 2}, upscale={"model": "a.pt", "scale": 2}).checks.size == Size(2048, 2048)


# --- a refiner --------------------------------------------------------------------------------------------------------


def parts_of(found: Graph) -> list[tuple[object, ...]]:
    """What the two samplers do."""
    names = ("add_noise", "noise_seed", "steps", "start_at_step", "end_at_step", "return_with_leftover_noise")
    return [tuple(found[node]["inputs"][name] for name in names) for node in ("3", "63")]


def test_a_refiner_does_the_last_steps_with_its_own_texts(tmp_path: Path) -> None:
    found = graph(tmp_path, refiner="fine.pt", negative="blurred", steps=25)

    assert parts_of(found) == [
        ("enable", 7, 25, 0, 20, "enable"),
        ("disable", 0, 25, 20, 10_000, "disable"),
    ]
    assert found["60"] == node("CheckpointLoaderSimple", ckpt_name="fine.pt")
    assert found["61"] == node("CLIPTextEncode", text="a dwarf", clip=["60", 1])
    assert found["62"] == node("CLIPTextEncode", text="blurred", clip=["60", 1])
    links = {"model": ["60", 0], "positive": ["61", 0], "negative": ["62", 0], "latent_image": ["3", 0]}
    assert found["63"]["inputs"] | links == found["63"]["inputs"]
    assert found["8"] == node("VAEDecode", samples=["63", 0], vae=["60", 2])


@pytest.mark.parametrize(
    ("keys", "parts"),
    [
        ({"steps": 20}, (20, 0, 16)),
        ({"steps": 2}, (2, 0, 1)),
        ({"steps": 20, "refiner": {"model": "f.pt", "start": 0.01}}, (20, 0, 1)),
        ({"steps": 20, "refiner": {"model": "f.pt", "start": 0.99}}, (20, 0, 19)),
        ({"steps": 20, "init_image": "a.png", "denoise": 1}, (20, 0, 16)),
        ({"steps": 20, "init_image": "a.png", "denoise": 0.5}, (40, 20, 36)),
        ({"steps": 10, "init_image": "a.png", "denoise": 0.3}, (33, 23, 31)),
    ],
)
def test_each_model_takes_one_step_or_more(
    tmp_path: Path, keys: dict[str, object], parts: tuple[int, int, int]
) -> None:
    """Of an init_image, the last steps of a longer walk are taken, as KSampler itself takes them."""
    total, first, handover = parts
    found = graph(tmp_path, **{"refiner": "f.pt", **keys})

    assert [part[2:5] for part in parts_of(found)] == [(total, first, handover), (total, handover, 10_000)]


def test_what_belongs_to_the_base_leaves_the_refiner_alone(tmp_path: Path) -> None:
    control = {"model": "canny.pt", "image": "pose.png"}
    found = graph(tmp_path, refiner="f.pt", loras=["a.pt"], clip_skip=2, vae="clear.pt", controlnet=control)

    assert found["3"]["inputs"]["positive"] == ["34", 0]
    assert found["61"]["inputs"]["clip"] == ["60", 1]
    assert found["8"]["inputs"]["vae"] == ["11", 0]


def test_a_refiner_is_a_model_of_the_job(tmp_path: Path) -> None:
    found = recipe(tmp_path, refiner="fine.pt")

    assert found.models["refiner.model"].name == "fine.pt"
    renamed = found.with_models(lambda model: replace(model, name=f"sub/{model.name}"))
    assert renamed.models["refiner.model"].name == "sub/fine.pt"


# --- a transparent background -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gives", "nodes", "saved"),
    [
        ("image", {}, ["70", 1]),
        ("background", {"72": node("JoinImageWithAlpha", image=["52", 0], alpha=["70", 1])}, ["72", 0]),
        (
            "mask",
            {
                "71": node("InvertMask", mask=["70", 1]),
                "72": node("JoinImageWithAlpha", image=["52", 0], alpha=["71", 0]),
            },
            ["72", 0],
        ),
    ],
)
def test_what_the_node_gives_becomes_the_alpha_of_the_finished_picture(
    tmp_path: Path, gives: str, nodes: dict[str, object], saved: list[object]
) -> None:
    by = {"node": "Cut", "takes": "images", "inputs": {"kind": "u2", "edge": None}, "gives": gives, "output": 1}
    found = graph(tmp_path, upscale="4x.pt", transparent=by)

    assert found["70"] == node("Cut", kind="u2", images=["52", 0])
    assert {name: found[name] for name in ("71", "72") if name in found} == nodes
    assert found["9"]["inputs"]["images"] == saved


def test_a_transparent_picture_is_checked_for_its_mode(tmp_path: Path) -> None:
    assert job(tmp_path, transparent="Cut").checks.mode == "RGBA"
    assert job(tmp_path, transparent="Cut", verify={"min_stddev": 2}).checks.mode == "RGBA"
    assert job(tmp_path).checks.mode == "RGB"


# --- families ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", named_families())
def test_every_family_can_be_written(tmp_path: Path, name: str) -> None:
    assert recipe(tmp_path, family=name).family == name
    assert set(FAMILIES) == {"checkpoint", *named_families()}


def test_a_row_is_all_that_a_family_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the row that the page shows."""
    ((name, row),) = family_row().items()
    monkeypatch.setitem(cast("dict[str, Family]", FAMILIES), name, row)
    files = {"checkpoint": None, "diffusion_model": "c.sft", "text_encoders": ["t5.sft"], "vae": "ae.sft"}

    found = graph(tmp_path, family=name, **files)

    sampling = {"steps": row.steps, "cfg": row.cfg, "scheduler": row.scheduler, "model": ["13", 0]}
    assert found["3"]["inputs"] | sampling == found["3"]["inputs"]
    assert found["12"] == node("CLIPLoader", clip_name="t5.sft", type=row.encoder_type, device="default")
    assert found["13"] == node(str(row.shift_node), model=["4", 0], shift=row.shift)
    with pytest.raises(OutOfRange, match=f"{name} takes 1, not 2"):
        graph(tmp_path, family=name, **files | {"text_encoders": ["a.sft", "b.sft"]})


def test_flux_is_drawn_from_its_own_files(tmp_path: Path) -> None:
    found = graph(tmp_path, **FLUX)

    loader = {"clip_name1": "clip_l.sft", "clip_name2": "t5.sft", "type": "flux", "device": "default"}
    assert found["4"] == node("UNETLoader", unet_name="flux.sft", weight_dtype="default")
    assert found["12"] == node("DualCLIPLoader", **loader)
    assert found["14"] == node("FluxGuidance", conditioning=["6", 0], guidance=3.5)
    assert found["7"] == node("ConditioningZeroOut", conditioning=["6", 0])
    assert found["5"] == node("EmptySD3LatentImage", width=1024, height=1024, batch_size=1)
    assert found["3"]["inputs"] | {"cfg": 1.0, "scheduler": "simple", "positive": ["14", 0]} == found["3"]["inputs"]


def test_a_negative_prompt_is_encoded_where_there_is_one(tmp_path: Path) -> None:
    assert graph(tmp_path, **FLUX, negative="text", cfg=3)["7"]["class_type"] == "CLIPTextEncode"


def test_a_family_may_come_as_a_checkpoint(tmp_path: Path) -> None:
    found = graph(tmp_path, family="sd3", shift=2.5)

    assert found["4"]["class_type"] == "CheckpointLoaderSimple"
    assert found["13"] == node("ModelSamplingSD3", model=["4", 0], shift=2.5)
    assert "13" not in graph(tmp_path, family="sd3")


@pytest.mark.parametrize(
    ("name", "loader"),
    [("sd3", "TripleCLIPLoader"), ("qwen-image", "CLIPLoader"), ("z-image", "CLIPLoader")],
)
def test_each_family_has_its_own_loader_and_defaults(tmp_path: Path, name: str, loader: str) -> None:
    encoders = ["a.pt", "b.pt", "c.pt"][: 3 if name == "sd3" else 1]
    keys = {**FLUX, "family": name, "text_encoders": encoders}
    row = FAMILIES[name]

    assert graph(tmp_path, **keys)["12"]["class_type"] == loader
    assert (row.size, row.steps, row.cfg) == (
        recipe(tmp_path, **keys).size,
        recipe(tmp_path, **keys).steps,
        recipe(tmp_path, **keys).cfg,
    )
    assert (family(job(tmp_path, **keys)), recipe_number(job(tmp_path, **keys))) == (name, 1)


# --- places -----------------------------------------------------------------------------------------------------------

EVERYTHING: dict[str, object] = {
    **FLUX,
    "loras": ["a.pt"],
    "init_image": "a.png",
    "controlnet": {"model": "c.pt", "image": "b.png", "preprocessor": "X"},
    "hires": {"upscaler": "4x.pt"},
    "upscale": "4x.pt",
}


def test_every_model_and_picture_has_the_key_that_names_it(tmp_path: Path) -> None:
    found = recipe(tmp_path, **EVERYTHING)

    assert list(found.models) == [
        *("diffusion_model", "text_encoders.0", "text_encoders.1", "vae", "loras.0.model"),
        *("controlnet.model", "hires.upscaler", "upscale.model"),
    ]
    assert list(found.inputs) == ["init_image", "controlnet.image"]


def test_models_that_are_renamed_are_renamed_in_the_graph(tmp_path: Path) -> None:
    written = recipe(tmp_path, **EVERYTHING)
    renamed = written.with_models(lambda model: type(model)(model.folder, f"sub/{model.name}"))

    assert [f"sub/{one.name}" for one in written.models.values()] == [one.name for one in renamed.models.values()]


@pytest.mark.parametrize(
    ("place", "key"),
    [
        (("100", "lora_name"), "loras.0.model"),
        (("102", "strength_clip"), "loras.2.strength_clip"),
        (("101", "model"), "loras.1"),
        (("12", "clip_name2"), "text_encoders.1"),
        (("33", "threshold"), "controlnet.preprocessor"),
        (("33",), "controlnet.preprocessor"),
        (("8", "vae"), None),
    ],
)
def test_an_input_leads_back_to_its_key(place: tuple[str, ...], key: str | None) -> None:
    assert key_of(*place) == key


def test_roles_of_older_folders_fit(tmp_path: Path) -> None:
    text = """\
comfyjob: 1
models: {flux: {file: unet/f.sft}, l: {file: clip/l.sft}, t: {file: text_encoders/t.sft}, v: {file: vae/v.sft}}
items: {kin: {prompt: x, family: flux, diffusion_model: flux, text_encoders: [l, t], vae: v}}
"""
    path = tmp_path.resolve() / "a.comfyjob.yaml"
    path.write_text(text, encoding="utf-8")

    (found,) = load_job_file(path, tmp_path.resolve()).jobs

    assert build_graph(found, 1, "p")["4"]["class_type"] == "UNETLoader"


# --- chains -----------------------------------------------------------------------------------------------------------


def chain_file(tmp_path: Path, items: str) -> Path:
    path = tmp_path.resolve() / "a.comfyjob.yaml"
    path.write_text(f"comfyjob: 1\ndefaults: {{checkpoint: a.pt, prompt: x}}\nitems:\n{items}", encoding="utf-8")
    return path


def test_items_follow_what_they_are_made_from_and_else_keep_their_order(tmp_path: Path) -> None:
    items = "  d: {init_image: {item: c}}\n  a: {}\n  c: {init_image: {item: b}}\n  b: {}\n  e: {}\n"

    jobs = load_job_file(chain_file(tmp_path, items), tmp_path.resolve()).jobs

    assert [one.name for one in jobs] == ["b", "c", "d", "a", "e"]
    assert isinstance(jobs[1].recipe, CheckpointRecipe)
    assert jobs[1].recipe.init_image
    assert jobs[1].recipe.init_image.file == jobs[0].output


@pytest.mark.parametrize("backwards", [False, True])
def test_a_chain_of_a_hundred_is_long_enough(tmp_path: Path, backwards: bool) -> None:  # noqa: FBT001  # a parameter
    lines = ["  i0: {}\n", *(f"  i{n}: {{init_image: {{item: i{n - 1}}}}}\n" for n in range(1, 101))]
    lines = lines[::-1] if backwards else lines
    short = [line for line in lines if "i100:" not in line]

    assert len(load_job_file(chain_file(tmp_path, "".join(short)), tmp_path.resolve()).jobs) == 100
    with pytest.raises(Exception, match="'i100' is made from more than 100 items"):
        load_job_file(chain_file(tmp_path, "".join(lines)), tmp_path.resolve())


def test_the_path_of_another_item_s_image_means_that_item(tmp_path: Path) -> None:
    items = "  a: {init_image: b.png}\n  b: {}\n"

    jobs = load_job_file(chain_file(tmp_path, items), tmp_path.resolve()).jobs

    assert [one.name for one in jobs] == ["b", "a"]


def test_an_image_is_not_made_from_itself_by_its_path_either(tmp_path: Path) -> None:
    with pytest.raises(ItemCycle) as caught:
        load_job_file(chain_file(tmp_path, "  a: {init_image: a.png}\n"), tmp_path.resolve())

    assert str(caught.value.where) == "a.comfyjob.yaml:4:19"
