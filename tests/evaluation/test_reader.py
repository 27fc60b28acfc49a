"""The independent reader: what it says of digits, of noise, and of what is none, and that it is what its files say."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ctviz.data.image_sets import ImageSettings
from ctviz.data.images import apart, load_images
from ctviz.errors import CtvizError, DataError
from ctviz.evaluation import reader
from ctviz.evaluation.ends import Comparison, SearchEnds, measured
from ctviz.paths import assets

X, Y = load_images(ImageSettings(n_test=1000)).test


def test_it_reads_as_well_as_its_file_says() -> None:
    """On a tenth of the digits that it was tested on: three standard deviations of that are about a point."""
    known = reader.facts()
    assert known["clean"] >= 0.98 and known["noisy"] >= 0.95 and known["trained_on"] == 49_000
    assert reader.accuracy(X, Y) == pytest.approx(known["clean"], abs=0.012)
    assert reader.accuracy(X, Y, known["noise"]) == pytest.approx(known["noisy"], abs=0.012)
    assert (assets() / "reader" / reader.WEIGHTS).stat().st_size < 300_000


def test_it_is_less_sure_of_noise_than_of_digits() -> None:
    noise = (0.3 * torch.randn(500, 784, generator=torch.Generator().manual_seed(0))).clamp(-1, 1)
    assert reader.read_digits(noise).amax(-1).mean() < 0.8 < 0.95 < reader.read_digits(X).amax(-1).mean()


def test_it_has_the_probabilities_of_a_plain_network() -> None:
    plain, x = reader.shipped(), X[:3].view(-1, 1, 28, 28)
    for layer in plain.layers:
        x = layer(x)
    torch.testing.assert_close(reader.read_digits(X[:3].view(3, 1, 784)), torch.softmax(x, -1).unsqueeze(1))
    assert reader.read_digits(X[:0]).shape == (0, 10)


@pytest.mark.parametrize("bad", [torch.zeros(2, 783), torch.tensor(1.0), torch.full((1, 784), torch.nan)])
def test_what_is_no_picture_is_refused(bad: torch.Tensor) -> None:
    with pytest.raises(DataError, match="28 × 28"):
        reader.read_digits(bad)


def test_training_it_gives_the_same_bits_and_learns() -> None:
    assert reader.accuracy(X[:300], Y[:300], reader=reader.fit(X[:300], Y[:300], epochs=15)) > 0.5
    first, second, other = (reader.fit(X[:150], Y[:150], epochs=2, seed=seed) for seed in (0, 0, 1))
    for one, same in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, same)
    assert not torch.equal(reader.read_digits(X[:5], other), reader.read_digits(X[:5], first))


def test_a_missing_or_damaged_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / reader.WEIGHTS).write_bytes(b"nothing")
    monkeypatch.setattr(reader, "shipped_folder", lambda: tmp_path)
    for text in ("[]", '{"clean": 1}'):
        (tmp_path / reader.FACTS).write_text(text, encoding="utf-8")
        with pytest.raises(CtvizError, match="missing or damaged"):
            reader.facts.__wrapped__()
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(CtvizError, match="missing or damaged"):
            reader.load(folder)


def test_its_digits_are_those_that_do_not_ship(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not hold"):
        apart(tmp_path)


def test_counterfactuals_are_read_as_the_reader_reads_them() -> None:
    """Digits that become each other: read as what they claim to be, as before, or as a third."""
    schema, labels = load_images(ImageSettings(n_test=10)).schema, reader.read_digits(X[:60]).argmax(-1)
    a, b = int((labels == 3).nonzero()[0]), int((labels == 8).nonzero()[0])
    start, final = X[[a, a, a]], X[[b, a, b]].unsqueeze(0)
    yes, goals = torch.ones(1, 3, dtype=torch.bool), torch.tensor([8, 8, 5])
    by = Comparison.of(schema, X, Y, 10)
    found = measured(SearchEnds(start, final, goals, yes, yes, yes.long()), by, ("read_as", "read_as_before"))
    assert found["read_as"].tolist() == [[1, 0, 0]]
    assert found["read_as_before"].tolist() == [[0, 1, 0]]
    others = Comparison.of(schema, X, Y.clamp(max=1), 2)
    assert (
        measured(SearchEnds(start, final, goals, yes, yes, yes.long()), others, ("read_as",))["read_as"].isnan().all()
    )
