"""What a shell asks for at each press of Tab: quick, and true to the verbs there are."""

import os
import subprocess
import sys

import pytest

from sxe_pipeline.cli.verbs import NAMES

ASKED = (
    "import sys\n"
    "from sxe_pipeline.cli import main\n"
    "try:\n"
    "    main(prog_name='sxe')\n"
    "finally:\n"
    "    heavy = {'dagster', 'pandas', 'pyarrow', 'duckdb', 'psycopg', 'structlog', 'deltalake'}\n"
    "    print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
)


def ask(words, instruction="bash_complete"):
    """What the script of bash gets for a line whose last word is being typed."""
    env = os.environ | {
        "_SXE_COMPLETE": instruction,
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    return subprocess.run(
        [sys.executable, "-c", ASKED], env=env, capture_output=True, text=True, check=False
    )


def offered(words):
    done = ask(words)
    assert done.stderr == "[]\n", done.stderr
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_every_verb_is_offered_and_nothing_heavy_is_loaded():
    assert offered("sxe ") == list(NAMES)


def test_the_beginning_of_a_verb_a_sub_verb_and_an_option_are_completed():
    assert offered("sxe stat") == ["status"]
    assert set(offered("sxe batch ")) >= {"list", "verify"}
    assert "--publish" in offered("sxe build --p")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell):
    done = ask("sxe ", f"{shell}_source")

    assert done.returncode == 0, done.stderr
    assert "_SXE_COMPLETE" in done.stdout


def test_bash_completes_with_the_script(tmp_path):
    """In a real bash: the function that the script defines, called as the shell would."""
    program = tmp_path / "sxe"
    code = "from sxe_pipeline.cli import main; main(prog_name='sxe')"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n')
    program.chmod(0o755)
    script = ask("sxe ", "bash_source").stdout
    typed = "COMP_WORDS=(sxe stat); COMP_CWORD=1; _sxe_completion sxe stat sxe"

    done = subprocess.run(
        ["bash", "--norc", "-c", f"{script}\n{typed}\necho ${{COMPREPLY[@]}}"],
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.strip() == "status", done.stderr
