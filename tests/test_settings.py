"""Settings are frozen, closed and finite, and say in one sentence what is wrong with them."""

from __future__ import annotations

import math
import pickle
from functools import cached_property
from typing import Literal

import pytest
from pydantic import Field, ValidationError, field_validator, model_validator

from ctviz.errors import ConfigError, CtvizError, shorten
from ctviz.settings import Settings, key_values


class Inner(Settings):
    size: int = Field(3, ge=1, le=9)
    share: float = Field(0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _not_seven(self):
        if self.size == 7:
            raise ConfigError("size", 7, "any number but 7")
        return self


class Outer(Settings):
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()
    odd: tuple[int, ...] = ()
    word: str
    side: Literal["left", "right"] = "left"

    @field_validator("odd")
    @classmethod
    def _odd(cls, numbers):
        for number in numbers:
            if number % 2 == 0:
                raise ConfigError("odd", number, "odd numbers")
        return numbers


@pytest.mark.parametrize(
    ("values", "field", "told"),
    [
        pytest.param({"inner": {"size": 0}}, "inner.size", "greater than or equal to 1", id="below its range"),
        pytest.param({"inner": {"size": 10}}, "inner.size", "less than or equal to 9", id="above its range"),
        pytest.param({"inner": {"size": 1.5}}, "inner.size", "whole number", id="half an integer"),
        pytest.param({"inner": {"share": math.nan}}, "inner.share", "finite", id="not a number"),
        pytest.param({"inner": {"share": -math.inf}}, "inner.share", "finite", id="infinite"),
        pytest.param({"inner": {"size": 7}}, "inner.size", "any number but 7", id="a rule of its own"),
        pytest.param({"inner": {"sise": 3}}, "inner.sise", "known are size, share", id="unknown, inside"),
        pytest.param({"inner": 3}, "inner", "a table of settings", id="not a table"),
        pytest.param({"words": "a"}, "words", "known are inner, many, odd, word, side", id="unknown, outside"),
        pytest.param({"many": [{}, {"size": 0}]}, "many.1.size", "greater than or equal to 1", id="inside a list"),
        pytest.param({"many": 3}, "many", "a list", id="not a list"),
        pytest.param({"word": None}, "word", "text", id="none"),
        pytest.param({"odd": [1, 2]}, "odd", "odd numbers", id="a field with a rule of its own"),
        pytest.param({"side": True}, "side", "'left' or 'right'", id="true for a word"),
    ],
)
def test_one_sentence_names_field_value_and_what_is_allowed(values, field, told):
    with pytest.raises(ConfigError) as error:
        Outer(**{"word": "a", **values})
    assert error.value.field == field
    assert told in error.value.allowed
    message = str(error.value)
    assert message.startswith(f"{field} is ")
    assert message.endswith(".")
    assert "\n" not in message
    assert "pydantic" not in message


def test_what_is_missing_is_named():
    with pytest.raises(ConfigError, match="word"):
        Outer()


def test_frozen():
    settings = Outer(word="a")
    with pytest.raises((ValidationError, CtvizError)):
        settings.word = "b"
    assert settings.word == "a"


def test_equal_settings_have_equal_hashes():
    assert Outer(word="a", many=({"size": 4},)) == Outer(word="a", many=[Inner(size=4)])
    assert hash(Outer(word="a", many=({"size": 4},))) == hash(Outer(word="a", many=[Inner(size=4)]))
    assert Outer(word="a") != Outer(word="b")


class Square(Settings):
    side: int = 2

    @cached_property
    def area(self) -> int:
        return self.side**2


def test_what_a_copy_works_out_is_its_own():
    before = Square()
    assert (before.area, before.model_copy(update={"side": 3}).area, before.area) == (4, 9, 4)


def test_settings_and_their_errors_cross_processes():
    settings = Outer(word="a", many=({},))
    assert pickle.loads(pickle.dumps(settings)) == settings
    with pytest.raises(ConfigError) as error:
        Inner(size=0)
    again = pickle.loads(pickle.dumps(error.value))
    assert (str(again), again.field, again.value) == (str(error.value), "size", 0)


def test_a_config_error_is_also_a_value_error_with_one_root():
    assert issubclass(ConfigError, CtvizError)
    assert issubclass(ConfigError, ValueError)


def test_a_long_value_is_cut():
    assert len(shorten("x" * 1000)) == 80
    assert shorten("x" * 1000).endswith("…")
    assert shorten([1, 2]) == "[1, 2]"
    with pytest.raises(ConfigError) as error:
        Inner(size="9" * 10_000)
    assert len(str(error.value)) < 250


class GrownOnce(Inner):
    later = ("extra",)
    extra: tuple[int, ...] = ()


class Grown(GrownOnce):
    later = ("share",)


class Whole(Settings):
    later = ("note",)
    first: Grown = Grown()
    arms: tuple[Grown, ...] = ()
    note: str = ""


def test_what_came_later_is_behind_a_key_only_where_it_was_changed():
    assert key_values(Whole()) == {"first": {"size": 3}, "arms": []}
    assert key_values(Whole(arms=({"size": 4}, {"share": 0.25, "extra": (1,)}), note="n")) == {
        "first": {"size": 3},
        "arms": [{"size": 4}, {"size": 3, "share": 0.25, "extra": [1]}],
        "note": "n",
    }
    assert key_values(Whole(), exclude={"arms"}) == {"first": {"size": 3}}
