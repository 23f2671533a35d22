"""Configuration: layers, sources, and every kind of mistake."""

import json
import os
import pwd
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backrooms_tui.config import paths
from backrooms_tui.config.loading import load
from backrooms_tui.config.resources import config_path, styles_path
from backrooms_tui.config.room_defaults import room_config
from backrooms_tui.config.settings import Settings
from backrooms_tui.config.values import schema
from backrooms_tui.model.errors import ConfigInvalid, UsageError
from backrooms_tui.model.room import RoomConfig


@pytest.fixture
def home(tmp_path):
    """An empty home and an empty system configuration; `load` through it."""

    class Home:
        environ: ClassVar = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "xdg")}
        system = tmp_path / "etc.json"
        user = tmp_path / "xdg" / "room.exe" / "config.json"

        def write(self, path, value):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(value if isinstance(value, str) else json.dumps(value))
            path.chmod(0o600)
            return str(path)

        def load(self, **given):
            environ = self.environ | given.pop("environ", {})
            return load(environ=environ, system=self.system, **given)

        def refusal(self, **given):
            with pytest.raises(ConfigInvalid) as refused:
                self.load(**given)
            assert refused.value.exit_status == 2
            return refused.value.details

    return Home()


def test_without_files_and_variables_everything_is_its_default(home):
    assert home.load() == Settings()
    assert home.load().sources == {}


def test_the_shipped_default_configuration_is_the_defaults_of_the_code():
    shipped = json.loads((config_path() / "default.json").read_text())
    for name, setting in schema().items():
        *sections, key = name.split(".")
        found = shipped
        for section in sections:
            found = found[section]
        assert found.pop(key) == setting.default
    del shipped["persistence"]["backup"], shipped["logging"]["rotation"]
    assert not any(shipped.values()), "what is shipped and is no setting"


@pytest.mark.parametrize("name", ["default", "development", "production"])
def test_every_shipped_configuration_is_valid(home, name):
    path = home.write(home.user.parent / f"{name}.json", (config_path() / f"{name}.json").read_text())
    assert set(home.load(config=path).sources.values()) == {path}


def test_every_key_of_the_seeds_example_is_a_setting():
    example = {
        "persistence": "backend path flush_interval compression cache_size write_buffer_size host port db password",
        "persistence.backup": "enabled interval retention path compression",
        "limits": "max_rooms max_room_memory max_input_size max_output_size entity_timeout input_queue_depth",
        "logging": "level format output",
        "logging.rotation": "enabled max_size max_age compress",
        "entity": "init_timeout response_buffer memory_compression_threshold enable_observations",
        "daemon": "enabled bind workers max_connections connection_timeout",
        "metrics": "enabled bind path",
        "tracing": "enabled exporter endpoint service_name sample_rate",
    }
    for section, keys in example.items():
        assert {f"{section}.{key}" for key in keys.split()} <= set(schema())
    assert {"persistence.key_prefix", "limits.memory_entries_max"} <= set(schema())


def test_each_layer_covers_the_one_before_it_and_each_value_knows_its_source(home):
    system = home.write(home.system, {"limits": {"max_rooms": 1, "entity_timeout": 1, "input_queue_depth": 1}})
    user = home.write(home.user, {"limits": {"max_rooms": 2, "entity_timeout": 2}, "logging": {"level": "WARN"}})
    config = home.write(home.user.parent / "given.json", {"limits": {"max_rooms": 3}})
    settings = home.load(
        config=config,
        environ={"ROOM_LOGGING_FORMAT": "text", "ROOM_LIMITS_MAX_INPUT_SIZE": "100"},
        flags={"logging.level": ("--verbose", "DEBUG")},
    )
    assert (settings.limits.max_rooms, settings.limits.entity_timeout, settings.limits.input_queue_depth) == (3, 2, 1)
    assert (settings.logging.level, settings.logging.format, settings.limits.max_input_size) == ("DEBUG", "text", 100)
    assert settings.sources == {
        "limits.max_rooms": config,
        "limits.entity_timeout": user,
        "limits.input_queue_depth": system,
        "logging.format": "ROOM_LOGGING_FORMAT",
        "limits.max_input_size": "ROOM_LIMITS_MAX_INPUT_SIZE",
        "logging.level": "--verbose",
    }


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("ROOM_PERSISTENCE_BACKEND", "sqlite", "persistence.backend", "SQLITE"),
        ("ROOM_PERSISTENCE_PATH", "/tmp/rooms.db", "persistence.path", "/tmp/rooms.db"),
        ("ROOM_LOGGING_LEVEL", "DEBUG", "logging.level", "DEBUG"),
        ("ROOM_DAEMON_ENABLED", "true", "daemon.enabled", True),
        ("ROOM_DAEMON_BIND", "0.0.0.0:9000", "daemon.bind", "0.0.0.0:9000"),
        ("ROOM_METRICS_ENABLED", "1", "metrics.enabled", True),
        ("ROOM_PERSISTENCE_BACKUP_RETENTION", "24", "persistence.backup.retention", 24),
        ("ROOM_TRACING_SAMPLE_RATE", "0.25", "tracing.sample_rate", 0.25),
    ],
)
def test_the_environment_overrides_every_setting_by_its_name(home, variable, text, name, value):
    settings = home.load(environ={variable: text})
    found = settings
    for part in name.split("."):
        found = getattr(found, part)
    assert found == value
    assert settings.sources == {name: variable}


def test_variables_of_others_are_none_of_our_business(home):
    assert home.load(environ={"ROOM_CAMPAIGN": "long", "ROOMBA": "1"}) == Settings()


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"limits": {"max_roms": 1}}, "'limits.max_roms' is not a setting"),
        ({"nothing": {}}, "'nothing' is not a setting"),
        ({"limits": 5}, "'limits' is not a setting"),
        ({"limits": {"max_rooms": "many"}}, "limits.max_rooms must be a whole number"),
        ({"limits": {"max_rooms": True}}, "limits.max_rooms must be a whole number"),
        ({"limits": {"max_rooms": 1025}}, "limits.max_rooms must be within 1..1024"),
        ({"limits": {"max_input_size": 65_537}}, "within 1..65536"),
        ({"limits": {"max_rooms": {"deep": 1}}}, "limits.max_rooms must be a whole number"),
        ({"limits": {"entity_timeout": 0}}, "limits.entity_timeout must be within"),
        ({"logging": {"level": "LOUD"}}, "must be one of ERROR, WARN, INFO, DEBUG, TRACE"),
        ({"persistence": {"backend": "MYSQL"}}, "must be one of LEVELDB, FILESYSTEM, SQLITE, REDIS"),
        ({"persistence": {"path": "rooms"}}, "must be an absolute path"),
        ({"persistence": {"path": 5}}, "persistence.path must be text"),
        ({"daemon": {"enabled": "maybe"}}, "daemon.enabled must be true or false"),
        ({"daemon": {"bind": None}}, "daemon.bind must be text"),
        ("[]", "must hold a JSON object"),
        ("{", "is not valid JSON"),
        ('{"limits": {"max_rooms": 1, "max_rooms": 2}}', "a key is given twice"),
        pytest.param("[" * 100_000, "is not valid JSON", id="deep"),
        pytest.param('{"limits": {"max_rooms": ' + "9" * 5000 + "}}", "is not valid JSON", id="long number"),
        ('{"limits": {"entity_timeout": NaN}}', "limits.entity_timeout must be a number"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_the_file(home, document, complaint):
    path = home.write(home.user, document)
    (line,) = home.refusal()
    assert line.startswith(path)
    assert complaint in line


def test_all_mistakes_of_all_layers_are_told_at_once(home):
    home.write(home.system, {"a": 1})
    home.write(home.user, {"limits": {"max_rooms": 0}})
    details = home.refusal(environ={"ROOM_LOGGING_LEVL": "INFO", "ROOM_DAEMON_WORKERS": "x"})
    assert len(details) == 4


def test_a_file_that_everybody_can_write_is_refused(home):
    home.write(home.user, {})
    home.user.chmod(0o606)
    assert "writable by everybody" in home.refusal()[0]


def test_a_file_that_cannot_be_read_as_a_file_is_refused_at_once(home):
    home.user.parent.mkdir(parents=True)
    os.mkfifo(home.user, 0o600)
    assert "not a regular file" in home.refusal()[0]
    home.user.unlink()
    home.user.mkdir()
    assert home.refusal()[0].startswith(str(home.user))


def test_a_given_file_must_be_there_and_be_text(home, tmp_path):
    assert "no such file" in home.refusal(config=str(tmp_path / "missing.json"))[0]
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "binary").chmod(0o600)
    assert "not UTF-8" in home.refusal(config=str(tmp_path / "binary"))[0]


def test_a_complaint_never_carries_control_characters_to_the_terminal(home):
    home.write(home.user, {"\x1b]0;title\x07": 1})
    assert home.refusal()[0].isprintable()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(name=st.sampled_from(sorted(schema())), value=json_values)
def test_any_json_value_for_any_setting_is_taken_or_refused(tmp_path_factory, name, value):
    path = tmp_path_factory.getbasetemp() / "any.json"
    document = value
    for part in reversed(name.split(".")):
        document = {part: document}
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    try:
        settings = load(config=str(path), environ={"HOME": str(path.parent)}, system=path.with_name("missing"))
    except ConfigInvalid as refused:
        assert refused.details
    else:
        assert settings.sources in ({name: str(path)}, {})


def test_systemds_directories_win_over_xdg_and_xdg_over_home(tmp_path):
    home = {"HOME": str(tmp_path)}
    assert paths.data_directory(home) == tmp_path / ".local/share/room.exe"
    assert paths.state_directory(home) == tmp_path / ".local/state/room.exe"
    assert paths.user_config(home) == tmp_path / ".config/room.exe/config.json"
    xdg = home | {"XDG_DATA_HOME": "/data", "XDG_STATE_HOME": "relative"}
    assert str(paths.data_directory(xdg)) == "/data/room.exe"
    assert paths.state_directory(xdg) == tmp_path / ".local/state/room.exe"
    assert str(paths.data_directory(xdg | {"STATE_DIRECTORY": "/srv/room:/other"})) == "/srv/room"


@pytest.mark.parametrize("home", ["/nonexistent", "/", "/var/lib/room.exe"])
def test_a_user_without_a_home_is_a_service_whose_rooms_are_in_var_lib(home):
    environ = {"HOME": home}
    assert str(paths.store_root(Settings(), environ)) == "/var/lib/room.exe/rooms"
    assert str(paths.state_directory(environ)) == "/var/lib/room.exe/state"
    assert str(paths.user_config(environ)) == "/etc/room.exe/config.json"


def test_the_seeds_system_user_is_a_service_although_a_container_gives_it_a_home(tmp_path, monkeypatch):
    room = pwd.struct_passwd(("room", "x", os.getuid(), 0, "", str(tmp_path), "/bin/false"))
    monkeypatch.setattr(paths, "getpwuid", lambda uid: room)
    assert str(paths.data_directory({"HOME": str(tmp_path)})) == "/var/lib/room.exe"
    assert str(paths.data_directory({"XDG_DATA_HOME": "/data"})) == "/data/room.exe"


def test_rooms_lie_in_the_data_directory_unless_the_settings_say_otherwise(home, tmp_path):
    environ = {"HOME": str(tmp_path)}
    assert paths.store_root(Settings(), environ) == tmp_path / ".local/share/room.exe/rooms"
    settings = home.load(environ={"ROOM_PERSISTENCE_PATH": "/srv/rooms"})
    assert str(paths.store_root(settings, environ)) == "/srv/rooms"


def test_a_new_room_has_the_settings_values_and_never_more_memory_than_they_allow(home):
    settings = home.load(environ={"ROOM_LIMITS_MAX_ROOM_MEMORY": "33554432", "ROOM_LIMITS_ENTITY_TIMEOUT": "7"})
    assert room_config(settings, {}) == RoomConfig(memory_limit=33_554_432, timeout=7)
    assert room_config(settings, {"timeout": 60}).timeout == 60
    with pytest.raises(UsageError):
        room_config(settings, {"memory_limit": 33_554_433})


def test_shipped_data_is_found():
    assert (config_path() / "production.json").is_file()
    assert styles_path().is_dir()
