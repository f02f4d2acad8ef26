"""From drawn pictures to an mp4: the camera's hand, sensor and flaws, then the encoder."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from pushup_data import files
from pushup_data.avatar.shots import Shot
from pushup_data.avatar.turns import Series

Picture = npt.NDArray[np.uint8]

_BLUR_SHARE = 0.012  # of the width: the Gaussian's standard deviation of a blurred shot
_HIDDEN_SHARE = (0.16, 0.3)  # of the picture's width, covered by something in front


def hand(shot: Shot, frames: int, fps: float) -> Series:
    """Return (T, 2, 3) affine maps of pixels: how an unsteady hand moves the picture."""
    rng = np.random.default_rng([shot.seed, 1])
    t = np.arange(frames) / fps

    def unsteady(size: float) -> Series:
        waves = [
            rng.uniform(0.3, 1) * np.sin(2 * np.pi * (rate * t + rng.random()))
            for rate in rng.uniform(0.3, 3.0, 4)
        ]
        return np.asarray(size * shot.shake / 2 * sum(waves))

    right, down, angle = unsteady(1.0), unsteady(1.0), unsteady(0.0015)  # pixels, pixels, radians
    centre = np.array([shot.camera.width / 2, shot.camera.height / 2])
    maps = np.zeros((frames, 2, 3))
    maps[:, 0, 0] = maps[:, 1, 1] = np.cos(angle)
    maps[:, 0, 1], maps[:, 1, 0] = -np.sin(angle), np.sin(angle)
    maps[:, :, 2] = centre - maps[:, :, :2] @ centre + np.stack([right, down], axis=1)
    return maps


def develop(pictures: Iterable[Picture], shot: Shot, maps: Series, *, hidden: Series) -> Iterator[Picture]:
    """Yield the pictures as the camera takes them. `hidden` (2,) is the pixel that something covers."""
    rng = np.random.default_rng([shot.seed, 2])
    width, height = shot.camera.width, shot.camera.height
    cover = _cover(rng, width, height, hidden) if shot.flaw == "hidden" else None
    tint = np.array([1 + shot.warmth, 1.0, 1 - shot.warmth]) * shot.gain * shot.contrast
    shift = 128 * (1 - shot.contrast) * shot.gain
    # The same grain for every frame, at another place each time: drawing it anew costs more than the rest.
    grain = (rng.standard_normal((height + 64, width + 64, 1)) * shot.noise).astype(np.float32)
    for picture, affine in zip(pictures, maps, strict=True):
        image = picture
        if cover is not None:
            image = image.copy()
            left, top, right, bottom, colour = cover
            image[top:bottom, left:right] = colour
        if shot.shake:
            image = cv2.warpAffine(image, affine, (width, height), borderMode=cv2.BORDER_REPLICATE)
        if shot.flaw == "blurred":
            image = cv2.GaussianBlur(image, (0, 0), _BLUR_SHARE * width)
        y, x = rng.integers(0, 64, 2)
        exposed = image.astype(np.float32) * tint.astype(np.float32) + np.float32(shift)
        yield np.clip(exposed + grain[y : y + height, x : x + width], 0, 255).astype(np.uint8)


def encode(pictures: Iterable[Picture], path: Path, fps: float, shot: Shot) -> None:
    """Write an H.264 mp4 that `ingest` takes over as it is; the same pictures give the same file."""
    import av

    with files.atomic_path(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        stream.width, stream.height = shot.camera.width, shot.camera.height
        stream.options = {"crf": str(shot.quality), "preset": "veryfast", "bf": "0"}
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def _cover(
    rng: np.random.Generator, width: int, height: int, hidden: Series
) -> tuple[int, int, int, int, Series]:
    """Return left, top, right, bottom and colour of something that stands in front."""
    w = rng.uniform(*_HIDDEN_SHARE) * width
    h = rng.uniform(0.4, 0.8) * height
    left, top = hidden[0] - w / 2 + rng.normal(0, 0.02) * width, hidden[1] - h / 2
    box = [int(np.clip(v, 0, limit)) for v, limit in ((left, width), (top, height))]
    ends = [int(np.clip(v, 0, limit)) for v, limit in ((left + w, width), (top + h, height))]
    return box[0], box[1], ends[0], ends[1], rng.uniform(20, 150, 3)
