"""A diagnosis as people read it, and as programs do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict

from pytest_comfygen.outputs.report import harmless
from pytest_comfygen.records import Diagnosis, MachineFinding

__all__ = ["as_json", "as_lines"]

FORMAT = 1

_MARK_WIDTH = len("warning")
_LONGEST_SUBJECT = 40


def as_lines(diagnosis: Diagnosis) -> Iterator[str]:
    """One line a finding; what is wanted and what mends it below those that are not fine; at last their count."""
    widest = max((len(one.subject) for one in diagnosis.findings), default=0)
    width = min(widest, _LONGEST_SUBJECT)
    for finding in diagnosis.findings:
        yield from (harmless(line) for line in _lines(finding, width))
    yield f"{'ready' if diagnosis.is_ready else 'not ready'}: {_count(diagnosis)}"


def as_json(diagnosis: Diagnosis) -> str:
    """One JSON document in ASCII, with these keys in every version of its format."""
    findings = [asdict(finding) for finding in diagnosis.findings]
    return json.dumps({"format": FORMAT, "ready": diagnosis.is_ready, "findings": findings}, indent=2)


def _lines(finding: MachineFinding, width: int) -> Iterator[str]:
    code = "" if finding.severity == "ok" else f" [{finding.code}]"
    yield f"{finding.severity:<{_MARK_WIDTH}}  {finding.subject:<{width}}  {finding.found}{code}"
    if finding.severity == "ok":
        return
    indent = " " * (_MARK_WIDTH + width + 4)
    for name in ("wanted", "command"):
        if text := getattr(finding, name):
            yield f"{indent}{name}: {text}"


def _count(diagnosis: Diagnosis) -> str:
    counts = Counter[str](finding.severity for finding in diagnosis.findings)
    plurals = {"ok": "ok", "note": "notes", "warning": "warnings", "error": "errors"}
    told = ((counts[one], one if counts[one] == 1 else several) for one, several in plurals.items())
    return ", ".join(f"{number} {word}" for number, word in told if number)
