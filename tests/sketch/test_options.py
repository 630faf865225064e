from __future__ import annotations

from pathlib import Path

import pytest

from pytest_comfygen.sketch.options import LISTED_CHECKPOINTS, Options, parse


def test_without_arguments_it_is_an_instant_server_on_a_free_port_of_this_machine() -> None:
    assert parse([]) == Options(
        listen="127.0.0.1",
        port=0,
        directory=None,
        checkpoints=LISTED_CHECKPOINTS,
        any_model=False,
        seconds_per_step=0.0,
        paint=True,
        lifeline=False,
    )


def test_every_flag_is_heard() -> None:
    line = (
        "--listen ::1 --port 8188 --directory made --checkpoint a.ckpt --checkpoint b.ckpt --checkpoint-dir models "
        "--any-model --seconds-per-step 0.5 --no-paint --lifeline"
    )
    assert parse(line.split()) == Options(
        listen="::1",
        port=8188,
        directory=Path("made"),
        checkpoints=("a.ckpt", "b.ckpt"),
        checkpoint_dirs=(Path("models"),),
        any_model=True,
        seconds_per_step=0.5,
        paint=False,
        lifeline=True,
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--port", "65536"], "argument --port: '65536' is not a port, 0 to 65535"),
        (["--port", "-1"], "argument --port: '-1' is not a port, 0 to 65535"),
        (["--port", "http"], "argument --port: 'http' is not a port, 0 to 65535"),
        (["--seconds-per-step", "-1"], "argument --seconds-per-step: '-1' is not a number of seconds"),
        (["--seconds-per-step", "inf"], "argument --seconds-per-step: 'inf' is not a number of seconds"),
        (["--seconds-per-step", "soon"], "argument --seconds-per-step: 'soon' is not a number of seconds"),
        (["--life"], "unrecognized arguments: --life"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"python -m pytest_comfygen.sketch: error: {reason}"
