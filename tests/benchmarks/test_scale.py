"""``make scale``: a run that was cut off goes on with the jobs that are missing."""

from __future__ import annotations

import pytest

pytest.importorskip("dask")
pytest.importorskip("distributed")

from benchmarks import scale


def test_a_run_that_was_cut_off_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    ran = []

    def job(name, *, stops=0):
        def run(folder, size, start):
            ran.append(name)
            yield f"the first table of {name}"
            if ran.count(name) <= stops:
                raise KeyboardInterrupt
            yield f"the second table of {name}"

        return run

    jobs = {"one": job("one"), "two": job("two", stops=1), "three": job("three")}
    monkeypatch.setattr(scale, "JOBS", jobs)
    folder = tmp_path / "kept"
    folder.mkdir()
    with pytest.raises(KeyboardInterrupt):
        scale.run(list(jobs), folder, 1)
    assert ran == ["one", "two"]
    capsys.readouterr()
    scale.run(list(jobs), folder, 1)
    assert ran == ["one", "two", "two", "three"]
    printed = capsys.readouterr().out
    for name in jobs:
        assert printed.count(f"the second table of {name}") == 1
    assert printed.count("from the run that was cut off") == 1
    assert not folder.exists()
