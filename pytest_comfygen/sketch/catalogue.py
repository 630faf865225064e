"""The node classes that the stand-in has, and their inputs as `/object_info` shows them.

Names, types, limits and choices are ComfyUI's. Source: `/object_info` of ComfyUI 0.3.64. Its prose is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from pytest_comfygen.sketch import actions
from pytest_comfygen.sketch.kind_nodes import KIND_NODES, loaders, picture_loaders
from pytest_comfygen.sketch.media_nodes import MEDIA_NODES, load_audio
from pytest_comfygen.sketch.node_class import Input, NodeClass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_comfygen.sketch.files import Folders

Catalogue: TypeAlias = "Mapping[str, NodeClass]"

WEIGHTS_SUFFIXES = (".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft")

SAMPLERS = [
    "euler",
    "euler_cfg_pp",
    "euler_ancestral",
    "euler_ancestral_cfg_pp",
    "heun",
    "heunpp2",
    "dpm_2",
    "dpm_2_ancestral",
    "lms",
    "dpm_fast",
    "dpm_adaptive",
    "dpmpp_2s_ancestral",
    "dpmpp_2s_ancestral_cfg_pp",
    "dpmpp_sde",
    "dpmpp_sde_gpu",
    "dpmpp_2m",
    "dpmpp_2m_cfg_pp",
    "dpmpp_2m_sde",
    "dpmpp_2m_sde_gpu",
    "dpmpp_2m_sde_heun",
    "dpmpp_2m_sde_heun_gpu",
    "dpmpp_3m_sde",
    "dpmpp_3m_sde_gpu",
    "ddpm",
    "lcm",
    "ipndm",
    "ipndm_v",
    "deis",
    "res_multistep",
    "res_multistep_cfg_pp",
    "res_multistep_ancestral",
    "res_multistep_ancestral_cfg_pp",
    "gradient_estimation",
    "gradient_estimation_cfg_pp",
    "er_sde",
    "seeds_2",
    "seeds_3",
    "sa_solver",
    "sa_solver_pece",
    "ddim",
    "uni_pc",
    "uni_pc_bh2",
]
SCHEDULERS = [
    "simple",
    "sgm_uniform",
    "karras",
    "exponential",
    "ddim_uniform",
    "beta",
    "normal",
    "linear_quadratic",
    "kl_optimal",
]


class AnyWeights(list[str]):
    """A list of model names that also holds every name it does not list, when it ends like a weights file."""

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (isinstance(name, str) and name.lower().endswith(WEIGHTS_SUFFIXES))


def node_classes(checkpoints: Sequence[str], *, any_model: bool, folders: Folders | None = None) -> Catalogue:
    """All node classes by name.

    :param checkpoints: the model names to list.
    :param any_model: accept other model names, too.
    :param folders: where pictures to load are; None to take every name for one that is there.
    """
    names = (AnyWeights if any_model else list)(sorted(checkpoints))
    others = loaders(AnyWeights() if any_model else [])
    ours = (_checkpoint_loader(names), *_MODEL_NODES, *_IMAGE_NODES, *_TEXT_NODES, *others, *KIND_NODES, *MEDIA_NODES)
    return {node.name: node for node in (*ours, *picture_loaders(folders), load_audio(folders))}


def _integer(default: int, low: int, high: int, step: int | None = 1, **more: object) -> Input:
    return "INT", {"default": default, "min": low, "max": high, **({"step": step} if step else {}), **more}


def _number(default: float, low: float, high: float, step: float, **more: object) -> Input:
    return "FLOAT", {"default": default, "min": low, "max": high, "step": step, **more}


def _side(low: int, step: int, default: int = 512) -> Input:
    return _integer(default, low, 16384, step)


_SEED = _integer(0, 0, 2**64 - 1, None, control_after_generate=True)
_BATCH = _integer(1, 1, 4096, None)
_SCALING = (["nearest-exact", "bilinear", "area", "bicubic", "lanczos"],)
_TEXT = ("STRING", {"multiline": True})
_ONE_LINE = {"multiline": False}


def _checkpoint_loader(checkpoints: list[str]) -> NodeClass:
    return NodeClass(
        name="CheckpointLoaderSimple",
        run=actions.load_checkpoint,
        inputs={"ckpt_name": (checkpoints, {})},
        outputs=("MODEL", "CLIP", "VAE"),
        display_name="Load Checkpoint",
        category="loaders",
    )


def _image_node(  # noqa: PLR0913  # a row of a table
    name: str,
    run: actions.Action,
    inputs: Mapping[str, Input],
    *,
    display_name: str | None = None,
    category: str = "image",
    module: str = "nodes",
) -> NodeClass:
    return NodeClass(
        name=name,
        run=run,
        inputs=inputs,
        outputs=("IMAGE",),
        display_name=display_name or name,
        category=category,
        module=module,
    )


_LATENT_SIDES = {"width": _side(16, 8), "height": _side(16, 8), "batch_size": _BATCH}
_SD3_SIDES = {"width": _side(16, 16, 1024), "height": _side(16, 16, 1024), "batch_size": _BATCH}
_SAMPLING: dict[str, Input] = {
    "model": ("MODEL", {}),
    "seed": _SEED,
    "steps": _integer(20, 1, 10000, None),
    "cfg": _number(8.0, 0.0, 100.0, 0.1, round=0.01),
    "sampler_name": (SAMPLERS, {}),
    "scheduler": (SCHEDULERS, {}),
    "positive": ("CONDITIONING", {}),
    "negative": ("CONDITIONING", {}),
    "latent_image": ("LATENT", {}),
    "denoise": _number(1.0, 0.0, 1.0, 0.01),
}
_PART: dict[str, Input] = {
    "model": ("MODEL",),
    "add_noise": (["enable", "disable"],),
    "noise_seed": _SEED,
    "steps": _integer(20, 1, 10000, None),
    "cfg": _number(8.0, 0.0, 100.0, 0.1, round=0.01),
    "sampler_name": (SAMPLERS,),
    "scheduler": (SCHEDULERS,),
    "positive": ("CONDITIONING",),
    "negative": ("CONDITIONING",),
    "latent_image": ("LATENT",),
    "start_at_step": _integer(0, 0, 10000, None),
    "end_at_step": _integer(10000, 0, 10000, None),
    "return_with_leftover_noise": (["disable", "enable"],),
}
_MODEL_NODES = (
    NodeClass(
        name="CLIPTextEncode",
        run=actions.encode_text,
        inputs={"text": ("STRING", {"multiline": True, "dynamicPrompts": True}), "clip": ("CLIP", {})},
        outputs=("CONDITIONING",),
        display_name="CLIP Text Encode (Prompt)",
        category="conditioning",
    ),
    NodeClass(
        name="CLIPSetLastLayer",
        run=actions.set_last_layer,
        inputs={"clip": ("CLIP",), "stop_at_clip_layer": _integer(-1, -24, -1)},
        outputs=("CLIP",),
        display_name="CLIP Set Last Layer",
        category="conditioning",
    ),
    NodeClass(
        name="EmptyLatentImage",
        run=actions.empty_latent,
        inputs=_LATENT_SIDES,
        outputs=("LATENT",),
        display_name="Empty Latent Image",
        category="latent",
    ),
    NodeClass(
        name="EmptySD3LatentImage",
        run=actions.empty_latent,
        inputs=_SD3_SIDES,
        outputs=["LATENT"],
        display_name=None,
        category="latent/sd3",
        module="comfy_extras.nodes_sd3",
        modern=True,
    ),
    NodeClass(
        name="KSampler",
        run=actions.sample,
        inputs=_SAMPLING,
        outputs=("LATENT",),
        display_name="KSampler",
        category="sampling",
        steps=lambda inputs: int(inputs["steps"]),
        reports_steps=True,
    ),
    NodeClass(
        name="KSamplerAdvanced",
        run=actions.sample_part,
        inputs=_PART,
        outputs=("LATENT",),
        display_name="KSampler (Advanced)",
        category="sampling",
        steps=lambda inputs: max(0, min(int(inputs["steps"]), inputs["end_at_step"]) - int(inputs["start_at_step"])),
        reports_steps=True,
    ),
    NodeClass(
        name="VAEDecode",
        run=actions.decode,
        inputs={"samples": ("LATENT", {}), "vae": ("VAE", {})},
        outputs=("IMAGE",),
        display_name="VAE Decode",
        category="latent",
    ),
)

_EMPTY_IMAGE: dict[str, Input] = {
    "width": _side(1, 1),
    "height": _side(1, 1),
    "batch_size": _BATCH,
    "color": _integer(0, 0, 0xFFFFFF, display="color"),
}
_SCALE: dict[str, Input] = {"width": _side(0, 1), "height": _side(0, 1), "crop": (["disabled", "center"],)}
_BLUR: dict[str, Input] = {
    "image": ("IMAGE", {}),
    "blur_radius": _integer(1, 1, 31),
    "sigma": _number(1.0, 0.1, 10.0, 0.1),
}
_IMAGE_NODES = (
    _image_node("EmptyImage", actions.empty_image, _EMPTY_IMAGE),
    _image_node(
        "ImageAddNoise",
        actions.add_noise,
        {"image": ("IMAGE",), "seed": _SEED, "strength": _number(0.5, 0.0, 1.0, 0.01)},
        module="comfy_extras.nodes_images",
    ),
    NodeClass(
        name="ImageBlur",
        run=actions.blur,
        inputs=_BLUR,
        outputs=["IMAGE"],
        display_name=None,
        category="image/postprocessing",
        module="comfy_extras.nodes_post_processing",
        modern=True,
        steps=lambda _: 1,
    ),
    _image_node("ImageInvert", actions.invert, {"image": ("IMAGE",)}, display_name="Invert Image"),
    _image_node(
        "ImageScale",
        actions.scale,
        {"image": ("IMAGE",), "upscale_method": _SCALING, **_SCALE},
        display_name="Upscale Image",
        category="image/upscaling",
    ),
    _image_node(
        "ImageScaleBy",
        actions.scale_by,
        {"image": ("IMAGE",), "upscale_method": _SCALING, "scale_by": _number(1.0, 0.01, 8.0, 0.01)},
        display_name="Upscale Image By",
        category="image/upscaling",
    ),
    NodeClass(
        name="SaveImage",
        run=actions.save,
        inputs={"images": ("IMAGE", {}), "filename_prefix": ("STRING", {"default": "ComfyUI"})},
        display_name="Save Image",
        category="image",
        output_node=True,
    ),
    NodeClass(
        name="PreviewImage",
        run=actions.preview,
        inputs={"images": ("IMAGE",)},
        display_name="Preview Image",
        category="image",
        output_node=True,
    ),
)

_TWO_TEXTS: dict[str, Input] = {
    "string_a": _TEXT,
    "string_b": _TEXT,
    "delimiter": ("STRING", {"default": "", **_ONE_LINE}),
}
_TEXT_NODES = (
    NodeClass(
        name="StringLength",
        run=actions.length,
        inputs={"string": _TEXT},
        outputs=["INT"],
        output_names=["length"],
        display_name="Length",
        category="utils/string",
        module="comfy_extras.nodes_string",
        modern=True,
    ),
    NodeClass(
        name="StringConcatenate",
        run=actions.concatenate,
        inputs=_TWO_TEXTS,
        outputs=["STRING"],
        display_name="Concatenate",
        category="utils/string",
        module="comfy_extras.nodes_string",
        modern=True,
    ),
    NodeClass(
        name="PrimitiveString",
        run=actions.constant,
        inputs={"value": ("STRING", _ONE_LINE)},
        outputs=["STRING"],
        display_name="String",
        category="utils/primitive",
        module="comfy_extras.nodes_primitive",
        modern=True,
    ),
    NodeClass(
        name="PrimitiveStringMultiline",
        run=actions.constant,
        inputs={"value": _TEXT},
        outputs=["STRING"],
        display_name="String (Multiline)",
        category="utils/primitive",
        module="comfy_extras.nodes_primitive",
        modern=True,
    ),
)
