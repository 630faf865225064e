"""What an item adds to the built-in graph: other weights files, pictures to start from, and further passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pytest_comfygen.errors import JobFileError, KeyConflict, MissingKey, OutOfRange, UnknownRole
from pytest_comfygen.language.families import CHECKPOINT, FAMILIES, named_families
from pytest_comfygen.language.places import JobPlaces
from pytest_comfygen.language.schema import Keys
from pytest_comfygen.language.schema.kinds import ControlNet, ImageSource
from pytest_comfygen.language.surroundings import Surroundings
from pytest_comfygen.records import (
    CheckpointRecipe,
    Control,
    Hires,
    InputImage,
    Lora,
    Model,
    Refiner,
    Size,
    Transparent,
    Upscale,
)

__all__ = ["KIND_KEYS", "Kinds", "rounded"]

KIND_KEYS = frozenset(
    {"family", "diffusion_model", "text_encoders", "vae", "guidance", "shift", "clip_skip", "loras"}
    | {"init_image", "denoise", "mask", "controlnet", "refiner", "hires", "upscale", "transparent"}
)
LATENT_UPSCALERS = frozenset({"nearest-exact", "bilinear", "area", "bicubic", "bislerp"})
INIT_DENOISE = 0.6
REFINER_START = 0.8
HIRES_SCALE, HIRES_DENOISE, HIRES_UPSCALER = 1.5, 0.5, "nearest-exact"
UPSCALE_SCALE = 4.0  # what most upscale models do
MAX_SIDE_PX = 16_384

_IN_ANOTHER_ITEM = "do it in another item, which begins with this one: `init_image: {item: …}`"


class Kinds:
    """The keys of one item, read one after the other.

    :param text: fills in a key's text, and makes the key the place of what goes wrong next.
    """

    def __init__(
        self, keys: Keys, text: Callable[[str, str | None], str | None], around: Surroundings, places: JobPlaces
    ) -> None:
        self._keys = keys
        self._text = text
        self._around = around
        self._places = places

    def added_to(self, recipe: CheckpointRecipe) -> CheckpointRecipe:
        """The recipe with everything that the keys add.

        :raises JobFileError: what cannot be, or not together, at its place.
        """
        self._check_together()
        keys = self._keys
        recipe = replace(
            recipe,
            text_encoders=self._text_encoders(),
            vae=self._model("vae", keys.get("vae"), "vae") if keys.get("vae") else None,
            loras=self._loras(),
            clip_skip=keys.get("clip_skip"),
            guidance=recipe.guidance if (guidance := keys.get("guidance")) is None else float(guidance),
            shift=recipe.shift if (shift := keys.get("shift")) is None else float(shift),
            init_image=self._image("init_image", source) if (source := keys.get("init_image")) else None,
            denoise=self._denoise(),
            mask=self._image("mask", mask) if (mask := keys.get("mask")) else None,
            controlnet=self._control(control) if (control := keys.get("controlnet")) else None,
            refiner=self._refiner(recipe.steps),
            transparent=self._transparent(),
        )
        recipe = replace(recipe, hires=self._hires(recipe))
        return replace(recipe, upscale=self._upscale(recipe))

    # --- what excludes, and what needs what ---------------------------------------------------------------------------

    def _check_together(self) -> None:
        keys, family = self._keys, FAMILIES[self._keys.get("family") or CHECKPOINT]
        if keys.get("diffusion_model"):
            self._check_parts()
        elif keys.get("text_encoders"):
            self._refuse("text_encoders", "go with a `diffusion_model`, and a checkpoint brings its own")
        if keys.get("guidance") is not None and family.guidance is None:
            self._refuse("guidance", "is Flux's alone", "write `family: flux`, or use `cfg`")
        if keys.get("shift") is not None and family.shift_node is None:
            shifted = ", ".join(name for name, one in FAMILIES.items() if one.shift_node)
            self._refuse("shift", f"is for the families {' and '.join(shifted.rsplit(', ', 1))}")
        if keys.get("clip_skip") is not None and keys.get("family"):
            self._refuse("clip_skip", f"has no meaning for {keys.get('family')}")
        for key in ("denoise", "mask"):
            if keys.get(key) is not None and keys.get("init_image") is None:
                self._refuse(key, "acts on an `init_image`, and this item has none", "name an `init_image:`")
        if keys.get("mask") and keys.get("hires"):
            self._refuse("mask", "and `hires` exclude each other", _IN_ANOTHER_ITEM)
        if keys.get("refiner"):
            self._check_refiner()

    def _check_refiner(self) -> None:
        """A refiner finishes one walk of the sampler over the whole picture, drawn from a checkpoint."""
        keys = self._keys
        if keys.get("family"):
            self._refuse("refiner", f"is for checkpoints such as SDXL's, not for {keys.get('family')}")
        for key in ("mask", "hires"):
            if keys.get(key) is not None:
                self._refuse("refiner", f"and `{key}` exclude each other", _IN_ANOTHER_ITEM)

    def _check_parts(self) -> None:
        """A model alone needs a family, its text encoders and a VAE."""
        keys = self._keys
        if keys.get("checkpoint"):
            hint = "remove one of them; a default is taken away with `checkpoint: null`"
            self._refuse("diffusion_model", "and `checkpoint` exclude each other", hint)
        if not keys.get("family"):
            self._miss("family", "so that it is known how to draw with it", f"one of {', '.join(named_families())}")
        if not keys.get("text_encoders"):
            self._miss("text_encoders", "which understand the prompt", "a list of roles or file names")
        if not keys.get("vae"):
            self._miss("vae", "which makes pixels of what is drawn", "a role or a file name")
        counts = sorted(FAMILIES[keys.get("family") or CHECKPOINT].encoders)
        if len(keys.get("text_encoders") or ()) not in counts:
            wanted = " or ".join(map(str, counts))
            raise OutOfRange(
                f"text_encoders: {keys.get('family')} takes {wanted}, not {len(keys.get('text_encoders') or ())}",
                where=self._places.get("text_encoders"),
            )

    def _refuse(self, key: str, problem: str, hint: str = "remove it") -> None:
        raise KeyConflict(f"`{key}` {problem}", where=self._places.of_key(key), hint=hint)

    def _miss(self, key: str, what_for: str, like: str) -> None:
        where = self._places.of_key("diffusion_model")
        raise MissingKey(f"a `diffusion_model` needs `{key}`, {what_for}", where=where, hint=f"add `{key}:`, {like}")

    # --- weights files ------------------------------------------------------------------------------------------------

    def _model(self, key: str, text: str | None, folder: str) -> Model:
        return self._around.model(self._text(key, text) or "", folder)

    def _text_encoders(self) -> tuple[Model, ...]:
        entries = enumerate(self._keys.get("text_encoders") or ())
        return tuple(self._model(f"text_encoders.{number}", text, "text_encoders") for number, text in entries)

    def _loras(self) -> tuple[Lora, ...]:
        found = []
        for number, entry in enumerate(self._keys.get("loras") or ()):
            model = self._model(f"loras.{number}.model", entry.model, "loras")
            strength = 1.0 if entry.strength is None else float(entry.strength)
            found.append(Lora(model, strength, strength if entry.strength_clip is None else float(entry.strength_clip)))
        return tuple(found)

    # --- pictures -----------------------------------------------------------------------------------------------------

    def _image(self, key: str, source: ImageSource) -> InputImage:
        if source.item is not None:
            return InputImage(Path(), self._text(f"{key}.item", source.item))
        return InputImage(self._around.image(self._text(f"{key}.file", source.file) or ""))

    def _denoise(self) -> float:
        if self._keys.get("init_image") is None:
            return 1.0
        return INIT_DENOISE if (denoise := self._keys.get("denoise")) is None else float(denoise)

    def _control(self, control: ControlNet) -> Control:
        node = control.preprocessor
        return Control(
            model=self._model("controlnet.model", control.model, "controlnet"),
            image=self._image("controlnet.image", control.image),
            strength=1.0 if control.strength is None else float(control.strength),
            start=float(control.start or 0.0),
            end=1.0 if control.end is None else float(control.end),
            preprocessor=node.node if node else None,
            settings=(node.inputs or {}) if node else {},
        )

    # --- what the finished picture goes through -----------------------------------------------------------------------

    def _refiner(self, steps: int) -> Refiner | None:
        refiner = self._keys.get("refiner")
        if refiner is None:
            return None
        if steps < 2:  # noqa: PLR2004  # one for each
            told = "a `refiner` needs 2 steps or more, since each of the two models takes one"
            raise OutOfRange(told, where=self._places.get("steps") or self._places.of_key("refiner"))
        model = self._model("refiner.model", refiner.model, "checkpoints")
        return Refiner(model, REFINER_START if refiner.start is None else float(refiner.start))

    def _transparent(self) -> Transparent | None:
        node = self._keys.get("transparent")
        if node is None:
            return None
        return Transparent(
            node=node.node,
            takes=node.takes or "image",
            settings={name: value for name, value in (node.inputs or {}).items() if value is not None},
            gives=node.gives or "image",
            output=node.output or 0,
        )

    # --- further passes -----------------------------------------------------------------------------------------------

    def _hires(self, recipe: CheckpointRecipe) -> Hires | None:
        hires = self._keys.get("hires")
        if hires is None:
            return None
        step = FAMILIES[recipe.family].latent_px
        size = hires.size or rounded(recipe.size, step, hires.scale or HIRES_SCALE)
        if size.width % step or size.height % step:
            raise OutOfRange(
                f"hires.size must be a multiple of {step} on both sides, not {size}",
                where=self._places.around("hires.size"),
                hint=f"write {rounded(size, step)}",
            )
        self._check_size("hires", size)
        return Hires(
            size=size,
            steps=hires.steps or recipe.steps,
            denoise=HIRES_DENOISE if hires.denoise is None else float(hires.denoise),
            upscaler=self._upscaler(hires.upscaler),
        )

    def _upscaler(self, written: str | None) -> Model | str:
        text = self._text("hires.upscaler", written) or HIRES_UPSCALER
        if text in LATENT_UPSCALERS:
            return text
        try:
            return self._around.model(text, "upscale_models")
        except UnknownRole as error:
            hint = f"write one of {', '.join(sorted(LATENT_UPSCALERS))}, a role or an upscale model's file name"
            raise UnknownRole(f"nothing enlarges by the name {text[:60]!r}", hint=_nearer(error, hint)) from None

    def _upscale(self, recipe: CheckpointRecipe) -> Upscale | None:
        upscale = self._keys.get("upscale")
        if upscale is None:
            return None
        size = upscale.size or rounded(recipe.final_size, 1, upscale.scale or UPSCALE_SCALE)
        self._check_size("upscale", size)
        return Upscale(self._model("upscale.model", upscale.model, "upscale_models"), size)

    def _check_size(self, key: str, size: Size) -> None:
        if max(size.width, size.height) > MAX_SIDE_PX:
            raise OutOfRange(
                f"{key} makes a picture of {size}, and no side may have more than {MAX_SIDE_PX} pixels",
                where=self._places.around(f"{key}.scale"),
                hint="write a smaller `scale`",
            )


def rounded(size: Size, step: int, scale: float = 1.0) -> Size:
    """The nearest size whose sides are multiples of `step`, and not below ComfyUI's 16 pixels."""
    width, height = (max(round(side * scale / step), -(-16 // step)) * step for side in (size.width, size.height))
    return Size(width, height)


def _nearer(error: JobFileError, otherwise: str) -> str:
    """The hint of a near miss, or the other one."""
    return error.hint if error.hint and error.hint.startswith("did you mean") else otherwise
