"""Time series with gaps and jitter: fill, smooth, and find where something holds."""

import numpy as np
import numpy.typing as npt

from pushup_data.geometry import Series

# Landmarks lost for longer are not made up. Half a second bridges the moment in which a face-down head is
# lost at the bottom, and is shorter than any rep.
_BRIDGED_S = 0.5
# Single frames with a misplaced limb last up to 0.1 s; fast reps take 0.5 s and keep their depth.
_MEDIAN_S, _SMOOTH_S = 0.15, 0.25


def bridge(series: Series, fps: float, longest_s: float = _BRIDGED_S) -> Series:
    """Interpolate gaps of up to `longest_s` seconds between known values; longer ones stay NaN."""
    filled = series.copy()
    for start, end in runs(np.isnan(series)):
        if start > 0 and end < len(series) and end - start <= longest_s * fps:
            filled[start:end] = np.interp(
                np.arange(start, end), [start - 1, end], [series[start - 1], series[end]]
            )
    return filled


def smooth(series: Series, fps: float) -> Series:
    """Take out single misplaced frames (median), then jitter (Savitzky-Golay of order 2), per gapless run.

    The windows are lengths of time: below 14 fps nothing is left to be smoothed.
    """
    from scipy.ndimage import median_filter
    from scipy.signal import savgol_filter

    smoothed = series.copy()
    median, window = _odd(_MEDIAN_S * fps), _odd(_SMOOTH_S * fps)
    for start, end in runs(np.isfinite(series)):
        part = median_filter(series[start:end], size=median, mode="nearest")
        if 3 < window <= len(part):
            part = savgol_filter(part, window, polyorder=2, mode="nearest")
        smoothed[start:end] = part
    return smoothed


def runs(true: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the half-open ranges in which `true` holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], true, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _odd(frames: float) -> int:
    """Return the odd number of frames nearest to a window's length."""
    return 2 * round((frames - 1) / 2) + 1 if frames > 1 else 1
