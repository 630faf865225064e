"""What is seen of a picture and what is wanted of it become findings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_comfygen.records import Checks, Finding, ImageStatistics, Size
from pytest_comfygen.verify.checks import LARGEST_PX, Seen, judge, judge_content, may_decode, settings_hash
from pytest_comfygen.verify.container import Container

SIZE = Size(832, 1216)
CHECKS = Checks(SIZE, "png")
GOOD = ImageStatistics(
    size=SIZE, mode="RGB", stddev=41.5, extrema=((0, 255), (3, 250), (1, 254)), dhash="0" * 64, transparency=None
)
SEEN = Seen(b"\x89PNG", 1000, Container("png", SIZE, 1000), mode="RGB", statistics=GOOD)

AGAIN = "run again: the old file stays until a whole new one is there"
SHOWS = "a picture that shows something"
MEANT = "`verify: {allow_blank: true}` when it is meant"


def error(code: str, found: str, wanted: str, fix: str) -> Finding:
    return Finding(code, "error", found, wanted, fix)


def test_a_good_picture_has_no_findings() -> None:
    assert judge(SEEN, CHECKS) == ()


@pytest.mark.parametrize(
    ("seen", "checks", "expected"),
    [
        (
            Seen(b"", 0, None),
            CHECKS,
            error("not-an-image", "no bytes at all", "a png", AGAIN),
        ),
        (
            Seen(b"<html><body>502 Bad Gateway</body>", 34, None),
            CHECKS,
            error(
                "not-an-image",
                "34 bytes of no known image format, starting with b'<html><body>502 Bad Gate'",
                "a png",
                AGAIN,
            ),
        ),
        (
            Seen(b"version https://git-lfs.github.com/spec/v1\noid sha256:", 130, None),
            CHECKS,
            error("not-an-image", "a Git LFS pointer instead of the picture", "a png", "git lfs pull"),
        ),
        (
            replace(SEEN, container=Container("jpeg", SIZE, 1000)),
            CHECKS,
            error(
                "wrong-format",
                "jpeg",
                "png",
                "give the output a file name for jpeg, or make the workflow save a png",
            ),
        ),
        (
            Seen(b"GIF89a", 1000, Container("gif")),
            CHECKS,
            error(
                "wrong-format",
                "gif",
                "png",
                "let the output's file name end in .gif, or save with SaveImage in the workflow",
            ),
        ),
        (
            Seen(b"\x89PNG", 700, Container("png", SIZE)),
            CHECKS,
            error("truncated", "a png that stops after 700 bytes", "a whole file", AGAIN),
        ),
        (
            Seen(b"\x89PNG", 1000, Container("png", SIZE, 1000, "the checksum of chunk b'IDAT' at byte 33 is wrong")),
            CHECKS,
            error("damaged", "the checksum of chunk b'IDAT' at byte 33 is wrong", "a file that decodes", AGAIN),
        ),
        (
            Seen(b"\x89PNG", 1000, Container("png", SIZE, 1000), fault="broken data stream"),
            CHECKS,
            error("damaged", "broken data stream", "a file that decodes", AGAIN),
        ),
        (
            Seen(b"\x89PNG", 1000, Container("png", None, 1000)),
            CHECKS,
            error("damaged", "the header holds no size", "a file that decodes", AGAIN),
        ),
        (
            replace(SEEN, length=1006),
            CHECKS,
            error("trailing-data", "6 bytes behind the end of the picture", "nothing behind it", AGAIN),
        ),
        (
            Seen(b"\x89PNG", 1000, Container("png", Size(30000, 20000), 1000)),
            replace(CHECKS, size=None),
            error("too-large", "30000x20000, 600 megapixels", "at most 268 megapixels", "make the picture smaller"),
        ),
        (
            replace(SEEN, statistics=replace(GOOD, size=Size(512, 512))),
            CHECKS,
            error(
                "wrong-size",
                "512x512",
                "832x1216",
                "write `size: 512x512`, or make the workflow's picture 832x1216",
            ),
        ),
        (
            replace(SEEN, frames=12),
            CHECKS,
            error(
                "several-frames",
                "12 frames",
                "one frame",
                "save it with SaveImage, or say `verify: {frames: …}` when an animation is meant",
            ),
        ),
        (
            replace(SEEN, mode="I;16"),
            CHECKS,
            error("wrong-mode", "I;16", "RGB or RGBA or L", "save 8 bits a channel, without a palette"),
        ),
        (
            replace(SEEN, mode="RGBA"),
            replace(CHECKS, mode="RGB"),
            error("wrong-mode", "RGBA", "RGB", "make the picture RGB"),
        ),
        (
            replace(SEEN, container=Container("jpeg", SIZE, 1000), mode="RGBA"),
            replace(CHECKS, format="jpeg"),
            error("wrong-mode", "RGBA", "RGB or L", "save 8 bits a channel, without a palette"),
        ),
        (
            replace(SEEN, statistics=replace(GOOD, stddev=0.7)),
            CHECKS,
            error(
                "blank",
                "standard deviation 0.7",
                "at least 1",
                "lower `verify: {min_stddev: …}` when so plain a picture is meant",
            ),
        ),
    ],
)
def test_what_is_wrong_is_said_with_what_was_wanted_and_what_mends_it(
    seen: Seen, checks: Checks, expected: Finding
) -> None:
    assert (expected,) == judge(seen, checks)


PLAIN = replace(GOOD, stddev=0.0)


@pytest.mark.parametrize(
    ("statistics", "expected"),
    [
        (
            replace(PLAIN, extrema=((0, 0), (0, 0), (0, 0))),
            error(
                "black",
                "every pixel is black, which is what ComfyUI writes when the VAE gives NaN",
                SHOWS,
                f"try --fp32-vae; {MEANT}",
            ),
        ),
        (
            replace(PLAIN, extrema=((255, 255), (136, 136), (0, 0))),
            error("one-colour", "every pixel is (255, 136, 0)", SHOWS, MEANT),
        ),
        (
            replace(PLAIN, extrema=((7, 7), (7, 7), (7, 7), (0, 255)), mode="RGBA", transparency=0.5),
            error("one-colour", "every pixel is (7, 7, 7)", SHOWS, MEANT),
        ),
        (
            replace(GOOD, extrema=((0, 255), (0, 255), (0, 255), (0, 0)), mode="RGBA", transparency=1.0),
            error("transparent", "every pixel is fully transparent", SHOWS, MEANT),
        ),
        (replace(PLAIN, extrema=((9, 9),), mode="L"), error("one-colour", "every pixel is (9)", SHOWS, MEANT)),
    ],
)
def test_a_picture_that_shows_nothing_gets_the_one_finding_that_says_most(
    statistics: ImageStatistics, expected: Finding
) -> None:
    assert (expected,) == judge_content(statistics, CHECKS)
    assert judge_content(statistics, replace(CHECKS, allow_blank=True)) == ()


def test_several_findings_come_in_a_fixed_order() -> None:
    seen = replace(
        SEEN,
        length=1001,
        container=Container("webp", SIZE, 1000),
        mode="P",
        frames=2,
        statistics=replace(PLAIN, size=Size(64, 64), extrema=((0, 0), (0, 0), (0, 0))),
    )
    codes = ["wrong-format", "trailing-data", "wrong-size", "several-frames", "wrong-mode", "black"]
    assert codes == [finding.code for finding in judge(seen, CHECKS)]


@pytest.mark.parametrize(
    ("container", "size", "expected"),
    [
        (Container("png", SIZE, 9), SIZE, True),
        (Container("png", Size(64, 64), 9), SIZE, True),
        (Container("png", Size(16384, 16384), 9), Size(16384, 16384), True),
        (Container("png", Size(16384, 16384), 9), None, True),
        (Container("png", Size(16384, 16384), 9), SIZE, False),
        (Container("png", Size(16384, 16385), 9), None, False),
        (Container("png", SIZE, None), SIZE, False),
        (Container("png", SIZE, 9, "a checksum is wrong"), SIZE, False),
        (Container("png", None, 9), SIZE, False),
        (Container("gif"), SIZE, False),
    ],
)
def test_only_whole_files_of_a_reasonable_size_are_decoded(
    container: Container,
    size: Size | None,
    expected: bool,  # noqa: FBT001  # a column of the table
) -> None:
    assert expected is may_decode(container, Checks(size, "png"))


def test_the_largest_picture_is_what_comfyui_can_make() -> None:
    assert LARGEST_PX == 268_435_456


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        (CHECKS, "ee06e56774d8cadb586d3e842034bc772fc4008161ef95dcd8299ba3634c4b95"),
        (
            Checks(None, "webp", mode="RGBA", min_stddev=4, allow_blank=True),
            "e93778b83bab19c255a192b4acf5982129a5c369cff5668288b71bfd336a8e18",
        ),
    ],
)
def test_the_hash_of_the_settings_never_changes(checks: Checks, expected: str) -> None:
    assert expected == settings_hash(checks)


@pytest.mark.parametrize(
    "other",
    [
        replace(CHECKS, size=None),
        replace(CHECKS, size=Size(1216, 832)),
        replace(CHECKS, format="webp"),
        replace(CHECKS, mode="RGB"),
        replace(CHECKS, min_stddev=1.5),
        replace(CHECKS, allow_blank=True),
    ],
)
def test_every_setting_is_in_the_hash(other: Checks) -> None:
    assert settings_hash(other) != settings_hash(CHECKS)


def test_a_whole_number_and_its_float_are_one_setting() -> None:
    assert settings_hash(replace(CHECKS, min_stddev=4)) == settings_hash(replace(CHECKS, min_stddev=4.0))
