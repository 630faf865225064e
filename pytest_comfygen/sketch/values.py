"""What travels along a graph's links: small objects in place of tensors."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TypeAlias

from PIL import Image

# A ComfyUI image is a batch; ours is a tuple of RGB pictures of one size.
Pictures: TypeAlias = tuple[Image.Image, ...]


@dataclass(frozen=True, slots=True)
class Sound:
    """Sound of 16 bits; ComfyUI's is a batch, ours is one.

    :param levels: one number for each sample and channel, the channels of a sample side by side.
    """

    levels: array[int]
    rate_hz: int
    channels: int


@dataclass(frozen=True, slots=True)
class Film:
    """A video before it is encoded."""

    pictures: Pictures
    rate: float
    sound: Sound | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded model file, in all three of its parts (MODEL, CLIP and VAE).

    :param notes: what was laid over it.
    """

    name: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conditioning:
    """An encoded text.

    :param hints: what else it is to be held to.
    """

    text: str
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """All that shapes what a sampler makes of an empty latent."""

    seed: int
    positive: str
    negative: str
    checkpoint: str
    steps: int
    cfg: float
    sampler: str
    scheduler: str
    denoise: float


@dataclass(frozen=True, slots=True)
class Latent:
    """A batch of latents, which knows the picture that it will decode to.

    :param width: of the decoded picture, pixels.
    :param height: of the decoded picture, pixels.
    :param sampling: None when nothing was sampled into it.
    :param origin: what it was made of; empty for an empty one.
    """

    width: int
    height: int
    batch: int
    sampling: Sampling | None = None
    origin: str = ""
