"""Every wrong source or matrix is refused at its place, with its code, and with words that help to mend it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_comfygen.errors import JobFileError
from pytest_comfygen.language.expand import load_job_file

HEAD = "comfyjob: 1\ndefaults: {checkpoint: base.safetensors, prompt: a kin}\n"
JOBS = "jobs/wrong.comfyjob.yaml"
TABLE = "id,title,steps\nelf,Ilva,3\norc,Ugh,4\n"


@dataclass(frozen=True)
class Wrong:
    """A wrong job file, whose third line is mostly what is wrong, and what must be said of it.

    :param place: file, line and column.
    :param files: below `data/`.
    """

    id: str
    text: str
    code: str
    place: str
    message: str
    hint: str = ""
    files: dict[str, str | bytes] = field(default_factory=dict)


def source(keys: str, file: str = "../data/kins.csv") -> str:
    """A job file with one source in its third line."""
    return f"{HEAD}from: [{{file: {file}, {keys}}}]\n"


def table(name: str, text: str | bytes, code: str, place: str, message: str, hint: str = "") -> Wrong:
    """A job file that is right and its table, which is not."""
    return Wrong(name, source("name: 'k_${id}', keys: [steps]"), code, place, message, hint, {"kins.csv": text})


def matrix(keys: str) -> str:
    """A job file with a matrix in its third line."""
    return f"{HEAD}matrix: {{{keys}}}\n"


def at(column: int, line: int = 3) -> str:
    """A place in the job file."""
    return f"{JOBS}:{line}:{column}"


BAD_ENTRY = (
    Wrong("from-mapping", HEAD + "from: {file: a.csv}\n", "wrong-type", at(7), "from must be a list of sources"),
    Wrong("from-text", HEAD + "from: ../data/kins.csv\n", "wrong-type", at(7), "a list of sources", "write [../data"),
    Wrong("from-entry-text", HEAD + "from: [kins.csv]\n", "wrong-type", at(8), "from.0 must be a mapping"),
    Wrong("from-empty", HEAD + "from: []\n", "empty-file", at(7), "makes no image"),
    Wrong("from-no-file", HEAD + "from: [{name: a}]\n", "missing-key", at(8), "`file` is missing", "add `file:`"),
    Wrong("from-many", HEAD + "from: [" + "{file: a.txt}," * 101 + "]", "out-of-range", at(7), "more than 100 entries"),
    Wrong("from-unknown-key", source("nam: a"), "unknown-key", at(33), "'nam'", "did you mean `name`?"),
    Wrong("from-limit", source("name: a, limit: 0"), "out-of-range", at(49), "from 1 to 100 000"),
    Wrong("from-limit-text", source("name: a, limit: '3'"), "wrong-type", at(49), "an integer", "remove the quotes"),
    Wrong("from-keys-text", source("name: a, keys: steps"), "wrong-type", at(48), "a list of keys", "write [steps]"),
    Wrong("from-where-list", source("name: a, where: {id: []}"), "out-of-range", at(54), "or a list of them"),
    Wrong("from-where-deep", source("name: a, where: {id: [[1]]}"), "wrong-type", at(54), "or a list of them"),
    Wrong("from-own-key", source("name: a, steps: 0"), "out-of-range", at(49), "1 to 1000"),
    # --- which source
    Wrong("source-and-file", source("source: a"), "conflicting-keys", at(8), "one of `file` and `source`", "remove"),
    Wrong("options-of-file", source("options: {a: 1}"), "conflicting-keys", at(8), "not for a `file`", "remove"),
    Wrong("source-number", HEAD + "from: [{source: 3}]\n", "wrong-type", at(17), "1 to 200 characters", "quotes"),
    Wrong("options-list", HEAD + "from: [{source: a, options: [b]}]\n", "wrong-type", at(29), "a mapping of at most"),
    Wrong("options-deep", HEAD + "from: [{source: a, options: {b: [c]}}]\n", "wrong-type", at(33), "a finite number"),
    Wrong(
        "source-alone",
        HEAD + "from: [{source: a}]\n",
        "source-unasked",
        at(17),
        "the source 'a'",
        "a run that collects",
    ),
    # --- which file
    Wrong("source-missing", source("name: a", "../data/kin.csv"), "file-missing", at(15), "data/kin.csv", "kins.csv?"),
    Wrong("source-no-folder", source("name: a", "no/a.csv"), "file-missing", at(15), "jobs/no/a.csv", "relative"),
    Wrong("source-folder", source("name: a", "../data"), "file-missing", at(15), "does not exist"),
    Wrong("source-outside", source("name: a", "../../kins.csv"), "outside-repository", at(15), "leads out"),
    Wrong("source-link", source("name: a", "../link/kins.csv"), "outside-repository", at(15), "through a link"),
    Wrong("source-absolute", source("name: a", "/etc/passwd"), "bad-path", at(15), "is absolute"),
    Wrong("source-private", source("name: a", "../.git/kins.csv"), "bad-path", at(15), "leads into .git"),
    Wrong("source-format", source("name: a", "../data/kins.xlsx"), "unknown-format", at(15), "'kins.xlsx'", ".csv"),
    # --- which rows
    Wrong("where-column", source("name: '${id}', where: {titel: a}"), "unknown-key", at(56), "'titel'", "`title`?"),
    Wrong(
        "where-nobody",
        source("name: a, keys: [steps], where: {id: ELF}"),
        "source-invalid",
        at(64),
        "no row",
        "capitals count",
    ),
    Wrong(
        "keys-column",
        source("name: '${id}', keys: [seed]"),
        "unknown-key",
        at(55),
        "'seed'",
        "there are: id, steps, title",
    ),
    Wrong(
        "keys-no-key", source("name: '${id}', keys: [id]"), "unknown-key", at(55), "key of an item 'id'", "there are"
    ),
    Wrong("rename-column", source("name: a, rename: {Title: t}"), "unknown-key", at(51), "'Title'", "`title`?"),
    Wrong("rename-twice", source("name: a, rename: {id: title}"), "conflicting-keys", at(50), "two columns are called"),
    Wrong("column-taken", source("name: a"), "conflicting-keys", at(8), "column 'steps'", "list `steps` under `keys:`"),
    Wrong("no-names", source("keys: [steps]"), "missing-key", at(8), "no names", "such as `name: kin_${id}`"),
    Wrong("name-column", source("name: '${nam}', keys: [steps]"), "unknown-variable", at(39), "${nam}", "known here"),
    Wrong("name-template", source("name: '${id', keys: [steps]"), "bad-template", at(39), "not closed"),
    Wrong(
        "prompt-column",
        source("name: '${id}', keys: [steps], prompt: 'a ${titel}'"),
        "unknown-variable",
        at(71),
        "${titel}",
        "did you mean ${title}?",
    ),
)

BAD_ROWS = (
    table("table-empty", "", "source-invalid", at(15), "data/kins.csv: the table is empty", "column names"),
    table("table-header-only", "id,steps\n", "source-invalid", at(15), "has no row", ""),
    table(
        "row-ragged",
        "id,steps\nelf,3\norc\n",
        "source-invalid",
        "data/kins.csv:3:1",
        "1 cells, and the header 2",
        "quotes",
    ),
    table(
        "row-too-long", "id,steps\nelf,3,4\n", "source-invalid", "data/kins.csv:2:1", "3 cells", "holds the delimiter"
    ),
    table(
        "column-twice", "id,steps,id\n", "duplicate-key", "data/kins.csv:1:10", "stood at data/kins.csv:1:1", "rename"
    ),
    table(
        "column-nameless",
        "id,steps,\nelf,1,\n",
        "source-invalid",
        "data/kins.csv:1:10",
        "column 3 has no name",
        "remove",
    ),
    table("quote-open", 'id,steps\n"elf,3\n', "syntax", "data/kins.csv:2:1", "no table", "close the quotes"),
    table("latin-1", b"id,steps\ncaf\xe9,3\n", "not-utf8", "data/kins.csv:2:4", "0xe9", "UTF-8"),
    table("utf-16", "id,steps\nelf,3\n".encode("utf-16"), "not-utf8", "data/kins.csv:1:1", "0xff", "UTF-16"),
    table("row-token", "id,steps\nhf_" + "a1B2" * 8 + ",3\n", "secret", "data/kins.csv:2:1", "token", "revoke"),
    table("row-name", "id,steps\na b,3\n", "bad-name", "data/kins.csv:2:1", "'k_a b' holds ' '", "letters, digits"),
    table("row-name-slash", "id,steps\n../x,3\n", "bad-name", "data/kins.csv:2:1", "holds '/'", "letters, digits"),
    table(
        "row-twice",
        "id,steps\nelf,3\norc,2\nelf,4\n",
        "duplicate-name",
        "data/kins.csv:4:1",
        "data/kins.csv:2:1",
        "rename",
    ),
    table(
        "row-case", "id,steps\nelf,3\nELF,4\n", "output-collision", "data/kins.csv:3:1", "data/kins.csv:2:1", "rename"
    ),
    table("cell-text", "id,steps\nelf,many\n", "wrong-type", "data/kins.csv:2:5", "steps must be an integer", ""),
    table("cell-range", "id,steps\nelf,1001\n", "out-of-range", "data/kins.csv:2:5", "not the number 1001", ""),
    table("cell-quoted", 'id,steps\n"elf","0"\n', "out-of-range", "data/kins.csv:2:7", "not the number 0", ""),
)

BAD_MATRIX = (
    Wrong("matrix-list", HEAD + "matrix: [a]\n", "wrong-type", at(9), "matrix must be a mapping"),
    Wrong("matrix-empty", matrix(""), "missing-key", at(1), "no axes", "add `axes:`"),
    Wrong("matrix-unknown-key", matrix("axis: {a: [1]}"), "unknown-key", at(10), "'axis'", "did you mean `axes`?"),
    Wrong("axis-text", matrix("axes: {a: red}"), "wrong-type", at(20), "a list of texts and numbers", "1..5"),
    Wrong("axis-number", matrix("axes: {a: 5}"), "wrong-type", at(20), "not the number 5"),
    Wrong("axis-empty", matrix("axes: {a: []}"), "out-of-range", at(20), "a list of texts and numbers"),
    Wrong("axis-null", matrix("axes: {a: [x, null]}"), "wrong-type", at(20), "a list of texts and numbers"),
    Wrong("axis-deep", matrix("axes: {a: [[x]]}"), "wrong-type", at(20), "a list of texts and numbers"),
    Wrong("range-open", matrix("axes: {a: 1..}"), "wrong-type", at(20), "a range such as 1..5", "0.2..0.8 step 0.2"),
    Wrong(
        "range-step-0",
        matrix("axes: {a: 1..5 step 0}"),
        "out-of-range",
        at(20),
        "never ends",
        "a step of 0 goes nowhere",
    ),
    Wrong("range-step-sign", matrix("axes: {a: 1..5 step -1}"), "out-of-range", at(20), "never reaches", "other sign"),
    Wrong("axis-own-name", matrix("axes: {name: [a]}"), "conflicting-keys", at(17), "${name} of its own", "otherwise"),
    Wrong("axis-width", matrix("axes: {width: [64]}"), "conflicting-keys", at(17), "${width} of its own", "otherwise"),
    Wrong("axis-unfit", matrix("axes: {a b: [c]}"), "bad-name", at(17), "'a b'", "letters, digits"),
    Wrong("zip-lengths", matrix("zip: {a: [x, y], b: [z]}"), "conflicting-keys", at(15), "a 2, b 1", "one length"),
    Wrong("zip-axis", matrix("axes: {a: [x]}, zip: {a: [y]}"), "conflicting-keys", at(32), "is an axis, too", "remove"),
    Wrong("matrix-large", matrix("axes: {a: 1..10000, b: 1..1000}"), "too-large", at(1), "10,000,000 images", "split"),
    Wrong("matrix-name", matrix("axes: {a: [x y]}"), "bad-name", at(9), "'x y' holds ' '"),
    Wrong("matrix-names", matrix("name: k, axes: {a: [x, y]}"), "duplicate-name", at(16), "two combinations", "axis"),
    Wrong(
        "matrix-variable", matrix("name: '${b}', axes: {a: [x]}"), "unknown-variable", at(16), "${b}", "known here: a"
    ),
    Wrong("axis-value", matrix("axes: {steps: [3, 0]}"), "out-of-range", at(28), "not the number 0"),
    Wrong("axis-type", matrix("axes: {size: [512x512, wide]}"), "wrong-type", at(33), "'wide'"),
    Wrong(
        "matrix-item",
        HEAD + "matrix: {axes: {a: [x]}}\nitems: {x: b}\n",
        "duplicate-name",
        at(1),
        f"item at {at(9, 4)}",
    ),
)

WRONG = (
    *BAD_ENTRY,
    *BAD_ROWS,
    *BAD_MATRIX,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a link that leads out of it."""
    root = tmp_path.resolve() / "repository"
    for folder in ("jobs", "data", ".git"):
        (root / folder).mkdir(parents=True)
    (root / "link").symlink_to(tmp_path)
    for outside in (tmp_path, root / ".git"):
        (outside / "kins.csv").write_text(TABLE, encoding="utf-8")
    (root / "data" / "kins.csv").write_text(TABLE, encoding="utf-8")
    (root / "data" / "kins.xlsx").write_text("PK", encoding="utf-8")
    return root


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.id)
def test_a_wrong_source_or_matrix_is_refused_at_its_place(wrong: Wrong, root: Path) -> None:
    (root / JOBS).write_text(wrong.text, encoding="utf-8")
    for name, content in wrong.files.items():
        (root / "data" / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(JobFileError) as caught:
        load_job_file(root / JOBS, root)

    error = caught.value
    assert (wrong.code, wrong.place) == (error.code, str(error.where))
    assert wrong.message in error.message
    assert wrong.hint in (error.hint or "")
    assert "a1B2" not in f"{error} {error.hint} {error.also}"


def test_each_row_has_an_id_of_its_own() -> None:
    ids = [wrong.id for wrong in WRONG]

    assert sorted(set(ids)) == sorted(ids)
