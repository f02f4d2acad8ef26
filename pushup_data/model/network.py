"""The network: convolutions over time, an LSTM, a head per error, the rules as a prior; a CNN on pixels."""

import torch
from torch import Tensor, nn

from pushup_data.model.data import KINEMATIC
from pushup_data.params import Model

# How far the network's own opinion counts beside the rules'. While it trains, it is heard for every other rep
# and the rules speak alone for the rest: so their part stays right by itself, which is what holds for people
# unlike those in train.
_HEARD = 0.5
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


class Network(nn.Module):
    """Landmarks and kinematics over time to one logit per error.

    Two convolutions look for short movements and halve the time axis each; an LSTM reads them forwards and
    backwards. Beside it, what a rule would look at: the order statistics of the kinematic channels, through
    one layer. Both make up the rep's embedding, on which each error has a linear head; what the rule says of
    the error (the last channels) is added with a weight that is learnt.

    `settings.kind` leaves out the LSTM (cnn) or the convolutions (lstm), or puts a transformer's encoder in
    the LSTM's place (transformer).

    `settings.streams` says what is read. All of the above is the pose stream; rgb is a small CNN on
    each crop of the rep and an LSTM, whose features stand beside the others. With rgb alone there are no
    landmarks, measures and rules: it says what pixels tell.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, channels: int, errors: int, settings: Model) -> None:
        super().__init__()
        width = settings.width
        # What the training data look like; kept with the weights, so that use and training cannot differ.
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("spread", torch.ones(channels))
        self.inside = inside = channels - errors  # all but what the rules say
        self.pose, rgb = "pose" in settings.streams, "rgb" in settings.streams
        if self.pose:
            self.convolutions = _convolutions(inside, width) if settings.kind != "lstm" else nn.Identity()
            self.reader = _reader(settings.kind, inside if settings.kind == "lstm" else width, width)
            kinematics = KINEMATIC.stop - KINEMATIC.start
            self.measures = nn.Sequential(nn.Linear(kinematics * len(_QUANTILES), width), nn.ReLU())
            self.trust = nn.Parameter(torch.ones(errors))
        self.film = _Film(width) if rgb else None
        self.dropout = nn.Dropout(0.3)
        self.heads = nn.Linear((3 * self.pose + 2 * rgb) * width, errors)  # a row of weights per error
        # Before it has learnt anything, the network says what the rules say.
        nn.init.zeros_(self.heads.weight)
        nn.init.zeros_(self.heads.bias)

    def embed(self, x: Tensor, pixels: Tensor | None = None) -> Tensor:
        """Return (N, features) from (N, steps, channels) and, for the rgb stream, crops (N, T, H, W, 3).

        Features are 3 * width of pose and 2 * width of rgb. Raises ValueError for rgb without crops.
        """
        parts = [self._movement(x)] if self.pose else []
        if self.film is not None:
            if pixels is None:
                raise ValueError("this network reads the rgb stream, and there are no crops")
            parts.append(self.film(pixels))
        return torch.cat(parts, dim=1)

    def _movement(self, x: Tensor) -> Tensor:
        # Unknown channels (NaN) are taken for average ones.
        standard = torch.nan_to_num(((x - self.mean) / self.spread)[..., : self.inside])
        movements = self.convolutions(standard.transpose(1, 2)).transpose(1, 2)
        states = self.reader(movements)
        at = torch.tensor(_QUANTILES)
        ordered = torch.quantile(standard[..., KINEMATIC], at, dim=1)  # (quantiles, N, kinematics)
        measured = self.measures(ordered.permute(1, 0, 2).flatten(start_dim=1))
        return torch.cat([states.mean(dim=1), measured], dim=1)

    def judge(self, embedded: Tensor, x: Tensor) -> Tensor:
        """Return logits (N, errors) from embed(x) and x, of which the rules' channels are read."""
        own = self.heads(self.dropout(embedded))
        if not self.pose:
            return torch.as_tensor(own)
        own = own * (torch.rand(len(x), 1) < _HEARD) if self.training else own * _HEARD
        return torch.as_tensor(own + self.trust * x[:, 0, self.inside :])

    def forward(self, x: Tensor, pixels: Tensor | None = None) -> Tensor:
        """Return logits (N, errors) from (N, steps, channels) and crops (N, T, H, W, 3)."""
        return self.judge(self.embed(x, pixels), x)


class _Film(nn.Module):
    """The rgb stream: a small CNN per picture, then an LSTM over the pictures."""

    def __init__(self, width: int) -> None:
        super().__init__()
        # Three colours, and where each pixel lies: the mean over a picture would forget it.
        layers = [(5, width // 4, 5), (width // 4, width // 2, 3), (width // 2, width, 3)]
        self.convolutions = nn.Sequential(
            *(
                layer
                for inside, outside, size in layers
                for layer in (nn.Conv2d(inside, outside, size, stride=2, padding=size // 2), nn.ReLU())
            )
        )
        self.lstm = _Lstm(width, width)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (N, 2 * width) from uint8 (N, T, H, W, 3)."""
        n, frames, height, width, _ = pixels.shape
        pictures = pixels.flatten(0, 1).permute(0, 3, 1, 2).float() / 127.5 - 1
        down, across = torch.meshgrid(
            torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij"
        )
        places = torch.stack([across, down]).expand(len(pictures), -1, -1, -1)
        found = self.convolutions(torch.cat([pictures, places], dim=1)).mean(dim=(2, 3))
        return torch.as_tensor(self.lstm(found.reshape(n, frames, -1)).mean(dim=1))


class _Lstm(nn.Module):
    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inside, width, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.lstm(x)[0])


def _convolutions(inside: int, width: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(inside, width, kernel_size=5, padding=2),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(width, width, kernel_size=5, padding=2),
        nn.ReLU(),
        nn.MaxPool1d(2),
    )


def _reader(kind: str, inside: int, width: int) -> nn.Module:
    """Return what turns (N, steps, inside) into (N, steps, 2 * width)."""
    if kind == "cnn":
        return nn.Linear(inside, 2 * width)
    if kind == "transformer":
        layer = nn.TransformerEncoderLayer(width, nhead=4, dim_feedforward=2 * width, batch_first=True)
        # Where a step lies in the rep is told by the convolutions' padding and the landmarks themselves.
        return nn.Sequential(nn.TransformerEncoder(layer, num_layers=2), nn.Linear(width, 2 * width))
    return _Lstm(inside, width)


def masked_loss(logits: Tensor, targets: Tensor, positive_weight: Tensor) -> Tensor:
    """Return the mean binary cross-entropy over known targets; 0 where none is known.

    logits, targets (N, errors), NaN where unknown: such an entry takes no part, so its gradient is exactly 0.
    positive_weight (errors,) multiplies the loss of present errors.
    """
    known = ~torch.isnan(targets)
    each = nn.functional.binary_cross_entropy_with_logits(
        logits, torch.where(known, targets, 0.0), pos_weight=positive_weight, reduction="none"
    )
    return torch.where(known, each, 0.0).sum() / known.sum().clamp(min=1)
