"""What the nodes of further kinds of generation do here: LoRAs, pictures to start from, ControlNets, upscale models.

Nothing is loaded; what a node would change, it notes on what it passes on, so that other values give another picture.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageOps

from pytest_comfygen.sketch.actions import Bench, Made
from pytest_comfygen.sketch.values import Checkpoint, Conditioning, Latent, Pictures

if TYPE_CHECKING:
    from pathlib import Path

_FACTOR = 4  # of an upscale model, as most have it
_LATENT_PIXEL = 8


# --- models ----------------------------------------------------------------------------------------------------------


def load_model(_: Bench, **names: object) -> Made:
    """A model, by the values that name it."""
    return Made((Checkpoint(" ".join(map(str, names.values()))),))


def lay_lora_over(  # LoraLoader's inputs
    _: Bench, model: Checkpoint, clip: Checkpoint, lora_name: str, strength_model: float, strength_clip: float
) -> Made:
    """MODEL and CLIP that remember the LoRA."""
    return Made((_noted(model, lora_name, strength_model), _noted(clip, lora_name, strength_clip)))


def shift_schedule(_: Bench, model: Checkpoint, shift: float) -> Made:
    """A MODEL that remembers the shift."""
    return Made((_noted(model, "shift", shift),))


def _noted(model: Checkpoint, *notes: object) -> Checkpoint:
    return replace(model, notes=(*model.notes, " ".join(map(str, notes))))


# --- conditioning ----------------------------------------------------------------------------------------------------


def blank(_: Bench, conditioning: Conditioning) -> Made:  # noqa: ARG001  # whatever it was, it is nothing now
    """The conditioning of no text."""
    return Made((Conditioning(""),))


def guide(_: Bench, conditioning: Conditioning, guidance: float) -> Made:
    """A conditioning that remembers the guidance."""
    return Made((replace(conditioning, hints=(*conditioning.hints, f"guidance {guidance}")),))


def control(  # noqa: PLR0913, PLR0917  # ControlNetApplyAdvanced's inputs
    _: Bench,
    positive: Conditioning,
    negative: Conditioning,
    control_net: Checkpoint,
    image: Pictures,
    strength: float,
    start_percent: float,
    end_percent: float,
    vae: Checkpoint | None = None,  # noqa: ARG001  # as ComfyUI's node takes it
) -> Made:
    """Both conditionings with a note of what holds them."""
    hint = f"{control_net.name} {strength} {start_percent} {end_percent} {_digest(image)}"
    return Made((replace(positive, hints=(*positive.hints, hint)), negative))


# --- pictures --------------------------------------------------------------------------------------------------------


def load_image(bench: Bench, image: str) -> Made:
    """A picture of input/, and its mask: black where it is opaque."""
    with Image.open(input_file(bench, image)) as file:
        upright = ImageOps.exif_transpose(file)
        alpha = upright.getchannel("A") if "A" in upright.getbands() else None
        picture = upright.convert("RGB")
    # ComfyUI's mask of an opaque picture is this small. Source: ComfyUI nodes.py LoadImage.
    mask = ImageOps.invert(alpha) if alpha else Image.new("L", (64, 64))
    return Made(((picture,), (mask.convert("RGB"),)))


def load_mask(bench: Bench, image: str, channel: str) -> Made:
    """One channel of a picture of input/ as a mask; alpha counts the other way round."""
    with Image.open(input_file(bench, image)) as file:
        picture = ImageOps.exif_transpose(file).convert("RGBA")
    band = picture.getchannel(channel[0].upper())
    return Made((((ImageOps.invert(band) if channel == "alpha" else band).convert("RGB"),),))


def input_file(bench: Bench, name: str) -> Path:
    """A file of input/.

    :raises FileNotFoundError: there is none of this name.
    """
    file = bench.folders.find_input(name)
    if file is None:
        raise FileNotFoundError(name)
    return file


def colour_to_mask(_: Bench, image: Pictures, color: int) -> Made:
    """Masks that are white where the pictures have one colour, 0xRRGGBB."""
    wanted = (color >> 16 & 0xFF, color >> 8 & 0xFF, color & 0xFF)
    return Made((tuple(_where(picture.convert("RGB"), wanted) for picture in image),))


def _where(picture: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    bands = [
        band.point([255 if level == wanted else 0 for level in range(256)])
        for band, wanted in zip(picture.split(), colour, strict=True)
    ]
    white = ImageChops.darker(ImageChops.darker(bands[0], bands[1]), bands[2])
    return Image.merge("RGB", (white,) * 3)


def join_alpha(_: Bench, image: Pictures, alpha: Pictures) -> Made:
    """The pictures with transparency where the mask is white."""
    return Made((tuple(_joined(picture, mask) for picture, mask in zip(image, alpha, strict=False)),))


def _joined(picture: Image.Image, mask: Image.Image) -> Image.Image:
    joined = picture.convert("RGB")
    joined.putalpha(ImageOps.invert(mask.convert("L")).resize(picture.size))
    return joined


def image_to_mask(_: Bench, image: Pictures, channel: str) -> Made:
    """One channel of the pictures as a mask, which here is a grey picture."""
    number = ["red", "green", "blue"].index(channel) if channel != "alpha" else None
    return Made((tuple(_grey(picture, number) for picture in image),))


def _grey(picture: Image.Image, channel: int | None) -> Image.Image:
    grey = picture.getchannel(channel) if channel is not None else Image.new("L", picture.size, 255)
    return grey.convert("RGB")


def composite(  # noqa: PLR0913, PLR0917  # ImageCompositeMasked's inputs
    _: Bench,
    destination: Pictures,
    source: Pictures,
    x: int,
    y: int,
    resize_source: bool,  # noqa: FBT001  # as above
    mask: Pictures | None = None,
) -> Made:
    """The source over the destination, where the mask is white."""
    above = source[0].resize(destination[0].size) if resize_source else source[0]
    return Made((tuple(_pasted(below, above, (x, y), mask) for below in destination),))


def _pasted(below: Image.Image, above: Image.Image, place: tuple[int, int], mask: Pictures | None) -> Image.Image:
    result = below.copy()
    result.paste(above, place, mask[0].convert("L").resize(above.size) if mask else None)
    return result


def find_edges(_: Bench, image: Pictures, low_threshold: float, high_threshold: float) -> Made:  # noqa: ARG001  # as ComfyUI's node takes it
    """The pictures' outlines, roughly."""
    return Made((tuple(ImageOps.posterize(picture, 1) for picture in image),))


def enlarge_with_model(_: Bench, upscale_model: Checkpoint, image: Pictures) -> Made:  # noqa: ARG001  # as ComfyUI's node takes it
    """The pictures at four times their size."""
    return Made((tuple(ImageOps.scale(picture, _FACTOR) for picture in image),))


# --- latent images ---------------------------------------------------------------------------------------------------


def encode_pixels(_: Bench, pixels: Pictures, vae: Checkpoint) -> Made:
    """Latents that remember what they were made of."""
    width, height = (side // _LATENT_PIXEL * _LATENT_PIXEL for side in pixels[0].size)
    return Made((Latent(width, height, len(pixels), origin=f"{_digest(pixels)} {vae.name}"),))


def mask_latent(_: Bench, samples: Latent, mask: Pictures) -> Made:
    """Latents that remember the mask."""
    return Made((replace(samples, origin=f"{samples.origin} {_digest(mask)}"),))


def enlarge_latent(  # LatentUpscale's inputs
    _: Bench, samples: Latent, upscale_method: str, width: int, height: int, crop: str
) -> Made:
    """Latents of another size, which remember how they came to it."""
    origin = f"{samples.origin} {samples.sampling} {upscale_method} {crop}"
    return Made((replace(samples, width=width or samples.width, height=height or samples.height, origin=origin),))


def _digest(pictures: Pictures) -> str:
    return sha256(b"".join(picture.tobytes() for picture in pictures)).hexdigest()[:16]
