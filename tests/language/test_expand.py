from __future__ import annotations

import gc
import string
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from pytest_comfygen.errors import BadName, JobFileError, OutsideRepository, SecretFound, UnknownKey, Where
from pytest_comfygen.language import surroundings
from pytest_comfygen.language.expand import load_job_file, make_job
from pytest_comfygen.language.seeds import seed_from_name, seed_from_prompt
from pytest_comfygen.records import (
    CheckpointRecipe,
    Checks,
    Job,
    JobFile,
    Model,
    Seed,
    ServerWish,
    Size,
    WorkflowRecipe,
)

FULL = """\
comfyjob: 1
server: {url: "http://127.0.0.1:8188", start: never}
models:
  base: {file: checkpoints/xl/base.safetensors, sha256: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA, size: 6.94 GB}
output: {dir: "../assets/${set}", file: "${name}.webp", metadata: true}
defaults:
  checkpoint: base
  prompt: portrait of ${subject}, ${style}
  size: 832x1216
  vars: {style: oil, set: kins}
  tags: [portrait]
  verify: {min_stddev: 4}
items:
  kin_dwarf: {vars: {subject: a dwarf}, status: planned, stale_on: [prompt, models, prompt]}
  kin_elf:
    vars: {subject: "an elf", set: elves}
    seed: 1234
    steps: 40
    cfg: 6
    sampler: dpmpp_2m
    scheduler: karras
    tags: [elf, portrait]
    verify: {allow_blank: true}
  kin_cat: a cat for $5
"""  # noqa: E501  # a checksum has its length


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., JobFile]:
    """Load a text as `jobs/kins.comfyjob.yaml` of a repository."""
    root = tmp_path.resolve()
    (root / "jobs").mkdir()

    def _load(text: str, name: str = "jobs/kins.comfyjob.yaml") -> JobFile:
        (root / name).write_text(text, encoding="utf-8")
        return load_job_file(root / name, root)

    return _load


def test_every_key_reaches_its_job(load: Callable[..., JobFile], tmp_path: Path) -> None:
    root = tmp_path.resolve()
    base = Model("checkpoints", "xl/base.safetensors", "base", "a" * 64, None, 6_940_000_000)
    size = Size(832, 1216)

    job_file = load(FULL)
    dwarf, elf, cat = job_file.jobs

    expected = Job(
        name="kin_elf",
        where=Where("jobs/kins.comfyjob.yaml", 15, 3),
        file=root / "jobs" / "kins.comfyjob.yaml",
        root=root,
        output=root / "assets" / "elves" / "kin_elf.webp",
        format="webp",
        keep_metadata=True,
        prompt="portrait of an elf, oil",
        negative="",
        seed=Seed("fixed", 1234),
        recipe=CheckpointRecipe(checkpoint=base, size=size, steps=40, cfg=6.0, sampler="dpmpp_2m", scheduler="karras"),
        checks=Checks(size, "webp", "RGB", 4.0, allow_blank=True),
        tags=("portrait", "elf"),
        status=None,
        stale_on=("prompt", "params", "workflow", "models", "inputs"),
        server=ServerWish(("http://127.0.0.1:8188",), "never"),
        places=elf.places,
    )
    assert elf == expected
    assert (dwarf.status, dwarf.stale_on) == ("planned", ("prompt", "models"))
    assert cat.prompt == "a cat for $5"
    assert job_file.warnings == ()
    assert job_file.path == root / "jobs" / "kins.comfyjob.yaml"


def test_a_checkpoint_job_has_the_defaults_of_its_family(load: Callable[..., JobFile]) -> None:
    (job,) = load("comfyjob: 1\nitems: {kin: {prompt: a, checkpoint: a.ckpt}}\n").jobs

    checkpoint = Model("checkpoints", "a.ckpt")
    size = Size(512, 512)
    assert job.recipe == CheckpointRecipe(
        checkpoint=checkpoint, size=size, steps=20, cfg=7.0, sampler="euler", scheduler="normal"
    )
    assert job.seed == Seed("from-name", seed_from_name("kin"))
    assert job.checks == Checks(size, "png", "RGB")
    assert job.output_name == "jobs/kin.png"
    assert job.server == ServerWish()
    assert (job.negative, job.keep_metadata, job.status, job.tags) == ("", False, None, ())


def test_places_point_at_what_shaped_a_job(load: Callable[..., JobFile]) -> None:
    dwarf, elf, cat = load(FULL).jobs

    assert dwarf.place("steps") == dwarf.where == Where("jobs/kins.comfyjob.yaml", 14, 3)
    assert elf.place("steps") == Where("jobs/kins.comfyjob.yaml", 18, 12)
    assert elf.place("checkpoint") == Where("jobs/kins.comfyjob.yaml", 7, 15)
    assert elf.place("output.dir") == Where("jobs/kins.comfyjob.yaml", 5, 15)
    assert cat.place("prompt") == Where("jobs/kins.comfyjob.yaml", 24, 12)


SEEDS = [
    ("from-name", Seed("from-name", seed_from_name("kin"))),
    ("from-prompt", Seed("from-prompt", seed_from_prompt("a kin", "text"))),
    ("random", Seed("random", None)),
    ("0", Seed("fixed", 0)),
    ("18446744073709551615", Seed("fixed", 2**64 - 1)),
]


@pytest.mark.parametrize(("written", "seed"), SEEDS)
def test_a_seed_follows_its_rule(load: Callable[..., JobFile], written: str, seed: Seed) -> None:
    keys = f"{{prompt: 'a ${{name}}', negative: text, checkpoint: a.ckpt, seed: {written}}}"

    (job,) = load(f"comfyjob: 1\nitems: {{kin: {keys}}}\n").jobs

    assert seed == job.seed


def test_an_explicit_null_takes_a_default_away(load: Callable[..., JobFile]) -> None:
    head = "comfyjob: 1\ndefaults: {prompt: a, checkpoint: a.ckpt, steps: 3, tags: [x]}\n"

    (job,) = load(head + "items: {kin: {steps: null, tags: null}}\n").jobs

    assert isinstance(job.recipe, CheckpointRecipe)
    assert (job.recipe.steps, job.tags) == (20, ())


def test_a_json_file_says_the_same(load: Callable[..., JobFile]) -> None:
    (job,) = load(
        '{"comfyjob": 1,\n\t"items": {"kin": {"prompt": "caf\\u00e9 \\ud83d\\udca5", "checkpoint": "a.ckpt"}}}',
        "jobs/kins.comfyjob.json",
    ).jobs

    assert job.prompt == "café 💥"
    assert job.where == Where("jobs/kins.comfyjob.json", 2, 12)


WORKFLOW = """\
{"3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 2, "cfg": 1.0, "model": ["4", 0]}},
 "9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "x"}}}
"""


def test_a_workflow_job_keeps_what_the_plan_needs(load: Callable[..., JobFile], tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "draw.json").write_text(WORKFLOW, encoding="utf-8")
    text = """\
comfyjob: 1
defaults: {size: 64x96, steps: 5, seed: random, vars: {flow: draw}}
items:
  kin:
    workflow: ../flows/${flow}.json
    set: {KSampler.seed: "${seed}", 3.steps: "${steps}"}
"""

    (job,) = load(text).jobs

    recipe = job.recipe
    assert isinstance(recipe, WorkflowRecipe)
    assert recipe.file == tmp_path.resolve() / "flows" / "draw.json"
    assert recipe.variables == {"name": "kin", "flow": "draw", "width": 64, "height": 96, "steps": 5}
    assert [(entry.target, entry.node, entry.input, entry.value) for entry in recipe.sets] == [
        ("KSampler.seed", "3", "seed", "${seed}"),
        ("3.steps", "3", "steps", "${steps}"),
    ]
    assert recipe.sets[0].where == Where("jobs/kins.comfyjob.yaml", 6, 26)
    assert (job.prompt, job.checks) == ("", Checks(Size(64, 96), "png", None))


LOADERS = """\
{"1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "XL\\\\Base.safetensors"}},
 "2": {"class_type": "LoraLoader", "inputs": {"lora_name": "unused.pt", "model": ["1", 0]}},
 "3": {"class_type": "VAELoader", "inputs": {"vae_name": "elsewhere.pt"}}}
"""

LOADED = [
    ("", ("base",)),
    ("set: {LoraLoader.lora_name: ink.pt}", ("base", "ink")),
    ('set: {LoraLoader.lora_name: "styles/${style}.pt"}, vars: {style: ink}', ("base", "ink")),
    ('set: {LoraLoader.lora_name: "${style}"}, vars: {style: INK.pt}', ("base", "ink")),
    ('set: {LoraLoader.lora_name: "${seed}.pt"}', ("base",)),
    ('checkpoint: small, set: {CheckpointLoaderSimple.ckpt_name: "${checkpoint}"}', ("small",)),
    ("checkpoint: small", ("base",)),
]


@pytest.mark.parametrize(("keys", "roles"), LOADED)
def test_a_workflow_job_has_the_declared_models_that_it_names(
    load: Callable[..., JobFile], tmp_path: Path, keys: str, roles: tuple[str, ...]
) -> None:
    (tmp_path / "jobs" / "load.json").write_text(LOADERS, encoding="utf-8")
    text = """\
comfyjob: 1
models:
  small: {file: checkpoints/small.safetensors}
  base: {file: checkpoints/xl/base.safetensors}
  ink: {file: loras/styles/ink.pt}
items:
"""

    *_, last = load(f"{text}  first: {{workflow: load.json}}\n  kin: {{workflow: load.json, {keys}}}\n").jobs

    assert isinstance(last.recipe, WorkflowRecipe)
    assert roles == tuple(model.role for model in last.recipe.models)


def test_a_workflow_is_searched_for_models_once(
    load: Callable[..., JobFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[object] = []

    def values(graph: object, *_: object) -> list[str]:
        searched.append(graph)
        return ["ink.pt"]

    monkeypatch.setattr(surroundings, "input_values", values)
    (tmp_path / "jobs" / "load.json").write_text(LOADERS, encoding="utf-8")
    head = "comfyjob: 1\nmodels: {ink: {file: loras/ink.pt}}\ndefaults: {workflow: load.json}\nitems:\n"

    jobs = load(head + "".join(f"  k{number}:\n" for number in range(100))).jobs

    assert len(searched) == 1
    assert {job.recipe.models for job in jobs if isinstance(job.recipe, WorkflowRecipe)} == {
        (Model("loras", "ink.pt", "ink"),)
    }


def test_what_is_asked_of_a_server_reaches_the_jobs(load: Callable[..., JobFile]) -> None:
    node = "https://github.com/someone/nodes@v1.2"
    server = f"server: {{args: [--lowvram, --reserve-vram=1.5], custom_nodes: [{node}]}}\n"

    (job,) = load(f"comfyjob: 1\n{server}items: {{kin: {{prompt: a, checkpoint: a.ckpt}}}}\n").jobs

    assert job.server == ServerWish(args=("--lowvram", "--reserve-vram", "1.5"), custom_nodes=(node,))


def test_a_prompt_cut_by_a_comment_is_warned_about(load: Callable[..., JobFile]) -> None:
    text = """\
comfyjob: 1
defaults:
  checkpoint: a.ckpt  # fine
  negative: text #1
items:
  a: a dwarf #2
  b: {prompt: "a dwarf"}  # fine
  c:
    prompt: an elf # cut
"""

    job_file = load(text)

    assert [str(warning.where) for warning in job_file.warnings] == [
        "jobs/kins.comfyjob.yaml:4:13",
        "jobs/kins.comfyjob.yaml:6:6",
        "jobs/kins.comfyjob.yaml:9:13",
    ]
    assert job_file.warnings[0].message == "YAML takes the rest of this line, from ` #` on, for a comment"
    assert job_file.jobs[0].prompt == "a dwarf"


def test_the_mistakes_of_several_items_are_told_at_once(load: Callable[..., JobFile]) -> None:
    defaults = "defaults: {checkpoint: a.ckpt, prompt: '${x}'}\n"
    text = f"comfyjob: 1\n{defaults}items:\n  a:\n  b: {{prompt: b, size: 20x20}}\n  'c/': c\n"

    with pytest.raises(JobFileError) as caught:
        load(text)

    told = [f"{error.code} {error.where}" for error in (caught.value, *caught.value.also)]
    file = "jobs/kins.comfyjob.yaml"
    assert told == [f"unknown-variable {file}:2:40", f"out-of-range {file}:5:24", f"bad-name {file}:6:3"]


def test_a_mistake_in_the_defaults_is_told_once(load: Callable[..., JobFile]) -> None:
    items = "".join(f"  k{number}:\n" for number in range(500))

    with pytest.raises(JobFileError) as caught:
        load(f"comfyjob: 1\ndefaults: {{checkpoint: a.ckpt, prompt: '${{x}}'}}\nitems:\n{items}")

    assert caught.value.also == ()


def test_texts_cannot_explode(load: Callable[..., JobFile]) -> None:
    variables, prompt = "x" * 50_000, "${x}" * 20_000
    text = f"comfyjob: 1\ndefaults: {{checkpoint: a.ckpt, vars: {{x: {variables}}}, prompt: '{prompt}'}}\n"

    with pytest.raises(JobFileError) as caught:
        load(text + "items: {a: }\n")

    assert caught.value.code == "too-large"


def test_the_texts_of_a_file_are_bounded_together(
    load: Callable[..., JobFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "MAX_FILLED_CHARACTERS", 1000)
    variables = "x" * 400

    with pytest.raises(JobFileError) as caught:
        load(
            f"comfyjob: 1\ndefaults: {{checkpoint: a.ckpt, vars: {{x: {variables}}}}}\n"
            "items: {a: 'a ${x}', b: 'b ${x}', c: 'c ${x}'}"
        )

    assert caught.value.code == "too-large"
    assert str(caught.value.where) == "jobs/kins.comfyjob.yaml:3:38"


def test_a_job_file_that_is_a_link_out_of_the_repository_is_not_read(tmp_path: Path) -> None:
    root = tmp_path.resolve() / "root"
    root.mkdir()
    (tmp_path / "secret.yaml").write_text("password: x", encoding="utf-8")
    (root / "a.comfyjob.yaml").symlink_to(tmp_path / "secret.yaml")

    with pytest.raises(OutsideRepository) as caught:
        load_job_file(root / "a.comfyjob.yaml", root)

    assert "password" not in str(caught.value)


def test_an_output_that_is_a_link_out_of_the_repository_is_refused(tmp_path: Path) -> None:
    root = tmp_path.resolve() / "root"
    root.mkdir()
    (root / "kin.png").symlink_to(tmp_path / "elsewhere.png")
    text = "comfyjob: 1\nitems: {kin: {prompt: a, checkpoint: a.ckpt}}"
    (root / "a.comfyjob.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(OutsideRepository):
        load_job_file(root / "a.comfyjob.yaml", root)


def make(root: Path, /, **values: object) -> Job:
    values = {"prompt": "a dwarf", "checkpoint": "a.ckpt", **values}
    return make_job(values, name="kin", root=root.resolve(), file=root.resolve() / "tests" / "test_a.py")


def test_a_job_can_be_made_from_python_values(tmp_path: Path) -> None:
    job = make(tmp_path, size="64x64", steps=2, tags=("a", "b"), vars={"x": 1}, negative="no ${x}")

    assert isinstance(job.recipe, CheckpointRecipe)
    assert (job.recipe.size, job.recipe.steps, job.tags, job.negative) == (Size(64, 64), 2, ("a", "b"), "no 1")
    assert job.output == tmp_path.resolve() / "kin.png"
    assert job.where == job.place("steps") == Where("tests/test_a.py")


@pytest.mark.parametrize(
    ("values", "error"),
    [({"promt": "x"}, UnknownKey), ({"prompt": "hf_" + "a" * 30}, SecretFound), ({"steps": Path()}, JobFileError)],
)
def test_wrong_python_values_are_refused_without_a_line(
    tmp_path: Path, values: dict[str, Any], error: type[JobFileError]
) -> None:
    with pytest.raises(error) as caught:
        make(tmp_path, **values)

    assert caught.value.where is None


def test_a_name_from_python_is_checked_too(tmp_path: Path) -> None:
    with pytest.raises(BadName):
        make_job({"prompt": "a"}, name="a/b", root=tmp_path, file=tmp_path / "test_a.py")


PIECES = st.text(string.printable, max_size=3) | st.sampled_from(
    [
        "comfyjob: 1\n",
        "items:\n",
        "  a: ",
        "{",
        "}",
        "[",
        "prompt: x",
        "${",
        "name",
        "\n",
        " ",
        ":",
        "size: 64x64",
        "~",
        "\t",
        "workflow: x.json",
        "set: {",
        "- ",
        "&a ",
        "*a",
        "defaults: {checkpoint: a.ckpt}\n",
        "!!x ",
        "'",
        '"',
        "1",
        "seed: ",
        ", ",
    ]
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.lists(PIECES, max_size=25).map("".join))
def test_any_text_gives_jobs_or_an_error_with_a_place(load: Callable[..., JobFile], text: str) -> None:
    try:
        load(text)
    except JobFileError as error:
        assert error.where is not None  # noqa: PT017  # that it raises is not the point


@pytest.mark.slow
def test_a_hundred_thousand_items_are_within_the_limits(load: Callable[..., JobFile]) -> None:
    items = "".join(f"  k{number}: a dwarf\n" for number in range(100_000))

    job_file = load(f"comfyjob: 1\ndefaults: {{checkpoint: a.ckpt}}\nitems:\n{items}")

    assert len(job_file.jobs) == 100_000


def test_ten_thousand_items_take_no_time_to_speak_of(load: Callable[..., JobFile]) -> None:
    """The wall is ten times what a desk needs, so that only another order of growth hits it."""
    items = "".join(f"  k{number}: {{vars: {{subject: a dwarf}}}}\n" for number in range(10_000))
    text = f"comfyjob: 1\ndefaults: {{checkpoint: a.ckpt, prompt: 'a ${{subject}}'}}\nitems:\n{items}"
    gc.collect()

    started = time.process_time()
    load(text)

    assert time.process_time() - started < 6
