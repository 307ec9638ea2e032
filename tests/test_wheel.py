"""The package as it is installed, away from its checkout."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_an_installed_wheel_finds_its_seeds_presets_and_prompts(tmp_path: Path) -> None:
    """Built, installed into an empty folder and run from there, it reads its own data files."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("soc_gen-*.whl")
    target = tmp_path / "installed"
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)], check=True
    )
    code = (
        f"import sys; sys.path.insert(0, {str(target)!r})\n"
        "import soc_gen, soc_gen.config, soc_gen.prompts.loader, soc_gen.stages.experiences.components\n"
        "from soc_gen.llm.embedded.catalog import table\n"
        "from soc_gen.io.resources import shipped, preset_names\n"
        f"assert soc_gen.__file__.startswith({str(target)!r}), soc_gen.__file__\n"
        "assert (shipped('seeds') / 'personas.jsonl').is_file()\n"
        "[soc_gen.config.load_config(name) for name in preset_names()]\n"
        "soc_gen.stages.experiences.components.load_components(); table()\n"
        "print(len(preset_names()), len(soc_gen.prompts.loader.prompt_names()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    presets, prompts = map(int, done.stdout.split())
    assert presets >= 4
    assert prompts >= 6
