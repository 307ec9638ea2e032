"""Presets, and what a wrong setting is told."""

from pathlib import Path

import pytest

from soc_gen.config import Config, load_config
from soc_gen.errors import UsageError
from soc_gen.io.resources import preset_names


@pytest.mark.parametrize("name", preset_names())
def test_every_shipped_preset_is_valid(name: str) -> None:
    """Each file in configs/ loads into the models, which refuse unknown keys."""
    assert isinstance(load_config(name), Config)


def test_the_presets_are_the_promised_ones() -> None:
    """The four presets that the documentation names are there."""
    assert {"quickstart", "qwen3-235b", "qwen3-vllm", "ollama"} <= set(preset_names())


def test_an_option_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    """Overrides that are None count as not given."""
    path = tmp_path / "mine.toml"
    path.write_text("random_seed = 3\n[rollout]\nmax_turns = 12\nmin_turns = 5\n")
    config = load_config(str(path), {"random_seed": None, "rollout": {"max_turns": 8}})
    assert (config.random_seed, config.rollout.max_turns, config.rollout.min_turns) == (3, 8, 5)
    assert config.rollout.max_attempts == Config().rollout.max_attempts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[rollout]\nmax_turn = 8\n", "unknown key 'rollout.max_turn'; did you mean 'max_turns'?"),
        ("random_sed = 8\n", "unknown key 'random_sed'; did you mean 'random_seed'?"),
        ('[endpoint]\nbase_urls = ["localhost:8000/v1"]\n', "has no scheme; write http://localhost:8000/v1"),
        ("[endpoint]\nconcurrency = 0\n", "endpoint.concurrency"),
        ("[rollout\n", "not a readable TOML file"),
    ],
)
def test_a_wrong_setting_is_told_with_its_place_and_the_nearest_right_one(
    tmp_path: Path, text: str, message: str
) -> None:
    """Unknown keys, bad values, URLs without a scheme and broken TOML are wrong use."""
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_config(str(path))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_preset_is_told_the_ones_there_are() -> None:
    """The hint lists the presets."""
    with pytest.raises(UsageError, match="quickstart"):
        load_config("quickstarted")


def test_a_group_given_in_part_keeps_the_stage_s_own_defaults(tmp_path: Path) -> None:
    """A temperature for the experiences does not change how long their replies may be."""
    path = tmp_path / "c.toml"
    path.write_text("[experiences.sampling]\ntemperature = 0.5\n")
    sampling = load_config(str(path)).experiences.sampling
    assert (sampling.temperature, sampling.max_tokens) == (0.5, 400)


@pytest.mark.parametrize("overrides", [{"random_seed": 10**30}, {"rollout": {"sampling": {"top_k": 10**30}}}])
def test_a_number_no_server_takes_is_refused(overrides: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="should be at most 9223372036854775807"):
        load_config(None, overrides)


def test_a_value_of_a_union_is_refused_by_the_name_it_was_given(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"endpoint\.concurrency: Input should be"):
        load_config(None, {"endpoint": {"concurrency": 0}})


OWN = """
[endpoint]
base_urls = ["http://127.0.0.1:1/v1"]
timeout_seconds = 7
[rollout.endpoint]
base_urls = ["http://127.0.0.1:2/v1"]
model = "small"
"""


def test_a_stage_may_have_an_endpoint_of_its_own(tmp_path: Path) -> None:
    """What it does not give is that of the common one; the other stage has the common one."""
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    config = load_config(str(path))
    own, common = config.endpoint_of("rollout"), config.endpoint_of("experiences")
    assert (own.base_urls, own.model, own.timeout_seconds) == (("http://127.0.0.1:2/v1",), "small", 7)
    assert (common.base_urls, common.model, common.timeout_seconds) == (("http://127.0.0.1:1/v1",), None, 7)


def test_an_option_for_the_endpoint_wins_for_every_stage(tmp_path: Path) -> None:
    """One --base-url is asked by all stages; what it leaves open stays the stage's own."""
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    config = load_config(str(path), {"endpoint": {"base_urls": ("http://127.0.0.1:3/v1",)}})
    assert config.endpoint_of("rollout").base_urls == ("http://127.0.0.1:3/v1",)
    assert config.endpoint_of("experiences").base_urls == ("http://127.0.0.1:3/v1",)
    assert config.endpoint_of("rollout").model == "small"


def test_an_unknown_key_of_a_stages_endpoint_is_told(tmp_path: Path) -> None:
    """As anywhere else."""
    path = tmp_path / "own.toml"
    path.write_text("[rollout.endpoint]\nmodl = 'x'\n")
    with pytest.raises(UsageError, match=r"rollout\.endpoint\.modl"):
        load_config(str(path))


def test_a_config_without_such_an_endpoint_is_written_as_before() -> None:
    """Journals and manifests of older versions know no such key."""
    dumped = Config().model_dump()
    assert "endpoint" not in dumped["rollout"]
    assert "endpoint" not in dumped["experiences"]
