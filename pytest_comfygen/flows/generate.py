"""One item, start to end: submit, follow, fetch, decode, verify, publish, record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath

from pluggy import HookRelay

from pytest_comfygen.engine.client import ComfyClient
from pytest_comfygen.engine.client.nearby import read_nearby
from pytest_comfygen.errors import (
    AssetError,
    ComfygenError,
    DestinationChanged,
    ImageEdited,
    Interrupted,
    JobLost,
    NoOutput,
    PictureRefused,
    SeveralOutputs,
    WriteFailed,
)
from pytest_comfygen.flows.baselines import examine
from pytest_comfygen.flows.dispatch import Dispatch
from pytest_comfygen.flows.inputs import send_inputs
from pytest_comfygen.flows.pictures import Pictures
from pytest_comfygen.flows.plan import Judge, Plan
from pytest_comfygen.flows.settle import can_be_made_again, verified
from pytest_comfygen.flows.verdicts import failing_of, refusal, users_findings
from pytest_comfygen.language.graph import family, recipe_number
from pytest_comfygen.language.workflow import for_server
from pytest_comfygen.outputs.report import finding_rows
from pytest_comfygen.outputs.store import Staged, Store
from pytest_comfygen.records import (
    Checks,
    Event,
    Execution,
    Finding,
    ImageFormat,
    ImageRecord,
    Inspection,
    Job,
    JobResult,
    RemoteImage,
    Scalar,
    ServerInfo,
    WorkflowRecipe,
    relative,
)
from pytest_comfygen.verify.encoding import encode
from pytest_comfygen.verify.image import is_repacked
from pytest_comfygen.verify.looks import judge_bytes

__all__ = ["Picture", "Workplace", "draw", "generate", "make_aside", "make_picture", "send_ahead"]

_FORMATS: dict[str, ImageFormat] = {".png": "png", ".webp": "webp", ".jpg": "jpeg", ".jpeg": "jpeg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What making a picture needs besides the job.

    :param line: the jobs that this process has at the server.
    :param send_ahead: sends those that come next, while this one is made.
    :param sketch: the pictures are sketches, and may start from nothing where there is no picture to start from.
    :param pictures: what the other items of the run show.
    :param score: what a job's external scorer says against a picture.
    :param output: where the server keeps its pictures, when it is ours.
    """

    client: ComfyClient
    server: ServerInfo
    store: Store
    line: Dispatch
    hooks: HookRelay
    notify: Callable[[Event], None]
    send_ahead: Callable[[], None]
    pictures: Pictures
    score: Judge
    output: Path | None = None
    sketch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that passed its checks, ready to be written.

    :param data: the bytes to write, in the job's format.
    :param source_sha256: of the pixels as ComfyUI gave them.
    """

    data: bytes
    encoding: str
    source_sha256: str
    inspection: Inspection
    execution: Execution
    graph_sha256: str


def generate(plan: Plan, workplace: Workplace) -> JobResult:
    """Make the image of `plan` and publish it; the old file stays until the new one has passed every check.

    :raises JobError: ComfyUI did not make it, or it failed its checks (then it lies in `.comfygen/rejected/`).
    :raises AssetError: the output was changed meanwhile, or could not be written.
    """
    try:
        workplace.store.refuse_unwritable(plan.job.output)
    except AssetError as error:
        raise error.at(plan.job.where) from None
    picture = make_picture(plan.job, plan.seed, workplace)
    result = JobResult(
        outcome="generated",
        path=plan.job.output,
        reasons=plan.reasons,
        timing=picture.execution.timing,
        uncompared=plan.uncompared,
    )
    shown = picture.inspection
    with workplace.pictures.claiming(plan.job, shown.pixels_sha256 or "", shown.statistics) as against:
        if against:
            raise _refusal(plan.job, picture.data, against, workplace.store)
        return _put_down(plan, picture, workplace, result)


def _put_down(plan: Plan, picture: Picture, workplace: Workplace, result: JobResult) -> JobResult:
    """Publish a picture that differs from what stands there."""
    if _is_identical(plan, picture):
        return _keep_identical(plan, picture, workplace, result)
    try:
        record, warnings = _publish(plan, picture, workplace)
    except DestinationChanged:
        return _after_another_writer(plan, picture, workplace, result)
    except AssetError as error:
        raise error.at(plan.job.where) from None
    return replace(result, record=record, warnings=warnings)


def make_aside(plan: Plan, workplace: Workplace) -> tuple[bytes, ImageRecord]:
    """Make a picture of `plan` that passes its checks, and the record that it would be published with."""
    picture = make_picture(plan.job, plan.seed, workplace)
    return picture.data, _record(plan, picture, workplace.server)


def draw(job: Job, seed: int, workplace: Workplace, write: Callable[[bytes], Path]) -> JobResult:
    """Make a picture of `job` that is no asset: checked like one, written by `write`, without a record."""
    picture = make_picture(job, seed, workplace)
    try:
        path = write(picture.data)
    except AssetError as error:
        raise error.at(job.where) from None
    warnings = _ask_hooks(job, picture, path, workplace)
    return JobResult(outcome="generated", path=path, timing=picture.execution.timing, warnings=warnings)


# --- making a picture -----------------------------------------------------------------------------------------------


def make_picture(job: Job, seed: int, workplace: Workplace) -> Picture:
    """Have ComfyUI make the picture of `job`, fetch it, encode it and check it."""
    if workplace.sketch:
        job = replace(job, checks=job.checks.for_sketch())
    try:
        job = _as_sent(job, workplace)
    except ComfygenError as error:
        raise error.at(job.where) from None
    execution, graph_sha256 = _execute_persistently(job, seed, workplace)
    remote = _the_one(job, execution)
    near = read_nearby(workplace.output, remote) if workplace.output else None
    source = near or workplace.client.fetch(remote)
    workplace.notify(Event(kind="fetched", job=job.id, value=len(source), maximum=len(source), text="bytes"))
    inspection = examine(source, job, workplace.store, _source_checks(job.checks, remote))
    _refuse_failing(job, source, inspection, workplace.store)
    data, encoding, final = _encoded(job, source, inspection, workplace.store)
    _refuse_failing(job, data, final, workplace.store)
    return Picture(
        data=data,
        encoding=encoding,
        source_sha256=inspection.pixels_sha256 or "",
        inspection=final,
        execution=execution,
        graph_sha256=graph_sha256,
    )


def _encoded(job: Job, source: bytes, seen: Inspection, store: Store) -> tuple[bytes, str, Inspection]:
    """The asset's bytes, how they were encoded, and what is seen in them: the same again where nothing was.

    :raises PictureRefused: the format cannot hold it.
    """
    try:
        data, encoding = encode(source, job.format, keep_metadata=job.keep_metadata, still=job.checks.is_still)
    except PictureRefused as error:
        raise error.at(job.where) from None
    is_same = encoding.startswith("png") or data is source or is_repacked(data, job.format, seen.pixels_sha256)
    if not is_same:
        return data, encoding, examine(data, job, store)
    findings = (*seen.findings, *judge_bytes(len(data), job.checks.file_bytes))
    return data, encoding, replace(seen, findings=findings)


def send_ahead(job: Job, seed: int, workplace: Workplace) -> None:
    """Submit a job before its turn, so that the server goes on with it at once.

    :raises ComfygenError: that does not work; its item will meet the same.
    """
    workplace.line.send_ahead(_as_sent(job, workplace), seed, workplace.hooks)


def _as_sent(job: Job, workplace: Workplace) -> Job:
    """The job with its pictures on the server, and with a graph, which a page's workflow only has together with one."""
    job = send_inputs(job, workplace.client, workplace.store, sketch=workplace.sketch)
    is_page = isinstance(job.recipe, WorkflowRecipe) and job.recipe.page is not None
    return for_server(job, workplace.client.object_info()) if is_page else job


def _execute_persistently(job: Job, seed: int, workplace: Workplace) -> tuple[Execution, str]:
    """Execute, and once more when the server lost the job, was told to stop, or had nothing new to save.

    The second submission has a new id and file name prefix, so that no cache answers it.
    """
    try:
        return _execute(job, seed, workplace)
    except (JobLost, Interrupted, NoOutput) as failure:
        workplace.notify(Event(kind="notice", job=job.id, text=f"{failure.message}; submitting it once more"))
    return _execute(job, seed, workplace)


def _execute(job: Job, seed: int, workplace: Workplace) -> tuple[Execution, str]:
    """The job's execution, and the sha256 of what was drawn."""
    line, notify = workplace.line, workplace.notify
    try:
        prompt_id, drawn = line.make(job, seed, workplace.hooks, notify)
        execution = line.follow(prompt_id, lambda event: notify(replace(event, job=job.id)), workplace.send_ahead)
    except ComfygenError as error:
        raise error.at(job.where) from None
    return execution, drawn


def _the_one(job: Job, execution: Execution) -> RemoteImage:
    if len(execution.images) == 1:
        return execution.images[0]
    names = [f"node {image.node}: {image.filename}" for image in execution.images]
    raise SeveralOutputs(
        f"the job made {len(names)} pictures, and an item stands for one",
        where=job.where,
        details=tuple(names[:10]),
        hint="name the node with `output_node:`, or leave one that saves, with a batch size of 1",
    )


def _source_checks(checks: Checks, remote: RemoteImage) -> Checks:
    """The checks for the file as ComfyUI names it; the job's own format and size are checked after encoding."""
    checks = replace(checks, file_bytes=None)
    if not checks.is_still:
        return checks  # nothing that plays is encoded anew
    named = _FORMATS.get(PurePosixPath(remote.filename).suffix.lower(), "png")
    return replace(checks, format=named)


def _refuse_failing(job: Job, data: bytes, inspection: Inspection, store: Store) -> None:
    if inspection.errors:
        raise _refusal(job, data, inspection.errors, store)


def _refusal(job: Job, data: bytes, failing: tuple[Finding, ...], store: Store) -> PictureRefused:
    kept = store.reject(job.output, data, "\n".join(finding_rows(failing)))
    return refusal(job, "new", failing, details=_kept_aside(job, kept))


# --- writing it down ------------------------------------------------------------------------------------------------


def _kept_aside(job: Job, kept: Path | None) -> tuple[str, ...]:
    return (f"kept aside: {relative(kept, job.root)}",) if kept else ()


def _is_identical(plan: Plan, picture: Picture) -> bool:
    """The same pixels in the same encoding stand there already; an optimiser may have repacked the bytes."""
    record = plan.record
    if record is None or (record.source_sha256, record.encoding) != (picture.source_sha256, picture.encoding):
        return False
    if any(reason.kind == "check" for reason in plan.reasons):
        return False  # equal pixels do not mend a file that fails a check
    repacked = plan.inspection is not None and plan.inspection.pixels_sha256 == record.pixels_sha256
    return plan.seen.sha256 == record.file_sha256 or repacked


def _keep_identical(plan: Plan, picture: Picture, workplace: Workplace, result: JobResult) -> JobResult:
    """Leave the image file alone, bytes and mtime; its record learns what it was made from this time."""
    standing = plan.record.pixels_sha256 if plan.record else ""
    record = replace(
        _record(plan, picture, workplace.server), file_sha256=plan.seen.sha256 or "", pixels_sha256=standing
    )
    if record != plan.record:
        workplace.store.write_record(plan.job.output, record)
    return replace(result, outcome="identical", record=record)


def _publish(plan: Plan, picture: Picture, workplace: Workplace) -> tuple[ImageRecord, tuple[Finding, ...]]:
    store, job = workplace.store, plan.job
    if not _is_ours(plan, workplace.server):
        store.trash(job.output)
    staged = store.stage(job.output, picture.data)
    with store.discarding(staged):
        warnings = _ask_hooks(job, picture, staged.path, workplace)
        _refuse_what_is_on_disk(job, picture, staged)
        record = _record(plan, picture, workplace.server)
        store.publish(staged, record, plan.seen)
    workplace.notify(Event(kind="published", job=job.id, text=job.output_name))
    return record, warnings


def _is_ours(plan: Plan, server: ServerInfo) -> bool:
    """Whether what is replaced can be made again, and is nothing that a placeholder would take the place of."""
    is_downgrade = server.sketch and plan.record is not None and not plan.record.comfyui.get("sketch")
    return can_be_made_again(plan) and not (plan.seen.exists and is_downgrade)


def _after_another_writer(plan: Plan, picture: Picture, workplace: Workplace, result: JobResult) -> JobResult:
    """The output changed while its picture was made: another run of the same job is welcome, a person's edit stays."""
    store, job = workplace.store, plan.job
    store.wait_for_others(job.output)
    record = store.record(job.output)
    if record is not None and _is_alike(plan, record) and store.look(job.output).sha256 == record.file_sha256:
        return replace(result, outcome="current", record=record)
    kept = store.reject(job.output, picture.data, "the output was changed while this picture was made")
    raise ImageEdited(
        f"{job.output_name} was changed while its new picture was made, so it is left alone",
        where=job.where,
        details=_kept_aside(job, kept),
        hint="run again: --comfy-adopt keeps the file as it stands, --comfy-overwrite-edited makes it anew",
    )


def _is_alike(plan: Plan, record: ImageRecord) -> bool:
    """Whether the record is of the same job; two runs draw a random seed each."""
    planned, made = plan.fingerprint, record.fingerprint
    if plan.job.seed.rule == "random":
        made = replace(made, params={**made.params, "seed": plan.seed})
    return planned == made


def _refuse_what_is_on_disk(job: Job, picture: Picture, staged: Staged) -> None:
    """After the hooks, which can read the file and so could have changed it."""
    if staged.path.read_bytes() != picture.data:
        raise WriteFailed(f"{job.output_name}: the disk gave back other bytes than were written", where=job.where)


def _ask_hooks(job: Job, picture: Picture, path: Path, workplace: Workplace) -> tuple[Finding, ...]:
    """Ask users' own checks about the picture at `path`, and the external scorer unless it is a placeholder.

    :returns: their warnings.
    :raises PictureRefused: one of them found an error.
    """
    found: tuple[Finding, ...] = () if workplace.sketch else workplace.score(job, path)
    found += users_findings(job, path, workplace.hooks)
    if failing := failing_of(found):
        raise _refusal(job, picture.data, failing, workplace.store)
    return found


def _record(plan: Plan, picture: Picture, server: ServerInfo) -> ImageRecord:
    job = plan.job
    return ImageRecord(
        job=relative(job.file, job.root),
        item=job.name,
        fingerprint=plan.fingerprint,
        seed=plan.seed,
        family=family(job),
        recipe=recipe_number(job),
        graph_sha256=picture.graph_sha256,
        comfyui=_comfyui(server),
        file_sha256=sha256(picture.data).hexdigest(),
        pixels_sha256=picture.inspection.pixels_sha256 or "",
        source_sha256=picture.source_sha256,
        encoding=picture.encoding,
        verified=verified(job, picture.inspection),
        rerolled=plan.rerolled,
    )


def _comfyui(server: ServerInfo) -> dict[str, Scalar]:
    told: dict[str, Scalar] = {"version": server.version, "commit": server.commit}
    return told | ({"sketch": True} if server.sketch else {})
