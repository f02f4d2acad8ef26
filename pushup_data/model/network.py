"""The network: convolutions over time, an LSTM, one head per error."""

import torch
from torch import Tensor, nn


class CnnLstm(nn.Module):
    """Landmarks over time to one logit per error.

    Two convolutions look for short movements and halve the time axis each, an LSTM reads them forwards and
    backwards, its mean over time is the rep's embedding, and each error has a linear head on it.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, channels: int, width: int, errors: int) -> None:
        super().__init__()
        # What the training data look like; kept with the weights, so that use and training cannot differ.
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("spread", torch.ones(channels))
        self.convolutions = nn.Sequential(
            nn.Conv1d(channels, width, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Conv1d(width, width, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.MaxPool1d(2),
        )
        self.lstm = nn.LSTM(width, width, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(0.3)
        self.heads = nn.Linear(2 * width, errors)  # a row of weights per error

    def embed(self, x: Tensor) -> Tensor:
        """Return (N, 2 * width) from (N, steps, channels)."""
        standard = (x - self.mean) / self.spread
        movements = self.convolutions(standard.transpose(1, 2)).transpose(1, 2)
        states, _ = self.lstm(movements)
        return torch.as_tensor(states.mean(dim=1))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, errors) from (N, steps, channels)."""
        return torch.as_tensor(self.heads(self.dropout(self.embed(x))))


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
