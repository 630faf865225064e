"""A picture as ComfyUI gave it becomes the bytes of the asset, the same bytes each time."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from pytest_comfygen.errors import PictureRefused
from pytest_comfygen.records import ImageFormat
from pytest_comfygen.verify import container

__all__ = ["encode", "png_without_metadata"]

# Chunks that say how the pixels look; the critical ones (upper case) are kept whatever they are.
_PNG_KEPT = frozenset({b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI"})
_PNG_ANCILLARY = 0x20
_PNG_SIGNATURE_BYTES = 8

_JPEG_QUALITY = 92
_JPEG_MODES = ("RGB", "L")


def encode(
    data: bytes,
    format: ImageFormat,  # noqa: A002  # its name
    *,
    keep_metadata: bool,
    still: bool = True,
) -> tuple[bytes, str]:
    """The asset's bytes, and how they were encoded, for the record.

    A picture that already has the format keeps its pixel data byte for byte; a PNG loses its text, time and EXIF
    chunks unless they are to be kept, and is untouched when it has none. Everything else is encoded anew, without
    metadata. What plays is never encoded anew, and loses all of its metadata in every format.

    :param data: a picture that decodes; what plays has the format already.
    :param keep_metadata: keep a PNG's chunks as they are, and all of what plays; has no meaning for other stills.
    :param still: whether it is a picture that stands still.
    :raises PictureRefused: the format cannot hold the picture's mode.
    """
    if not still:
        from pytest_comfygen.verify.stripping import stripped  # noqa: PLC0415  # few runs make what plays

        return (data, f"{format} with metadata") if keep_metadata else (stripped(data, format), format)
    given = container.read(data)
    if given is not None and given.format == format:
        if format != "png":
            return data, f"{format} as given"
        return (data, "png with metadata") if keep_metadata else (png_without_metadata(data), "png")
    with Image.open(BytesIO(data), formats=("PNG", "WEBP", "JPEG")) as picture:
        return _encode_anew(picture, format)


def png_without_metadata(data: bytes, more: frozenset[bytes] = frozenset()) -> bytes:
    """A PNG with the chunks that say how its pixels look; the very same bytes where it has no others.

    :param more: other chunks to keep.
    """
    spans = [(0, _PNG_SIGNATURE_BYTES)]
    for chunk in container.png_chunks(data):
        if chunk.kind[0] & _PNG_ANCILLARY and chunk.kind not in _PNG_KEPT | more:
            continue
        if chunk.start == spans[-1][1]:
            spans[-1] = (spans[-1][0], chunk.stop)
        else:
            spans.append((chunk.start, chunk.stop))
    view = memoryview(data)
    return data if spans == [(0, len(data))] else b"".join(view[start:stop] for start, stop in spans)


def _encode_anew(picture: Image.Image, format_: ImageFormat) -> tuple[bytes, str]:
    bare = Image.frombytes(
        picture.mode, picture.size, picture.tobytes()
    )  # without info, so nothing leaks into the file
    target = BytesIO()
    match format_:
        case "png":
            bare.save(target, "PNG")
            label = "png"
        case "webp":
            bare.save(target, "WEBP", lossless=True, exact=True)
            label = "webp lossless"
        case "jpeg":
            if bare.mode not in _JPEG_MODES:
                raise PictureRefused(
                    f"a JPEG cannot hold a picture of mode {bare.mode}",
                    hint="let the output's file name end in .png or .webp, or make the workflow's picture RGB",
                )
            bare.save(target, "JPEG", quality=_JPEG_QUALITY, subsampling="4:4:4")
            label = f"jpeg {_JPEG_QUALITY} 444"
    return target.getvalue(), label
