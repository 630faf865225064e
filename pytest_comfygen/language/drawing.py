"""The built-in graph: a picture drawn from weights files, with what a job adds to that.

Each part of it has node ids of its own, whatever else is there, so that jobs that differ in one part share the others
in ComfyUI's cache. Without any addition it is ComfyUI's default workflow, whose ids 3 to 9 are.
Source: ComfyUI nodes.py, comfy_extras/, and the workflow templates that ComfyUI distributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_comfygen.language.families import FAMILIES
from pytest_comfygen.records import (
    CheckpointRecipe,
    Graph,
    Hires,
    InputImage,
    Job,
    Model,
    Refiner,
    Scalar,
    Size,
    Transparent,
)

__all__ = ["drawn_graph", "key_of", "name_of"]

_Link = list[Any]  # ComfyUI's own: a node id and the number of its output

_FIRST_LORA = 100
_BY_NODE = "70"  # the node that finds the background
_KEYS = {
    ("3", "seed"): "seed",
    ("3", "noise_seed"): "seed",
    ("3", "steps"): "steps",
    ("3", "cfg"): "cfg",
    ("3", "sampler_name"): "sampler",
    ("3", "scheduler"): "scheduler",
    ("3", "denoise"): "denoise",
    ("3", "end_at_step"): "refiner.start",
    ("4", "ckpt_name"): "checkpoint",
    ("4", "unet_name"): "diffusion_model",
    ("5", "width"): "size",
    ("5", "height"): "size",
    ("6", "text"): "prompt",
    ("7", "text"): "negative",
    ("10", "stop_at_clip_layer"): "clip_skip",
    ("11", "vae_name"): "vae",
    ("12", "clip_name"): "text_encoders.0",
    ("12", "clip_name1"): "text_encoders.0",
    ("12", "clip_name2"): "text_encoders.1",
    ("12", "clip_name3"): "text_encoders.2",
    ("12", "type"): "family",
    ("13", "shift"): "shift",
    ("14", "guidance"): "guidance",
    ("20", "image"): "init_image",
    ("23", "image"): "mask",
    ("30", "control_net_name"): "controlnet.model",
    ("31", "image"): "controlnet.image",
    ("34", "strength"): "controlnet.strength",
    ("34", "start_percent"): "controlnet.start",
    ("34", "end_percent"): "controlnet.end",
    ("40", "upscale_method"): "hires.upscaler",
    ("42", "model_name"): "hires.upscaler",
    ("46", "steps"): "hires.steps",
    ("46", "denoise"): "hires.denoise",
    ("50", "model_name"): "upscale.model",
    ("60", "ckpt_name"): "refiner.model",
    ("63", "steps"): "steps",
    ("63", "start_at_step"): "refiner.start",
    ("9", "images"): "transparent",
    ("71", "mask"): "transparent",
    ("72", "alpha"): "transparent",
}
_LORA_KEYS = {"lora_name": "model", "strength_model": "strength", "strength_clip": "strength_clip"}
# Whole nodes that a key is answerable for.
_NODE_KEYS = {
    "12": "family",
    "13": "family",
    "14": "family",
    "30": "controlnet",
    "33": "controlnet.preprocessor",
    _BY_NODE: "transparent",
}


def drawn_graph(job: Job, recipe: CheckpointRecipe, seed: int, prefix: str) -> Graph:
    """The graph of a job without a workflow, new and free to change."""
    return _Drawing(job, recipe, seed).saved(prefix)


def key_of(node: str, name: str = "") -> str | None:
    """The key of the language behind an input of the built-in graph, as `Job.place` takes it; None when there is none.

    :param name: empty for the node itself.
    """
    number = int(node)
    if number >= _FIRST_LORA:
        entry = f"loras.{number - _FIRST_LORA}"
        return f"{entry}.{_LORA_KEYS[name]}" if name in _LORA_KEYS else entry
    if node == _BY_NODE and name:
        return f"transparent.inputs.{name}"
    return _KEYS.get((node, name)) or _NODE_KEYS.get(node)


class _Drawing:
    """A graph in the making, part by part."""

    def __init__(self, job: Job, recipe: CheckpointRecipe, seed: int) -> None:
        self._job = job
        self._recipe = recipe
        self._family = FAMILIES[recipe.family]
        self._seed = seed
        self._nodes: dict[str, dict[str, Any]] = {}

    def saved(self, prefix: str) -> Graph:
        """The finished graph."""
        recipe = self._recipe
        model, clip, vae = self._loaded()
        positive, negative = self._conditioned(clip, vae)
        latent, canvas = self._started(vae)
        sampling = {"model": model, "positive": positive, "negative": negative}
        if recipe.refiner:
            sampled = self._refined(recipe.refiner, sampling, latent)
            vae = vae if recipe.vae else ["60", 2]
        else:
            sampled = self._sampled("3", recipe.steps, recipe.denoise, sampling | {"latent_image": latent})
        if recipe.hires:
            enlarged = self._enlarged(recipe.hires, sampled, vae)
            sampled = self._sampled(
                "46", recipe.hires.steps, recipe.hires.denoise, sampling | {"latent_image": enlarged}
            )
        images = self._add("8", "VAEDecode", samples=sampled, vae=vae)
        if recipe.mask and canvas:
            images = self._kept_outside_the_mask(images, canvas)
        if recipe.upscale:
            images = self._upscaled("50", recipe.upscale.model, recipe.upscale.size, images)
        if recipe.transparent:
            images = self._made_transparent(recipe.transparent, images)
        self._add("9", "SaveImage", images=images, filename_prefix=prefix)
        return self._nodes

    def _add(self, node: str, kind: str, /, **inputs: object) -> _Link:
        """A node, and the link to its first output."""
        self._nodes[node] = {"class_type": kind, "inputs": inputs}
        return [node, 0]

    # --- what is drawn with -------------------------------------------------------------------------------------------

    def _loaded(self) -> tuple[_Link, _Link, _Link]:
        """MODEL, CLIP and VAE, with all that is laid over them."""
        recipe, main = self._recipe, self._recipe.checkpoint
        if main.key == "checkpoint":
            model = self._add("4", "CheckpointLoaderSimple", ckpt_name=main.name)
            clip, vae = ["4", 1], ["4", 2]
        else:
            model = self._add("4", "UNETLoader", unet_name=main.name, weight_dtype="default")
            clip, vae = self._text_encoders(), []
        if recipe.vae:
            vae = self._add("11", "VAELoader", vae_name=recipe.vae.name)
        for number, lora in enumerate(recipe.loras, start=_FIRST_LORA):
            strengths = {"strength_model": lora.strength, "strength_clip": lora.strength_clip}
            model = self._add(str(number), "LoraLoader", model=model, clip=clip, lora_name=lora.model.name, **strengths)
            clip = [str(number), 1]
        if recipe.clip_skip:
            clip = self._add("10", "CLIPSetLastLayer", clip=clip, stop_at_clip_layer=-recipe.clip_skip)
        if self._family.shift_node and recipe.shift is not None:
            model = self._add("13", self._family.shift_node, model=model, shift=recipe.shift)
        return model, clip, vae

    def _text_encoders(self) -> _Link:
        names = [one.name for one in self._recipe.text_encoders]
        kind = self._family.encoder_type
        match names:
            case [name]:
                return self._add("12", "CLIPLoader", clip_name=name, type=kind, device="default")
            case [first, second]:
                return self._add(
                    "12", "DualCLIPLoader", clip_name1=first, clip_name2=second, type=kind, device="default"
                )
        first, second, third = names
        return self._add("12", "TripleCLIPLoader", clip_name1=first, clip_name2=second, clip_name3=third)

    def _conditioned(self, clip: _Link, vae: _Link) -> tuple[_Link, _Link]:
        """The encoded texts."""
        job, guidance = self._job, self._recipe.guidance
        positive = self._add("6", "CLIPTextEncode", text=job.prompt, clip=clip)
        if self._family.blanks_negative and not job.negative:
            negative = self._add("7", "ConditioningZeroOut", conditioning=positive)
        else:
            negative = self._add("7", "CLIPTextEncode", text=job.negative, clip=clip)
        if guidance is not None:
            positive = self._add("14", "FluxGuidance", conditioning=positive, guidance=guidance)
        return self._controlled(positive, negative, vae) if self._recipe.controlnet else (positive, negative)

    def _controlled(self, positive: _Link, negative: _Link, vae: _Link) -> tuple[_Link, _Link]:
        control = self._recipe.controlnet
        if control is None:
            return positive, negative
        net = self._add("30", "ControlNetLoader", control_net_name=control.model.name)
        image = self._add("31", "LoadImage", image=name_of(control.image, "controlnet"))
        if control.preprocessor:
            settings: Mapping[str, Scalar] = control.settings
            image = self._add("33", control.preprocessor, **{**settings, "image": image})
        applied = self._add(
            "34",
            "ControlNetApplyAdvanced",
            positive=positive,
            negative=negative,
            control_net=net,
            image=image,
            strength=control.strength,
            start_percent=control.start,
            end_percent=control.end,
            vae=vae,
        )
        return applied, ["34", 1]

    # --- what it starts from ------------------------------------------------------------------------------------------

    def _started(self, vae: _Link) -> tuple[_Link, _Link | None]:
        """The latent image to begin with, and the picture that it was made from, if any."""
        recipe = self._recipe
        sides = {"width": recipe.size.width, "height": recipe.size.height}
        if recipe.init_image is None:
            return self._add("5", self._family.latent, **sides, batch_size=1), None
        image = self._add("20", "LoadImage", image=name_of(recipe.init_image, "init_image"))
        canvas = self._scaled("21", recipe.size, image)
        latent = self._add("22", "VAEEncode", pixels=canvas, vae=vae)
        if recipe.mask:
            image = self._add("23", "LoadImage", image=name_of(recipe.mask, "mask"))
            mask = self._add("25", "ImageToMask", image=self._scaled("24", recipe.size, image), channel="red")
            latent = self._add("26", "SetLatentNoiseMask", samples=latent, mask=mask)
        return latent, canvas

    def _kept_outside_the_mask(self, images: _Link, canvas: _Link) -> _Link:
        """The way through the VAE changes every pixel a little, also those that were to stay."""
        place = {"x": 0, "y": 0, "resize_source": False}
        return self._add("27", "ImageCompositeMasked", destination=canvas, source=images, mask=["25", 0], **place)

    # --- how it is drawn ----------------------------------------------------------------------------------------------

    def _sampled(self, node: str, steps: int, denoise: float, links: Mapping[str, _Link]) -> _Link:
        recipe = self._recipe
        return self._add(
            node,
            "KSampler",
            seed=self._seed,
            steps=steps,
            cfg=recipe.cfg,
            sampler_name=recipe.sampler,
            scheduler=recipe.scheduler,
            denoise=denoise,
            **links,
        )

    def _refined(self, refiner: Refiner, sampling: Mapping[str, _Link], latent: _Link) -> _Link:
        """The steps shared out between two models; the second has the text in its own encoding."""
        steps, denoise = self._recipe.steps, self._recipe.denoise
        # A sampler that draws only a part anew takes the last steps of a longer walk. Source: ComfyUI samplers.py.
        total = steps if denoise > 0.9999 else int(steps / denoise)  # noqa: PLR2004  # ComfyUI's bound
        first = total - steps
        handover = first + min(max(round(steps * refiner.start), 1), steps - 1)
        loaded = self._add("60", "CheckpointLoaderSimple", ckpt_name=refiner.model.name)
        own = {
            "model": loaded,
            "positive": self._add("61", "CLIPTextEncode", text=self._job.prompt, clip=["60", 1]),
            "negative": self._add("62", "CLIPTextEncode", text=self._job.negative, clip=["60", 1]),
        }
        begun = self._sampled_part("3", total, (first, handover), {**sampling, "latent_image": latent}, is_last=False)
        return self._sampled_part("63", total, (handover, 10_000), {**own, "latent_image": begun}, is_last=True)

    def _sampled_part(
        self, node: str, total: int, part: tuple[int, int], links: Mapping[str, _Link], *, is_last: bool
    ) -> _Link:
        """Some of the steps: the first ones add the noise, the last ones leave none."""
        recipe = self._recipe
        return self._add(
            node,
            "KSamplerAdvanced",
            add_noise="disable" if is_last else "enable",
            noise_seed=0 if is_last else self._seed,
            steps=total,
            cfg=recipe.cfg,
            sampler_name=recipe.sampler,
            scheduler=recipe.scheduler,
            start_at_step=part[0],
            end_at_step=part[1],
            return_with_leftover_noise="disable" if is_last else "enable",
            **links,
        )

    def _made_transparent(self, by: Transparent, images: _Link) -> _Link:
        """The picture with what the node found as its alpha; to ComfyUI, a mask is white where nothing stays."""
        settings: Mapping[str, Scalar] = by.settings
        self._add(_BY_NODE, by.node, **{**settings, by.takes: images})
        found: _Link = [_BY_NODE, by.output]
        if by.gives == "image":
            return found
        gone = self._add("71", "InvertMask", mask=found) if by.gives == "mask" else found
        return self._add("72", "JoinImageWithAlpha", image=images, alpha=gone)

    def _enlarged(self, hires: Hires, latent: _Link, vae: _Link) -> _Link:
        """The latent image at the size of the second pass: itself, or the way round by its picture."""
        if isinstance(hires.upscaler, Model):
            images = self._add("41", "VAEDecode", samples=latent, vae=vae)
            return self._add(
                "45", "VAEEncode", pixels=self._upscaled("42", hires.upscaler, hires.size, images), vae=vae
            )
        sides = {"width": hires.size.width, "height": hires.size.height}
        return self._add("40", "LatentUpscale", samples=latent, upscale_method=hires.upscaler, **sides, crop="disabled")

    def _upscaled(self, node: str, model: Model, size: Size, images: _Link) -> _Link:
        """The picture enlarged by a model, whose factor only the model knows, and brought to its size."""
        first = int(node)
        loaded = self._add(node, "UpscaleModelLoader", model_name=model.name)
        larger = self._add(str(first + 1), "ImageUpscaleWithModel", upscale_model=loaded, image=images)
        return self._scaled(str(first + 2), size, larger)

    def _scaled(self, node: str, size: Size, images: _Link) -> _Link:
        """The picture at exactly this size, cut around its middle where the proportions differ."""
        sides = {"width": size.width, "height": size.height}
        return self._add(node, "ImageScale", image=images, upscale_method="lanczos", **sides, crop="center")


def name_of(image: InputImage, key: str) -> str:
    """What an input is called on the server; a name that only shows what it is until it was sent there."""
    return image.name or f"{key}{image.file.suffix.lower()}"
