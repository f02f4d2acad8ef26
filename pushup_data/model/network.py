"""The network: convolutions over time, an LSTM, a head per error, the rules as a prior; a CNN on pixels."""

import numpy as np
import torch
from torch import Tensor, nn

from pushup_data.model.crops import Pixels
from pushup_data.model.data import KINEMATIC, Floats, seen
from pushup_data.model.features import STATISTICS, summary
from pushup_data.params import Model

# While it trains, each part judges by itself and bears its own loss, and at this share of the reps, drawn for
# each part anew, it is silent and the rules judge alone, so that theirs stays right, which is what holds for
# people unlike those in train. In use the parts' mean speaks: they err differently.
_RULES_ALONE = 0.2
_BINS = 8  # per statistic
# What makes a forest better than a tree (Ho, "The random subspace method for constructing decision forests",
# 1998) makes layers better, too: several of them, each of which sees another share of the statistics.
_MEMBERS = 8  # layers
_SHARE = 0.3  # of the statistics, for each
_MIN_SPREAD = 0.05  # a channel that hardly varies in train must not explode where it does
_MIN_WIDTH = 1e-6  # of a bin
_AT_ONCE = 256  # reps that are judged together: the pixels of thousands would not fit into memory
_OUTLIER = 4.0  # spreads from the mean: no channel goes further, however unlike those in train a person is


class Network(nn.Module):
    """Landmarks and kinematics over time to one logit per error.

    Two convolutions look for short movements and halve the time axis each; an LSTM reads them forwards and
    backwards. Beside it, what a rule or a tree would look at: summary() of the kinematic channels, in
    bins, through a committee of single layers. All make up the rep's embedding, and on each part every
    error has a linear head; the parts' mean is heard. What the rule says of the error (the last channels)
    is added with a weight that is learnt.

    `settings.kind` leaves out the LSTM (cnn), the convolutions (lstm) or both (committee), or puts a
    transformer's encoder in the LSTM's place (transformer). `settings.bare` leaves out what stands beside
    them: the committee and the rules, or for kind committee the rules.

    `settings.streams` says what is read. All of the above is the pose stream; rgb is a small CNN on
    each crop of the rep and an LSTM, one more that is heard. With only rgb there are no landmarks,
    measures and rules: it says what pixels tell.
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
        pose, rgb = "pose" in settings.streams, "rgb" in settings.streams
        # What the pose stream consists of.
        self.reads = pose and settings.kind != "committee"
        self.counts = pose and not (settings.bare and self.reads)
        self.ruled = pose and not settings.bare
        if self.reads:
            self.convolutions = _convolutions(inside, width) if settings.kind != "lstm" else nn.Identity()
            self.reader = _reader(settings.kind, inside if settings.kind == "lstm" else width, width)
        if self.counts:
            count = (KINEMATIC.stop - KINEMATIC.start) * len(STATISTICS)
            self.bins = _Bins(count)
            self.committee = _Committee(count, width)
        if self.ruled:
            self.trust = nn.Parameter(torch.ones(errors))
        self.film = _Film(width) if rgb else None
        self.dropout = nn.Dropout(0.3)
        # Of the embedding: each judges by itself.
        self.parts = [2 * width] * self.reads + [width] * _MEMBERS * self.counts + [2 * width] * rgb
        self.heads = nn.Linear(sum(self.parts), errors)  # a row of weights per error
        # Before it has learnt anything, the network says what the rules say; without them, one half.
        nn.init.zeros_(self.heads.weight)
        nn.init.zeros_(self.heads.bias)

    def standardise(self, x: Tensor) -> None:
        """Learn from (N, steps, channels) what is usual: each channel's mean and spread, the bins' edges."""
        self.mean.copy_(torch.nan_to_num(x.nanmean(dim=(0, 1))))
        spread = (x - self.mean).square().nanmean(dim=(0, 1)).sqrt()
        self.spread.copy_(torch.nan_to_num(spread, nan=1.0).clamp(min=_MIN_SPREAD))
        if self.counts:
            self.bins.cut(summary(x))

    def embed(self, x: Tensor, pixels: Tensor | None = None) -> Tensor:
        """Return (N, features) from (N, steps, channels) and, for the rgb stream, crops (N, T, H, W, 3).

        Features are as many as `parts` say, of pose, then of rgb. Raises ValueError for rgb without crops.
        """
        parts = [self._movement(x)] if self.reads else []
        if self.counts:
            parts.append(self.committee(self.bins(summary(x))))
        if self.film is not None:
            if pixels is None:
                raise ValueError("this network reads the rgb stream, and there are no crops")
            parts.append(self.film(pixels))
        return torch.cat(parts, dim=1)

    def _movement(self, x: Tensor) -> Tensor:
        # Unknown channels (NaN) are taken for average ones.
        standard = torch.nan_to_num(((x - self.mean) / self.spread)[..., : self.inside])
        standard = standard.clamp(-_OUTLIER, _OUTLIER)
        movements = self.convolutions(standard.transpose(1, 2)).transpose(1, 2)
        return torch.as_tensor(self.reader(movements).mean(dim=1))

    def judge(self, embedded: Tensor, x: Tensor) -> Tensor:
        """Return logits (N, errors) from embed(x) and x, of which the rules' channels are read.

        In training (parts, N, errors): what each part says by itself.
        """
        seen = torch.split(self.dropout(embedded), self.parts, dim=1)
        weights = torch.split(self.heads.weight, self.parts, dim=1)
        parts = zip(seen, weights, strict=True)
        own = torch.stack([part @ weight.T for part, weight in parts]) + self.heads.bias  # (parts, N, errors)
        if not self.training:
            own = own.mean(dim=0)
        if not self.ruled:
            return own
        if self.training:
            own = own * (torch.rand(*own.shape[:2], 1) >= _RULES_ALONE)
        return torch.as_tensor(own + self.trust * x[:, 0, self.inside :])

    @torch.no_grad()
    def shrink(self, share: Tensor) -> None:
        """Leave `share` (errors,), 0 to 1, of what was learnt beside the rules; all, where there are none."""
        if self.ruled:
            self.heads.weight.mul_(share[:, None])
            self.heads.bias.mul_(share)

    def forward(self, x: Tensor, pixels: Tensor | None = None) -> Tensor:
        """Return judge()'s logits from (N, steps, channels) and crops (N, T, H, W, 3)."""
        return self.judge(self.embed(x, pixels), x)


@torch.no_grad()
def infer(network: Network, sequences: Floats, pixels: Pixels | None = None) -> tuple[Floats, Floats]:
    """Return logits (N, errors) and embeddings (N, features) of (N, steps, channels). NaN: nobody seen."""
    visible = seen(sequences)
    said = np.full((len(sequences), network.heads.out_features), np.nan, dtype=np.float32)
    embeddings = np.full((len(sequences), network.heads.in_features), np.nan, dtype=np.float32)
    for at in np.array_split(np.flatnonzero(visible), -(-visible.sum() // _AT_ONCE) or 1):
        if len(at):
            x = torch.from_numpy(sequences[at])
            embedded = network.embed(x, None if pixels is None else torch.from_numpy(pixels[at]))
            embeddings[at] = embedded.numpy()
            said[at] = network.judge(embedded, x).numpy()
    return said, embeddings


class _Bins(nn.Module):
    """Numbers in the piecewise linear encoding of Gorishniy et al., 2022 (arXiv 2203.05556).

    Between two neighbouring quantiles of train a bin's value rises from -1 to 1; beyond them it stays. So one
    layer can do what trees do: set a limit, ask for neither too little nor too much, ignore what is far out.
    """

    low: Tensor
    slope: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("low", torch.zeros(_BINS, count))
        self.register_buffer("slope", torch.zeros(_BINS, count))

    def cut(self, x: Tensor) -> None:
        """Take the quantiles of (N, count); what is never known, or always the same, says nothing."""
        edges = torch.nan_to_num(torch.nanquantile(x, torch.linspace(0, 1, _BINS + 1), dim=0))
        width = edges[1:] - edges[:-1]
        self.low.copy_(edges[:-1])
        self.slope.copy_(torch.where(width > _MIN_WIDTH, 1 / width, 0.0))

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, _BINS, count), 0 where unknown."""
        risen = ((x[:, None] - self.low) * self.slope).clamp(0, 1) * 2 - 1
        return torch.nan_to_num(torch.where(self.slope > 0, risen, 0.0))


class _Committee(nn.Module):
    """Layers that each read a share of the statistics, drawn by lot."""

    read: Tensor

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        each = round(_SHARE * count)
        self.register_buffer("read", torch.stack([torch.randperm(count)[:each] for _ in range(_MEMBERS)]))
        layers = [nn.Linear(each * _BINS, width) for _ in range(_MEMBERS)]  # for their initial weights
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]))

    def forward(self, binned: Tensor) -> Tensor:
        """Return (N, members * width) of (N, bins, count)."""
        seen = binned[:, :, self.read].permute(2, 0, 1, 3).flatten(start_dim=2)  # (members, N, bins * each)
        found = torch.baddbmm(self.bias[:, None], seen, self.weight.transpose(1, 2))
        return found.relu().permute(1, 0, 2).flatten(start_dim=1)


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

    logits (…, N, errors), targets (N, errors), NaN where unknown: that takes no part, its gradient is 0.
    positive_weight (errors,) multiplies the loss of present errors.
    """
    targets = targets.expand_as(logits)
    known = ~torch.isnan(targets)
    each = nn.functional.binary_cross_entropy_with_logits(
        logits, torch.where(known, targets, 0.0), pos_weight=positive_weight, reduction="none"
    )
    return torch.where(known, each, 0.0).sum() / known.sum().clamp(min=1)
