"""Several people in one picture: tell them apart, say where each is, and choose the one who does push-ups."""

from array import array
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pushup_data.landmarks import INDEX, MIRRORED
from pushup_data.tables import LANDMARKS

Floats = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]  # left, top, right, bottom in shares of the picture

_CORE = [
    INDEX[f"{side}_{limb}"] for side in ("left", "right") for limb in ("shoulder", "elbow", "hip", "knee")
]
_SHOULDERS = [INDEX["left_shoulder"], INDEX["right_shoulder"]]
_HIPS = [INDEX["left_hip"], INDEX["right_hip"]]

_BLOCK = 1024  # frames
_INSIDE = 0.5  # a further person has at least this share of landmarks inside the picture
_SAME = 0.5  # boxes that share this much of the smaller one show one person
_COINCIDE = 0.3  # paths nearer than this, in shares of the person's size, are one person's
_SEEN = 1 / 3  # of the sampled frames, and in two of them, a person is seen at one place
_MARGIN = 0.25  # of the box's larger side, around everything that a person's box ever covered
_UPRIGHT = 0.8  # trunk's vertical share above which somebody stands or sits
_ALIKE = 0.3  # a second person with this share of the first one's score leaves it open whom to follow
_LARGER = 1.5  # unless one is so much larger: the others are in the background, or in a mirror


@dataclass(frozen=True, eq=False)
class Person:
    """One person in one frame."""

    image: Floats  # (33, 5) x, y, z, visibility, presence as in tables.POSE
    world: Floats  # (33, 3) metres
    aspect: float  # width of the picture over its height

    def box(self) -> Box:
        """Return the box around all landmarks."""
        left, top = self.image[:, :2].min(axis=0)
        right, bottom = self.image[:, :2].max(axis=0)
        return float(left), float(top), float(right), float(bottom)

    def inside(self) -> float:
        """Return the share of landmarks inside the picture."""
        xy = self.image[:, :2]
        return float(((xy >= 0) & (xy <= 1)).all(axis=1).mean())

    def from_region(self, region: Box, aspect: float) -> "Person":
        """Return the person as seen in the whole picture, when this one was seen in a part of it."""
        left, top, right, bottom = region
        image = self.image.copy()
        image[:, 0] = left + image[:, 0] * (right - left)
        image[:, 1] = top + image[:, 1] * (bottom - top)
        image[:, 2] *= right - left  # depth is in shares of the width
        return Person(image, self.world, aspect)

    def mirrored(self) -> "Person":
        """Return the person as they stand in the mirrored picture, their left the left still."""
        image, world = self.image[MIRRORED], self.world[MIRRORED]
        image[:, 0] = 1 - image[:, 0]
        world[:, 0] = -world[:, 0]
        return Person(image, world, self.aspect)

    def with_second(self, other: "Person") -> "Person":
        """Return the mean with another look at the same frame.

        This one alone where the other shows somebody else, or takes left for right.
        """
        if _between(self.image, other.image, self.aspect) > _COINCIDE * _extent(self.image, self.aspect):
            return self
        same, swapped = (
            np.linalg.norm(self.world[_CORE] - world[_CORE], axis=1).mean()
            for world in (other.world, other.world[MIRRORED])
        )
        if swapped < same:
            return self
        half = np.float32(0.5)
        return Person(half * (self.image + other.image), half * (self.world + other.world), self.aspect)


class Path:
    """One person through a video.

    The landmarks are kept in blocks. A small array of its own for each frame would end up between a
    decoder's large ones and keep their memory from being given back: hundreds of megabytes in half an hour.
    """

    def __init__(self) -> None:
        self._numbers = array("l")
        self._blocks: list[Floats] = []  # (_BLOCK, 33, 8): image and world side by side
        self.aspect = 1.0

    def add(self, frame: int, person: Person) -> None:
        """Note where the person is in a frame; frames come in order."""
        at = len(self) % _BLOCK
        if at == 0:
            self._blocks.append(np.empty((_BLOCK, LANDMARKS, 8), dtype=np.float32))
        self._blocks[-1][at, :, :5] = person.image
        self._blocks[-1][at, :, 5:] = person.world
        self._numbers.append(frame)
        self.aspect = person.aspect

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def frames(self) -> npt.NDArray[np.int64]:
        """Return the (N,) frames in which the person is found."""
        return np.array(self._numbers, dtype=np.int64)

    @property
    def image(self) -> Floats:
        """Return (N, 33, 5), as of Person."""
        return self._all()[..., :5]

    @property
    def world(self) -> Floats:
        """Return (N, 33, 3), as of Person."""
        return self._all()[..., 5:]

    def size(self) -> float:
        """Return the median size, in shares of the picture's height."""
        return float(np.median(_extent(self.image, self.aspect)))

    def score(self, frames: int) -> float:
        """Return how much this looks like push-ups: shoulders' travel x share of frames seen lying."""
        low, high = np.percentile(self.image[:, _SHOULDERS, 1].mean(axis=1), [5, 95])
        trunk = self.world[:, _SHOULDERS].mean(axis=1) - self.world[:, _HIPS].mean(axis=1)
        lying = np.abs(trunk[:, 1]) < _UPRIGHT * np.linalg.norm(trunk, axis=1)
        return float((high - low) / max(self.size(), 1e-6) * lying.sum() / max(frames, 1))

    def apart(self, other: "Path") -> float:
        """Return the median distance over common frames, in shares of this one's size; infinite if none."""
        _, mine, theirs = np.intersect1d(self.frames, other.frames, assume_unique=True, return_indices=True)
        if not len(mine):
            return float("inf")
        between = _between(self.image[mine], other.image[theirs], self.aspect)
        return float(np.median(between)) / max(self.size(), 1e-6)

    def _all(self) -> Floats:
        blocks = self._blocks or [np.empty((0, LANDMARKS, 8), dtype=np.float32)]
        return np.concatenate(blocks)[: len(self)]


def _extent(image: Floats, aspect: float) -> Floats:
    """Return the diagonal of the box around (..., 33, 5) landmarks, in shares of the picture's height."""
    xy = image[..., :2] * np.array([aspect, 1.0], dtype=np.float32)
    return np.asarray(np.linalg.norm(np.ptp(xy, axis=-2), axis=-1))


def _between(one: Floats, other: Floats, aspect: float) -> Floats:
    """Return the mean distance of (..., 33, 5) landmarks of the core, in shares of the picture's height."""
    apart = (one - other)[..., _CORE, :2] * np.array([aspect, 1.0], dtype=np.float32)
    return np.asarray(np.linalg.norm(apart, axis=-1).mean(axis=-1))


def distinct(persons: list[Person]) -> list[Person]:
    """Return each person once, the best seen first.

    MediaPipe sometimes sees a second, small body on somebody's arm, or one that is mostly outside.
    """
    kept: list[Person] = []
    for person in sorted(persons, key=lambda p: p.inside() * float(p.image[:, 3].mean()), reverse=True):
        if person.inside() >= _INSIDE and all(_shared(person.box(), p.box()) < _SAME for p in kept):
            kept.append(person)
    return kept


def regions(samples: list[list[Person]]) -> list[Box]:
    """Return, per person, the part of the picture that they stay in; the one seen most often first.

    `samples` has the distinct people of each sampled frame. One invented body in one frame is no person:
    they must be seen at the same place in a third of the frames, and in two where there are three or more.
    """
    places: list[dict[int, Box]] = []  # by sample
    for number, persons in enumerate(samples):
        for box in (p.box() for p in persons):
            place = max(places, key=lambda boxes: _shared(_typical(boxes), box), default={})
            if not place or _shared(_typical(place), box) < _SAME:
                place = {}
                places.append(place)
            place.setdefault(number, box)
    enough = max(2 if len(samples) > 2 else 1, len(samples) * _SEEN)
    kept: list[dict[int, Box]] = []
    for place in sorted(places, key=len, reverse=True):
        apart = all(_shared(_typical(place), _typical(other)) < _SAME for other in kept)
        if len(place) >= enough and apart:
            kept.append(place)
    return [_around(list(place.values())) for place in kept]


def choose(paths: list[Path], frames: int) -> tuple[Path, bool]:
    """Return the path of the one who does push-ups in a video of `frames`, and whether that is beyond doubt.

    It is the one whose shoulders go up and down the most, relative to their own size, while the trunk is
    not upright. Where two do alike it is the larger, hence nearer one.
    """
    people: list[Path] = []
    for path in sorted(paths, key=len, reverse=True):
        if len(path) and all(path.apart(other) > _COINCIDE for other in people):
            people.append(path)
    if not people:
        return Path(), True
    scores = [path.score(frames) for path in people]
    alike = [path for path, score in zip(people, scores, strict=True) if score >= _ALIKE * max(scores)]
    alike.sort(key=Path.size, reverse=True)
    return alike[0], len(alike) == 1 or alike[0].size() >= _LARGER * alike[1].size()


def _typical(boxes: dict[int, Box]) -> Box:
    left, top, right, bottom = np.median(list(boxes.values()), axis=0)
    return float(left), float(top), float(right), float(bottom)


def _around(boxes: list[Box]) -> Box:
    """Return a box around boxes, with a margin, within the picture."""
    left, top = (min(box[k] for box in boxes) for k in (0, 1))
    right, bottom = (max(box[k] for box in boxes) for k in (2, 3))
    margin = _MARGIN * max(right - left, bottom - top)
    return (
        max(left - margin, 0.0),
        max(top - margin, 0.0),
        min(right + margin, 1.0),
        min(bottom + margin, 1.0),
    )


def _shared(a: Box, b: Box) -> float:
    """Return which share of the smaller box lies in the other."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return width * height / max(smaller, 1e-9)
