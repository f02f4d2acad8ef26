"""Raw videos of every kind, made by ffmpeg; frame k has brightness 40 + 3 k, so frames can be told apart."""

import subprocess
from pathlib import Path

import imageio_ffmpeg

FRAMES = 60
H264 = "-c:v libx264 -preset veryfast -crf 4 -g 25 -pix_fmt yuv420p"


def ffmpeg(*arguments: str) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-y", "-loglevel", "error", *arguments]
    subprocess.run(command, check=True)


def numbered(
    path: Path, *, rate: str = "25", size: str = "64x48", frames: int = FRAMES, codec: str = H264
) -> Path:
    """A video at a constant rate."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = f"color=black:s={size}:r={rate},geq=lum='40+3*N':cb=128:cr=128"
    ffmpeg("-f", "lavfi", "-i", picture, "-frames:v", str(frames), *codec.split(), str(path))
    return path


def variable(path: Path) -> Path:
    """Its first 20 frames at 25 per second, then every seventh."""
    picture = "color=black:s=64x48:r=25,geq=lum='40+3*N':cb=128:cr=128,select='lt(n,20)+not(mod(n,7))'"
    ffmpeg("-f", "lavfi", "-i", picture, "-t", "2.4", "-fps_mode", "vfr", *H264.split(), str(path))
    return path


def turned(path: Path, degrees: int = 90) -> Path:
    """A video that a player must turn."""
    plain = numbered(path.with_stem(path.stem + "-plain"))
    ffmpeg("-display_rotation", str(degrees), "-i", str(plain), "-c", "copy", str(path))
    plain.unlink()
    return path
