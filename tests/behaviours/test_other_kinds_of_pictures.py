"""LoRAs, masks, ControlNets, further passes and families: each is drawn, and each changes the picture."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.repository import Repository

FLUX = "checkpoint: null, diffusion_model: flux.sft, text_encoders: [clip.sft, t5.sft], vae: ae.sft"
CANNY = "{node: Canny, inputs: {low_threshold: 0.4, high_threshold: 0.8}}"
KINDS = {
    "plain": ("", (64, 96)),
    "lora": ("loras: [ink.pt]", (64, 96)),
    "weak_lora": ("loras: [{model: ink.pt, strength: 0.5}]", (64, 96)),
    "skip": ("clip_skip: 2", (64, 96)),
    "started": ("init_image: start.png", (64, 96)),
    "started_less": ("init_image: start.png, denoise: 0.3", (64, 96)),
    "masked": ("init_image: start.png, mask: mask.png", (64, 96)),
    "posed": ("controlnet: {model: canny.pt, image: start.png}", (64, 96)),
    "posed_by_node": (
        f"controlnet: {{model: canny.pt, image: start.png, preprocessor: {CANNY}}}",
        (64, 96),
    ),
    "refined": ("refiner: fine.pt", (64, 96)),
    "refined_later": ("refiner: {model: fine.pt, start: 0.9}, steps: 4", (64, 96)),
    "refined_sooner": ("refiner: {model: fine.pt, start: 0.3}, steps: 4", (64, 96)),
    "refined_start": ("refiner: fine.pt, init_image: start.png", (64, 96)),
    "hires": ("hires: {scale: 1.5}", (96, 144)),
    "hires_by_model": ("hires: {scale: 2, upscaler: 4x.pt}", (128, 192)),
    "upscaled": ("upscale: 4x.pt", (256, 384)),
    "flux": (f"family: flux, {FLUX}", (64, 96)),
    "flux_guided": (f"family: flux, guidance: 2, {FLUX}", (64, 96)),
    "z_image": (f"family: z-image, {FLUX}".replace("clip.sft, t5.sft", "qwen.sft"), (64, 96)),
    "sd3": (f"family: sd3, shift: 2, {FLUX}", (64, 96)),
}
HEAD = """\
comfyjob: 1
output: {dir: ../assets}
defaults: {checkpoint: tiny.safetensors, size: 64x96, steps: 2, seed: 1, prompt: a dwarf}
items:
"""


@pytest.fixture
def drawn(repository: Repository, templates: Path, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """An image of each kind, drawn by the stand-in with one seed and prompt."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.begin(templates / "kinds", lambda: draw(repository))
    return repository


def draw(repository: Repository) -> None:
    lines = [f"  {name}: {{{keys}}}\n" for name, (keys, _) in KINDS.items()]
    repository.write("jobs/kins.comfyjob.yaml", HEAD + "".join(lines))
    Image.linear_gradient("L").convert("RGB").save(repository.path / "jobs" / "start.png")
    Image.radial_gradient("L").save(repository.path / "jobs" / "mask.png")
    assert repository.images_line(repository.run("jobs")) == f"images: {len(KINDS)} generated"


def test_every_kind_is_drawn_at_its_size_and_looks_different(drawn: Repository) -> None:
    found = {}
    for name in KINDS:
        with Image.open(drawn.image(name)) as picture:
            found[name] = (picture.size, picture.tobytes())

    assert {name: size for name, (_, size) in KINDS.items()} == {name: size for name, (size, _) in found.items()}
    assert len({pixels for _, pixels in found.values()}) == len(found)


def test_all_of_it_is_current_then_and_identical_when_made_again(drawn: Repository) -> None:
    assert drawn.images_line(drawn.run("jobs")) == f"images: {len(KINDS)} current"
    assert drawn.images_line(drawn.run("jobs", "--comfy-update", "all")) == f"images: {len(KINDS)} identical"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("strength: 0.5", "strength: 0.6", "loras.0.strength 0.5 → 0.6"),
        ("lora: {loras: [ink.pt]}", "lora: {loras: [oil.pt]}", "loras.0.model 'ink.pt' → 'oil.pt'"),
        ("clip_skip: 2", "clip_skip: 3", "clip_skip 2 → 3"),
        ("denoise: 0.3", "denoise: 0.4", "denoise 0.3 → 0.4"),
        ("hires: {scale: 1.5}", "hires: {scale: 1.5, steps: 9}", "hires.steps 2 → 9"),
        ("start: 0.9", "start: 0.7", "refiner.start 0.9 → 0.7"),
        ("refined: {refiner: fine.pt}", "refined: {refiner: base.pt}", "refiner.model 'fine.pt' → 'base.pt'"),
        ("guidance: 2", "guidance: 3", "guidance 2.0 → 3.0"),
        ("low_threshold: 0.4", "low_threshold: 0.3", "controlnet.preprocessor.low_threshold 0.4 → 0.3"),
    ],
)
def test_a_change_makes_its_own_image_stale_in_words(drawn: Repository, old: str, new: str, reason: str) -> None:
    drawn.edit_job(old, new)

    result = drawn.run("jobs", "--comfy-check")

    assert reason in result.stdout.str()
    assert drawn.images_line(result) == f"images: {len(KINDS) - 1} current, 1 stale"


def test_a_preprocessor_that_is_not_there_is_told_at_its_place(drawn: Repository) -> None:
    drawn.edit_job("node: Canny", "node: Cany")

    result = drawn.run("jobs")

    result.stdout.fnmatch_lines(
        ["*[[]node-missing[]] jobs/kins.comfyjob.yaml:13:*'Cany'*", "*did you mean Canny?*"],
    )


def test_a_preprocessor_without_its_inputs_is_told_how_to_give_them(drawn: Repository) -> None:
    drawn.edit_job(CANNY, "Canny")

    result = drawn.run("jobs")

    result.stdout.fnmatch_lines(
        ["*[[]graph-rejected[]] jobs/kins.comfyjob.yaml:13:*low_threshold*", "*preprocessor: {node: *inputs: *"]
    )


def test_a_python_test_may_start_from_a_picture_beside_it(
    repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    repository.write(
        "tests/test_portrait.py",
        "def test_portrait(comfy_generate):\n"
        "    comfy_generate('a dwarf', checkpoint='a.pt', size='64x64', init_image='start.png')\n",
    )
    (repository.path / "tests" / "stard.png").write_bytes(b"")
    missing = repository.run("tests/test_portrait.py", "--comfy-update", "stale")
    Image.linear_gradient("L").save(repository.path / "tests" / "start.png")
    there = repository.run("tests/test_portrait.py", "--comfy-update", "stale")

    missing.stdout.fnmatch_lines(["*[[]input-missing[]] tests/test_portrait.py:2: tests/start.png does not exist"])
    there.assert_outcomes(passed=1)


# --- transparent backgrounds ------------------------------------------------------------------------------------------

MAGENTA = 0xFF00FF
CUT = """\
comfyjob: 1
output: {dir: ../assets, file: "${name}.%s"}
defaults:
  checkpoint: tiny.safetensors
  size: 64x96
  steps: 2
  prompt: a dwarf
  init_image: magenta.png
  mask: middle.png
items:
  cut: {transparent: {node: ImageColorToMask, inputs: {color: 16711935}, gives: background}}
  hole: {transparent: {node: ImageColorToMask, inputs: {color: 16711935}, gives: mask}}
"""


@pytest.fixture
def backgrounds(repository: Repository, sketch_url: str, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with two items on a background of one colour, which is drawn over in the middle only."""
    monkeypatch.setenv("COMFYGEN_URL", sketch_url)
    Image.new("RGB", (64, 96), MAGENTA).save(repository.path / "jobs" / "magenta.png")
    mask = Image.new("L", (64, 96))
    mask.paste(255, (16, 24, 48, 72))
    mask.save(repository.path / "jobs" / "middle.png")
    repository.write("jobs/kins.comfyjob.yaml", CUT % "png")
    return repository


def corner_and_middle(repository: Repository, name: str) -> tuple[str, object, object]:
    """A picture's mode, and its alpha in a corner and in the middle."""
    with Image.open(repository.path / "assets" / name) as picture:
        alpha = picture.getchannel("A")
        return picture.mode, alpha.getpixel((60, 90)), alpha.getpixel((32, 60))


def test_a_node_makes_the_background_transparent(backgrounds: Repository) -> None:
    assert backgrounds.images_line(backgrounds.run("jobs")) == "images: 2 generated"

    assert corner_and_middle(backgrounds, "cut.png") == ("RGBA", 0, 255)
    assert corner_and_middle(backgrounds, "hole.png") == ("RGBA", 255, 0)
    assert backgrounds.images_line(backgrounds.run("jobs", "--comfy-update", "all")) == "images: 2 identical"


def test_webp_keeps_the_transparency(backgrounds: Repository) -> None:
    backgrounds.write("jobs/kins.comfyjob.yaml", CUT % "webp")

    assert backgrounds.images_line(backgrounds.run("jobs")) == "images: 2 generated"
    assert corner_and_middle(backgrounds, "cut.webp") == ("RGBA", 0, 255)


def test_another_background_is_told_in_words(backgrounds: Repository) -> None:
    backgrounds.run("jobs")
    backgrounds.edit_job(
        "hole: {transparent: {node: ImageColorToMask, inputs: {color: 16711935}",
        "hole: {transparent: {node: ImageColorToMask, inputs: {color: 255}",
    )

    result = backgrounds.run("jobs", "--comfy-check")

    assert "transparent.inputs.color 16711935 → 255" in result.stdout.str()
    assert backgrounds.images_line(result) == "images: 1 current, 1 stale"


@pytest.mark.parametrize(
    ("written", "told", "hint"),
    [
        ("RMBG", "[node-missing]*:12:23: *'RMBG'*", "*install https://github.com/1038lab/ComfyUI-RMBG*"),
        ("ImageColorToMsk", "[node-missing]*:12:23: *'ImageColorToMsk'*", "*did you mean ImageColorToMask?*"),
        ("ImageColorToMask", "[graph-rejected]*:12:23: *transparent.inputs.color*", "*inputs: {*takes:*"),
        (
            "{node: ImageColorToMask, inputs: {color: 1}}",
            "[graph-rejected]*:12:23: *takes the type IMAGE*has the type MASK",
            "*gives: image*",
        ),
        ("{node: ImageInvert, output: 1}", "[graph-rejected]*:12:23: *output 1 of node 70*", "*output: 0*"),
        ("{node: ImageInvert, takes: picture}", "[graph-rejected]*:12:23: *transparent.inputs.image*", "*takes:*"),
        (
            "{node: ImageColorToMask, inputs: {color: -1}, gives: mask}",
            "[value-refused]*:12:64: *does not accept '-1'",
            "*at least 0*",
        ),
    ],
)
def test_a_node_that_does_not_fit_is_told_at_its_place(
    backgrounds: Repository, written: str, told: str, hint: str
) -> None:
    backgrounds.edit_job("{node: ImageColorToMask, inputs: {color: 16711935}, gives: mask}", written)

    result = backgrounds.run("jobs")

    result.stdout.fnmatch_lines([told.replace("[", "[[]", 1), hint])
    assert backgrounds.images_line(result) == "images: 1 generated, 1 failed"
