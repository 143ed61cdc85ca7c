"""Zip files whose members clash or say nothing: one clear line that names the archive."""

import zipfile
from pathlib import Path

import pytest

from utilities.errors import UsageError
from utilities.tasks.archives import zip_dataset
from utilities.tasks.layouts import recognise


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "names", [["a.json", "a.json"], ["a.json", "a.json/b.json"], ["x" * 300 + ".json"]]
)
def test_members_that_cannot_be_written_are_a_usage_error(tmp_path: Path, names: list[str]) -> None:
    path = tmp_path / "odd.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "{}")
    with pytest.raises(UsageError, match=r"odd\.zip cannot be unpacked"):
        zip_dataset(path, recognise)


def test_an_error_while_tasks_are_listed_names_the_archive(tmp_path: Path) -> None:
    path = tmp_path / "blank.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.json", "   ")
    with pytest.raises(UsageError, match=r"blank\.zip") as caught:
        for task in zip_dataset(path, recognise).tasks():
            task.load()
    assert "arc_dataset_" not in str(caught.value)
