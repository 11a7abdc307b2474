import time

import pytest

from longtail.waiting import told_if_slow


def test_what_is_quick_is_not_told(capsys):
    with told_if_slow("reading photos"):
        pass
    assert capsys.readouterr().err == ""


def test_what_goes_on_is_told_once(capsys):
    said = ""
    with told_if_slow("reading photos", after=0.01):
        for _ in range(1000):
            said += capsys.readouterr().err
            if said:
                break
            time.sleep(0.01)
    assert said + capsys.readouterr().err == "reading photos\n"


@pytest.mark.parametrize("why", ["quiet", "RANK", "SLURM_PROCID"])
def test_one_process_speaks_unless_it_is_to_be_quiet(monkeypatch, capsys, why):
    if why != "quiet":
        monkeypatch.setenv(why, "1")
    with told_if_slow("reading photos", quiet=why == "quiet", after=0.01):
        time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_an_error_ends_it(capsys):
    with pytest.raises(KeyError), told_if_slow("reading photos", after=0.05):
        raise KeyError
    time.sleep(0.1)
    assert capsys.readouterr().err == ""
