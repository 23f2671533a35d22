"""Files that are private from their first moment, in places that are ours."""

from __future__ import annotations

import os
import stat
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from backrooms_tui.model.errors import StoreFailed, UnsafePath
from backrooms_tui.persistence.private_files import (
    keep_private,
    open_private,
    private_directory,
    read_private,
    replace_private,
)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def is_open(path):
    """Whether this process has a descriptor of the file; other threads may open and close their own."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if descriptor.samefile(path):
                return True
    return False


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def test_directories_and_their_missing_parents_are_0700_under_any_umask(tmp_path, umask):
    made = private_directory(tmp_path / "a" / "b")
    assert mode(made) == mode(tmp_path / "a") == 0o700
    assert private_directory(made) == made


def test_files_are_0600_at_creation_under_any_umask(tmp_path, umask):
    path = tmp_path / "file"
    os.close(open_private(path, os.O_WRONLY | os.O_CREAT))
    replace_private(tmp_path / "other", b"data")
    assert mode(path) == mode(tmp_path / "other") == 0o600


def test_once_a_process_keeps_private_other_peoples_code_creates_private_files_too(tmp_path, umask):
    keep_private()
    (tmp_path / "careless").write_text("x")
    assert mode(tmp_path / "careless") == 0o600


def test_replacing_never_shows_a_reader_half_a_file(tmp_path):
    path = tmp_path / "file"
    versions = [bytes((n,)) * 50_000 for n in range(2)]
    replace_private(path, versions[0])
    seen = set()
    done = threading.Event()

    def watch():
        while not done.is_set():
            seen.add(path.read_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    for n in range(20):
        replace_private(path, versions[n % 2])
    done.set()
    watcher.join()
    assert seen <= set(versions)
    assert not (tmp_path / "file.new").exists()


def test_a_temporary_left_by_a_crash_is_no_obstacle(tmp_path):
    (tmp_path / "file.new").write_text("half")
    replace_private(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_a_link_planted_where_the_temporary_goes_is_not_followed(tmp_path):
    (tmp_path / "target").write_text("precious")
    (tmp_path / "file.new").symlink_to(tmp_path / "target")
    replace_private(tmp_path / "file", b"data")
    assert (tmp_path / "target").read_text() == "precious"


def test_reading_gives_nothing_for_a_missing_file_and_at_most_one_byte_too_many(tmp_path):
    path = tmp_path / "file"
    assert read_private(path, limit=3) is None
    replace_private(path, b"12345")
    assert read_private(path, limit=3) == b"1234"


def test_links_are_refused_as_directory_and_as_file(tmp_path):
    (tmp_path / "real").mkdir(0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UnsafePath):
        private_directory(tmp_path / "link")
    with pytest.raises(UnsafePath):
        private_directory(tmp_path / "dangling")
    with pytest.raises(UnsafePath):
        open_private(tmp_path / "dangling", os.O_WRONLY | os.O_CREAT)
    assert not (tmp_path / "nowhere").exists()


def test_what_others_may_write_is_refused(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir(0o700)
    shared.chmod(0o770)
    with pytest.raises(UnsafePath):
        private_directory(shared)
    file = tmp_path / "file"
    file.touch()
    file.chmod(0o602)
    with pytest.raises(UnsafePath):
        open_private(file, os.O_RDONLY)


def test_what_belongs_to_somebody_else_is_refused(tmp_path, monkeypatch):
    ours = private_directory(tmp_path / "ours")
    replace_private(ours / "file", b"x")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(UnsafePath):
        private_directory(ours)
    with pytest.raises(UnsafePath):
        read_private(ours / "file", limit=10)


@pytest.mark.parametrize("name", ["file/below", "nul\0byte", "x" * 300])
def test_an_impossible_directory_is_an_error_with_a_code(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(StoreFailed) as caught:
        private_directory(tmp_path / name)
    assert caught.value.details[1].startswith("REASON: ")


def test_a_refused_file_leaves_no_descriptor_open(tmp_path):
    file = tmp_path / "file"
    file.touch()
    file.chmod(0o666)
    with pytest.raises(UnsafePath):
        open_private(file, os.O_RDONLY)
    assert not is_open(file)
