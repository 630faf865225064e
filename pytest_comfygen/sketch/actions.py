"""What each kind of node does when it runs.

An action takes the bench and the node's inputs by name. It runs in a thread of its own, one at a time.
"""

from __future__ import annotations

import json
import random
import string
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from PIL import Image, ImageChops, ImageFilter
from PIL.PngImagePlugin import PngInfo

from pytest_comfygen.sketch.files import save_place
from pytest_comfygen.sketch.values import Checkpoint, Conditioning, Latent, Pictures, Sampling

if TYPE_CHECKING:
    from pytest_comfygen.sketch.files import Folders, SavePlace
    from pytest_comfygen.sketch.paint import Painter


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What an action may use besides its inputs."""

    folders: Folders
    painter: Painter


@dataclass(frozen=True, slots=True)
class Made:
    """What a node made.

    :param values: one for each of the node's outputs.
    :param ui: what an output node shows to clients; empty for the others.
    """

    values: tuple[object, ...] = ()
    ui: Mapping[str, Any] = field(default_factory=dict)


Action: TypeAlias = Callable[..., Made]

# Compression of the PNG files. Source: ComfyUI nodes.py SaveImage, PreviewImage.
_SAVED, _PREVIEWED = 4, 1
_LATENT_PIXEL = 8
_FILTERS = {
    "nearest-exact": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


# --- the way of a checkpoint's picture ------------------------------------------------------------------------------


def load_checkpoint(_: Bench, ckpt_name: str) -> Made:
    """MODEL, CLIP and VAE of a checkpoint."""
    return Made((Checkpoint(ckpt_name),) * 3)


def encode_text(_: Bench, text: str, clip: Checkpoint) -> Made:
    """A text as conditioning, with what was done to the CLIP."""
    return Made((Conditioning(text, clip.notes),))


def set_last_layer(_: Bench, clip: Checkpoint, stop_at_clip_layer: int) -> Made:
    """A CLIP that remembers where it is left."""
    return Made((replace(clip, notes=(*clip.notes, str(stop_at_clip_layer))),))


def empty_latent(_: Bench, width: int, height: int, batch_size: int) -> Made:
    """Empty latents; sides shrink to a multiple of 8 pixels, as a latent's do."""
    width, height = (side // _LATENT_PIXEL * _LATENT_PIXEL for side in (width, height))
    return Made((Latent(width, height, batch_size),))


def sample(  # noqa: PLR0913, PLR0917  # KSampler's inputs
    _: Bench,
    model: Checkpoint,
    seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    denoise: float = 1.0,
) -> Made:
    """The latents, with all that shapes their picture."""
    sampling = Sampling(
        seed=seed,
        positive=positive.text,
        negative=negative.text,
        checkpoint=" ".join(filter(None, (model.name, *model.notes, *positive.hints, latent_image.origin))),
        steps=steps,
        cfg=cfg,
        sampler=sampler_name,
        scheduler=scheduler,
        denoise=denoise,
    )
    return Made((Latent(latent_image.width, latent_image.height, latent_image.batch, sampling),))


def sample_part(  # noqa: PLR0913, PLR0917  # KSamplerAdvanced's inputs
    bench: Bench,
    model: Checkpoint,
    add_noise: str,
    noise_seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    start_at_step: int,
    end_at_step: int,
    return_with_leftover_noise: str,
) -> Made:
    """As `sample`, for some of the steps; what goes on with a picture remembers how that one was begun."""
    begun = "" if latent_image.sampling is None else f" {latent_image.sampling}"
    part = f"{start_at_step}-{min(end_at_step, steps)} {add_noise} {return_with_leftover_noise}"
    latent = replace(latent_image, origin=f"{latent_image.origin} {part}{begun}".strip())
    return sample(bench, model, noise_seed, steps, cfg, sampler_name, scheduler, positive, negative, latent)


def decode(bench: Bench, samples: Latent, vae: Checkpoint) -> Made:  # noqa: ARG001  # as ComfyUI's node takes it
    """The pictures of sampled latents."""
    size = (samples.width, samples.height)
    return Made((tuple(bench.painter.paint(samples.sampling, size, index) for index in range(samples.batch)),))


# --- pictures without a model ----------------------------------------------------------------------------------------


def empty_image(_: Bench, width: int, height: int, batch_size: int = 1, color: int = 0) -> Made:
    """Pictures of one colour, 0xRRGGBB."""
    rgb = (color >> 16 & 0xFF, color >> 8 & 0xFF, color & 0xFF)
    return Made(((Image.new("RGB", (width, height), rgb),) * batch_size,))


def add_noise(_: Bench, image: Pictures, seed: int, strength: float) -> Made:
    """The pictures with noise that depends on the seed alone."""
    chance = random.Random(seed)  # noqa: S311  # noise in a picture is no cryptography
    return Made((tuple(_noisy(picture, chance, strength) for picture in image),))


def _noisy(picture: Image.Image, chance: random.Random, strength: float) -> Image.Image:
    noise = Image.frombytes("RGB", picture.size, chance.randbytes(3 * picture.width * picture.height))
    # Noise around 128, its spread scaled; adding takes the 128 away again and clips.
    spread = noise.point([round(128 + 2 * strength * (level - 128)) for level in range(256)] * 3)
    return ImageChops.add(picture, spread, offset=-128)


def blur(_: Bench, image: Pictures, blur_radius: int, sigma: float) -> Made:
    """The pictures, softened."""
    soft = ImageFilter.GaussianBlur(min(sigma, blur_radius))
    return Made((tuple(picture.filter(soft) for picture in image),))


def invert(_: Bench, image: Pictures) -> Made:
    """The pictures as negatives."""
    return Made((tuple(ImageChops.invert(picture) for picture in image),))


def invert_mask(bench: Bench, mask: Pictures) -> Made:
    """The masks with black and white exchanged."""
    return invert(bench, mask)


def scale(_: Bench, image: Pictures, upscale_method: str, width: int, height: int, crop: str) -> Made:
    """The pictures at another size; a side of 0 keeps the proportions, two of them the picture."""
    old_width, old_height = image[0].size
    width = width or (max(1, round(old_width * height / old_height)) if height else old_width)
    height = height or max(1, round(old_height * width / old_width))
    box = _centre(image[0].size, (width, height)) if crop == "center" else None
    return Made((tuple(picture.resize((width, height), _FILTERS[upscale_method], box) for picture in image),))


def _centre(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[float, float, float, float]:
    """The largest box in the middle of `size` that has the proportions of `wanted`."""
    (width, height), aspect = size, wanted[0] / wanted[1]
    across = max(0, (width - height * aspect) / 2)
    down = max(0, (height - width / aspect) / 2)
    return across, down, width - across, height - down


def scale_by(_: Bench, image: Pictures, upscale_method: str, scale_by: float) -> Made:
    """The pictures, larger or smaller by a factor."""
    width, height = (round(side * scale_by) for side in image[0].size)
    return Made((tuple(picture.resize((width, height), _FILTERS[upscale_method]) for picture in image),))


# --- text ------------------------------------------------------------------------------------------------------------


def length(_: Bench, string: str) -> Made:
    """The number of characters."""
    return Made((len(string),))


def concatenate(_: Bench, string_a: str, string_b: str, delimiter: str) -> Made:
    """Two texts joined."""
    return Made((delimiter.join((string_a, string_b)),))


def constant(_: Bench, value: object) -> Made:
    """The value itself."""
    return Made((value,))


# --- files -----------------------------------------------------------------------------------------------------------


def save(
    bench: Bench,
    images: Pictures,
    filename_prefix: str = "ComfyUI",
    prompt: object = None,
    extra_pnginfo: Mapping[str, object] | None = None,
) -> Made:
    """The pictures as files in output/."""
    place = save_place(bench.folders.root / "output", filename_prefix, images[0].size, time.localtime)
    _write(bench.painter, images, place, pnginfo=_metadata(prompt, extra_pnginfo), compress_level=_SAVED)
    return _shown(place, len(images), "output")


def preview(
    bench: Bench, images: Pictures, prompt: object = None, extra_pnginfo: Mapping[str, object] | None = None
) -> Made:
    """The pictures as files in temp/, under a name that nothing else has."""
    letters = "".join(random.choices(string.ascii_lowercase, k=5))  # noqa: S311  # a name, no secret
    place = save_place(bench.folders.root / "temp", f"ComfyUI_temp_{letters}", images[0].size, time.localtime)
    _write(bench.painter, images, place, pnginfo=_metadata(prompt, extra_pnginfo), compress_level=_PREVIEWED)
    return _shown(place, len(images), "temp")


def _metadata(prompt: object, extra_pnginfo: Mapping[str, object] | None) -> PngInfo:
    chunks = PngInfo()
    for key, value in {"prompt": prompt, **(extra_pnginfo or {})}.items():
        chunks.add_text(key, json.dumps(value))
    return chunks


def _write(painter: Painter, images: Pictures, place: SavePlace, *, pnginfo: PngInfo, compress_level: int) -> None:
    for index, picture in enumerate(images):
        file = place.folder / place.file_name(index)
        painter.stamp(picture).save(file, pnginfo=pnginfo, compress_level=compress_level)


def _shown(place: SavePlace, count: int, kind: str) -> Made:
    files = [{"filename": place.file_name(index), "subfolder": place.subfolder, "type": kind} for index in range(count)]
    return Made(ui={"images": files})
