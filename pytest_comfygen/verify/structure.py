"""Structural similarity (SSIM) of two pictures; needs numpy, which the extra `metrics` brings.

Source: Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity",
IEEE Transactions on Image Processing 13 (2004), with a uniform window and unbiased covariances.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from pytest_comfygen.errors import MetricsMissing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["structural_similarity"]

_WINDOW = 7
_C1 = (0.01 * 255) ** 2
_C2 = (0.03 * 255) ** 2


def structural_similarity(picture: Image.Image, baseline: Image.Image) -> float:
    """The mean SSIM of two pictures in grey, -1..1 and 1 for equal ones; the baseline is brought to the same size.

    :raises MetricsMissing: numpy is not installed.
    """
    one, other = _grey(picture), _grey(baseline)
    if one.size != other.size:
        other = other.resize(one.size, Image.Resampling.LANCZOS)
    if min(one.size) < _WINDOW:  # as few pictures are
        one, other = (each.resize((_WINDOW, _WINDOW), Image.Resampling.NEAREST) for each in (one, other))
    return _mean_ssim(_array(one), _array(other))


def _grey(picture: Image.Image) -> Image.Image:
    """What is seen of a picture on black, in grey."""
    if not picture.has_transparency_data:
        return picture.convert("L")
    seen = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", seen.size, (0, 0, 0, 255)), seen).convert("L")


def _array(picture: Image.Image) -> NDArray[np.float64]:
    """`(height, width) float64`, 0..255."""
    try:
        import numpy as np  # noqa: PLC0415  # an extra
    except ModuleNotFoundError:
        raise MetricsMissing("`min_ssim` needs numpy, which is not installed") from None
    return np.asarray(picture, dtype=np.float64)


def _mean_ssim(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    mean_one, mean_other = _window_means(one), _window_means(other)
    unbiased = _WINDOW**2 / (_WINDOW**2 - 1)
    variance_one = unbiased * (_window_means(one * one) - mean_one**2)
    variance_other = unbiased * (_window_means(other * other) - mean_other**2)
    covariance = unbiased * (_window_means(one * other) - mean_one * mean_other)
    similar = (2 * mean_one * mean_other + _C1) * (2 * covariance + _C2)
    scale = (mean_one**2 + mean_other**2 + _C1) * (variance_one + variance_other + _C2)
    return float((similar / scale).mean())


def _window_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of each whole window, out of sums from the corner."""
    import numpy as np  # noqa: PLC0415  # as above

    sums = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    sums[1:, 1:] = values.cumsum(axis=0).cumsum(axis=1)
    far, n = sums[_WINDOW:, _WINDOW:], _WINDOW
    totals = far - sums[:-n, n:] - sums[n:, :-n] + sums[:-n, :-n]
    means: NDArray[np.float64] = totals / n**2
    return means
