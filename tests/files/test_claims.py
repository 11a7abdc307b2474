"""Claims: one process has a piece of work, and one that was killed loses it."""

import os
import threading

from longtail.files.claims import Claims, write_once


def claim_of(folder):
    return next(path for path in folder.iterdir() if path.suffix == ".json")


def test_one_of_many_has_it(tmp_path):
    taken, ready, over = [], threading.Barrier(8), threading.Barrier(8)

    def work():
        ready.wait()
        with Claims(tmp_path, 60).take("part/a.tar") as is_ours:
            taken.append(is_ours)
            over.wait()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False] * 7 + [True]
    assert not list(tmp_path.iterdir())


def test_another_piece_is_free_and_errors_give_it_back(tmp_path):
    claims = Claims(tmp_path, 60)
    with claims.take("a") as first, claims.take("b") as second:
        assert (first, second) == (True, True)
    try:
        with claims.take("a"):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_taken_over_once(tmp_path):
    claims, others = Claims(tmp_path, 60), Claims(tmp_path, 60)
    path = tmp_path / "a.json"
    path.write_text('{"token": "of a process that was killed"}')
    with claims.take("a") as is_ours:
        assert not is_ours  # it may live
    os.utime(path, (1, 1))
    with claims.take("a") as is_ours, others.take("a") as is_theirs:
        assert (is_ours, is_theirs) == (True, False)
        assert "killed" not in path.read_text()
    assert not list(tmp_path.iterdir())


def test_a_claim_that_was_lost_is_not_given_back(tmp_path):
    """A process was suspended for long, another took over: its claim stays when the first wakes up and ends."""
    slow, quick = Claims(tmp_path, 1000), Claims(tmp_path, 60)
    with slow.take("a") as first:
        assert first
        os.utime(claim_of(tmp_path), (1, 1))
        taking = quick.take("a")
        assert taking.__enter__()
    assert claim_of(tmp_path).is_file()
    taking.__exit__(None, None, None)
    assert not list(tmp_path.iterdir())


def test_a_claim_made_in_between_is_put_back(tmp_path, monkeypatch):
    """Two see the same stale claim; one is so slow that it takes the other's new one away."""
    path = tmp_path / "a.json"
    path.write_text("{}")
    os.utime(path, (1, 1))
    slow = Claims(tmp_path, 60)
    now = slow._now
    taking = Claims(tmp_path, 60).take("a")

    def others_first():
        assert taking.__enter__()
        return now()

    monkeypatch.setattr(slow, "_now", others_first)
    with slow.take("a") as is_ours:
        assert not is_ours
    assert "token" in path.read_text()
    taking.__exit__(None, None, None)
    assert not list(tmp_path.iterdir())


def test_signs_of_life(tmp_path):
    touched = threading.Event()
    claims = Claims(tmp_path, 0.06)
    with claims.take("a"):
        path = claim_of(tmp_path)
        os.utime(path, (1, 1))
        while path.stat().st_mtime < 2:
            touched.wait(0.01)


def test_a_file_is_written_once(tmp_path):
    path = tmp_path / "deep" / "plan.json"
    assert [write_once(path, text) for text in ("first", "second")] == [True, False]
    assert path.read_text() == "first"
    assert [one.name for one in path.parent.iterdir()] == ["plan.json"]
