"""The families of models that the built-in graph can draw with, one row each.

A new family whose models ComfyUI loads and samples in the usual way is one more row and its line in the reference: the
language, its JSON Schema, the graph, the checks, the fingerprint and the downloads follow from the row.
Sources: ComfyUI nodes.py and comfy_extras/, and the workflow templates that ComfyUI distributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_comfygen.records import Size

__all__ = ["CHECKPOINT", "FAMILIES", "Family", "named_families"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """How a family draws, and its values where a job file gives none.

    :param encoder_type: what ComfyUI's loaders of text encoders call the family.
    :param encoders: how many text encoders may be given; empty when they come with the checkpoint only.
    :param latent: class of the node that makes an empty latent image.
    :param latent_px: both sides of a picture are multiples of this.
    :param shift_node: class of the node that shifts the noise schedule; None when the family has none.
    :param shift: None for the model's own, without that node.
    :param guidance: of FluxGuidance; None when the family has none.
    :param blanks_negative: without a negative prompt, its conditioning is zeroed rather than encoded.
    """

    size: Size
    steps: int
    cfg: float
    sampler: str
    scheduler: str
    encoder_type: str = ""
    encoders: frozenset[int] = frozenset()
    latent: str = "EmptySD3LatentImage"
    latent_px: int = 16
    shift_node: str | None = None
    shift: float | None = None
    guidance: float | None = None
    blanks_negative: bool = False


CHECKPOINT = "checkpoint"  # Stable Diffusion 1.5, SDXL and what is built like them
FAMILIES: Mapping[str, Family] = {
    CHECKPOINT: Family(
        size=Size(512, 512),
        steps=20,
        cfg=7.0,
        sampler="euler",
        scheduler="normal",
        latent="EmptyLatentImage",
        latent_px=8,
    ),
    "flux": Family(
        size=Size(1024, 1024),
        steps=20,
        cfg=1.0,
        sampler="euler",
        scheduler="simple",
        encoder_type="flux",
        encoders=frozenset({2}),
        guidance=3.5,
        blanks_negative=True,
    ),
    "sd3": Family(
        size=Size(1024, 1024),
        steps=20,
        cfg=4.0,
        sampler="euler",
        scheduler="sgm_uniform",
        encoder_type="sd3",
        encoders=frozenset({1, 2, 3}),
        shift_node="ModelSamplingSD3",
    ),
    "qwen-image": Family(
        size=Size(1328, 1328),
        steps=20,
        cfg=2.5,
        sampler="euler",
        scheduler="simple",
        encoder_type="qwen_image",
        encoders=frozenset({1}),
        shift_node="ModelSamplingAuraFlow",
        shift=3.1,
    ),
    "z-image": Family(
        size=Size(1024, 1024),
        steps=8,
        cfg=1.0,
        sampler="res_multistep",
        scheduler="simple",
        encoder_type="lumina2",
        encoders=frozenset({1}),
        shift_node="ModelSamplingAuraFlow",
        shift=3.0,
        blanks_negative=True,
    ),
}


def named_families() -> tuple[str, ...]:
    """What `family:` may say."""
    return tuple(name for name in FAMILIES if name != CHECKPOINT)
