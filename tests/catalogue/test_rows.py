"""Words about people, put into those of other rows."""

from __future__ import annotations

import re

import pytest

from ctviz.catalogue import population
from ctviz.catalogue.rows import in_words_of
from ctviz.data.tables.settings import TABLES


@pytest.mark.parametrize(
    ("people", "districts"),
    [
        ("Person 17 of the test data: age 3 years.", "District 17 of the test data: age 3 years."),
        (
            "Both models accept this person as they are: there is nothing to change.",
            "Both models accept this district as it is: there is nothing to change.",
        ),
        ("Nobody is refused by both models.", "No district is refused by both models."),
        ("Look at somebody who is refused.", "Look at a district that is refused."),
        (
            "1,000 people, drawn from the 4,100 whom both refuse",
            "1,000 districts, drawn from the 4,100 that both refuse",
        ),
        (" 3 more, whom one model alone refuses, are", " 3 more, which one model alone refuses, are"),
        ("nearer to people who were accepted", "nearer to districts that were accepted"),
        (
            '<style>p > .person {}</style><p class="person" aria-label="Of people">As the person is</p>',
            '<style>p > .person {}</style><p class="person" aria-label="Of districts">As the district is</p>',
        ),
    ],
)
def test_districts_are_no_people(people: str, districts: str) -> None:
    assert in_words_of("california", people) == districts
    assert in_words_of("adult", people) == people == in_words_of("my table", people)


def test_no_feature_of_such_a_table_is_called_as_people_are() -> None:
    for info in TABLES.values():
        names = [*info.features, *info.classes, *(name for column in info.columns for name in column.names)]
        if info.row != "person":
            assert all(in_words_of(info.name, name) == name for name in names)


def test_no_number_of_all_districts_speaks_of_people() -> None:
    for metric in population.POPULATION_METRICS.values():
        for said in (metric.title, metric.help, metric.less, metric.more, metric.alike):
            assert not re.search(r"\b(person|people|who|whom)\b", in_words_of("california", said), re.IGNORECASE)
