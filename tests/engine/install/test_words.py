"""What programs say, and what we make of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pytest_comfygen.engine.install.console import progress_of
from pytest_comfygen.engine.install.explain import explain_installer, explain_start, failed_nodes, lacks_match
from pytest_comfygen.engine.install.flavour import Flavour, flavour_for_nvidia, installed_torch, torch_index
from pytest_comfygen.engine.install.packages import requirement_name
from pytest_comfygen.engine.install.plan import InstallPlan, PlannedStep, plan
from pytest_comfygen.engine.install.wish import InstallState, InstallWish


@pytest.mark.parametrize(
    ("line", "cause", "hint"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "full",
            "--comfy-dir",
        ),
        ("error: failed to write: No space left on device (os error 28)", "the disk is full", "--comfy-dir"),
        ("created successfully because ensurepip is not available", "cannot make environments", "python3-venv"),
        ("error: externally-managed-environment", "belongs to the system (PEP 668)", "uv on the PATH"),
        ("ERROR: No matching distribution found for eels>=1", "no index has eels>=1", "--comfy-constraints"),
        ("  cause: Because eels was not found in the package registry and", "no index has eels", "--comfy-as-of"),
        ("Because only eels==1 is available and you require eels==2", "no index has eels==2", "--comfy-constraints"),
        ("ERROR: ResolutionImpossible: for help visit", "contradict each other", "--comfy-extra-requirements"),
        ("ERROR: Failed building wheel for sentencepiece", "sentencepiece has no wheel", "another Python"),
        ("error: subprocess-exited-with-error", "a package has no wheel", "another Python"),
        ("NewConnectionError: Failed to establish a new connection", "the index was not reached", "https_proxy"),
        ("  Caused by: error sending request for url", "the index was not reached", "UV_DEFAULT_INDEX"),
        ("SSLError(SSLCertVerificationError: certificate verify failed", "certificate is not trusted", "PIP_CERT"),
        (
            "ERROR: Index x does not provide upload-time metadata.",
            "--comfy-as-of cannot be kept",
            "--comfy-constraints",
        ),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", "arrived damaged", "cache"),
        ("OSError: [Errno 13] Permission denied: '/opt'", "not writable", "--comfy-dir"),
    ],
)
def test_what_an_installer_says_is_explained(line: str, cause: str, hint: str) -> None:
    known = explain_installer(["Collecting eels", line], for_torch=False)
    assert known is not None
    assert cause in known.cause
    assert hint in (known.hint or "")


def test_a_torch_that_the_index_lacks_leads_to_torch_s_settings() -> None:
    known = explain_installer(["ERROR: No matching distribution found for torch"], for_torch=True)
    assert known is not None
    assert known.cause == "the index has no torch for this Python and system"
    assert "--comfy-torch-index" in (known.hint or "")


def test_a_date_that_was_set_is_named_among_the_causes() -> None:
    lines = ["ERROR: No matching distribution found for eels"]
    known = explain_installer(lines, for_torch=False, as_of="2019-01-01")
    assert known is not None
    assert "--comfy-as-of 2019-01-01 may leave too little" in (known.hint or "")


def test_what_is_not_known_is_not_explained() -> None:
    assert explain_installer(["Segmentation fault"], for_torch=False) is None
    assert explain_start(["Segmentation fault"], None, None) is None
    assert not lacks_match(["Segmentation fault"])


@pytest.mark.parametrize(
    ("last", "cause", "hint"),
    [
        ("ModuleNotFoundError: No module named 'requests'", "the module requests is missing", "requests"),
        ("ModuleNotFoundError: No module named 'yaml.nodes'", "the module yaml is missing", "pyyaml"),
        (
            "ImportError: cannot import name 'CLIPTextModel' from 'transformers' (/x/__init__.py)",
            "transformers 5.23.0 does not fit this ComfyUI",
            '"transformers<5" or --comfy-as-of 2025-10-11',
        ),
        (
            "AttributeError: module 'transformers' has no attribute 'x'",
            "transformers 5.23.0 does not fit this ComfyUI",
            '"transformers<5" or --comfy-as-of 2025-10-11',
        ),
        ("RuntimeError: operator torchvision::nms does not exist", "built for another torch", "--comfy-torch-index"),
        (
            "OSError: libcudart.so.13: cannot open shared object file: No such file",
            "built for another torch",
            "--comfy-torch-index",
        ),
        ("TypeError: no such thing", "a library does not fit this ComfyUI", "--comfy-as-of 2025-10-11"),
    ],
)
def test_why_comfyui_does_not_start_is_explained(tmp_path: Path, last: str, cause: str, hint: str) -> None:
    (tmp_path / "transformers-5.23.0.dist-info").mkdir()
    lines = ["Traceback (most recent call last):", '  File "/x/site-packages/eels/__init__.py", line 1', last]
    known = explain_start(lines, tmp_path, "2025-10-11")
    assert known is not None
    assert cause in known.cause
    assert hint in (known.hint or "")


def test_nodes_that_were_not_loaded_are_found_in_the_log() -> None:
    lines = [
        "Import times for custom nodes:",
        "   0.0 seconds: /x/custom_nodes/websocket_image_save.py",
        "   0.1 seconds (IMPORT FAILED): /x/custom_nodes/sparkle",
        r"[INFO]    0.1 seconds (IMPORT FAILED): C:\x\custom_nodes\glitter",
        "IMPORT FAILED: nodes_audio.py",
    ]
    assert failed_nodes(lines) == ("sparkle", "glitter", "nodes_audio.py")


@pytest.mark.parametrize(
    ("answer", "flavour"),
    [
        ("580.65.06, 9.0\n", "cu130"),
        ("575.57.08, 8.9\n", "cu128"),
        ("580.65.06, 6.1\n", "cu126"),
        ("580.65.06, 9.0\n580.65.06, 7.0\n", "cu126"),
        ("535.104.05, 8.6\n", "cu126"),
        ("470.82.01, 7.5\n", "cpu"),
    ],
)
def test_the_build_of_torch_follows_driver_and_gpu(answer: str, flavour: str) -> None:
    chosen = flavour_for_nvidia(answer)
    assert chosen is not None
    assert chosen.name == flavour


@pytest.mark.parametrize(
    "answer", ["", "NVIDIA-SMI has failed because it couldn't communicate with the driver", "[N/A]"]
)
def test_a_driver_that_does_not_answer_counts_for_nothing(answer: str) -> None:
    assert flavour_for_nvidia(answer) is None


@pytest.mark.parametrize(
    ("version", "more", "flavour"),
    [
        ("2.9.1+cpu", "", "cpu"),
        ("2.9.1+cu130", "", "cu130"),
        ("2.9.1", "cuda: Optional[str] = '12.8'\n", "cu128"),
        ("2.9.1+rocm6.4", "", "rocm6.4"),
        ("2.9.1+gitabc", "cuda: Optional[str] = None\n", "cpu"),
    ],
)
def test_how_torch_was_built_is_read_from_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, more: str, flavour: str
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    torch = tmp_path / "lib" / "python3.11" / "site-packages" / "torch"
    torch.mkdir(parents=True)
    (torch / "version.py").write_text(f"__version__ = '{version}'\n{more}")
    found = installed_torch(tmp_path)
    assert found is not None
    assert (found.version, found.flavour) == (version, flavour)


def test_torch_comes_from_the_index_of_its_build_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def index(name: str | None) -> str | None:
        return torch_index(InstallWish(directory=tmp_path, repo="r", torch_index=name, python=tmp_path), "cu130")

    monkeypatch.setattr("sys.platform", "linux")
    assert index(None) == "https://download.pytorch.org/whl/cu130"
    assert index("https://mirror/torch") == "https://mirror/torch"
    assert index("default") is None


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("torch", "torch"),
        ("Torch_Audio>=2 ; python_version < '4'", "torch-audio"),
        ("transformers[torch]<5", "transformers"),
        ("eels @ https://host/eels.whl", "eels"),
        ("-r other.txt", ""),
        ("git+https://host/torch", ""),
        ("./torch.whl", ""),
    ],
)
def test_a_requirement_is_known_by_its_name(line: str, name: str) -> None:
    assert requirement_name(line) == name


@pytest.mark.parametrize(
    ("line", "text", "value", "maximum"),
    [
        ("Receiving objects:  45% (450/1000), 12.00 MiB | 3.00 MiB/s", "receiving objects", 450, 1000),
        ("remote: Counting objects: 100% (7/7), done.", "counting objects", 7, 7),
        ("Progress 262144 of 40000867", "Downloading torch", 262144, 40000867),
        ("  Downloading torch-2.9.1-cp311.whl (887.9 MB)", "Downloading torch-2.9.1-cp311.whl (887.9 MB)", 0, 0),
        (
            "Collecting regex>=2025 (from transformers>=4->-r /x/requirements.txt (line 7))",
            "Collecting regex>=2025",
            0,
            0,
        ),
        ("Installing collected packages: a, b, c", "installing 3 packages", 0, 0),
        ("Prepared 2 packages in 5ms", "Prepared 2 packages in 5ms", 0, 0),
    ],
)
def test_progress_is_read_from_what_programs_write(line: str, text: str, value: int, maximum: int) -> None:
    event = progress_of(line, "Downloading torch")
    assert event is not None
    assert (event.text, event.value, event.maximum) == (text, value, maximum)


def test_other_lines_are_no_progress() -> None:
    assert progress_of("WARNING: something") is None


def test_a_plan_tells_what_it_takes() -> None:
    planned = InstallPlan(
        directory=Path("tools/ComfyUI"),
        flavour=Flavour("cpu", "no GPU found"),
        steps=(PlannedStep("checkout", 90_000_000, 130_000_000), PlannedStep("torch", 200_000_000, 2_500_000_000)),
        free_bytes=71_000_000_000,
    )
    assert planned.described() == (
        "installing to tools/ComfyUI: checkout (130 MB), torch (2.5 GB); about 290 MB to download, 2.6 GB on the disk, "
        "71.0 GB free"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' usual index has no CUDA")
def test_the_usual_index_of_linux_brings_cuda(tmp_path: Path) -> None:
    wish = InstallWish(directory=tmp_path / "ComfyUI", repo="r", torch="cpu", torch_index="default", python=tmp_path)
    planned = plan(wish, InstallState(kind="absent"), {})

    assert [step.what for step in planned.steps] == [
        "checkout",
        "torch as the installer's index has it",
        "requirements",
    ]
    assert planned.disk_bytes > 6_000_000_000
