"""Which base it was: the commit on the hub, or the digest of the files."""

import json
import shutil

import pytest

from sattrain import adapter, errors, model
from sattrain.errors import Fail

from test_run import trained

COMMIT, OTHER = "0123456789abcdef0123456789abcdef01234567", "f" * 40


@pytest.fixture
def hub(base, tmp_path, monkeypatch):
    """A hub's cache with the base at one commit, and another commit of it."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    folder = tmp_path / "hub" / "models--test--tiny"
    for commit in (COMMIT, OTHER):
        shutil.copytree(base, folder / "snapshots" / commit)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    return folder


def test_a_base_of_the_hub_is_its_commit(small, options, hub, tmp_path, quiet):
    small.base.path = ""
    run = trained(small, tmp_path / "run", options, quiet)
    held = adapter.write(run, tmp_path / "adapter")
    assert held["base"]["revision"] == COMMIT == json.loads((tmp_path / "adapter" / adapter.SETTINGS).read_text())["revision"]
    unpinned = model.base_sha256(small)
    small.base.revision = COMMIT
    assert model.base_sha256(small) == unpinned
    small.base.revision = OTHER
    assert model.base_sha256(small) != unpinned and model.base_commit(small) == OTHER
    small.base.revision = "a" * 40
    with pytest.raises(Fail) as caught:
        model.base_sha256(small)
    assert caught.value.code == errors.NO_FILE and "test/tiny at revision aaaaaaaaaaaa is not on this machine" in str(caught.value)


def test_a_folder_tells_its_commit_where_the_hubs_tools_made_it(small, base, hub, tmp_path):
    small.base.revision = OTHER  # a path wins
    assert model.base_commit(small) == ""
    small.base.path = str(hub / "snapshots" / COMMIT)
    assert model.base_commit(small) == COMMIT
    small.base.path = str(shutil.copytree(base, tmp_path / "fetched"))
    note = tmp_path / "fetched" / ".cache" / "huggingface" / "download"
    note.mkdir(parents=True)
    (note / "config.json.metadata").write_text(f"{COMMIT}\netag\n1700000000.0\n")
    assert model.base_commit(small) == COMMIT


def test_the_manifest_names_everything_that_had_a_say(small, options, tmp_path, quiet):
    run = trained(small, tmp_path / "run", options, quiet)
    held = adapter.write(run, tmp_path / "adapter")
    assert len(held["prompt"]["system_sha256"]) == len(held["train"]["code"]["source_sha256"]) == 64
    assert len(held["train"]["code"]["lock_sha256"]) == 64 and held["train"]["threads"] >= 1 and held["train"]["driver"] == ""
    assert held["base"]["sha256"] == model.base_sha256(small)
