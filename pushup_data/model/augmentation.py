"""Augmentation: what another camera, person, tempo or detection could have given for the same movement.

A flip of the picture needs none: data.sequence() gives the same array for a mirrored video, left and right
swapped. Pixels are mirrored all the same: then it does not matter to which side the head points. The labels
stay: every error is either of the whole body or, like asymmetric, does not say which side.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from pushup_data.model.data import COORDINATES, KINEMATIC, POINTS
from pushup_data.model.measures import KINEMATICS, MEASURES

_ROTATION = 5.0  # degrees, either way
_SCALE = 0.1
_SHIFT = 0.03  # of all points, body lengths
_WARP = 0.1  # of time, at most: faster down and slower up, or the other way; and cut as much earlier or later
_NOISE = 0.01  # standard deviation per point and step, body lengths
_BIAS = 0.02  # and per point for the whole rep: people's joints lie elsewhere
_DROPPED = 0.05  # share of points, and of kinematic channels, that are lost
# Share of reps that are shown as if alone in their video: where all reps are wrong alike none
# stands apart, and what is wrong must be found without.
_ALONE = 0.25
_TURN, _ZOOM, _MOVE = 10.0, 0.15, 0.1  # of pixels: degrees; share; share of half a picture's side
_LIGHT, _CONTRAST, _TINT = 0.2, 0.3, 0.1  # brightness and each colour's in shares of white, contrast's factor


def augment(x: Tensor, generator: torch.Generator) -> Tensor:
    """Return (N, steps, channels) as something else could have given it, each rep its own way."""

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator) * 2 - 1

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    n, steps, _ = x.shape
    x = _warped(x, uniform(n, 1), uniform(n, 1))
    points = len(POINTS)
    place = x[..., :COORDINATES].reshape(n, steps, points, 2)
    visibility = x[..., COORDINATES : COORDINATES + points]
    detected, kinematic = x[..., COORDINATES + points : KINEMATIC.start], x[..., KINEMATIC]
    rest = x[..., KINEMATIC.stop :]  # the view, knees, what the rules say: these are not augmented

    angle = uniform(n, 1, 1) * math.radians(_ROTATION)
    across, down = place[..., 0], place[..., 1]
    place = torch.stack(
        [across * angle.cos() - down * angle.sin(), across * angle.sin() + down * angle.cos()], dim=-1
    )
    place = place * (1 + _SCALE * uniform(n, 1, 1, 1)) + _SHIFT * uniform(n, 1, 1, 2)
    place = place + _NOISE * normal(*place.shape) + _BIAS * normal(n, 1, points, 2)
    lost = torch.rand((n, 1, points), generator=generator) < _DROPPED
    # A lost point rests at its mean over the rep: it is somewhere, and does not move.
    place = torch.where(lost[..., None], place.mean(dim=1, keepdim=True), place)
    visibility = torch.where(lost, 0.0, visibility)
    unknown = torch.rand((n, 1, len(MEASURES)), generator=generator) < _DROPPED
    unknown[..., len(KINEMATICS) :] |= torch.rand((n, 1, 1), generator=generator) < _ALONE
    kinematic = torch.where(unknown, torch.nan, kinematic)
    return torch.cat([place.flatten(2), visibility, detected, kinematic, rest], dim=-1)


def augment_pixels(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Return uint8 (N, T, H, W, 3) as another camera in other light could have given it.

    Turned, moved, zoomed, mirrored, and changed in brightness, contrast and colour: each rep its own way, all
    its pictures alike. What comes into the picture is black.
    """

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator) * 2 - 1

    n, frames, height, width, _ = pixels.shape
    angle, zoom, mirror = uniform(n) * math.radians(_TURN), 1 + _ZOOM * uniform(n), uniform(n).sign()
    move, light = _MOVE * uniform(n, 2), _LIGHT * uniform(n, 1) + _TINT * uniform(n, 3)
    contrast = 1 + _CONTRAST * uniform(n, 1, 1, 1, 1)
    rows = [
        torch.stack([angle.cos() * mirror, -angle.sin(), move[:, 0]], dim=1),
        torch.stack([angle.sin() * mirror, angle.cos(), move[:, 1]], dim=1),
    ]
    place = torch.stack(rows, dim=1) * zoom[:, None, None]
    # A rep's pictures stand in for channels: so all of them are moved alike.
    stacked = pixels.permute(0, 1, 4, 2, 3).reshape(n, -1, height, width).float() / 255
    grid = functional.affine_grid(place, list(stacked.shape), align_corners=False)
    moved = functional.grid_sample(stacked, grid, align_corners=False)
    colours = moved.reshape(n, frames, 3, height, width).permute(0, 1, 3, 4, 2)
    grey = colours.mean(dim=(1, 2, 3, 4), keepdim=True)
    colours = (colours - grey) * contrast + grey + light[:, None, None, None]
    return (colours.clamp(0, 1) * 255).round().to(torch.uint8)


def _warped(x: Tensor, bend: Tensor, shift: Tensor) -> Tensor:
    """Return (N, steps, channels) at other times; bend, shift (N, 1) from -1 to 1. The ends are held."""
    steps = x.shape[1]
    u = torch.linspace(0, 1, steps)[None]
    at = (u + _WARP * (bend * (math.pi * u).sin() + shift * 0.5)).clamp(0, 1) * (steps - 1)
    low = at.floor().long().clamp(max=steps - 2)
    share = (at - low)[..., None]
    row = torch.arange(len(x))[:, None]
    return torch.lerp(x[row, low], x[row, low + 1], share)
