"""The command line of what passes for ComfyUI: the flags of 0.3.64 that somebody here may give.

Source: `main.py --help` of ComfyUI 0.3.64, for names, values, and which flags exclude each other.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

_PATHS = ("--base-directory", "--output-directory", "--temp-directory", "--input-directory", "--front-end-root")
_SWITCHES = (
    "--auto-launch",
    "--disable-auto-launch",
    "--cpu-vae",
    "--force-channels-last",
    "--disable-xformers",
    "--async-offload",
    "--force-non-blocking",
    "--supports-fp8-compute",
    "--disable-smart-memory",
    "--deterministic",
    "--disable-mmap",
    "--dont-print-server",
    "--quick-test-for-ci",
    "--disable-metadata",
    "--disable-all-custom-nodes",
    "--disable-api-nodes",
    "--multi-user",
    "--log-stdout",
)
_EITHER = (
    ("--cuda-malloc", "--disable-cuda-malloc"),
    ("--force-fp32", "--force-fp16"),
    (
        "--fp32-unet",
        "--fp64-unet",
        "--bf16-unet",
        "--fp16-unet",
        "--fp8_e4m3fn-unet",
        "--fp8_e5m2-unet",
        "--fp8_e8m0fnu-unet",
    ),
    ("--fp16-vae", "--fp32-vae", "--bf16-vae"),
    ("--fp8_e4m3fn-text-enc", "--fp8_e5m2-text-enc", "--fp16-text-enc", "--fp32-text-enc", "--bf16-text-enc"),
    ("--cache-classic", "--cache-lru", "--cache-none"),
    (
        "--use-split-cross-attention",
        "--use-quad-cross-attention",
        "--use-pytorch-cross-attention",
        "--use-sage-attention",
        "--use-flash-attention",
    ),
    ("--force-upcast-attention", "--dont-upcast-attention"),
    ("--gpu-only", "--highvram", "--normalvram", "--lowvram", "--novram", "--cpu"),
)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """What `main.py` is asked to do.

    :raises SystemExit: 0 after --help; 2 after an argument that it does not know.
    """
    parser = argparse.ArgumentParser(prog="main.py")
    parser.add_argument("--listen", metavar="IP", nargs="?", const="0.0.0.0,::", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8188)
    parser.add_argument("--cuda-device", type=int, metavar="DEVICE_ID")
    parser.add_argument("--reserve-vram", type=float)
    parser.add_argument("--preview-method", choices=["none", "auto", "latent2rgb", "taesd"])
    parser.add_argument("--fast", nargs="*")
    parser.add_argument("--verbose", default="INFO", const="DEBUG", nargs="?")
    parser.add_argument("--database-url")
    parser.add_argument("--whitelist-custom-nodes", nargs="+", default=[])
    parser.add_argument("--extra-model-paths-config", metavar="PATH", nargs="+", action="append", default=[], type=Path)
    parser.add_argument("--user-directory", type=_directory)
    for flag in _PATHS:
        parser.add_argument(flag, type=Path)
    for flag in _SWITCHES:
        parser.add_argument(flag, action="store_true")
    for flags in _EITHER:
        group = parser.add_mutually_exclusive_group()
        for flag in flags:
            if flag == "--cache-lru":
                group.add_argument(flag, type=int)
            else:
                group.add_argument(flag, action="store_true")
    return parser.parse_args(argv)


def _directory(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a valid path.")
    return Path(text)
