"""The digits: those that ship, those of a folder, what is chosen, and what is refused."""

from __future__ import annotations

import gzip
import json
import re
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ctviz.data import folders, idx, images
from ctviz.data.catalogue import load
from ctviz.data.image_sets import ImageSettings
from ctviz.data.tables.settings import TABLES
from ctviz.data.tables.shipped import user_folder as folder_of_table
from ctviz.data.user_folders import DATASETS_VARIABLE, user_folder
from ctviz.errors import ConfigError, DataError

SMALL = {"n_train": 60, "n_validation": 20, "n_test": 30}
MB = 1_000_000


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    """No folder of this machine is named, and what a test reads is forgotten."""
    monkeypatch.setenv("CTVIZ_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(DATASETS_VARIABLE, raising=False)
    yield
    images._training_in.cache_clear()


@pytest.fixture
def published(monkeypatch):
    """The training digits that ship and 500 of the test digits, as if MNIST were these: pictures and labels."""
    train, validation, test = images._shipped()
    pictures = np.concatenate([train.pictures, validation.pictures, test.pictures[:500]])
    labels = np.concatenate([train.labels, validation.labels, test.labels[:500]])
    told = dict(zip(images.TRAINING, map(idx.digest, (pictures, labels)), strict=True))
    monkeypatch.setattr(images, "PUBLISHED", {**images.PUBLISHED, **told})
    return pictures, labels


@pytest.fixture
def folder(tmp_path, published):
    """A folder with these digits, not packed."""
    path = tmp_path / "mnist"
    path.mkdir()
    for name, array in zip(images.TRAINING, published, strict=True):
        (path / name).write_bytes(idx.content(array))
    return path


# -- what ships ----------------------------------------------------------------------------------------


def test_what_ships_is_balanced_whole_and_small():
    data = load(ImageSettings())
    assert torch.bincount(data.train[1]).tolist() == [1000] * 10
    assert torch.bincount(data.validation[1]).tolist() == [100] * 10
    assert torch.bincount(data.test[1]).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert data.test[1][:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9], "the test digits are in their order"
    assert sum(path.stat().st_size for path in images.shipped_folder().iterdir()) < 4 * MB
    assert data.classes == tuple("0123456789")


def test_pixels_fill_the_domain_exactly():
    data = load(ImageSettings(n_train=1000))
    X, _ = data.train
    assert X.dtype == torch.float32
    assert (float(X.min()), float(X.max())) == (-1.0, 1.0)
    low, high = data.schema.bounds()
    assert (low == -1).all() and (high == 1).all()
    assert data.schema.grid == (28, 28)
    assert (data.schema.names[0], data.schema.names[29], data.schema.names[-1]) == ("r1c1", "r2c2", "r28c28")


def test_rows_are_rows():
    """A seven has its bar above: were rows and columns mistaken, it would stand to the left."""
    X, y = load(ImageSettings(n_train=1000)).train
    seven = X[y == 7].mean(0).reshape(28, 28)
    assert seven[6:10].mean() > seven[18:22].mean() + 0.1


def test_source_and_licence_lie_beside_the_files():
    text = (images.shipped_folder() / "SOURCE.md").read_text(encoding="utf-8")
    assert "CC BY-SA 3.0" in text and "LeCun" in text
    told = dict(re.findall(r"\| (\S+)\.gz \| [\d,]+ \| (\w{64}) \|", text))
    assert told == dict(images.SHIPPED)


def test_what_ships_is_what_is_built(folder, tmp_path, monkeypatch):
    """Chosen again from what begins with them, the shipped digits come out as they are, byte for byte."""
    monkeypatch.setattr(idx, "pack", idx.content)  # packing well takes seconds, and has a test of its own
    for name in images.TEST:
        (folder / f"mnist-{name}.gz").write_bytes((images.shipped_folder() / f"{name}.gz").read_bytes())
    written = images.build(folder, tmp_path / "out")
    for path in written:
        shape = (None, 28, 28) if "images" in path.name else (None,)
        assert idx.digest(idx.read(path, shape)) == images.SHIPPED[path.name.removesuffix(".gz")]


def test_a_spoilt_installation_is_told(monkeypatch):
    images._shipped.cache_clear()
    monkeypatch.setattr(images, "SHIPPED", {**images.SHIPPED, images.TRAINING[1]: "0" * 64})
    with pytest.raises(DataError, match=r"train-labels.*is not the file that was published.*expected 000000000000"):
        load(ImageSettings(**SMALL))


# -- which digits --------------------------------------------------------------------------------------


@given(
    arrays.arrays(np.uint8, st.integers(1, 200), elements=st.integers(0, 9)),
    st.integers(0, 200),
    st.none() | st.integers(0, 5),
)
def test_a_beginning_is_as_balanced_as_the_classes_allow(labels, n, seed):
    rows = images.balanced(labels, n, None if seed is None else np.random.default_rng(seed))
    assert len(rows) == min(n, len(labels)) == len(set(rows.tolist()))
    for end in range(len(rows) + 1):
        count, all_of_it = (np.bincount(part, minlength=10) for part in (labels[rows[:end]], labels))
        left = count < all_of_it
        assert not left.any() or count.max() <= count[left].min() + 1


def test_without_a_draw_the_first_of_each_class_come_first():
    labels = np.array([1, 1, 0, 2, 1, 0, 2])
    assert images.balanced(labels, 7).tolist() == [2, 0, 3, 5, 1, 6, 4]


def test_the_same_settings_give_the_same_bits_and_another_seed_others():
    one, two = (load(ImageSettings(**SMALL, seed=3)) for _ in range(2))
    other = load(ImageSettings(**SMALL, seed=4))
    for part in ("train", "validation", "test"):
        assert all(torch.equal(a, b) for a, b in zip(getattr(one, part), getattr(two, part), strict=True))
        assert not torch.equal(getattr(one, part)[0], getattr(other, part)[0])
        assert (torch.bincount(getattr(one, part)[1]) == len(getattr(one, part)[1]) // 10).all()


def test_training_digits_come_shuffled():
    y = load(ImageSettings(n_train=100)).train[1]
    assert y[:20].tolist() != list(range(10)) * 2
    assert torch.bincount(y).tolist() == [10] * 10


def test_parts_share_no_digit():
    data = load(ImageSettings())
    parts = (data.train, data.validation, data.test)
    train, validation, test = ({x.tobytes() for x in X.numpy()} for X, _ in parts)
    assert not train & validation and not train & test and not validation & test


def test_who_writes_into_a_data_set_spoils_nobody_elses():
    first = load(ImageSettings(**SMALL))
    kept = first.train[0].clone()
    first.train[0].zero_()
    assert torch.equal(load(ImageSettings(**SMALL)).train[0], kept)
    for digits in images._shipped():
        assert not digits.pictures.flags.writeable and not digits.labels.flags.writeable


@given(arrays.arrays(np.uint8, (4, 7)))
def test_bytes_come_back_from_pixels(raw):
    pixels = images.to_pixels(raw)
    assert pixels.dtype == np.float32 and pixels.min() >= -1 and pixels.max() <= 1
    assert (images.to_bytes(pixels) == raw).all()


# -- a folder of the user's ----------------------------------------------------------------------------


def test_a_folder_gives_the_same_digits_and_more(folder, monkeypatch):
    monkeypatch.setenv(DATASETS_VARIABLE, str(folder))
    ships, whole = load(ImageSettings()), load(ImageSettings(source="folder"))
    for part in ("train", "validation", "test"):
        assert all(torch.equal(a, b) for a, b in zip(getattr(ships, part), getattr(whole, part), strict=True)), part
    assert len(load(ImageSettings(source="folder", n_train=10_500)).train[1]) == 10_500
    with pytest.raises(ConfigError, match="n_train is 10501; allowed: at most 10,500"):
        load(ImageSettings(source="folder", n_train=10_501))


def test_nothing_named_says_what_to_do():
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz.*ctviz datasets use FOLDER.*CTVIZ_DATASETS"):
        load(ImageSettings(source="folder", **SMALL))
    assert user_folder("mnist") is None


@pytest.mark.parametrize(
    "names",
    [
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
        ("train-images.idx3-ubyte", "train-labels.idx1-ubyte"),
        ("mnist-train-images-idx3-ubyte.gz", "mnist-train-labels.idx1.ubyte.GZ"),
        ("MNIST/raw/train-images-idx3-ubyte", "MNIST/raw/train-labels-idx1-ubyte"),
    ],
)
def test_usual_names_are_found(published, tmp_path, names):
    for name, array in zip(names, published, strict=True):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(idx.content(array), 1) if name.lower().endswith("gz") else idx.content(array))
    assert images.check_folder(tmp_path) == f"{tmp_path} holds all 11,500 training digits of MNIST, as published."


def test_a_folder_is_remembered_by_every_process(folder, monkeypatch):
    assert "11,500" in images.remember_folder(str(folder))
    assert user_folder("mnist") == folder
    assert len(load(ImageSettings(source="folder", **SMALL)).train[1]) == 60
    monkeypatch.setenv(DATASETS_VARIABLE, str(folder / "elsewhere"))
    assert user_folder("mnist") == folder / "elsewhere", "what the environment names goes first"
    with pytest.raises(DataError, match="elsewhere is not a folder"):
        load(ImageSettings(source="folder", **SMALL))


def test_a_folder_of_digits_leaves_that_of_a_table(folder, tmp_path):
    folders.remember_folder(folder)
    (tmp_path / "home" / "datasets.json").write_text(json.dumps({"folder": str(tmp_path)}), encoding="utf-8")
    images.remember_folder(folder)
    assert folder_of_table(TABLES["gmsc"]) == tmp_path
    assert user_folder("mnist") == folder


def test_what_was_remembered_and_cannot_be_read_is_as_good_as_nothing(tmp_path):
    (tmp_path / "home").mkdir()
    for content in (b"", b"{", b"[1]", b'{"folder": 3}', b'{"folder": ""}', b'{"folder": "a\\u0000b"}', b"\xff\xfe"):
        (tmp_path / "home" / "datasets.json").write_bytes(content)
        assert user_folder("mnist") is None


def spoil_pixel(folder: Path):
    path = folder / images.TRAINING[0]
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")


def drop_labels(folder: Path):
    (folder / images.TRAINING[1]).unlink()


def swap(folder: Path):
    (folder / images.TRAINING[0]).write_bytes((folder / images.TRAINING[1]).read_bytes())


BAD = {
    "a pixel differs": (spoil_pixel, "train-images.*not the file that was published: its SHA-256"),
    "no labels": (drop_labels, "does not hold train-labels-idx1-ubyte"),
    "labels for pictures": (swap, r"holds 11500 values; expected up to 100,000 × 28 × 28"),
}


@pytest.mark.parametrize(("spoil", "told"), BAD.values(), ids=BAD)
def test_a_bad_folder_is_told_and_not_remembered(folder, spoil, told):
    spoil(folder)
    with pytest.raises(DataError, match=told):
        images.remember_folder(folder)
    assert user_folder("mnist") is None


@pytest.mark.parametrize("path", ["", "  ", "a\0b", "/no/such/folder"])
def test_no_folder_at_all(path):
    with pytest.raises(DataError, match="folder"):
        images.check_folder(path)


def test_a_folder_that_changes_is_checked_again(folder):
    images.check_folder(folder)
    spoil_pixel(folder)
    with pytest.raises(DataError, match="not the file that was published"):
        images.check_folder(folder)


def test_the_list_says_what_there_is_and_what_is_wrong(folder, monkeypatch):
    ships, none = images.sources()
    assert (ships.training, ships.test, ships.verified) == (11_000, 10_000, True)
    assert not none.verified and "ctviz datasets use" in none.sentence
    monkeypatch.setenv(DATASETS_VARIABLE, str(folder))
    assert (images.sources()[1].training, images.sources()[1].folder) == (11_500, str(folder))
    drop_labels(folder)
    assert "does not hold train-labels" in images.sources()[1].sentence


def test_threads_may_load_at_once():
    images._shipped.cache_clear()
    loaded: list[torch.Tensor] = []
    threads = [threading.Thread(target=lambda: loaded.append(load(ImageSettings(**SMALL)).train[0])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loaded) == 4 and all(torch.equal(X, loaded[0]) for X in loaded)
