"""The user's folders: each data set keeps its own, whatever is chosen for another one."""

from __future__ import annotations

import json

import pytest

from ctviz.data.user_folders import DATASETS_VARIABLE, remember, user_folder


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("CTVIZ_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(DATASETS_VARIABLE, raising=False)


def test_a_folder_for_one_data_set_leaves_that_of_another(tmp_path, monkeypatch) -> None:
    remember(tmp_path / "credit", ["gmsc"])
    assert user_folder("mnist") is None
    remember(tmp_path / "digits", ["mnist"])
    assert (user_folder("gmsc"), user_folder("mnist")) == (tmp_path / "credit", tmp_path / "digits")
    remember(tmp_path / "both", ["gmsc", "mnist"])
    assert user_folder("gmsc") == user_folder("mnist") == tmp_path / "both"
    monkeypatch.setenv(DATASETS_VARIABLE, str(tmp_path))
    assert user_folder("gmsc") == user_folder("mnist") == tmp_path


def test_the_one_folder_for_all_that_was_remembered_at_first_still_counts(tmp_path) -> None:
    (tmp_path / "home").mkdir()
    file = tmp_path / "home" / "datasets.json"
    file.write_text(json.dumps({"folder": str(tmp_path / "old")}), encoding="utf-8")
    assert user_folder("gmsc") == user_folder("mnist") == tmp_path / "old"
    remember(tmp_path / "digits", ["mnist"])
    assert (user_folder("gmsc"), user_folder("mnist")) == (tmp_path / "old", tmp_path / "digits")
