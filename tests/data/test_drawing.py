"""Drawings and pictures become digits as MNIST has them; what cannot be one is refused in a sentence."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from ctviz.data import drawing
from ctviz.data.catalogue import load
from ctviz.data.drawing import PreparedDigit, prepare, prepare_file
from ctviz.data.image_sets import ImageSettings
from ctviz.data.images import to_bytes
from ctviz.errors import DataError
from tests.reference import centring


@pytest.fixture(scope="module")
def digits():
    """100 test digits, ten of each class: pixels (100, 784), bytes (100, 28, 28)."""
    X, _ = load(ImageSettings(n_test=100)).test
    return X.numpy(), to_bytes(X).reshape(-1, 28, 28)


def larger(picture, factor=9, page=(420, 560)):
    """A digit drawn larger, smoothly, on a white page, away from its middle."""
    side = 28 * factor
    big = Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC)
    ink = np.zeros(page, np.uint8)
    ink[37 : 37 + side, 90 : 90 + side] = np.asarray(big)
    return 255 - ink


def stroke(shape=(280, 280), width=24):
    """A one, dark on light, a little slanted, right of the middle."""
    page = np.full(shape, 250, np.uint8)
    for i in range(shape[0] // 4, 3 * shape[0] // 4):
        start = shape[1] // 2 + 40 - i // 6
        page[i, start : start + width] = 10
    return page


def png(image, **options):
    data = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(data, "PNG", **options)
    return data.getvalue()


# -- as MNIST is ---------------------------------------------------------------------------------------


def test_a_digit_of_mnist_stays_as_it_is(digits):
    X, pictures = digits
    for x, picture in zip(X, pictures, strict=True):
        made = prepare(picture)
        assert (made.pixels == x).all()
        assert made.notes == ()


def test_a_digit_drawn_larger_on_a_white_page_comes_back(digits):
    X, pictures = digits
    made = np.stack([prepare(larger(picture)).pixels for picture in pictures])
    alike = [np.corrcoef(x, z)[0, 1] for x, z in zip(X, made, strict=True)]
    assert np.mean(np.array(alike) > 0.9) > 0.75 and np.median(alike) > 0.95
    means = class_means()
    assert np.mean(nearest(means, X) == nearest(means, made)) > 0.9


def test_thin_lines_are_thickened(digits):
    _, pictures = digits
    assert any("thickened" in prepare(edge_of(picture)).notes[-2] for picture in pictures[:10])
    thin = stroke(width=3)
    made = prepare(thin).pixels.reshape(28, 28)
    assert (made[8:20] > 0).sum(1).min() >= 2, "a line of a hundredth of its height would be too faint to see"


def edge_of(picture):
    """A digit drawn as its outline, one pixel wide."""
    page = larger(picture) < 128
    inner = page[1:-1, 1:-1] & page[:-2, 1:-1] & page[2:, 1:-1] & page[1:-1, :-2] & page[1:-1, 2:]
    return np.pad(page[1:-1, 1:-1] & ~inner, 1)


def class_means():
    X, y = load(ImageSettings(n_train=2000, n_test=10)).train
    return torch.stack([X[y == c].mean(0) for c in range(10)]).numpy()


def nearest(means, X):
    return ((X[:, None] - means) ** 2).sum(-1).argmin(1)


def test_the_digit_fills_the_box_and_lies_in_the_middle():
    made = prepare(stroke()).pixels.reshape(28, 28)
    ink = (made + 1) / 2
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    assert np.ptp(rows) + 1 == 20 and np.ptp(columns) + 1 < 20, "the longer side takes 20 pixels, proportions are kept"
    for axis in (0, 1):
        assert abs(ink.sum(1 - axis) @ np.arange(28) / ink.sum() - 14) <= 0.5
    assert made.max() == 1 and made.min() == -1


@given(arrays.arrays(np.float32, st.tuples(*[st.integers(1, 20)] * 2), elements=st.sampled_from([0, 0.25, 0.5, 1])))
def test_centring_is_that_of_the_reference(small):
    placed = drawing.centred(small)
    if not small.any():
        assert not placed.any()
    else:
        assert (placed == np.array(centring.centred(small.tolist()))).all()


# -- any kind of image ---------------------------------------------------------------------------------


def test_kinds_of_arrays_agree():
    page = stroke()
    wanted = prepare(page).pixels
    rgb = np.repeat(page[:, :, None], 3, 2)
    opaque = np.dstack([rgb, np.full(page.shape, 255, np.uint8)])
    same = {
        "RGB": rgb,
        "RGBA": opaque,
        "one channel": page[:, :, None],
        "wide integers": page.astype(np.int64),
        "fractions to 255": page.astype(np.float64),
        "fractions to 1": page / 255,
        "fractions from -1": page / 127.5 - 1,
        "lists": page.tolist(),
        "inverted": 255 - page,
    }
    for name, image in same.items():
        assert (prepare(image).pixels == wanted).all(), name
    assert not wanted.flags.writeable
    assert (wanted.shape, wanted.dtype) == ((784,), np.float32)


def test_true_and_false_are_ink_and_ground():
    assert prepare(stroke() < 128).pixels.max() == 1


@pytest.mark.parametrize("shade", [0, 255])
def test_a_drawing_on_transparent_ground(shade):
    """Dark or light ink: what is transparent is the ground, whatever colour it hides."""
    drawn = stroke() < 128
    image = np.zeros((*drawn.shape, 4), np.uint8)
    image[drawn] = (shade, shade, shade, 255)
    made = prepare(image)
    assert (made.pixels == prepare(drawn).pixels).all()
    assert "Transparent parts were taken as background." in made.notes


def test_what_was_done_is_said():
    said = " ".join(prepare(stroke((300, 200))).notes)
    assert "Resized from 200 × 300 pixels." in said and "inverted" in said and "20 × 20" in said
    assert "grey" not in said and "transparent" not in said and "stretched" not in said
    image = np.zeros((28, 28, 3), np.uint8)
    image[4:24, 13:17] = (0, 90, 0)
    said = " ".join(prepare(image).notes)
    assert "Colours were turned to grey." in said and "stretched" in said
    assert "Resized" not in said and "inverted" not in said


def test_a_large_picture_is_like_a_small_one():
    small, large = stroke(), np.kron(stroke(), np.ones((10, 10), np.uint8))
    a, b = prepare(small).pixels, prepare(large).pixels
    assert np.corrcoef(a, b)[0, 1] > 0.97


# -- files ---------------------------------------------------------------------------------------------


def test_a_png_is_as_its_pixels():
    page = stroke()
    assert (prepare_file(png(page)).pixels == prepare(page).pixels).all()


def test_kinds_of_png_agree():
    page = stroke()
    wanted = prepare(page).pixels
    grey = Image.fromarray(page)
    palette = grey.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE)
    kinds = {
        "RGB": grey.convert("RGB"),
        "palette": palette,
        "grey and opacity": grey.convert("LA"),
        "16 bits": Image.fromarray(page.astype(np.uint16) * 257),
    }
    for name, image in kinds.items():
        assert (prepare_file(png(image)).pixels == wanted).all(), name
    assert prepare_file(png(grey.convert("1"))).pixels.max() == 1


def test_a_transparent_colour_of_a_palette():
    drawn = stroke() < 128
    image = Image.fromarray(drawn.astype(np.uint8), "L").convert("P")
    image.putpalette([255, 0, 0, 0, 0, 0])
    made = prepare_file(png(image, transparency=0))
    assert (made.pixels == prepare(drawn).pixels).all()


def test_a_jpeg_with_its_traces_of_compression():
    page, data = stroke(), io.BytesIO()
    Image.fromarray(page).save(data, "JPEG", quality=40)
    assert np.corrcoef(prepare_file(data.getvalue()).pixels, prepare(page).pixels)[0, 1] > 0.9


@pytest.mark.parametrize("width", [6, 24])
def test_light_that_falls_unevenly_is_no_ink(width):
    """A photograph: the paper, with its grain, gets darker to one side."""
    page = stroke(width=width)
    paper = np.linspace(150, 240, 280) + np.random.default_rng(0).normal(0, 5, page.shape)
    made = prepare(np.where(page < 128, 40, paper).clip(0, 255).astype(np.uint8))
    wanted = prepare(page)
    assert np.corrcoef(made.pixels, wanted.pixels)[0, 1] > 0.9
    assert (made.pixels[wanted.pixels == -1] < -0.9).mean() > 0.95, "the paper is dark all over"
    assert "Contrast was stretched to its full range." in made.notes


def test_a_photograph_stands_as_the_camera_was_held():
    page, data = stroke(), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side: to be turned a quarter to the right
    Image.fromarray(np.rot90(page)).save(data, "JPEG", quality=95, exif=exif)
    assert np.corrcoef(prepare_file(data.getvalue()).pixels, prepare(page).pixels)[0, 1] > 0.97


# -- refused -------------------------------------------------------------------------------------------


def dot(shape=(28, 28)):
    page = np.zeros(shape, np.uint8)
    page[5, 7] = 255
    return page


NAN = np.where(stroke() < 128, np.nan, 1.0)
BAD = {
    "all dark": (np.zeros((28, 28)), "empty: all of it shows one shade"),
    "all light": (np.full((50, 40, 3), 255, np.uint8), "empty"),
    "hardly any contrast": (np.where(stroke() < 128, 200, 206), "empty"),
    "all transparent": (np.zeros((28, 28, 4), np.uint8), "empty"),
    "one pixel": (dot(), "single pixel"),
    "one pixel, light page": (255 - dot((100, 200)), "single pixel"),
    "an image of one pixel": (np.ones((1, 1)), "empty"),
    "NaN": (NAN, "not finite"),
    "infinity": (np.where(stroke() < 128, np.inf, 1.0), "not finite"),
    "negative": (stroke().astype(int) - 100, "values from -90 to 150"),
    "too bright": (stroke() * 300.0, "expected 0 to 255"),
    "no pixels": (np.zeros((0, 5)), r"5 × 0 pixels"),
    "too large": (np.zeros((1, 5000), np.uint8), r"5000 × 1 pixels; allowed are 1 to 4,096"),
    "one axis": (np.zeros(784), r"not an image: float64 of shape \(784,\)"),
    "two channels": (np.zeros((28, 28, 2)), "not an image"),
    "words": (np.array([["a", "b"]]), "not an image"),
    "ragged": ([[1, 2], [3]], "not an image"),
    "complex": (np.zeros((28, 28), complex), "not an image"),
    "nothing": (None, "not an image"),
}


@pytest.mark.parametrize(("image", "told"), BAD.values(), ids=BAD)
def test_what_is_no_drawing_is_told_in_a_sentence(image, told):
    with pytest.raises(DataError, match=rf"{told}.*\.$"):
        prepare(image)


def test_files_that_are_none():
    good = png(stroke())
    gif = io.BytesIO()
    Image.fromarray(stroke()).save(gif, "GIF")
    bad = {
        b"": "neither a PNG nor a JPEG",
        b"%PDF-1.7": "neither a PNG nor a JPEG",
        gif.getvalue(): "neither a PNG nor a JPEG",
        good[: len(good) // 2]: "damaged",
        bytes(2 * 2**20 + 1): "at most 2 MB",
        png(np.zeros((1, 4097), np.uint8)): "4097 × 1 pixels",
        png(np.zeros((3000, 3000), np.uint8)): "empty",
    }
    for data, told in bad.items():
        with pytest.raises(DataError, match=told):
            prepare_file(data)


def test_a_huge_picture_in_a_small_file_is_not_unpacked():
    """A head that promises 30,000 × 30,000 pixels."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    size = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    bomb = b"\x89PNG\r\n\x1a\n" + body
    with pytest.raises(DataError, match="far more pixels than 4,096 a side"):
        prepare_file(bomb)


@given(st.binary(max_size=300), st.integers(0, 200), st.sampled_from(["PNG", "JPEG"]))
def test_spoilt_files_are_refused_or_read(noise, at, kind):
    data = io.BytesIO()
    Image.fromarray(stroke((40, 40), 6)).save(data, kind)
    good = data.getvalue()
    try:
        made = prepare_file(good[:at] + noise + good[at + len(noise) :])
    except DataError:
        return
    assert_fit(made)


@given(arrays.arrays(np.uint8, st.tuples(*[st.integers(1, 40)] * 2) | st.tuples(*[st.integers(1, 40)] * 2, st.just(4))))
def test_any_image_gives_a_digit_or_a_sentence(image):
    try:
        made = prepare(image)
    except DataError:
        return
    assert_fit(made)


def assert_fit(made: PreparedDigit):
    assert made.pixels.shape == (784,) and made.pixels.dtype == np.float32
    assert np.isfinite(made.pixels).all() and made.pixels.min() >= -1 and 0.8 < made.pixels.max() <= 1
    assert all(note.endswith(".") for note in made.notes)
