"""Which custom nodes bring a class of nodes, for the best known of them.

A class that a workflow needs and a server does not have is told by its name only, which few people can look up.
Source: ComfyUI-Manager's extension-node-map.json, commit 908a1009, by GitHub stars.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

__all__ = ["PACKS", "pack_of"]

# By their address below github.com: the names of their classes, with `*` for any letters.
PACKS: Mapping[str, tuple[str, ...]] = {
    "1038lab/ComfyUI-RMBG": ("RMBG", "BiRefNetRMBG", "BodySegment", "ClothesSegment", "FashionSegment*"),
    "Acly/comfyui-inpaint-nodes": ("INPAINT_*",),
    "Fannovel16/ComfyUI-Frame-Interpolation": ("* VFI",),
    "Fannovel16/comfyui_controlnet_aux": (
        *("AIO_Preprocessor", "CannyEdgePreprocessor", "DepthAnything*Preprocessor", "DWPreprocessor"),
        *("HEDPreprocessor", "LineArtPreprocessor", "M-LSDPreprocessor", "MiDaS-*Preprocessor"),
        *("OpenposePreprocessor", "PiDiNetPreprocessor", "ScribblePreprocessor", "TilePreprocessor"),
    ),
    "Gourieff/ComfyUI-ReActor": ("ReActor*",),
    "Kosinkadink/ComfyUI-Advanced-ControlNet": ("ACN_*",),
    "Kosinkadink/ComfyUI-AnimateDiff-Evolved": ("ADE_*",),
    "Kosinkadink/ComfyUI-VideoHelperSuite": (
        "VHS_Load*",
        "VHS_VideoCombine",
        "VHS_VideoInfo*",
        "VHS_Select*",
        "VHS_Split*",
    ),
    "Suzie1/ComfyUI_Comfyroll_CustomNodes": ("CR *",),
    "WASasquatch/was-node-suite-comfyui": (
        "Image Rembg (Remove Background)",
        "Image Filter Adjustments",
        "Text Concatenate",
        "BLIP *",
    ),
    "ZHO-ZHO-ZHO/ComfyUI-BRIA_AI-RMBG": ("BRIA_RMBG_*",),
    "chflame163/ComfyUI_LayerStyle": (
        "LayerColor: *",
        "LayerFilter: *",
        "LayerMask: *",
        "LayerStyle: *",
        "LayerUtility: *",
    ),
    "city96/ComfyUI-GGUF": ("UnetLoaderGGUF*", "CLIPLoaderGGUF", "DualCLIPLoaderGGUF", "TripleCLIPLoaderGGUF"),
    "crystian/ComfyUI-Crystools": ("* [[]Crystools]",),
    "cubiq/ComfyUI_IPAdapter_plus": (
        *("IPAdapter", "IPAdapterAdvanced", "IPAdapterBatch", "IPAdapterEncoder", "IPAdapterFaceID"),
        *("IPAdapterModelLoader", "IPAdapterStyleComposition", "IPAdapterTiled", "IPAdapterUnifiedLoader*"),
        "PrepImageForClipVision",
    ),
    "cubiq/ComfyUI_InstantID": ("ApplyInstantID*", "InstantIDFaceAnalysis", "InstantIDModelLoader"),
    "cubiq/ComfyUI_essentials": ("Image*+", "Mask*+", "GetImageSize+", "KSamplerVariations*+", "SimpleMath+"),
    "cubiq/PuLID_ComfyUI": ("ApplyPulid*", "Pulid*Loader"),
    "huchenlei/ComfyUI-layerdiffuse": ("LayeredDiffusion*",),
    "jags111/efficiency-nodes-comfyui": ("Efficient Loader", "KSampler* (Eff*)", "LoRA Stacker", "HighRes-Fix Script"),
    "john-mnz/ComfyUI-Inspyrenet-Rembg": ("InspyrenetRembg*",),
    "kijai/ComfyUI-Florence2": ("Florence2ModelLoader", "Florence2Run", "DownloadAndLoadFlorence2*"),
    "kijai/ComfyUI-KJNodes": ("*KJ", "ColorMatch", "GetImageSizeAndCount", "ImageResizeKJ"),
    "kijai/ComfyUI-SUPIR": ("SUPIR_*",),
    "kijai/ComfyUI-segment-anything-2": ("Sam2*", "DownloadAndLoadSAM2Model"),
    "lquesada/ComfyUI-Inpaint-CropAndStitch": ("InpaintCrop*", "InpaintStitch*"),
    "ltdrdata/ComfyUI-Impact-Pack": (
        "Impact*",
        "FaceDetailer*",
        "DetailerFor*",
        "SAMLoader",
        "FromBasicPipe*",
        "ToBasicPipe",
        "ToDetailerPipe*",
    ),
    "ltdrdata/ComfyUI-Impact-Subpack": ("UltralyticsDetectorProvider",),
    "ltdrdata/ComfyUI-Inspire-Pack": ("* //Inspire",),
    "pythongosssss/ComfyUI-WD14-Tagger": ("WD14Tagger|pysssss",),
    "pythongosssss/ComfyUI-Custom-Scripts": ("*|pysssss",),
    "rgthree/rgthree-comfy": ("* (rgthree)",),
    "ssitu/ComfyUI_UltimateSDUpscale": ("UltimateSDUpscale*",),
    "yolain/ComfyUI-Easy-Use": ("easy *",),
}


def pack_of(kind: str) -> str | None:
    """What to say of a missing class that one of the known custom nodes brings; None when it is of none of them."""
    for name, patterns in PACKS.items():
        if any(fnmatchcase(kind, pattern) for pattern in patterns):
            return (
                f"install https://github.com/{name}, which has a class of this name: "
                f"in pytest's ini, comfy_custom_node = https://github.com/{name}@REVISION"
            )
    return None
