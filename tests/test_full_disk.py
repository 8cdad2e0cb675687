"""A disk that is full: one line with the file, exit code 1, nothing partial; see full_disk.py."""

import functools

import pytest
from full_disk import fault, run
from small_runs import OUT, files, in_shell, one_line, partial_files, write_cards

# The largest file that may be written [KiB], and the one that is too large.
CASES = [
    ("fit", 40, "posterior.nc"),
    ("fit", 110, "spectrum.png"),
    ("profile", 4, "profile.nc"),
    ("limit", 8, "limit.pdf"),
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, cache):
    """The results of a command that has all the space it wants."""

    @functools.cache
    def results(name):
        folder = tmp_path_factory.mktemp(name)
        write_cards(folder)
        done = run(folder, name, cache)
        assert done.returncode == 0, done.stderr
        return files(folder / OUT)

    return results


@pytest.mark.parametrize(("name", "limit", "file"), CASES)
def test_a_full_disk_is_one_line_and_resume_gives_the_same(
    name, limit, file, tmp_path, cache, undisturbed
):
    whole = undisturbed(name)
    write_cards(tmp_path)
    done = run(tmp_path, name, cache, limit=limit)
    assert done.returncode == 1
    assert f"{file}: cannot be written (File too large)" in one_line(done.stderr)
    assert fault(done, tmp_path, whole) == ""
    again = run(tmp_path, name, cache, "--resume")
    assert again.returncode == 0, again.stderr
    assert files(tmp_path / OUT) == whole


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        ("export wcxf --set CR_ee=1 --out x.yaml", "x.yaml"),
        ("export wcxf --set CR_ee=1 --out x.json", "x.json"),
        ("export popxf R_K_nunu --parameters CR_ee --out x.json", "x.json"),
    ],
)
def test_an_exported_file(arguments, file, tmp_path):
    done = in_shell(f"ulimit -f 0; exec $BSNUNU {arguments}", tmp_path)
    assert done.returncode == 1
    assert f"{file}: cannot be written (File too large)" in one_line(done.stderr)
    assert partial_files(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
