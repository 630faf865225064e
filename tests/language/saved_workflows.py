"""Small workflows as ComfyUI's page saves them, each with the graph that the page exports for it.

`tests/real` loads them into the page itself and compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AGREED", "OBJECT_INFO", "joined", "link", "node", "saved"]

_SAMPLING: dict[str, Any] = {
    "model": ["MODEL"],
    "seed": ["INT", {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True}],
    "steps": ["INT", {"default": 20}],
    "cfg": ["FLOAT", {"default": 8.0}],
    "sampler_name": [["euler", "dpmpp_2m"], {}],
    "scheduler": [["simple", "normal", "karras"], {}],
    "positive": ["CONDITIONING", {}],
    "negative": ["CONDITIONING", {}],
    "latent_image": ["LATENT", {}],
    "denoise": ["FLOAT", {"default": 1.0}],
}


def _class(output: list[str], *, optional: dict[str, Any] | None = None, **required: Any) -> dict[str, Any]:
    return {"input": {"required": required, "optional": optional or {}}, "output": output}


OBJECT_INFO: dict[str, dict[str, Any]] = {
    "CheckpointLoaderSimple": _class(["MODEL", "CLIP", "VAE"], ckpt_name=[["a.safetensors", "b.safetensors"]]),
    "LoraLoader": _class(
        ["MODEL", "CLIP"],
        model=["MODEL"],
        clip=["CLIP"],
        lora_name=[["style.safetensors"]],
        strength_model=["FLOAT", {"default": 1.0}],
        strength_clip=["FLOAT", {"default": 1.0}],
    ),
    "CLIPTextEncode": _class(
        ["CONDITIONING"], text=["STRING", {"multiline": True, "dynamicPrompts": True}], clip=["CLIP"]
    ),
    "EmptyLatentImage": _class(
        ["LATENT"],
        width=["INT", {"default": 512}],
        height=["INT", {"default": 512}],
        batch_size=["INT", {"default": 1}],
    ),
    "KSampler": _class(["LATENT"], **_SAMPLING),
    "VAEDecode": _class(["IMAGE"], samples=["LATENT"], vae=["VAE"]),
    "VAEEncode": _class(["LATENT"], pixels=["IMAGE"], vae=["VAE"]),
    "LoadImage": _class(["IMAGE", "MASK"], image=[["a.png", "b.png"], {"image_upload": True}]),
    "SaveImage": _class([], images=["IMAGE"], filename_prefix=["STRING", {"default": "ComfyUI"}]),
    "ImageScale": _class(
        ["IMAGE"],
        image=["IMAGE"],
        upscale_method=[["nearest-exact", "bilinear"]],
        width=["INT", {"default": 512}],
        height=["INT", {"default": 512}],
        crop=[["disabled", "center"]],
    ),
}
OBJECT_INFO |= {
    "LoadImageOutput": _class(
        ["IMAGE", "MASK"],
        image=["COMBO", {"image_upload": True, "remote": {"route": "/internal/files/output", "refresh_button": True}}],
    ),
    "SaveGLB": _class([], mesh=["MESH"], filename_prefix=["STRING", {"default": "mesh/ComfyUI"}]),
    "ImageScaleBy": _class(
        ["IMAGE"], image=["IMAGE"], upscale_method=[["nearest-exact", "area"]], scale_by=["FLOAT", {"default": 1.0}]
    ),
    "PreviewImage": _class([], images=["IMAGE"]),
    "RebatchImages": _class(["IMAGE"], images=["IMAGE"], batch_size=["INT", {"default": 1}]),
    "MaskToImage": _class(["IMAGE"], mask=["MASK"]),
    "ImageToMask": _class(["MASK"], image=["IMAGE"], channel=[["red", "green", "blue", "alpha"]]),
}
_WIDGETS = {"seed", "steps", "width", "height", "text", "cfg"}


def node(
    number: int,
    kind: str,
    inputs: Mapping[str, int | None] | None = None,
    values: object = (),
    outputs: str = "",
    **more: Any,  # further keys of a node
) -> dict[str, Any]:
    """A node; `inputs` are names with the link that ends there, `outputs` types between spaces."""
    slots = [
        {"name": name, "type": _type(name), "link": link} | ({"widget": {"name": name}} if name in _WIDGETS else {})
        for name, link in (inputs or {}).items()
    ]
    return {
        "id": number,
        "type": kind,
        "pos": [0, 0],
        "size": [200, 100],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": slots,
        "outputs": [{"name": one, "type": one, "links": []} for one in outputs.split()],
        "properties": {},
        "widgets_values": list(values) if isinstance(values, tuple) else values,
    } | more


def _type(name: str) -> str:
    kinds = {"positive": "CONDITIONING", "negative": "CONDITIONING", "samples": "LATENT", "latent_image": "LATENT"}
    kinds |= {"images": "IMAGE", "image": "IMAGE", "pixels": "IMAGE", "text": "STRING", "cfg": "FLOAT", "": "*"}
    return kinds.get(name, "INT" if name in _WIDGETS else name.upper())


def link(number: int, origin: int, out: int, target: int, into: int, kind: str) -> list[object]:
    """A link as the page writes it."""
    return [number, origin, out, target, into, kind]


def joined(number: int, origin: int, out: int, target: int, into: int, kind: str) -> dict[str, object]:
    """A link as the page writes it in a subgraph."""
    ends = {"origin_id": origin, "origin_slot": out, "target_id": target, "target_slot": into}
    return {"id": number, **ends, "type": kind}


def saved(nodes: list[dict[str, Any]], links: list[Any], **more: Any) -> dict[str, Any]:  # further keys
    """A workflow; what begins and ends on the nodes is found from the links."""
    for one in links:
        if isinstance(one, list):
            for found in nodes:
                if found["id"] == one[1] and one[2] < len(found["outputs"]):
                    found["outputs"][one[2]]["links"].append(one[0])
    return {
        "last_node_id": 99,
        "last_link_id": 99,
        "nodes": nodes,
        "links": links,
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    } | more


def api(kind: str, **inputs: object) -> dict[str, Any]:
    """A node of a graph in API format."""
    return {"class_type": kind, "inputs": inputs}


_SAMPLED = {"steps": 20, "cfg": 8, "sampler_name": "euler", "scheduler": "simple", "denoise": 1}


def _loader() -> dict[str, Any]:
    return node(4, "CheckpointLoaderSimple", {}, ("b.safetensors",), "MODEL CLIP VAE")


def _text_to_image() -> tuple[dict[str, Any], dict[str, Any]]:
    """The default workflow as it was saved in 2023, with a truth value behind the seed."""
    inputs = {"model": 1, "positive": 4, "negative": 6, "latent_image": 2}
    workflow = saved(
        [
            node(7, "CLIPTextEncode", {"clip": 5}, ("text, watermark",), "CONDITIONING"),
            node(6, "CLIPTextEncode", {"clip": 3}, ("a fox // by a lake\nin {fog}",), "CONDITIONING"),
            node(5, "EmptyLatentImage", {}, (512, 768, 1), "LATENT"),
            node(3, "KSampler", inputs, (8, True, 30, 6.5, "dpmpp_2m", "karras", 1), "LATENT"),
            node(8, "VAEDecode", {"samples": 7, "vae": 8}, (), "IMAGE"),
            node(9, "SaveImage", {"images": 9}, ("fox",)),
            _loader(),
            node(10, "Note", {}, ("what this is",)),
        ],
        [
            link(1, 4, 0, 3, 0, "MODEL"),
            link(2, 5, 0, 3, 3, "LATENT"),
            link(3, 4, 1, 6, 0, "CLIP"),
            link(4, 6, 0, 3, 1, "CONDITIONING"),
            link(5, 4, 1, 7, 0, "CLIP"),
            link(6, 7, 0, 3, 2, "CONDITIONING"),
            link(7, 3, 0, 8, 0, "LATENT"),
            link(8, 4, 2, 8, 1, "VAE"),
            link(9, 8, 0, 9, 0, "IMAGE"),
        ],
    )
    sampling = {"seed": 8, "steps": 30, "cfg": 6.5, "sampler_name": "dpmpp_2m", "scheduler": "karras", "denoise": 1}
    links = {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}
    return workflow, {
        "3": api("KSampler", **sampling, **links),
        "4": api("CheckpointLoaderSimple", ckpt_name="b.safetensors"),
        "5": api("EmptyLatentImage", width=512, height=768, batch_size=1),
        "6": api("CLIPTextEncode", text="a fox \nin fog", clip=["4", 1]),
        "7": api("CLIPTextEncode", text="text, watermark", clip=["4", 1]),
        "8": api("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": api("SaveImage", images=["8", 0], filename_prefix="fox"),
    }


def _primitives() -> tuple[dict[str, Any], dict[str, Any]]:
    """One primitive for two fields that were turned into sockets, and one through a reroute that only passes on."""
    workflow = saved(
        [
            node(1, "PrimitiveNode", {}, (96, "fixed"), "INT"),
            node(2, "EmptyLatentImage", {"width": 1, "height": 2}, (512, 512, 2), "LATENT"),
            node(3, "Reroute", {"": 3}, (), "LATENT"),
            node(4, "Reroute", {"": 4}, (), "LATENT"),
            node(5, "VAEDecode", {"samples": 5, "vae": None}, (), "IMAGE"),
        ],
        [
            link(1, 1, 0, 2, 0, "INT"),
            link(2, 1, 0, 2, 1, "INT"),
            link(3, 2, 0, 3, 0, "*"),
            link(4, 3, 0, 4, 0, "*"),
            link(5, 4, 0, 5, 0, "LATENT"),
        ],
    )
    return workflow, {
        "2": api("EmptyLatentImage", width=96, height=96, batch_size=2),
        "5": api("VAEDecode", samples=["2", 0]),
    }


def _bypassed_and_muted() -> tuple[dict[str, Any], dict[str, Any]]:
    """A bypassed LoRA passes model and text encoder on; a bypassed decoder has nothing to pass; muted is gone."""
    workflow = saved(
        [
            _loader(),
            node(1, "LoraLoader", {"model": 1, "clip": 2}, ("style.safetensors", 1, 1), "MODEL CLIP", mode=4),
            node(2, "CLIPTextEncode", {"clip": 3}, ("a fox",), "CONDITIONING"),
            node(3, "KSampler", {"model": 4, "positive": 5, "latent_image": 6}, (1, "fixed"), "LATENT"),
            node(5, "EmptyLatentImage", {}, (64, 64, 1), "LATENT", mode=2),
            node(6, "VAEDecode", {"samples": 7, "vae": 8}, (), "IMAGE", mode=4),
            node(7, "SaveImage", {"images": 9}, ("fox",)),
        ],
        [
            link(1, 4, 0, 1, 0, "MODEL"),
            link(2, 4, 1, 1, 1, "CLIP"),
            link(3, 1, 1, 2, 0, "CLIP"),
            link(4, 1, 0, 3, 0, "MODEL"),
            link(5, 2, 0, 3, 1, "CONDITIONING"),
            link(6, 5, 0, 3, 2, "LATENT"),
            link(7, 3, 0, 6, 0, "LATENT"),
            link(8, 4, 2, 6, 1, "VAE"),
            link(9, 6, 0, 7, 0, "IMAGE"),
        ],
    )
    return workflow, {
        "2": api("CLIPTextEncode", text="a fox", clip=["4", 1]),
        "3": api("KSampler", seed=1, **_SAMPLED, model=["4", 0], positive=["2", 0]),
        "4": api("CheckpointLoaderSimple", ckpt_name="b.safetensors"),
        "7": api("SaveImage", filename_prefix="fox"),
    }


def _uploads() -> tuple[dict[str, Any], dict[str, Any]]:
    """A field that is a button is saved and not sent; a file of now has all sockets in it."""
    scale = node(2, "ImageScale", {"image": 1, "width": None, "height": 2}, ("bilinear", 64, 32, "center"), "IMAGE")
    workflow = saved(
        [
            node(1, "LoadImage", {}, ("b.png", "image"), "IMAGE MASK"),
            scale,
            node(3, "PrimitiveNode", {}, (48, "randomize"), "INT"),
            node(4, "SaveImage", {"images": 3}, ("x",)),
        ],
        [link(1, 1, 0, 2, 0, "IMAGE"), link(2, 3, 0, 2, 2, "INT"), link(3, 2, 0, 4, 0, "IMAGE")],
    )
    size = {"upscale_method": "bilinear", "width": 64, "height": 48, "crop": "center"}
    return workflow, {
        "1": api("LoadImage", image="b.png"),
        "2": api("ImageScale", image=["1", 0], **size),
        "4": api("SaveImage", images=["2", 0], filename_prefix="x"),
    }


_DRAW = "0d1a5f39-6a3f-4b1f-9d0e-0b6f7c1f2a11"
_OUTER = "9f4ce9a2-55b0-4f0d-8a34-1f5b3b7e6c22"


def _slot(number: int, name: str, kind: str, *links: int) -> dict[str, Any]:
    return {"id": f"00000000-0000-4000-8000-{number:012}", "name": name, "type": kind, "linkIds": list(links)}


def _subgraph(key: str, name: str, **more: Any) -> dict[str, Any]:  # further keys of a definition
    ends = {"inputNode": {"id": -10, "bounding": [0, 0, 1, 1]}, "outputNode": {"id": -20, "bounding": [0, 0, 1, 1]}}
    state = {"lastGroupId": 0, "lastNodeId": 99, "lastLinkId": 99, "lastRerouteId": 0}
    return {
        "id": key,
        "name": name,
        "version": 1,
        "revision": 0,
        "state": state,
        "groups": [],
        "extra": {},
        **ends,
    } | more


def _draw() -> dict[str, Any]:
    """A latent image and its sampler, the seed and the width on the outside."""
    return _subgraph(
        _DRAW,
        "Draw",
        inputs=[_slot(1, "model", "MODEL", 1), _slot(2, "seed", "INT", 2), _slot(3, "side", "INT", 3, 4)],
        outputs=[_slot(4, "LATENT", "LATENT", 6)],
        nodes=[
            node(1, "EmptyLatentImage", {"width": 3, "height": 4}, (64, 64, 1), "LATENT"),
            node(
                2,
                "KSampler",
                {"model": 1, "positive": None, "negative": None, "latent_image": 5, "seed": 2},
                (7, "fixed", 4),
                "LATENT",
            ),
        ],
        links=[
            joined(1, -10, 0, 2, 0, "MODEL"),
            joined(2, -10, 1, 2, 4, "INT"),
            joined(3, -10, 2, 1, 0, "INT"),
            joined(4, -10, 2, 1, 1, "INT"),
            joined(5, 1, 0, 2, 3, "LATENT"),
            joined(6, 2, 0, -20, 0, "LATENT"),
        ],
    )


def _subgraphs() -> tuple[dict[str, Any], dict[str, Any]]:
    """Two instances of one subgraph with values of their own, the second inside of another subgraph."""
    outer = _subgraph(
        _OUTER,
        "Outer",
        inputs=[_slot(5, "model", "MODEL", 1), _slot(6, "how wide", "INT", 2)],
        outputs=[_slot(7, "LATENT", "LATENT", 3)],
        nodes=[node(5, _DRAW, {"model": 1, "seed": None, "side": 2}, (3, 128), "LATENT")],
        links=[joined(1, -10, 0, 5, 0, "MODEL"), joined(2, -10, 1, 5, 2, "INT"), joined(3, 5, 0, -20, 0, "LATENT")],
    )
    for found in outer["nodes"]:
        found["inputs"][2] |= {"type": "INT", "widget": {"name": "side"}}
    workflow = saved(
        [
            _loader(),
            node(10, _DRAW, {"model": 1}, (11, 96), "LATENT"),
            node(11, _OUTER, {"model": 2}, (160,), "LATENT"),
            node(12, "VAEDecode", {"samples": 3, "vae": 4}, (), "IMAGE"),
            node(13, "VAEDecode", {"samples": 5, "vae": 6}, (), "IMAGE"),
        ],
        [
            link(1, 4, 0, 10, 0, "MODEL"),
            link(2, 4, 0, 11, 0, "MODEL"),
            link(3, 10, 0, 12, 0, "LATENT"),
            link(4, 4, 2, 12, 1, "VAE"),
            link(5, 11, 0, 13, 0, "LATENT"),
            link(6, 4, 2, 13, 1, "VAE"),
        ],
        definitions={"subgraphs": [_draw(), outer]},
    )
    sampled = _SAMPLED | {"steps": 4}
    return workflow, {
        "4": api("CheckpointLoaderSimple", ckpt_name="b.safetensors"),
        "10:1": api("EmptyLatentImage", width=96, height=96, batch_size=1),
        "10:2": api("KSampler", seed=11, **sampled, model=["4", 0], latent_image=["10:1", 0]),
        "11:5:1": api("EmptyLatentImage", width=160, height=160, batch_size=1),
        "11:5:2": api("KSampler", seed=3, **sampled, model=["4", 0], latent_image=["11:5:1", 0]),
        "12": api("VAEDecode", samples=["10:2", 0], vae=["4", 2]),
        "13": api("VAEDecode", samples=["11:5:2", 0], vae=["4", 2]),
    }


def _group_node() -> tuple[dict[str, Any], dict[str, Any]]:
    """A group node shows the fields and open sockets of what is in it, and hides what is linked inside."""
    group = {
        "nodes": [
            node(-1, "EmptyLatentImage", {}, (512, 512, 1), "LATENT", index=0),
            node(
                -1,
                "KSampler",
                {"model": None, "positive": None, "negative": None, "latent_image": 1},
                (0, "randomize", 20, 8, "euler", "normal", 1),
                "LATENT",
                index=1,
            ),
            node(-1, "VAEDecode", {"samples": 2, "vae": None}, (), "IMAGE", index=2),
        ],
        "links": [[0, 0, 1, 3, 5, "LATENT"], [1, 0, 2, 0, 3, "LATENT"]],
        "external": [[2, 0, "IMAGE"]],
    }
    values = (64, 96, 1, 5, "fixed", 12, 3.5, "dpmpp_2m", "karras", 0.5)
    inputs = {"model": 1, "positive": 2, "negative": 3, "vae": 4}
    workflow = saved(
        [
            _loader(),
            node(6, "CLIPTextEncode", {"clip": 5}, ("a fox",), "CONDITIONING"),
            node(7, "workflow>Sample", inputs, values, "IMAGE"),
            node(8, "SaveImage", {"images": 6}, ("x",)),
        ],
        [
            link(1, 4, 0, 7, 0, "MODEL"),
            link(2, 6, 0, 7, 1, "CONDITIONING"),
            link(3, 6, 0, 7, 2, "CONDITIONING"),
            link(4, 4, 2, 7, 3, "VAE"),
            link(5, 4, 1, 6, 0, "CLIP"),
            link(6, 7, 0, 8, 0, "IMAGE"),
        ],
        extra={"groupNodes": {"Sample": group}},
    )
    sampling = {"seed": 5, "steps": 12, "cfg": 3.5, "sampler_name": "dpmpp_2m", "scheduler": "karras", "denoise": 0.5}
    links = {"model": ["4", 0], "positive": ["6", 0], "negative": ["6", 0], "latent_image": ["7:0", 0]}
    return workflow, {
        "4": api("CheckpointLoaderSimple", ckpt_name="b.safetensors"),
        "6": api("CLIPTextEncode", text="a fox", clip=["4", 1]),
        "7:0": api("EmptyLatentImage", width=64, height=96, batch_size=1),
        "7:1": api("KSampler", **sampling, **links),
        "7:2": api("VAEDecode", samples=["7:1", 0], vae=["4", 2]),
        "8": api("SaveImage", images=["7:2", 0], filename_prefix="x"),
    }


def _crowded_group() -> tuple[dict[str, Any], dict[str, Any]]:
    """A group with names that come twice, fields that had become sockets, and a primitive in it."""
    sockets = {"model": None, "positive": None, "negative": None}
    group = {
        "nodes": [
            node(-1, "PrimitiveNode", {}, (20, "fixed"), "INT", index=0, title="Count"),
            node(-1, "EmptyLatentImage", {"width": None}, (512, 512, 1), "LATENT", index=1),
            node(-1, "KSampler", {**sockets, "latent_image": 2, "steps": 1}, (0, "fixed", 20, 8), "LATENT", index=2),
            node(-1, "KSampler", {**sockets, "latent_image": 3}, (1, "fixed", 20, 8), "LATENT", index=3),
            node(-1, "VAEDecode", {"samples": 4, "vae": None}, (), "IMAGE", index=4),
        ],
        "links": [
            [0, 0, 2, 4, 1, "INT"],
            [1, 0, 2, 3, 2, "LATENT"],
            [2, 0, 3, 3, 3, "LATENT"],
            [3, 0, 4, 0, 4, "LATENT"],
        ],
        "external": [[2, 0, "LATENT"], [4, 0, "IMAGE"]],
        "config": {"4": {"output": {"0": {"name": "picture"}}}, "3": {"input": {"cfg": {"name": "strength"}}}},
    }
    names = ["model", "positive", "negative", "KSampler model", "KSampler positive", "KSampler negative", "vae"]
    first, second = (5, "fixed", 3.5, "dpmpp_2m", "karras", 0.5), (6, "fixed", 7, 4.5, "euler", "simple", 0.25)
    instance = node(7, "workflow/Two", dict.fromkeys(names), (9, "fixed", 48, 2, *first, *second), "LATENT IMAGE")
    for slot, (number, kind) in zip(
        instance["inputs"],
        [
            (1, "MODEL"),
            (2, "CONDITIONING"),
            (None, "CONDITIONING"),
            (3, "MODEL"),
            (None, "CONDITIONING"),
            (4, "CONDITIONING"),
            (5, "VAE"),
        ],
        strict=True,
    ):
        slot |= {"link": number, "type": kind}
    instance["inputs"].append({"name": "width", "type": "INT", "link": 6, "widget": {"name": "width"}})
    workflow = saved(
        [
            _loader(),
            node(6, "CLIPTextEncode", {"clip": 7}, ("a fox",), "CONDITIONING"),
            node(5, "PrimitiveNode", {}, (80, "fixed"), "INT"),
            instance,
            node(8, "SaveImage", {"images": 8}, ("x",)),
            node(9, "VAEDecode", {"samples": 9, "vae": 10}, (), "IMAGE"),
        ],
        [
            link(1, 4, 0, 7, 0, "MODEL"),
            link(2, 6, 0, 7, 1, "CONDITIONING"),
            link(3, 4, 0, 7, 3, "MODEL"),
            link(4, 6, 0, 7, 5, "CONDITIONING"),
            link(5, 4, 2, 7, 6, "VAE"),
            link(6, 5, 0, 7, 7, "INT"),
            link(7, 4, 1, 6, 0, "CLIP"),
            link(8, 7, 1, 8, 0, "IMAGE"),
            link(9, 7, 0, 9, 0, "LATENT"),
            link(10, 4, 2, 9, 1, "VAE"),
        ],
        extra={"groupNodes": {"Two": group}},
    )
    one = {"seed": 5, "steps": 9, "cfg": 3.5, "sampler_name": "dpmpp_2m", "scheduler": "karras", "denoise": 0.5}
    two = {"seed": 6, "steps": 7, "cfg": 4.5, "sampler_name": "euler", "scheduler": "simple", "denoise": 0.25}
    return workflow, {
        "4": api("CheckpointLoaderSimple", ckpt_name="b.safetensors"),
        "6": api("CLIPTextEncode", text="a fox", clip=["4", 1]),
        "7:1": api("EmptyLatentImage", width=80, height=48, batch_size=2),
        "7:2": api("KSampler", **one, model=["4", 0], positive=["6", 0], latent_image=["7:1", 0]),
        "7:3": api("KSampler", **two, model=["4", 0], negative=["6", 0], latent_image=["7:2", 0]),
        "7:4": api("VAEDecode", samples=["7:3", 0], vae=["4", 2]),
        "8": api("SaveImage", images=["7:4", 0], filename_prefix="x"),
        "9": api("VAEDecode", samples=["7:2", 0], vae=["4", 2]),
    }


def _bypasses() -> tuple[dict[str, Any], dict[str, Any]]:
    """Bypassed nodes in a row, into a reroute, and where the types of input and output differ."""
    workflow = saved(
        [
            node(1, "LoadImage", {}, ("a.png", "image"), "IMAGE MASK"),
            node(2, "ImageScaleBy", {"image": 1}, ("area", 2), "IMAGE", mode=4),
            node(3, "RebatchImages", {"images": 2}, (2,), "IMAGE", mode=4),
            node(4, "Reroute", {"": 3}, (), "IMAGE"),
            node(5, "SaveImage", {"images": 4}, ("x",)),
            node(6, "ImageToMask", {"image": 5}, ("blue",), "MASK", mode=4),
            node(7, "MaskToImage", {"mask": 6}, (), "IMAGE"),
            node(8, "PreviewImage", {"images": 7}),
            node(9, "PreviewImage", {"images": 8}, mode=2),
        ],
        [
            link(1, 1, 0, 2, 0, "IMAGE"),
            link(2, 2, 0, 3, 0, "IMAGE"),
            link(3, 3, 0, 4, 0, "*"),
            link(4, 4, 0, 5, 0, "IMAGE"),
            link(5, 1, 0, 6, 0, "IMAGE"),
            link(6, 6, 0, 7, 0, "MASK"),
            link(7, 7, 0, 8, 0, "IMAGE"),
            link(8, 7, 0, 9, 0, "IMAGE"),
        ],
    )
    return workflow, {
        "1": api("LoadImage", image="a.png"),
        "5": api("SaveImage", images=["1", 0], filename_prefix="x"),
        "7": api("MaskToImage"),
        "8": api("PreviewImage", images=["7", 0]),
    }


def _buttons() -> tuple[dict[str, Any], dict[str, Any]]:
    """Fields that the page adds by itself, some of which ComfyUI is told of."""
    workflow = saved(
        [
            node(1, "LoadImageOutput", {}, ("b.png [output]", False, "refresh", "image"), "IMAGE MASK"),
            node(2, "PreviewImage", {"images": 1}),
            node(3, "SaveGLB", {"mesh": None}, ("mesh/fox", "")),
        ],
        [link(1, 1, 0, 2, 0, "IMAGE")],
    )
    return workflow, {
        "1": api("LoadImageOutput", image="b.png [output]", refresh="refresh"),
        "2": api("PreviewImage", images=["1", 0]),
        "3": api("SaveGLB", filename_prefix="mesh/fox", image=""),
    }


AGREED = {
    "text-to-image": _text_to_image(),
    "primitives": _primitives(),
    "bypassed": _bypassed_and_muted(),
    "bypasses": _bypasses(),
    "uploads": _uploads(),
    "buttons": _buttons(),
    "subgraphs": _subgraphs(),
    "group-node": _group_node(),
    "crowded-group": _crowded_group(),
}
