from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_comfygen.errors import JobFileError
from pytest_comfygen.language.load import Value
from pytest_comfygen.language.sources import open_source

TWO = [{"name": "elf", "age": "300"}, {"name": "orc", "age": "20"}]
TYPED = [{"name": "elf", "age": 300}, {"name": "orc", "age": 20}]

READ = [
    ("a.csv", "name,age\nelf,300\norc,20\n", TWO, [2, 3]),
    ("bom.csv", "\ufeffname,age\nelf,300\norc,20", TWO, [2, 3]),
    ("crlf.csv", "name,age\r\nelf,300\r\n\r\norc,20\r\n", TWO, [2, 4]),
    ("spaces.csv", "\n name , age \nelf, 300\n   \norc,20\n", TWO, [3, 5]),
    ("semicolon.csv", "name;age\nelf;300\norc;20\n", TWO, [2, 3]),
    (
        "quoted.csv",
        'name,age\n"el""f,\nx",1\norc,2\n',
        [{"name": 'el"f,\nx', "age": "1"}, {"name": "orc", "age": "2"}],
        [2, 4],
    ),
    ("a.tsv", "name\tage\nelf\t300\norc\t20\n", TWO, [2, 3]),
    ("a.CSV", "name\nelf\n", [{"name": "elf"}], [2]),
    ("header.csv", "name,age\n", [], []),
    ("a.json", '[{"name": "elf", "age": 300},\n {"name": "orc", "age": 20}]', TYPED, [1, 2]),
    ("under-a-key.json", '{"kins": [\n{"name": "elf", "age": 300},\n {"name": "orc", "age": 20}]}', TYPED, [2, 3]),
    ("named.yaml", "elf: {age: 300}\norc: {age: 20}\n", TYPED, [1, 2]),
    ("a.yml", "- {name: elf, age: 300}\n- name: orc\n  age: 20\n", TYPED, [1, 2]),
    ("a.jsonl", '{"name": "elf", "age": 300}\n\n {"name": "orc", "age": 20}\n', TYPED, [1, 3]),
    ("a.toml", '[[kin]]\nname = "elf"\nage = 300\n[[kin]]\nname = "orc"\nage = 20\n', TYPED, [1, 4]),
    ("named.toml", "[elf]\nage = 300\n\n[orc]\nage = 20\n", TYPED, [1, 4]),
    ("inline.toml", 'kin = [{name = "elf", age = 300}, {name = "orc", age = 20}]\n', TYPED, [0, 0]),
    ("dates.toml", "[[kin]]\nborn = 1979-05-27\n", [{"born": "1979-05-27"}], [1]),
    ("a.txt", "an elf\n\n  an orc, \u00e4lter \n", [{"prompt": "an elf"}, {"prompt": "an orc, \u00e4lter"}], [1, 3]),
]


@pytest.mark.parametrize(("name", "text", "values", "lines"), READ, ids=[name for name, *_ in READ])
def test_a_source_is_read(
    name: str, text: str, values: list[Mapping[str, Value]], lines: list[int], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")

    rows = open_source(path, name).rows()
    found = list(rows.rows)

    assert values == [dict(row.values) for row in found]
    assert lines == [row.spot[0] for row in found]
    assert {column for row in found for column in row.values} <= set(rows.columns)


CELLS = [
    ("a.csv", "name,age\nelf,300\n", 0, "age", "2:5"),
    ("quoted.csv", 'name,text,age\n"a ""b"",\nc","d\ne",7\n', 0, "text", "3:4"),
    ("quoted.csv", 'name,text,age\n"a ""b"",\nc","d\ne",7\n', 0, "age", "4:4"),
    ("a.tsv", "name\tage\nelf\t300\n", 0, "age", "2:5"),
    ("a.json", '[{"name": "elf"},\n {"name": "orc", "age": 20}]', 1, "age", "2:25"),
    ("a.yaml", "elf: {age: 300}\norc: {age: 20}\n", 1, "age", "2:12"),
    ("named.yaml", "elf: {age: 300}\norc: {age: 20}\n", 1, "name", "2:1"),
    ("a.jsonl", '{"age": 1}\n{"name": "orc", "age": 20}\n', 1, "age", "2:24"),
    ("a.toml", '[[kin]]\nname = "elf"\n[[kin]]\nname = "orc"\nage = 20\n', 1, "age", "5:7"),
    ("a.toml", "[[kin]]\nage = 1\n[[kin]]\n", 0, "name", "1:1"),
    ("a.txt", "an elf\n  an orc\n", 1, "prompt", "2:3"),
]


@pytest.mark.parametrize(("name", "text", "number", "column", "place"), CELLS)
def test_a_cell_is_found_again(name: str, text: str, number: int, column: str, place: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    source = open_source(path, name)
    spot = list(source.rows().rows)[number].spot

    assert f"{name}:{place}" == str(source.where(spot, number, column))


WRONG = [
    ("a.csv", "", "source-invalid", "a.csv", "is empty"),
    ("a.csv", "name,age\nelf\n", "source-invalid", "a.csv:2:1", "1 cells, and the header 2"),
    ("a.csv", "name,age\nelf,1\norc,2,3\n", "source-invalid", "a.csv:3:1", "3 cells"),
    ("a.csv", "name,age,name\n", "duplicate-key", "a.csv:1:10", "it stood at a.csv:1:1"),
    ("a.csv", "name,,age\n", "source-invalid", "a.csv:1:6", "column 2 has no name"),
    ("a.csv", 'name\n"elf\n', "syntax", "a.csv:2:1", "unexpected end of data"),
    ("a.csv", 'name\nelf\n"or"c\n', "syntax", "a.csv:3:1", "expected after"),
    ("a.csv", b"name\ncaf\xe9\n", "not-utf8", "a.csv:2:4", "0xe9"),
    ("a.csv", "name\na\x07\n", "syntax", "a.csv:2:2", "U+0007"),
    ("a.csv", "name\nhf_" + "a1B2" * 8, "secret", "a.csv:2:1", "token"),
    ("a.csv", "name\n" + "x" * 140_000, "syntax", "a.csv:2:1", "field limit"),
    ("a.json", "{}", "source-invalid", "a.json:1:1", "no rows"),
    ("a.json", '"text"', "source-invalid", "a.json:1:1", "no rows"),
    ("a.json", '[{"a": 1}, 2]', "source-invalid", "a.json:1:12", "this row is no mapping"),
    ("a.json", '{"a": {"b": 1}, "c": 2}', "source-invalid", "a.json:1:17", "this row is no mapping"),
    ("a.json", '{"a": {"name": "b"}}', "source-invalid", "a.json:1:8", "second name"),
    ("a.json", '[{"a": 1,}]', "syntax", "a.json:1:10", "a key in double quotes"),
    ("a.json", '[{"a": 1, "a": 2}]', "duplicate-key", "a.json:1:11", "a.json:1:3"),
    ("a.yaml", "- a: 1\n  a: 2\n", "duplicate-key", "a.yaml:2:3", "a.yaml:1:3"),
    ("a.yaml", "- !!python/object:os.system x\n", "yaml-tag", "a.yaml:1:3", "plain data"),
    ("a.jsonl", '{"a": 1}\n[2]\n', "source-invalid", "a.jsonl:2:1", "no mapping"),
    ("a.jsonl", '{"a": 1}\n{"a": }\n', "syntax", "a.jsonl:2:7", "not a JSON value"),
    ("a.jsonl", '{"b": 1}\n{"a": 1, "a": 2}\n', "duplicate-key", "a.jsonl:2:10", "a.jsonl:2:2"),
    ("a.toml", "[[kin]]\nname = \n", "syntax", "a.toml:2:8", "not TOML"),
    ("a.toml", "kin = [" + "[" * 5000, "too-deep", "a.toml", "too deep"),
    ("a.toml", "a = " + "9" * 5000, "syntax", "a.toml", "not TOML"),
    ("a.toml", "a = 1\n", "source-invalid", "a.toml", "no mapping"),
    ("a.xlsx", "PK", "unknown-format", None, "'a.xlsx'"),
]


@pytest.mark.parametrize(("name", "text", "code", "place", "message"), WRONG)
def test_a_wrong_source_is_refused_at_its_place(
    name: str, text: str | bytes, code: str, place: str | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(JobFileError) as caught:
        list(open_source(path, name).rows().rows)

    assert (code, place) == (caught.value.code, str(caught.value.where) if caught.value.where else None)
    assert message in caught.value.message
