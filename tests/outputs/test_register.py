"""Several processes tell each other what they made, in one order."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pytest_comfygen.outputs.register import Register


def test_each_hears_what_others_told_before_and_each_thing_once(tmp_path: Path) -> None:
    one, other = Register(tmp_path / "run"), Register(tmp_path / "run")

    heard = [
        one.add({"output": "a", "brightness": 1.5, "dhash": "ö"}),
        other.add({"output": "b"}),
        other.add({"output": "c"}),
        one.add({"output": "d"}),
        one.add({"output": "e"}),
        other.add({"output": "f"}),
    ]

    assert heard == [
        [],
        [{"output": "a", "brightness": 1.5, "dhash": "ö"}],
        [],
        [{"output": "b"}, {"output": "c"}],
        [],
        [{"output": "d"}, {"output": "e"}],
    ]


def test_of_any_two_exactly_one_hears_of_the_other_before_its_own_is_told(tmp_path: Path) -> None:
    registers = [Register(tmp_path / "run") for _ in range(8)]

    def work(number: int) -> list[tuple[str, set[str]]]:
        known: set[str] = set()
        told: list[tuple[str, set[str]]] = []
        for step in range(25):
            name = f"{number}-{step}"
            known |= {str(entry["output"]) for entry in registers[number].add({"output": name})}
            told.append((name, known | {one for one, _ in told}))
        return told

    with ThreadPoolExecutor(8) as pool:
        before = dict(itertools.chain.from_iterable(pool.map(work, range(8))))

    assert all((one in before[other]) != (other in before[one]) for one, other in itertools.combinations(before, 2))
