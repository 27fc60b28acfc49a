"""Image sets as a ``Dataset``: the files that ship with ctviz, or those in a folder of the user.

MNIST ships as 10,000 digits to train on, 1,000 of each class, 1,000 for validation, and the 10,000 test digits
(``assets/datasets/mnist``). All 60,000 are read from the user's own files: from the folder in ``CTVIZ_DATASETS``, else
from the remembered one. Every file is checked against its published SHA-256, once per process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import torch

from ctviz.data import idx
from ctviz.data.dataset import Dataset, Split
from ctviz.data.image_sets import PIXEL_NAMES, PIXELS, SHIPPED_TRAINING, ImageSettings
from ctviz.data.schema import Array, Feature, Schema
from ctviz.data.user_folders import DATASETS_VARIABLE, folder_of, remember, user_folder
from ctviz.errors import ConfigError, DataError
from ctviz.paths import assets, write_whole

Rows = npt.NDArray[np.int64]

CLASSES = tuple("0123456789")
NAME = "mnist"

VALIDATION_SIZE = 1_000
"""Training digits held out for validation, the same for both sources."""

PUBLISHED: Mapping[str, str] = MappingProxyType(
    {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    }
)
"""The four files of MNIST and the SHA-256 of each, not compressed."""

TRAINING, TEST = tuple(PUBLISHED)[:2], tuple(PUBLISHED)[2:]

SHIPPED: Mapping[str, str] = MappingProxyType(
    {
        TRAINING[0]: "12040eed16a9194a50a30a3eb3400541fabe48627ddc19549624cee5927a3fe0",
        TRAINING[1]: "0d31ecd3b94979c26671920e80c64208fef8d5166e1475f499c8d73eeefcb039",
        TEST[0]: PUBLISHED[TEST[0]],
        TEST[1]: PUBLISHED[TEST[1]],
    }
)
"""The same for the files that ship: a choice of the training digits, all test digits."""


@dataclass(frozen=True)
class Digits:
    """Pictures (n 28 28), one byte per pixel, and their labels (n); both read-only."""

    pictures: idx.Bytes
    labels: idx.Bytes

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Rows | slice) -> Digits:
        """The digits of some rows."""
        pictures, labels = self.pictures[rows], self.labels[rows]
        pictures.flags.writeable = labels.flags.writeable = False
        return Digits(pictures, labels)


@dataclass(frozen=True)
class Source:
    """One source of digits. ``sentence`` says that it is as published, or what is wrong with it."""

    name: str
    source: str
    training: int
    test: int
    folder: str
    verified: bool
    sentence: str


def to_pixels(raw: npt.ArrayLike) -> Array:
    """Brightness in [−1, 1] of bytes from 0 to 255: x = byte / 127.5 − 1, float32 of the same shape."""
    x = np.array(raw, dtype=np.float32)
    x /= np.float32(127.5)
    x -= np.float32(1)
    return x


def to_bytes(pixels: npt.ArrayLike) -> idx.Bytes:
    """The nearest bytes to pixels in [−1, 1], clipped. Exact inverse of ``to_pixels``."""
    from_zero = np.clip(np.asarray(pixels, dtype=np.float32), -1, 1) + np.float32(1)
    raw: idx.Bytes = np.rint(from_zero * np.float32(127.5)).astype(np.uint8)
    return raw


# -- a data set ----------------------------------------------------------------------------------------


def load_images(settings: ImageSettings) -> Dataset:
    """Load the digits that the settings describe; the same settings give the same bits, in new tensors.

    Each split is balanced over the classes, as far as there are digits. If not all are used, seed 0 takes the first of
    each class for training and validation; any other seed draws them. The seed also draws the order of the training
    digits; the others keep the order of their file. With 10,000 digits and seed 0, both sources give the same ones.

    Raises:
        ConfigError: more training digits than the source has.
        DataError: no folder is named, or its files are missing or not those that were published.
    """
    train, validation, test = _shipped() if settings.source == "shipped" else _full()
    if settings.n_train > len(train):
        raise ConfigError("n_train", settings.n_train, f"at most {len(train):,}, the digits that there are to train on")
    rng = np.random.default_rng(settings.seed)
    drawn = rng if settings.seed else None
    rows = rng.permutation(balanced(train.labels, settings.n_train, drawn))
    return Dataset(
        name=settings.name,
        schema=_schema(),
        classes=CLASSES,
        train=_split(train, rows),
        validation=_split(validation, np.sort(balanced(validation.labels, settings.n_validation, drawn))),
        # Always drawn: the first half of the test digits is known to be the easier one.
        test=_split(test, np.sort(balanced(test.labels, settings.n_test, rng))),
    )


def balanced(labels: npt.ArrayLike, n: int, rng: np.random.Generator | None = None) -> Rows:
    """``n`` rows, balanced over the classes as far as they last; the classes take turns.

    The rows of a class keep their order, or are shuffled if there is a generator. Every prefix of the result is as
    balanced as the whole: classes differ by at most one until one of them is used up.
    """
    labels = np.asarray(labels)
    order = np.arange(len(labels)) if rng is None else rng.permutation(len(labels))
    shuffled = labels[order]
    by_class = np.argsort(shuffled, kind="stable")
    counts = np.bincount(shuffled)
    rank = np.empty(len(labels), dtype=np.int64)
    rank[by_class] = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return order[np.lexsort((shuffled, rank))][:n]


def _split(digits: Digits, rows: Rows) -> Split:
    X = to_pixels(digits.pictures[rows].reshape(len(rows), -1))
    return torch.from_numpy(X), torch.from_numpy(digits.labels[rows].astype(np.int64))


@lru_cache(maxsize=1)
def _schema() -> Schema:
    return Schema(features=tuple(Feature(name=name, domain=(-1.0, 1.0)) for name in PIXEL_NAMES), grid=PIXELS)


# -- files ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _shipped() -> tuple[Digits, Digits, Digits]:
    """Training, validation and test digits that come with ctviz."""
    folder = shipped_folder()
    training, test = (_read(folder, files, SHIPPED) for files in (TRAINING, TEST))
    return training.take(slice(SHIPPED_TRAINING)), training.take(slice(SHIPPED_TRAINING, None)), test


def shipped_folder() -> Path:
    """The folder of the digits that come with ctviz."""
    return assets() / "datasets" / "mnist"


def _full() -> tuple[Digits, Digits, Digits]:
    """All training digits except those for validation, the validation digits, and the shipped test digits."""
    folder = user_folder(NAME)
    if folder is None:
        raise DataError(
            f"All 60,000 digits are read from a folder of yours: put {TRAINING[0]}.gz and {TRAINING[1]}.gz there "
            f"and run `ctviz datasets use FOLDER`, or name the folder in {DATASETS_VARIABLE}."
        )
    return (*_training_of(folder), _shipped()[2])


def _training_of(folder: Path) -> tuple[Digits, Digits]:
    """Training and validation digits in a folder, cached until one of its files changes."""
    paths = _find(folder, TRAINING)
    state = tuple((path, (told := path.stat()).st_size, told.st_mtime_ns) for path in paths)
    return _training_in(folder, state)


@lru_cache(maxsize=1)
def _training_in(folder: Path, state: tuple[tuple[Path, int, int], ...]) -> tuple[Digits, Digits]:
    digits = _read(folder, TRAINING, PUBLISHED)
    _, validation = shipped_rows(digits.labels)
    rest = np.setdiff1d(np.arange(len(digits)), validation)
    return digits.take(rest), digits.take(validation)


def shipped_rows(labels: npt.ArrayLike) -> tuple[Rows, Rows]:
    """Rows of the 60,000 that ship: the first 1,000 of every class for training, the next 100 for validation.

    In both, the classes take turns, 0 to 9, as in ``balanced``.
    """
    rows = balanced(labels, SHIPPED_TRAINING + VALIDATION_SIZE)
    return rows[:SHIPPED_TRAINING], rows[SHIPPED_TRAINING:]


def apart(folder: str | Path) -> Digits:
    """The 49,000 training digits that do not ship, from MNIST's files in ``folder``: those that no usual run sees.

    Raises:
        DataError: a file is missing or not as published.
    """
    digits = _read(folder_of(folder), TRAINING, PUBLISHED)
    shipped = np.concatenate(shipped_rows(digits.labels))
    return digits.take(np.setdiff1d(np.arange(len(digits)), shipped))


def _read(folder: Path, files: Sequence[str], published: Mapping[str, str]) -> Digits:
    """Pictures and labels, verified."""
    paths = _find(folder, files)
    pictures, labels = idx.read(paths[0], (None, *PIXELS)), idx.read(paths[1], (None,))
    for path, file, array in zip(paths, files, (pictures, labels), strict=True):
        if (found := idx.digest(array)) != published[file]:
            raise DataError(
                f"{path} is not the file that was published: its SHA-256, unpacked, begins with {found[:12]}, "
                f"expected {published[file][:12]}."
            )
    return Digits(pictures, labels)


def _find(folder: Path, files: Sequence[str]) -> tuple[Path, ...]:
    """The named files in a folder: compressed or not, with - or . in their names, with or without the prefix mnist-."""
    places = (folder, folder / "raw", folder / "MNIST" / "raw")
    try:
        if not folder.is_dir():
            raise DataError(f"{folder} is not a folder; expected the one that holds {files[0]} and {files[1]}.")
        there = sorted(chain.from_iterable(place.iterdir() for place in places if place.is_dir()))
        found = []
        for file in files:
            like = re.compile(r"(?:mnist[-._])?" + re.sub(r"-", "[-.]", file) + r"(?:\.gz)?", re.IGNORECASE)
            paths = [path for path in there if like.fullmatch(path.name) and path.is_file()]
            if not paths:
                raise DataError(f"{folder} does not hold {file}, neither plain nor as .gz; it is one of MNIST's files.")
            found.append(paths[0])
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {(error.strerror or str(error)).lower()}.") from None
    return tuple(found)


# -- the user's folder ---------------------------------------------------------------------------------


def check_folder(path: str | Path) -> str:
    """Check that a folder holds all training digits, as published, and say so in a sentence.

    Raises:
        DataError: it does not; the message says what is wrong.
    """
    folder = folder_of(path)
    train, validation = _training_of(folder)
    return f"{folder} holds all {len(train) + len(validation):,} training digits of MNIST, as published."


def remember_folder(path: str | Path) -> str:
    """Check a folder and remember it for this and all later processes; returns the sentence of ``check_folder``.

    Raises:
        DataError: its files are missing or not as published, or nothing can be written; then nothing is remembered.
    """
    sentence = check_folder(path)
    remember(path, [NAME])
    return sentence


def sources() -> tuple[Source, ...]:
    """All sources of digits: where they are, how many they hold, and whether they are as published."""
    listed = []
    for source, folder in (("shipped", shipped_folder()), ("folder", user_folder(NAME))):
        try:
            train, validation, test = _shipped() if source == "shipped" else _full()
        except DataError as error:
            listed.append(Source(NAME, source, 0, 0, str(folder or ""), False, str(error)))
        else:
            n = len(train) + len(validation)
            listed.append(Source(NAME, source, n, len(test), str(folder), True, "as published"))
    return tuple(listed)


# -- what ships ----------------------------------------------------------------------------------------


def build(folder: str | Path, out: Path) -> tuple[Path, ...]:
    """Writes the files that ship, from MNIST's four in ``folder``; the same four give the same files.

    Raises:
        DataError: a file is missing or not as published, or the folder ``out`` cannot be written.
    """
    whole = folder_of(folder)
    training, test = (_read(whole, files, PUBLISHED) for files in (TRAINING, TEST))
    choice = training.take(np.concatenate(shipped_rows(training.labels)))
    arrays = (choice.pictures, choice.labels, test.pictures, test.labels)
    written = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file, array in zip(PUBLISHED, arrays, strict=True):
            written.append(out / f"{file}.gz")
            write_whole(written[-1], idx.pack(array))
    except OSError as error:
        raise DataError(f"{out} cannot be written: {(error.strerror or str(error)).lower()}.") from None
    return tuple(written)
