"""Ten thousand images in one job file, and ten thousand items of the smallest plugin that there can be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from PIL import Image

from benchmarks.measure import Command
from pytest_comfygen.flows.fingerprint import fingerprint_of
from pytest_comfygen.language.expand import load_job_file
from pytest_comfygen.language.graph import build_graph, canonical_sha256, family, recipe_number
from pytest_comfygen.outputs.store import Store
from pytest_comfygen.records import ImageRecord, Inspection, Job, Verified, relative
from pytest_comfygen.verify.checks import settings_hash
from pytest_comfygen.verify.image import inspect

__all__ = [
    "checking",
    "collecting",
    "running",
    "selecting",
    "trivial_collecting",
    "trivial_running",
    "trivial_selecting",
    "write_images",
    "write_job_file",
    "write_table",
]

JOB_FILE = """\
comfyjob: 1
models:
  base: {file: checkpoints/base.safetensors}
output: {dir: ../assets}
defaults:
  checkpoint: base
  prompt: portrait of ${subject}, ${style}
  negative: text, watermark
  size: 16x16
  steps: 30
  cfg: 6.5
  sampler: dpmpp_2m
  scheduler: karras
  vars: {style: oil painting}
  tags: [portrait]
items:
"""

TRIVIAL_PLUGIN = """\
import pytest
class TrivialFile(pytest.File):
    def collect(self):
        return [TrivialItem.from_parent(self, name=name) for name in self.path.read_text().split()]
class TrivialItem(pytest.Item):
    def runtest(self):
        pass
def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".trivial":
        return TrivialFile.from_parent(parent, path=file_path)
"""

_OURS = ("-p", "comfygen", "jobs")
_TRIVIAL = ("-p", "trivial_plugin", "jobs")


def write_job_file(directory: Path, items: int, size: tuple[int, int] = (16, 16)) -> Path:
    """Make a repository with one job file of so many items, and the trivial plugin with a file of as many names."""
    jobs = directory / "jobs"
    jobs.mkdir()
    (directory / ".git").mkdir()
    (directory / "pytest.ini").write_text("[pytest]\npythonpath = .\n", encoding="utf-8")
    (directory / "trivial_plugin.py").write_text(TRIVIAL_PLUGIN, encoding="utf-8")
    names = [f"kin_{number:05}" for number in range(items)]
    lines = [f"  {name}: {{vars: {{subject: dwarf number {number}}}}}" for number, name in enumerate(names)]
    (jobs / "names.trivial").write_text("\n".join(names), encoding="utf-8")
    job_file = jobs / "kins.comfyjob.yaml"
    width, height = size
    head = JOB_FILE.replace("16x16", f"{width}x{height}")
    job_file.write_text(head + "\n".join(lines), encoding="utf-8")
    return job_file


def write_table(directory: Path, items: int) -> Path:
    """As `write_job_file`, but the images are the rows of a table beside the job file."""
    job_file = write_job_file(directory, items)
    table = job_file.with_name("kins.csv")
    rows = [f"{number:05},dwarf number {number},{number},30" for number in range(items)]
    table.write_text("id,subject,seed,age\n" + "\n".join(rows), encoding="utf-8")
    source = "from:\n  - {file: kins.csv, name: 'kin_${id}', keys: [seed]}\n"
    job_file.write_text(JOB_FILE.replace("items:\n", source), encoding="utf-8")
    return job_file


def write_images(job_file: Path, picture: Callable[[int], bytes] | None = None) -> None:
    """Give every item of a job file its image and the record of having made it, as a run would have left them.

    :param picture: a PNG for each number; without it, all have the same one of 16 x 16 pixels.
    """
    root = job_file.parent.parent.resolve()
    (root / "assets").mkdir()
    store = Store(root)
    for number, job in enumerate(load_job_file(job_file, root).jobs):
        data = _picture(number) if picture is None else picture(number)
        job.output.write_bytes(data)
        store.write_record(job.output, _record(job, data, inspect(data, job.checks)))


def _picture(number: int) -> bytes:
    """A PNG of 16 x 16 pixels that is not blank, another one for each number up to 65 535."""
    image, file = Image.new("RGB", (16, 16)), BytesIO()
    image.putdata([(16 * column, 16 * row, 128) for row in range(16) for column in range(16)])
    image.putpixel((0, 0), (number // 256, number % 256, 0))
    image.save(file, "png")
    return file.getvalue()


def _record(job: Job, data: bytes, inspection: Inspection) -> ImageRecord:
    if inspection.findings or inspection.statistics is None or job.seed.value is None:
        raise SystemExit(f"the benchmark's picture is refused: {inspection.findings}")
    pixels_sha256 = inspection.pixels_sha256 or ""
    return ImageRecord(
        job=relative(job.file, job.root),
        item=job.name,
        fingerprint=fingerprint_of(job, job.seed.value),
        seed=job.seed.value,
        family=family(job),
        recipe=recipe_number(job),
        graph_sha256=canonical_sha256(build_graph(job, job.seed.value, "")),
        comfyui={"version": "0.3.64", "commit": None},
        file_sha256=sha256(data).hexdigest(),
        pixels_sha256=pixels_sha256,
        source_sha256=pixels_sha256,
        encoding="png",
        verified=Verified(settings_hash(job.checks), inspection.statistics),
    )


# --- the runs that are compared ---------------------------------------------------------------------------------------


def _collect(options: tuple[str, ...], directory: Path, items: int) -> Command:
    arguments = (sys.executable, "-m", "pytest", "--collect-only", "-q", *options)
    return Command(arguments, directory, f"{items} tests collected")


def _select(options: tuple[str, ...], directory: Path, items: int) -> Command:
    name = f"kin_{items // 2:05}"
    arguments = (sys.executable, "-m", "pytest", "-q", *options, "-k", name)
    return Command(arguments, directory, f"1 passed, {items - 1} deselected")


def _run(options: tuple[str, ...], directory: Path, items: int) -> Command:
    return Command((sys.executable, "-m", "pytest", "-q", *options), directory, f"{items} passed")


collecting, trivial_collecting = partial(_collect, _OURS), partial(_collect, _TRIVIAL)
running, trivial_running = partial(_run, _OURS), partial(_run, _TRIVIAL)
selecting, trivial_selecting = partial(_select, _OURS), partial(_select, _TRIVIAL)
checking = partial(_run, (*_OURS, "--comfy-check"))
