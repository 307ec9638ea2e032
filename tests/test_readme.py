"""What the README says is what is run."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_first_two_shell_blocks_run_the_main_job_and_the_tests() -> None:
    """One line each; the second is the very line that the CI script runs."""
    main, tests = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)[:2]
    assert main.endswith(".venv/bin/soc run")
    assert "\n" not in main + tests
    assert tests in (ROOT / ".ci/run").read_text("utf-8").splitlines()


def test_every_command_is_documented() -> None:
    """The table of commands names each that `soc` has, and no other."""
    from soc_gen.cli.app import app, generate

    names = {_name(command.name, command.callback) for command in app.registered_commands}
    names |= {f"generate {_name(command.name, command.callback)}" for command in generate.registered_commands}
    assert set(re.findall(r"^\| `soc ([a-z][a-z -]*)`", README, re.MULTILINE)) == names


def _name(name: str | None, callback: object) -> str:
    return name or str(getattr(callback, "__name__", "")).replace("_", "-")


def test_every_file_that_is_linked_is_there() -> None:
    """Relative links and the picture lead somewhere."""
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target
