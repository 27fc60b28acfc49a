"""A reader of digits that no run has a part in: it says what a counterfactual digit looks like to somebody else.

A model says of its own counterfactuals what it was asked to say. Whether they look like the digit that they claim to be
is for others to say; a person is the judge, and the reader stands in for one where hundreds are to be read. It is a
small convolutional network, trained once on digits that no run sees (``ctviz.data.images.apart``), half of them under
noise and specks, so that what fools a model by scattered pixels does not fool the reader too. It ships with ctviz
(``assets/reader``, written by ``ctviz presets reader``).

It is no person: it knows the ten digits and nothing else, so it reads one in any picture, even in noise; how sure it is
says something of that. And its mistakes may be those of other networks, for it is one.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from ctviz.data.image_sets import PIXELS
from ctviz.data.schema import Grid
from ctviz.errors import CtvizError, DataError
from ctviz.isolation import isolated
from ctviz.paths import assets, write_whole

CLASSES = 10

WEIGHTS, FACTS = "reader.safetensors", "reader.json"
"""Names of its files: the weights in half precision, and how often it is right."""

NOISE = 0.3
"""Standard deviation of the noise under which it is tested, of pixels from −1 to 1."""

EPOCHS, BATCH, RATE = 6, 128, 0.002

AT_ONCE = 1000
"""Pictures that are read together."""


class Reader(nn.Module):
    """Two 5 × 5 convolutions with ReLU and 2 × 2 maxima, then 64 hidden units: pixels (b 784) → logits (b 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 12, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(24 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, CLASSES),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.unflatten(-1, (1, *PIXELS)))  # type: ignore[no-any-return]


# -- reading -------------------------------------------------------------------------------------------


@isolated()
def read_digits(pictures: Tensor | npt.NDArray[Any], reader: Reader | None = None) -> Tensor:
    """Probabilities of the ten digits, softmax(reader(x)), for pictures (… 784) from −1 to 1: (… 10), float32.

    Raises:
        DataError: pictures of another size, or not of finite numbers.
    """
    pictures = torch.as_tensor(pictures)
    if pictures.ndim == 0 or pictures.shape[-1] != PIXELS[0] * PIXELS[1] or not pictures.isfinite().all():
        wanted = f"{PIXELS[0]} × {PIXELS[1]} finite numbers last"
        raise DataError(f"Pictures of shape {tuple(pictures.shape)} cannot be read; expected {wanted}.")
    reader = reader or shipped()
    flat = pictures.reshape(-1, pictures.shape[-1]).float()
    with torch.no_grad():
        parts = [torch.softmax(reader(part), dim=-1) for part in flat.split(AT_ONCE)]
    return (
        torch.cat(parts).reshape(*pictures.shape[:-1], CLASSES) if parts else flat.new_zeros(*pictures.shape[:-1], 10)
    )


def reads(grid: Grid | None, classes: int) -> bool:
    """Whether the reader can read pictures of a data set: those of the ten digits."""
    return grid == PIXELS and classes == CLASSES


@functools.lru_cache(maxsize=1)
def shipped() -> Reader:
    """The reader that ships with ctviz.

    Raises:
        CtvizError: its file is missing or damaged.
    """
    return load(shipped_folder())


def shipped_folder() -> Path:
    """The folder of the shipped reader."""
    return assets() / "reader"


@functools.lru_cache(maxsize=1)
def facts() -> Mapping[str, Any]:
    """What is known of the shipped reader: ``clean`` and ``noisy``, its accuracy on the test digits as they are and
    under ``noise``; ``trained_on`` and ``tested_on``, the numbers of digits.

    Raises:
        CtvizError: its file is missing or damaged.
    """
    path = shipped_folder() / FACTS
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        found = {name: found[name] + 0 for name in ("trained_on", "tested_on", "clean", "noise", "noisy")}
    except (OSError, ValueError, KeyError, TypeError):
        raise CtvizError(f"{path} is missing or damaged; install ctviz again.") from None
    return MappingProxyType(found)


def load(folder: Path) -> Reader:
    """A reader from its file in a folder.

    Raises:
        CtvizError: it is missing, or not that of a reader.
    """
    from safetensors.torch import load_file

    path, reader = folder / WEIGHTS, Reader()
    try:
        reader.load_state_dict({name: weights.float() for name, weights in load_file(path).items()})
    except Exception:  # a parser of foreign bytes may raise anything
        raise CtvizError(f"{path} is missing or damaged; install ctviz again.") from None
    return reader.eval().requires_grad_(False)


# -- making --------------------------------------------------------------------------------------------


def fit(X: Tensor, y: Tensor, epochs: int = EPOCHS, seed: int = 0) -> Reader:
    """Train a reader on pictures X (n 784) of digits y (n), with Adam whose rate falls to 0; the same bits for the same
    arguments. Its weights are rounded to half precision, as they are stored."""
    with isolated():
        chance = torch.Generator().manual_seed(seed)
        reader = _start(chance)
        steps = epochs * -(-len(y) // BATCH)
        adam = torch.optim.Adam(reader.parameters(), lr=RATE)
        schedule = torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.0, total_iters=steps)
        for _ in range(epochs):
            for rows in torch.randperm(len(y), generator=chance).split(BATCH):
                loss = nn.functional.cross_entropy(reader(_spoilt(X[rows], chance)), y[rows])
                adam.zero_grad()
                loss.backward()
                adam.step()
                schedule.step()
        return reader.half().float().eval().requires_grad_(False)


def _start(chance: torch.Generator) -> Reader:
    """First weights, uniform up to √(6 / in), with biases of 0."""
    reader = Reader()
    with torch.no_grad():
        for weights in reader.parameters():
            if weights.ndim == 1:
                weights.zero_()
                continue
            limit = (6 / weights[0].numel()) ** 0.5
            weights.copy_((2 * torch.rand(weights.shape, generator=chance) - 1) * limit)
    return reader


def _spoilt(x: Tensor, chance: torch.Generator) -> Tensor:
    """Pictures (b d), moved by up to two pixels each way together, every other one spoilt: under noise of a deviation
    up to 2 · ``NOISE``, and with specks of any grey on up to a fifth of its pixels."""
    b, d = x.shape
    down, right = torch.randint(-2, 3, (2,), generator=chance).tolist()
    x = x.unflatten(-1, PIXELS).roll((down, right), (-2, -1)).flatten(-2)
    spoilt = torch.arange(b).unsqueeze(-1) % 2 == 0
    noise = torch.randn(b, d, generator=chance) * torch.rand(b, 1, generator=chance) * (2 * NOISE)
    specks = 2 * torch.rand(b, d, generator=chance) - 1
    where = torch.rand(b, d, generator=chance) < torch.rand(b, 1, generator=chance) / 5
    return torch.where(spoilt, torch.where(where, specks, (x + noise).clamp(-1, 1)), x)


def accuracy(X: Tensor, y: Tensor, noise: float = 0.0, reader: Reader | None = None, seed: int = 0) -> float:
    """Share of pictures X (n 784) that are read as y (n), under normal noise of a deviation, clipped to −1 to 1."""
    with isolated():
        added = torch.randn(X.shape, generator=torch.Generator().manual_seed(seed)) * noise
    return float((read_digits((X + added).clamp(-1, 1), reader).argmax(dim=-1) == y).double().mean())


def build(folder: Path, out: Path) -> tuple[Path, ...]:
    """Trains the reader that ships on the digits that do not, from MNIST's files in ``folder``, and writes its files;
    a few minutes.

    Raises:
        DataError: a file of MNIST is missing or not as published.
    """
    from safetensors.torch import save

    from ctviz.data.image_sets import ImageSettings
    from ctviz.data.images import apart, load_images, to_pixels

    digits = apart(folder)
    X = torch.from_numpy(to_pixels(digits.pictures.reshape(len(digits), -1)))
    reader = fit(X, torch.from_numpy(digits.labels.astype("int64")))
    test_X, test_y = load_images(ImageSettings()).test
    found = {
        "trained_on": len(digits),
        "tested_on": len(test_y),
        "clean": accuracy(test_X, test_y, reader=reader),
        "noise": NOISE,
        "noisy": accuracy(test_X, test_y, NOISE, reader),
    }
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / WEIGHTS, save({name: w.half().contiguous() for name, w in reader.state_dict().items()}))
    write_whole(out / FACTS, (json.dumps(found, indent=2) + "\n").encode())
    return out / WEIGHTS, out / FACTS
