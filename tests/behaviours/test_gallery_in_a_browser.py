"""The gallery in a real browser: it finds, compares and opens images, by mouse and keys, and runs nothing of theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pytest_comfygen.outputs.gallery import page_of
from pytest_comfygen.records.gallery import Exhibit
from tests.browser import CHROMIUM, Tab, open_tab
from tests.outputs.gallery.exhibits import exhibit, exhibition, picture, plate

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on the PATH")

HOSTILE = "</script><script>window.harmed = 1</script><img src=x onerror='window.harmed = 2'>"
SHOWN = "[...document.querySelectorAll('.card:not([hidden]) .name')].map(one => one.textContent)"
WIDTH, HEIGHT = 1200, 800

Show = Callable[..., Tab]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with open_tab(tmp_path_factory.mktemp("chromium")) as tab:
        tab.dress(width=WIDTH, height=HEIGHT)
        yield tab


@pytest.fixture
def show(browser: Tab, tmp_path: Path) -> Iterator[Show]:
    """Opens a gallery of some images; in the end the page must not have complained of anything."""

    def show(*exhibits: Exhibit, **changes: Any) -> Tab:
        page = tmp_path / "gallery.html"
        page.write_bytes(b"".join(page_of(exhibition(*exhibits, **changes))))
        browser.go(page.as_uri())
        return browser

    browser.complaints.clear()
    yield show
    assert browser.complaints == []


def kins() -> list[Exhibit]:
    """Four images: one that was made anew, one that failed, two that are as they were."""
    return [
        exhibit("kin_orc", plate("red"), outcome="failed", error="[picture-refused] it is green", tags=("draft",)),
        exhibit(
            "kin_dwarf",
            plate("red", role="head", label="committed (0123abcd)"),
            plate("blue"),
            outcome="generated",
            tags=("hero",),
            prompt="a stout miner",
        ),
        exhibit("kin_elf", plate("lime"), tags=("hero",)),
        exhibit("kin_fox", plate("yellow")),
    ]


def wait_for_pictures(tab: Tab) -> None:
    tab.wait("[...document.images].filter(one => one.src).every(one => one.complete)")


def colour_of(tab: Tab, selector: str) -> tuple[int, ...]:
    """What is seen in the middle of an element."""
    wait_for_pictures(tab)
    box = tab.evaluate(f"document.querySelector({selector!r}).getBoundingClientRect().toJSON()")
    with Image.open(BytesIO(tab.screenshot(width=WIDTH, height=HEIGHT))) as seen:
        found = seen.convert("RGB").getpixel((int(box["x"] + box["width"] / 2), int(box["y"] + box["height"] / 2)))
    assert isinstance(found, tuple)
    return tuple(map(int, found))


# --- the grid ---------------------------------------------------------------------------------------------------------


def test_all_images_are_seen_with_name_and_outcome(show: Show) -> None:
    tab = show(*kins())
    wait_for_pictures(tab)

    assert tab.evaluate(SHOWN) == ["kin_orc", "kin_dwarf", "kin_elf", "kin_fox"]
    assert tab.evaluate("[...document.querySelectorAll('.card')].map(one => one.innerText.split('\\n').join(' '))") == [
        "kin_orc failed",
        "kin_dwarf generated changed",
        "kin_elf current",
        "kin_fox current",
    ]
    assert tab.evaluate("[...document.images].map(one => one.naturalWidth)") == [60] * 4
    assert tab.evaluate("document.querySelector('#count').textContent") == "4 images"
    assert colour_of(tab, ".card:nth-child(3) img") == (0, 255, 0)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("kin_e", ["kin_elf"]),
        ("MINER", ["kin_dwarf"]),
        ("hero", ["kin_dwarf", "kin_elf"]),
        ("failed", ["kin_orc"]),
        ("hero current", ["kin_elf"]),
        ("changed", ["kin_dwarf"]),
        ("nobody", []),
    ],
)
def test_a_search_finds_names_prompts_tags_and_outcomes(show: Show, typed: str, found: list[str]) -> None:
    tab = show(*kins())
    tab.press("/", *typed)

    assert tab.evaluate(SHOWN) == found
    assert tab.evaluate("document.querySelector('#count').textContent") == f"{len(found)} of 4 images"
    assert tab.evaluate("document.querySelector('#nothing').hidden") == bool(found)


def test_outcomes_and_tags_filter_together(show: Show) -> None:
    tab = show(*kins())
    chips = "[...document.querySelectorAll('#outcomes button')]"

    assert tab.evaluate(f"{chips}.map(one => one.textContent)") == [
        "failed1",
        "generated1",
        "current2",
        "differs from the commit1",
    ]
    tab.evaluate(f"{chips}[2].click()")
    assert tab.evaluate(SHOWN) == ["kin_elf", "kin_fox"]
    tab.evaluate(f"{chips}[1].click()")
    assert tab.evaluate(SHOWN) == ["kin_dwarf", "kin_elf", "kin_fox"]
    tab.evaluate(
        "(() => { const tag = document.querySelector('#tag'); tag.value = 'hero';"
        " tag.dispatchEvent(new Event('change')) })()"
    )
    assert tab.evaluate(SHOWN) == ["kin_dwarf", "kin_elf"]
    tab.evaluate(f"{chips}[3].click()")
    assert tab.evaluate(SHOWN) == ["kin_dwarf"]
    assert tab.evaluate(f"{chips}.map(one => one.getAttribute('aria-pressed'))") == ["false", "true", "true", "true"]
    tab.evaluate("document.querySelector('#reset').click()")
    assert tab.evaluate(SHOWN) == ["kin_orc", "kin_dwarf", "kin_elf", "kin_fox"]


def test_of_thousands_only_those_in_sight_are_decoded(show: Show) -> None:
    tab = show(*(exhibit(f"kin_{number:04}", plate("red")) for number in range(2000)))
    tab.wait("[...document.images].some(one => one.src)")

    seen = tab.evaluate("[...document.images].filter(one => one.src).length")
    assert 0 < seen < 300
    tab.press("/", *"1999")
    assert tab.evaluate(SHOWN) == ["kin_1999"]
    tab.wait("document.querySelectorAll('.card')[1999].querySelector('img').naturalWidth === 60")


def test_nothing_moves_while_pictures_appear(show: Show) -> None:
    tab = show(*(exhibit(f"kin_{number}", plate("red", size=(20 + number, 90))) for number in range(60)))
    wait_for_pictures(tab)

    shifted = tab.evaluate(
        "new Promise(done => { let sum = 0; new PerformanceObserver(list => {"
        " for (const one of list.getEntries()) sum += one.value }).observe({type: 'layout-shift', buffered: true});"
        " setTimeout(() => done(sum), 200) })"
    )
    assert shifted == 0


def test_it_is_light_or_dark_as_the_system_is(show: Show) -> None:
    tab = show(*kins())

    grounds = []
    for dark in (False, True):
        with Image.open(BytesIO(tab.screenshot(width=WIDTH, height=HEIGHT, dark=dark))) as seen:
            grounds.append(seen.crop((WIDTH - 5, HEIGHT - 5, WIDTH, HEIGHT)).convert("L").tobytes()[0])

    assert grounds[0] > 230
    assert grounds[1] < 40


# --- one image --------------------------------------------------------------------------------------------------------


def test_keys_go_to_an_image_through_it_and_back(show: Show) -> None:
    tab = show(*kins())
    name = "document.querySelector('#viewer').open && document.querySelector('#viewer-name').textContent"

    tab.press("/", "ArrowDown", "ArrowRight", "Enter")
    assert tab.evaluate(name) == "kin_dwarf"
    assert tab.evaluate("decodeURIComponent(location.hash)") == "#jobs/kins.comfyjob.yaml::kin_dwarf"
    tab.press("ArrowRight", "ArrowRight", "ArrowRight")
    assert tab.evaluate(name) == "kin_fox"
    tab.press("ArrowLeft", "Escape")
    assert tab.evaluate(name) is False
    tab.wait("document.activeElement.title === 'kin_elf'")


def test_an_image_opens_by_its_address(show: Show) -> None:
    tab = show(*kins())
    tab.evaluate("location.hash = '#' + encodeURIComponent('jobs/kins.comfyjob.yaml::kin_elf')")
    tab.go(tab.evaluate("location.href.replace('#', '?again#')"))

    assert tab.evaluate("document.querySelector('#viewer-name').textContent") == "kin_elf"


def test_old_and_new_are_compared_side_by_side_with_a_slider_and_by_difference(show: Show) -> None:
    tab = show(*kins())
    tab.evaluate("document.querySelector('.card[title=kin_dwarf]').click()")

    assert [colour_of(tab, f"figure:nth-child({number}) img") for number in (1, 2)] == [(255, 0, 0), (0, 0, 255)]
    captions = tab.evaluate("[...document.querySelectorAll('figcaption strong')].map(one => one.textContent)")
    assert captions == ["committed (0123abcd)", "now"]
    tab.press("s", *["ArrowRight"] * 10)
    assert colour_of(tab, ".over") == (255, 0, 0)
    tab.press(*["ArrowLeft"] * 20)
    assert colour_of(tab, ".over") == (0, 0, 255)
    tab.press("d")
    assert colour_of(tab, ".over") == (255, 0, 255)
    tab.press("o")
    assert tab.evaluate("document.querySelectorAll('figure').length") == 2


def test_equal_pictures_have_no_difference(show: Show) -> None:
    tab = show(exhibit("kin", plate("teal", role="head"), plate("teal")))
    tab.press("/", "ArrowDown", "Enter", "d", *["ArrowRight"] * 15)

    assert colour_of(tab, ".over") == (0, 0, 0)


def test_of_three_pictures_two_are_chosen(show: Show) -> None:
    three = [
        plate(colour, role=role, label=role) for colour, role in (("red", "head"), ("lime", "now"), ("blue", "refused"))
    ]
    tab = show(exhibit("kin", *three, outcome="edited"))
    tab.press("/", "ArrowDown", "Enter")
    assert tab.evaluate("document.querySelectorAll('figure').length") == 3
    tab.press("d")
    assert colour_of(tab, ".over") == (255, 0, 255)

    tab.evaluate(
        "(() => { const right = document.querySelectorAll('#stage select')[1]; right.value = '1';"
        " right.dispatchEvent(new Event('change')) })()"
    )
    assert colour_of(tab, ".over") == (255, 255, 0)


def test_one_picture_alone_is_not_compared(show: Show) -> None:
    tab = show(*kins())
    tab.evaluate("document.querySelector('.card[title=kin_elf]').click()")
    tab.press("s")

    assert tab.evaluate("document.querySelectorAll('figure').length") == 1
    assert tab.evaluate("document.querySelector('#modes').hidden") is True


def test_a_picture_that_is_not_held_comes_from_the_disk_or_in_small(show: Show, tmp_path: Path) -> None:
    (tmp_path / "kin a.png").write_bytes(picture("blue", (300, 400)))
    large = replace(plate("red"), data=None)
    tab = show(
        exhibit("there", replace(large, link="kin%20a.png")),
        exhibit("gone", large),
    )
    how = "document.querySelector('figcaption .soft').textContent"

    tab.press("/", "ArrowDown", "Enter")
    assert colour_of(tab, "figure img") == (0, 0, 255)
    assert tab.evaluate("document.querySelector('figure img').naturalWidth") == 300
    assert tab.evaluate(how).endswith("from the disk")
    tab.press("ArrowRight")
    assert colour_of(tab, "figure img") == (255, 0, 0)
    assert tab.evaluate(how).endswith("in small")


def test_a_lost_file_is_replaced_by_its_small_picture(browser: Tab, show: Show) -> None:
    tab = show(exhibit("kin", plate("red", data=None, link="nowhere.png")))
    tab.press("/", "ArrowDown", "Enter")

    tab.wait("document.querySelector('figcaption .soft').textContent.endsWith('in small')")
    assert colour_of(tab, "figure img") == (255, 0, 0)
    assert [one for one in browser.complaints if "ERR_FILE_NOT_FOUND" not in one] == []
    browser.complaints.clear()


@pytest.mark.parametrize(("suffix", "medium"), [("mp4", "video"), ("flac", "audio")])
def test_what_is_heard_or_runs_gets_a_player(show: Show, suffix: str, medium: str) -> None:
    shown = plate(medium=medium, media_type=f"{medium}/{suffix}", name=f"kin.{suffix}", preview=None, data=b"a clip")
    lost = replace(shown, data=None)
    tab = show(exhibit("kin", shown), exhibit("lost", lost))
    assert tab.evaluate("document.querySelector('.card').innerText").startswith(f"{medium}/{suffix}")
    tab.press("/", "ArrowDown", "Enter")

    assert tab.evaluate(f"document.querySelector('figure {medium}').controls") is True
    tab.press("ArrowRight")
    assert tab.evaluate("document.querySelector('figure .blank').textContent") == f"{medium}/{suffix}"


def test_what_is_known_of_an_image_stands_beside_it(show: Show) -> None:
    error = (
        "[picture-refused] jobs/kins.comfyjob.yaml:5:3: the new picture of kin failed: blank\n"
        "    check  found                 wanted\n    blank  standard deviation 3  at least 4\n"
        '    kept aside: .comfygen/rejected/kin.png\n  hint: lower it\n  rerun: pytest "jobs/kins.comfyjob.yaml::kin"'
    )
    tab = show(
        exhibit(
            "kin",
            plate(),
            outcome="failed",
            error=error,
            prompt="a dwarf",
            negative="text",
            parameters=(("steps", "30"), ("cfg", "6.5")),
            reasons=("steps 20 → 30",),
        )
    )
    tab.press("/", "ArrowDown", "Enter")

    lines = tab.evaluate("document.querySelector('#facts').innerText").split("\n")
    assert list(filter(None, lines)) == [
        *("What is wrong", "[picture-refused] jobs/kins.comfyjob.yaml:5:3: the new picture of kin failed: blank"),
        *("check\tfound\twanted", "blank\tstandard deviation 3\tat least 4"),
        *("kept aside: .comfygen/rejected/kin.png", "hint: lower it"),
        *("Why", "steps 20 → 30"),
        *("To make it again", 'pytest "jobs/kins.comfyjob.yaml::kin" --comfy-update all', "Copy"),
        *("Prompt", "a dwarf", "Negative prompt", "text"),
        *("Parameters", "steps", "30", "cfg", "6.5"),
        *("Files", "image", "assets/kin.png", "job", "jobs/kins.comfyjob.yaml:5:3"),
    ]


def test_the_command_is_copied_or_selected(show: Show) -> None:
    tab = show(*kins())
    tab.press("/", "ArrowDown", "Enter", "c")

    tab.wait("document.querySelector('.copy').textContent !== 'Copy'")
    if tab.evaluate("document.querySelector('.copy').textContent") == "Selected":
        assert (
            tab.evaluate("getSelection().toString()") == 'pytest "jobs/kins.comfyjob.yaml::kin_orc" --comfy-update all'
        )


def test_the_keys_are_told(show: Show) -> None:
    tab = show(*kins())
    tab.press("?")

    assert tab.evaluate("document.querySelector('#help').open") is True
    assert "slider" in tab.evaluate("document.querySelector('#help').innerText")
    tab.press("Escape")
    assert tab.evaluate("document.querySelector('#help').open") is False


# --- strangers' texts -------------------------------------------------------------------------------------------------


def test_an_image_named_and_prompted_with_html_stays_text(show: Show) -> None:
    shown = plate(label=HOSTILE, name=HOSTILE, why=HOSTILE, note=HOSTILE)
    tab = show(
        exhibit(
            HOSTILE,
            shown,
            shown,
            outcome="failed",
            tags=(HOSTILE,),
            prompt=HOSTILE,
            negative=HOSTILE,
            error=HOSTILE,
            reasons=(HOSTILE,),
            parameters=((HOSTILE, HOSTILE),),
        ),
        title=HOSTILE,
        summary=HOSTILE,
        problems=((HOSTILE, HOSTILE),),
    )
    tab.press("/", "ArrowDown", "Enter", "s", "d", "o")
    wait_for_pictures(tab)

    assert tab.evaluate("window.harmed === undefined") is True
    assert tab.evaluate("document.querySelectorAll('img[onerror], img[src=x]').length") == 0
    assert tab.evaluate("document.querySelector('#viewer-name').textContent") == HOSTILE
    assert tab.evaluate("document.querySelector('h1').textContent") == HOSTILE
    assert tab.evaluate("document.querySelector('#facts').innerText").count(HOSTILE) >= 6


@pytest.mark.parametrize(
    "attempt",
    [
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.harmed = 1'}))",
        "document.body.insertAdjacentHTML('beforeend', '<b id=b onclick=\"harmed = 1\">x</b>'), window.b.click()",
        "fetch('http://127.0.0.1:9/').then(() => { window.harmed = 1 }, () => {})",
        "new Promise(done => Object.assign(new Image(), {onerror: done, onload: done, src: 'http://127.0.0.1:9/a.png'}))",
    ],
    ids=["script", "handler", "fetch", "picture from elsewhere"],
)
def test_the_browser_itself_would_refuse_what_slips_through(browser: Tab, show: Show, attempt: str) -> None:
    tab = show(*kins())

    tab.evaluate(f"(async () => {{ await ({attempt}) }})()")

    assert tab.evaluate("window.harmed === undefined") is True
    tab.evaluate("new Promise(done => setTimeout(done, 50))")
    assert any("Content Security Policy" in one for one in browser.complaints)
    browser.complaints.clear()
