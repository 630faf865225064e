"""The node classes of further kinds of generation, as `/object_info` shows them.

Source: `/object_info` of ComfyUI 0.3.64. Its prose is left out.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_comfygen.sketch import actions, kinds
from pytest_comfygen.sketch.node_class import Input, NodeClass

if TYPE_CHECKING:
    from pytest_comfygen.sketch.files import Folders

_IMAGE: Input = ("IMAGE",)
_TYPES = {
    "CLIPLoader": [
        *("stable_diffusion", "stable_cascade", "sd3", "stable_audio", "mochi", "ltxv", "pixart", "cosmos"),
        *("lumina2", "wan", "hidream", "chroma", "ace", "omnigen2", "qwen_image", "hunyuan_image"),
    ],
    "DualCLIPLoader": ["sdxl", "sd3", "flux", "hunyuan_video", "hidream", "hunyuan_image"],
}


def _number(default: float, low: float, high: float, step: float) -> Input:
    return "FLOAT", {"default": default, "min": low, "max": high, "step": step}


def _node(  # noqa: PLR0913  # a row of a table
    name: str,
    run: actions.Action,
    inputs: Mapping[str, Input],
    outputs: Sequence[str],
    *,
    display_name: str | None,
    category: str,
    module: str = "nodes",
    modern: bool = False,
    optional: Mapping[str, Input] | None = None,
    output_names: Sequence[str] | None = None,
) -> NodeClass:
    return NodeClass(
        name=name,
        run=run,
        inputs=inputs,
        optional=optional or {},
        outputs=outputs,
        output_names=output_names,
        display_name=display_name,
        category=category,
        module=module,
        modern=modern,
    )


def loaders(names: list[str]) -> tuple[NodeClass, ...]:
    """The nodes that load weights files other than checkpoints.

    :param names: those that they list and accept.
    """
    vaes = type(names)(["pixel_space"])  # which ComfyUI has without a file
    dtype: Input = (["default", "fp8_e4m3fn", "fp8_e4m3fn_fast", "fp8_e5m2"],)
    unet: dict[str, Input] = {"unet_name": (names,), "weight_dtype": dtype}
    lora: dict[str, Input] = {"model": ("MODEL", {}), "clip": ("CLIP", {}), "lora_name": (names, {})}
    strengths = dict.fromkeys(("strength_model", "strength_clip"), _number(1.0, -100.0, 100.0, 0.01))
    net: dict[str, Input] = {"control_net_name": (names,)}
    load = kinds.load_model
    return (
        *_text_encoder_loaders(names),
        _node("UNETLoader", load, unet, ("MODEL",), display_name="Load Diffusion Model", category="advanced/loaders"),
        _node("VAELoader", load, {"vae_name": (vaes,)}, ("VAE",), display_name="Load VAE", category="loaders"),
        _node(
            "LoraLoader",
            kinds.lay_lora_over,
            {**lora, **strengths},
            ("MODEL", "CLIP"),
            display_name="Load LoRA",
            category="loaders",
        ),
        _node(
            "ControlNetLoader",
            load,
            net,
            ("CONTROL_NET",),
            display_name="Load ControlNet Model",
            category="loaders",
        ),
        _node(
            "UpscaleModelLoader",
            load,
            {"model_name": _combo(names)},
            ["UPSCALE_MODEL"],
            display_name="Load Upscale Model",
            category="loaders",
            module="comfy_extras.nodes_upscale_model",
            modern=True,
        ),
    )


def _text_encoder_loaders(names: list[str]) -> tuple[NodeClass, ...]:
    load, place = kinds.load_model, "advanced/loaders"
    device: Mapping[str, Input] = {"device": (["default", "cpu"], {"advanced": True})}
    one: dict[str, Input] = {"clip_name": (names,), "type": (_TYPES["CLIPLoader"],)}
    two: dict[str, Input] = {"clip_name1": (names,), "clip_name2": (names,), "type": (_TYPES["DualCLIPLoader"],)}
    three = dict.fromkeys(("clip_name1", "clip_name2", "clip_name3"), _combo(names))
    dual, sd3 = "DualCLIPLoader", "comfy_extras.nodes_sd3"
    return (
        _node("CLIPLoader", load, one, ("CLIP",), display_name="Load CLIP", category=place, optional=device),
        _node(dual, load, two, ("CLIP",), display_name=dual, category=place, optional=device),
        _node("TripleCLIPLoader", load, three, ["CLIP"], display_name=None, category=place, module=sd3, modern=True),
    )


def _combo(names: list[str]) -> Input:
    return "COMBO", {"multiselect": False, "options": names}


_CONTROL: dict[str, Input] = {
    "positive": ("CONDITIONING",),
    "negative": ("CONDITIONING",),
    "control_net": ("CONTROL_NET",),
    "image": _IMAGE,
    "strength": _number(1.0, 0.0, 10.0, 0.01),
    "start_percent": _number(0.0, 0.0, 1.0, 0.001),
    "end_percent": _number(1.0, 0.0, 1.0, 0.001),
}
_PLACE: Input = ("INT", {"default": 0, "min": 0, "max": 16384, "step": 1})
_COMPOSITE: dict[str, Input] = {
    "destination": _IMAGE,
    "source": _IMAGE,
    "x": _PLACE,
    "y": _PLACE,
    "resize_source": ("BOOLEAN", {"default": False}),
}
_SIDE: Input = ("INT", {"default": 512, "min": 0, "max": 16384, "step": 8})
_LARGER: dict[str, Input] = {
    "samples": ("LATENT",),
    "upscale_method": (["nearest-exact", "bilinear", "area", "bicubic", "bislerp"],),
    "width": _SIDE,
    "height": _SIDE,
    "crop": (["disabled", "center"],),
}
_EDGES: dict[str, Input] = {
    "image": ("IMAGE", {}),
    "low_threshold": _number(0.4, 0.01, 0.99, 0.01),
    "high_threshold": _number(0.8, 0.01, 0.99, 0.01),
}


def _shift_node(name: str, shift: float) -> NodeClass:
    return _node(
        name,
        kinds.shift_schedule,
        {"model": ("MODEL",), "shift": _number(shift, 0.0, 100.0, 0.01)},
        ("MODEL",),
        display_name=name,
        category="advanced/model",
        module="comfy_extras.nodes_model_advanced",
    )


KIND_NODES = (
    _shift_node("ModelSamplingSD3", 3.0),
    _shift_node("ModelSamplingAuraFlow", 1.73),
    _node(
        "ConditioningZeroOut",
        kinds.blank,
        {"conditioning": ("CONDITIONING",)},
        ("CONDITIONING",),
        display_name="ConditioningZeroOut",
        category="advanced/conditioning",
    ),
    _node(
        "FluxGuidance",
        kinds.guide,
        {"conditioning": ("CONDITIONING", {}), "guidance": _number(3.5, 0.0, 100.0, 0.1)},
        ["CONDITIONING"],
        display_name=None,
        category="advanced/conditioning/flux",
        module="comfy_extras.nodes_flux",
        modern=True,
    ),
    _node(
        "ControlNetApplyAdvanced",
        kinds.control,
        _CONTROL,
        ("CONDITIONING", "CONDITIONING"),
        display_name="Apply ControlNet",
        category="conditioning/controlnet",
        optional={"vae": ("VAE",)},
        output_names=("positive", "negative"),
    ),
    _node(
        "ImageToMask",
        kinds.image_to_mask,
        {"image": _IMAGE, "channel": (["red", "green", "blue", "alpha"],)},
        ("MASK",),
        display_name="Convert Image to Mask",
        category="mask",
        module="comfy_extras.nodes_mask",
    ),
    _node(
        "ImageColorToMask",
        kinds.colour_to_mask,
        {"image": _IMAGE, "color": ("INT", {"default": 0, "min": 0, "max": 0xFFFFFF, "step": 1, "display": "color"})},
        ("MASK",),
        display_name="ImageColorToMask",
        category="mask",
        module="comfy_extras.nodes_mask",
    ),
    _node(
        "InvertMask",
        actions.invert_mask,
        {"mask": ("MASK",)},
        ("MASK",),
        display_name="InvertMask",
        category="mask",
        module="comfy_extras.nodes_mask",
    ),
    _node(
        "JoinImageWithAlpha",
        kinds.join_alpha,
        {"image": ("IMAGE", {}), "alpha": ("MASK", {})},
        ["IMAGE"],
        display_name="Join Image with Alpha",
        category="mask/compositing",
        module="comfy_extras.nodes_compositing",
        modern=True,
    ),
    _node(
        "ImageCompositeMasked",
        kinds.composite,
        _COMPOSITE,
        ("IMAGE",),
        display_name="ImageCompositeMasked",
        category="image",
        module="comfy_extras.nodes_mask",
        optional={"mask": ("MASK",)},
    ),
    _node(
        "Canny",
        kinds.find_edges,
        _EDGES,
        ["IMAGE"],
        display_name=None,
        category="image/preprocessors",
        module="comfy_extras.nodes_canny",
        modern=True,
    ),
    _node(
        "ImageUpscaleWithModel",
        kinds.enlarge_with_model,
        {"upscale_model": ("UPSCALE_MODEL", {}), "image": ("IMAGE", {})},
        ["IMAGE"],
        display_name="Upscale Image (using Model)",
        category="image/upscaling",
        module="comfy_extras.nodes_upscale_model",
        modern=True,
    ),
    _node(
        "VAEEncode",
        kinds.encode_pixels,
        {"pixels": _IMAGE, "vae": ("VAE",)},
        ("LATENT",),
        display_name="VAE Encode",
        category="latent",
    ),
    _node(
        "SetLatentNoiseMask",
        kinds.mask_latent,
        {"samples": ("LATENT",), "mask": ("MASK",)},
        ("LATENT",),
        display_name="Set Latent Noise Mask",
        category="latent/inpaint",
    ),
    _node(
        "LatentUpscale",
        kinds.enlarge_latent,
        _LARGER,
        ("LATENT",),
        display_name="Upscale Latent",
        category="latent",
    ),
)


def picture_loaders(folders: Folders | None) -> tuple[NodeClass, ...]:
    """The nodes that load what was uploaded.

    :param folders: whose input/ they list; None to take every name for one that is there.
    """
    files = folders.inputs() if folders else []
    pictures = [name for name in files if (mimetypes.guess_type(name)[0] or "").startswith("image/")]

    def refuse(name: object) -> str | None:
        is_there = folders is None or folders.find_input(str(name)) is not None
        return None if is_there else f"Invalid image file: {name}"

    def loader(name: str, run: actions.Action, inputs: Mapping[str, Input], outputs: Sequence[str]) -> NodeClass:
        shown, place = {"LoadImage": ("Load Image", "image")}.get(name, ("Load Image (as Mask)", "mask"))
        made = _node(name, run, inputs, outputs, display_name=shown, category=place)
        return replace(made, checks={"image": refuse})

    upload = {"image_upload": True}
    return (
        loader("LoadImage", kinds.load_image, {"image": (pictures, upload)}, ("IMAGE", "MASK")),
        loader(
            "LoadImageMask",
            kinds.load_mask,
            {"image": (files, upload), "channel": (["alpha", "red", "green", "blue"],)},
            ("MASK",),
        ),
    )
