"""The cache of machine code: used by later processes, private, and never trusted."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm, object_cache

pytestmark = pytest.mark.skipif(
    not llvm.available() or not hasattr(os, "getuid"),
    reason="needs llvmlite, and users",
)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Have a cache of one's own."""
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


PROCESS = """
import sys, numpy as np, chainrule as gd, llvmlite.binding as llvm
parse = llvm.parse_assembly
if sys.argv[1] == "again":
    llvm.parse_assembly = lambda text: parse(text) if not text else 1 / 0
def recurrence(x):
    z = 0.0
    for k in range(50):
        z = z + np.sin(x[k % 5] * z) * x[(k + 1) % 5]
    return z
def wave(x):
    return np.sum(np.exp(-x) * np.arctan(x[::-1]) + np.tanh(x) * np.sin(x))
def scanned(x):
    return gd.scan(lambda c, v: (np.tanh(c * v + x[0]), None), 0.1, x)[0]
x, large = np.linspace(0.1, 1.0, 5), np.linspace(0.0, 1.0, 9000)
for f, at in ((recurrence, x), (wave, large), (scanned, large[:200])):
    for executor in ("native", "vm"):
        fast = gd.compile(gd.grad(f), executor=executor)
        for _ in range(3):
            found = fast(at)
        print(found[:3].tobytes().hex(), fast.stats()["programs"][0]["executor"])
many = gd.vmap(gd.grad(lambda v: np.sin(np.exp(v) * v) * v))
many = gd.compile(many, executor="native")
print(many(large)[:3].tobytes().hex())
"""


def test_a_later_process_compiles_nothing(cache):
    results = []
    for how in ("first", "again"):
        run = subprocess.run(
            [sys.executable, "-c", PROCESS, how],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr[-2000:]
        results.append((run.stdout, sorted(cache.iterdir())))
    assert results[0] == results[1]
    assert len(results[0][1]) > 4
    for path in results[0][1]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


@pytest.mark.parametrize("broken", [b"", b"short", b"x" * 4000])
def test_broken_files_are_ignored_and_removed(cache, broken):
    object_cache.write("a" * 64, b"code" * 100)
    assert object_cache.read("a" * 64) == b"code" * 100
    path = cache / ("a" * 64)
    path.write_bytes(broken)
    assert object_cache.read("a" * 64) is None
    assert not path.exists()


def test_a_file_under_another_name_is_no_code(cache):
    object_cache.write("a" * 64, b"code")
    (cache / ("a" * 64)).rename(cache / ("b" * 64))
    assert object_cache.read("b" * 64) is None


def test_broken_code_is_compiled_anew(cache):
    f = gd.compile(lambda x: np.sin(x) * 3.0 + x * 0.123, executor="native")
    expected = f(0.5)
    files = list(cache.iterdir())
    assert files
    for path in files:
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    again = gd.compile(lambda x: np.sin(x) * 3.0 + x * 0.123, executor="native")
    assert again(0.5) == expected


def test_links_are_not_followed(cache, tmp_path):
    object_cache.write("a" * 64, b"code")
    (tmp_path / "elsewhere").write_bytes((cache / ("a" * 64)).read_bytes())
    (cache / ("a" * 64)).unlink()
    (cache / ("a" * 64)).symlink_to(tmp_path / "elsewhere")
    assert object_cache.read("a" * 64) is None


@pytest.mark.parametrize("how", ["open to others", "a link"])
def test_a_directory_that_is_not_private_is_refused(cache, tmp_path, how):
    if how == "a link":
        (tmp_path / "target").mkdir(mode=0o700)
        cache.symlink_to(tmp_path / "target")
    else:
        cache.mkdir()
        cache.chmod(0o755)
    with pytest.warns(RuntimeWarning, match="chmod 700"):
        assert object_cache.directory() is None
    object_cache.write("a" * 64, b"code")
    assert not list(cache.iterdir())
    assert object_cache.read("a" * 64) is None


@pytest.mark.parametrize("value", ["off", "OFF", "0"])
def test_it_can_be_switched_off(cache, monkeypatch, value):
    monkeypatch.setenv("CHAINRULE_CACHE", value)
    assert object_cache.directory() is None
    assert not cache.exists()


def test_options_say_it_before_the_environment(cache, tmp_path):
    with gd.options(cache="off"):
        assert object_cache.directory() is None
    with gd.options(cache=tmp_path / "another"):
        assert object_cache.directory() == tmp_path / "another"
        with gd.options(cache=""):
            assert object_cache.directory() == cache


def test_a_directory_that_cannot_be_made(cache):
    cache.write_text("a file")
    assert object_cache.directory() is None


def test_the_place_by_default(cache, tmp_path, monkeypatch):
    monkeypatch.delenv("CHAINRULE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert object_cache.directory() == tmp_path / "xdg" / "chainrule"


def test_files_that_were_not_used_for_longest_go(cache):
    for i in range(6):
        object_cache.write(f"{i}" * 64, b"code" * 100)
        os.utime(cache / (f"{i}" * 64), (i, i))
    assert object_cache.read("0" * 64)  # it is used now
    size = (cache / ("0" * 64)).stat().st_size
    object_cache.evict(cache, 3 * size)
    assert sorted(p.name[0] for p in cache.iterdir()) == ["0", "4", "5"]


def test_keys_tell_parts_apart():
    keys = {
        object_cache.key_of(x) for x in (["ab", "c"], ["a", "bc"], ["abc"], ["ab", "d"])
    }
    assert len(keys) == 4
