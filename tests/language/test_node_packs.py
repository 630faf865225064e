"""A missing class is told with the custom nodes that have it, where they are known."""

from __future__ import annotations

import pytest

from pytest_comfygen.language.node_packs import PACKS, pack_of
from pytest_comfygen.sketch.catalogue import node_classes


@pytest.mark.parametrize(
    ("kind", "pack"),
    [
        ("VHS_VideoCombine", "Kosinkadink/ComfyUI-VideoHelperSuite"),
        ("FaceDetailer", "ltdrdata/ComfyUI-Impact-Pack"),
        ("UltralyticsDetectorProvider", "ltdrdata/ComfyUI-Impact-Subpack"),
        ("KSampler //Inspire", "ltdrdata/ComfyUI-Inspire-Pack"),
        ("Power Lora Loader (rgthree)", "rgthree/rgthree-comfy"),
        ("Load image with metadata [Crystools]", "crystian/ComfyUI-Crystools"),
        ("WD14Tagger|pysssss", "pythongosssss/ComfyUI-WD14-Tagger"),
        ("ShowText|pysssss", "pythongosssss/ComfyUI-Custom-Scripts"),
        ("DepthAnythingV2Preprocessor", "Fannovel16/comfyui_controlnet_aux"),
        ("IPAdapterUnifiedLoaderFaceID", "cubiq/ComfyUI_IPAdapter_plus"),
        ("ImageResize+", "cubiq/ComfyUI_essentials"),
        ("ImageResizeKJ", "kijai/ComfyUI-KJNodes"),
        ("KSampler (Efficient)", "jags111/efficiency-nodes-comfyui"),
        ("easy fullLoader", "yolain/ComfyUI-Easy-Use"),
        ("LayerMask: RmBgUltra V2", "chflame163/ComfyUI_LayerStyle"),
        ("RIFE VFI", "Fannovel16/ComfyUI-Frame-Interpolation"),
        ("UnetLoaderGGUF", "city96/ComfyUI-GGUF"),
    ],
)
def test_a_class_of_a_known_pack_names_it(kind: str, pack: str) -> None:
    told = pack_of(kind)

    assert told is not None
    assert told.startswith(f"install https://github.com/{pack}, ")
    assert f"comfy_custom_node = https://github.com/{pack}@" in told


def test_a_class_of_nobody_is_not_guessed() -> None:
    assert [pack_of(kind) for kind in ("MyOwnNode", "ksampler", "easyLoader", "")] == [None] * 4


def test_no_class_of_comfyui_itself_is_taken_for_another_one() -> None:
    assert [kind for kind in node_classes([], any_model=False) if pack_of(kind)] == []


def test_every_pack_is_named_by_its_owner_and_has_names_of_classes() -> None:
    assert [name for name, patterns in PACKS.items() if not all(patterns) or name.count("/") != 1] == []
