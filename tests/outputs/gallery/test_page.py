"""The page holds what it shows, and nothing in it can become more than text."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from pytest_comfygen.outputs.gallery import page_of
from pytest_comfygen.outputs.gallery.page import size_in_words
from pytest_comfygen.records import Finding
from pytest_comfygen.records.gallery import Exhibition
from tests.outputs.gallery.exhibits import data_of, exhibit, exhibition, picture, plate

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'`${1}&amp;<!--\u2028"


def text_of(shown: Exhibition) -> str:
    return b"".join(page_of(shown)).decode()


class Elements(HTMLParser):
    """The elements of a page, as a browser without scripts meets them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_an_image_is_told_with_all_that_is_known_of_it() -> None:
    shown = exhibit(
        "kin_dwarf",
        plate("red", role="head", label="committed (0123abcd)"),
        plate("blue"),
        outcome="generated",
        tags=("hero",),
        prompt="a dwarf",
        negative="text",
        parameters=(("steps", "30"),),
        reasons=("steps 20 → 30",),
        findings=(Finding("too-dark", "warning", "12", "20", "brighten it"),),
        seed="18446744073709551615",
        comfyui="0.3.64",
        run_s=2.04,
    )

    (item,) = data_of(text_of(exhibition(shown)))["items"]

    plates = item.pop("plates")
    assert item == {
        "name": "kin_dwarf",
        "id": "jobs/kins.comfyjob.yaml::kin_dwarf",
        "where": "jobs/kins.comfyjob.yaml:5:3",
        "output": "assets/kin_dwarf.png",
        "tags": ["hero"],
        "prompt": "a dwarf",
        "negative": "text",
        "parameters": [
            ["steps", "30"],
            ["seed", "18446744073709551615"],
            ["ComfyUI", "0.3.64"],
            ["made in", "2.0 s"],
        ],
        "outcome": "generated",
        "change": "changed",
        "reasons": ["steps 20 → 30"],
        "findings": [["too-dark", "warning", "12", "20", "brighten it"]],
        "commands": [["To make it again", 'pytest "jobs/kins.comfyjob.yaml::kin_dwarf" --comfy-update all']],
    }
    assert [(one["role"], one["label"], one["size"]) for one in plates] == [
        ("head", "committed (0123abcd)", [60, 80]),
        ("now", "now", [60, 80]),
    ]


def test_pictures_are_held_whole_and_each_once() -> None:
    page = text_of(exhibition(exhibit("a", plate("red")), exhibit("b", plate("red"), plate("blue"))))

    (first, second) = data_of(page)["items"]
    held = dict(re.findall(r'<script type="text/plain" id="p(\d+)">([^<]*)</script>', page))

    assert b64decode(held[str(first["plates"][0]["full"])]) == picture("red")
    assert first["plates"][0]["full"] == second["plates"][0]["full"]
    assert len(held) == 4


def test_hostile_texts_stay_texts() -> None:
    shown = exhibition(
        exhibit(
            HOSTILE,
            plate(label=HOSTILE, name=HOSTILE, note=HOSTILE, why=HOSTILE, link=HOSTILE),
            tags=(HOSTILE,),
            prompt=HOSTILE,
            error=HOSTILE,
            reasons=(HOSTILE,),
            parameters=((HOSTILE, HOSTILE),),
            findings=(Finding(HOSTILE, "warning", HOSTILE, HOSTILE),),
        ),
        title=HOSTILE,
        summary=HOSTILE,
        problems=((HOSTILE, HOSTILE),),
    )

    page = text_of(shown)

    tags = [tag for tag, _ in Elements(page).found]
    assert (tags.count("script"), tags.count("img")) == (4, 0)  # data, a picture in small and whole, the script
    assert [name for _, attributes in Elements(page).found for name in attributes if name.startswith("on")] == []
    assert data_of(page)["items"][0]["prompt"] == HOSTILE
    assert page.count("<!--") == 0


def test_what_utf8_cannot_hold_does_not_break_the_page() -> None:
    page = text_of(exhibition(exhibit("kin", prompt="half a pair: \ud83d")))

    assert data_of(page)["items"][0]["prompt"] == "half a pair: ?"


def test_the_page_may_run_its_own_script_and_style_and_nothing_else() -> None:
    page = text_of(exhibition())

    def hash_of(tag: str) -> str:
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"

    policy = next(
        attributes["content"] or ""
        for tag, attributes in Elements(page).found
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert (rules["script-src"], rules["style-src"]) == (hash_of("script"), hash_of("style"))
    assert "unsafe" not in policy


def test_nothing_is_fetched_from_anywhere() -> None:
    page = text_of(exhibition(exhibit("kin", plate())))

    assert re.findall(r"https?://|url\(|@import|<link|<iframe", page) == []


def test_it_says_when_pictures_were_too_many_to_be_held() -> None:
    assert "64 MB of whole pictures at most, and 12 more" in text_of(
        exhibition(exhibit("kin"), left_out=12, limit_bytes=64_000_000)
    )
    assert "at most" not in text_of(exhibition(exhibit("kin")))


def test_what_could_not_become_an_image_is_told() -> None:
    page = text_of(exhibition(problems=(("jobs/a.comfyjob.yaml", "[unknown-key] it has <stps>"),)))

    assert "<summary>jobs/a.comfyjob.yaml</summary><pre>[unknown-key] it has &lt;stps&gt;</pre>" in page


@pytest.mark.parametrize(
    ("size_bytes", "words"), [(0, "0 B"), (999, "999 B"), (1200, "1.2 kB"), (64_000_000, "64 MB"), (2**31, "2.1 GB")]
)
def test_sizes_in_words(size_bytes: int, words: str) -> None:
    assert size_in_words(size_bytes) == words
