"""Where a file that plays ends, by its container's own words: decoders are content with half a file.

Sources: GIF89a, ISO/IEC 14496-12 (mp4), RFC 8794 and 9559 (webm), RFC 3533 (ogg), RIFF (wav).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

__all__ = ["GIF_EXTENSION", "end_of", "gif_blocks", "gif_head_end"]

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_MP4_BOXES = frozenset(b"ftyp styp pdin moov moof mfra mdat free skip wide meta sidx uuid".split())
_OGG_PAGE_HEAD, _OGG_LAST = 27, 4
GIF_EXTENSION, _GIF_PICTURE, _GIF_END = 0x21, 0x2C, 0x3B
_SIZE_IN_64_BITS, _SIZE_TO_THE_END = 1, 0


def end_of(format_: str, data: bytes) -> int | None:
    """The index behind the format's last byte; None when the data stop before it.

    A flac and an mp3 have no end of their own: whether they are whole shows when they are decoded.
    """
    try:
        return _ENDS[format_](data) if format_ in _ENDS else len(data)
    except IndexError:  # a length that would have to be read lies behind the data
        return None


def gif_head_end(data: bytes) -> int:
    """The index behind header, screen and its colours."""
    return 13 + _colours(data[10])


def gif_blocks(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """The blocks of a GIF from `at` up to its trailer, each from its first byte to behind its last.

    :raises IndexError: the data stop before the trailer, or hold something else.
    """
    while data[at] != _GIF_END:
        if data[at] == GIF_EXTENSION:
            end = _chain_end(data, at + 2)
        elif data[at] == _GIF_PICTURE:
            end = _chain_end(data, at + 11 + _colours(data[at + 9]))
        else:
            msg = f"no block at byte {at}"
            raise IndexError(msg)
        yield at, end
        at = end


def _chain_end(data: bytes, at: int) -> int:
    while size := data[at]:
        at += size + 1
    return at + 1


def _gif(data: bytes) -> int | None:
    at = gif_head_end(data)
    for _, end in gif_blocks(data, at):
        at = end
    return at + 1


def _colours(flags: int) -> int:
    """Length of a table of colours."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _mp4(data: bytes) -> int | None:
    """A film and its data must both be there; the boxes lie one after the other."""
    at, kinds = 0, set[bytes]()
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if size == _SIZE_IN_64_BITS:
            size = int.from_bytes(data[at + 8 : at + 16])
        elif size == _SIZE_TO_THE_END:
            size = len(data) - at
        if size < 8 or kind not in _MP4_BOXES:  # noqa: PLR2004  # a box has at least its head; this is none
            break
        if at + size > len(data):
            return None
        at += size
        kinds.add(kind)
    return at if {b"moov", b"mdat"} <= kinds else None


def _webm(data: bytes) -> int | None:
    at = _behind_number(data, 4) if data.startswith(_EBML) else len(data)
    at += _number(data, 4)
    if data[at : at + 4] != _SEGMENT:
        return None
    start = _behind_number(data, at + 4)
    size = _number(data, at + 4)
    if size == 2 ** (7 * (start - at - 4)) - 1:  # written to what cannot be rewound, so nobody knows
        return len(data)
    return start + size if start + size <= len(data) else None


def _behind_number(data: bytes, at: int) -> int:
    return at + 9 - data[at].bit_length()


def _number(data: bytes, at: int) -> int:
    """A number whose first set bit tells its length."""
    end = _behind_number(data, at)
    return int.from_bytes(data[at:end]) & (1 << 7 * (end - at)) - 1


def _ogg(data: bytes) -> int | None:
    at = 0
    while data[at : at + 4] == b"OggS":
        segments = data[at + 26]
        head = at + _OGG_PAGE_HEAD + segments
        is_last = data[at + 5] & _OGG_LAST
        at = head + sum(data[head - segments : head])
        if at > len(data):
            return None
        if is_last:
            return at
    return None


def _wav(data: bytes) -> int | None:
    end = 8 + int.from_bytes(data[4:8], "little")
    return end if end <= len(data) else None


_ENDS: dict[str, Callable[[bytes], int | None]] = {
    "gif": _gif,
    "mp4": _mp4,
    "webm": _webm,
    "opus": _ogg,
    "wav": _wav,
}
