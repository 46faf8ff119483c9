"""Settings are right or refused, with all mistakes at once and each at its line."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path

import pytest

from csenet.gateway.errors import SettingsError
from csenet.gateway.settings.loading import Settings, check_places, load_settings
from csenet.gateway.settings.model import DeliveryWindows
from csenet.gateway.toml_lines import key_lines

SMALL = """\
[gateway]
jurisdiction = "27"
data_dir = "data"

[delivery.folder]
path = "out"
"""


def load(folder: Path, text: str, **environ: str) -> Settings:
    """Write the text and read it as settings."""
    file = folder / "gateway.toml"
    file.write_text(text, "utf-8")
    return load_settings(file, environ)


def problems(folder: Path, text: str, **environ: str) -> list[str]:
    """Give the mistakes, with the file's name in place of its path."""
    with pytest.raises(SettingsError) as caught:
        load(folder, text, **environ)
    return [line.replace(f"{folder}/", "") for line in caught.value.problems]


def test_defaults_are_those_documented(tmp_path: Path) -> None:
    settings = load(tmp_path, SMALL)
    assert settings.gateway.county == "000"
    assert settings.gateway.jurisdiction == "27"
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8027)
    assert (settings.log.level, settings.log.format, settings.log.file) == ("info", "auto", None)
    delivery = settings.delivery
    assert (delivery.batch_size, delivery.attempt_limit, delivery.framing) == (100, None, "lines")
    assert delivery.give_up_after == timedelta(days=2)
    assert (delivery.breaker_after, delivery.probe_seconds) == (5, 60.0)
    assert (delivery.windows.times, delivery.windows.by_hand) == ((), False)
    assert (delivery.first_delay_seconds, delivery.max_delay_seconds) == (1.0, 300.0)
    assert settings.intake.folder is None
    assert settings.store_location == tmp_path / "data" / "gateway.db"


def test_the_close_of_business_is_an_hour_and_minute_and_off_by_default(tmp_path: Path) -> None:
    assert load(tmp_path, SMALL).policy.close_of_business is None
    assert load(tmp_path, SMALL + '[policy]\nclose_of_business = "16:30"\n').policy.close_of_business == time(
        16, 30
    )


@pytest.mark.parametrize("wrong", ['"24:00"', '"5 pm"', '"17"', "17", "17:00:00"])
def test_a_close_of_business_of_another_form_is_refused(tmp_path: Path, wrong: str) -> None:
    assert problems(tmp_path, f"{SMALL}[policy]\nclose_of_business = {wrong}\n") == [
        'gateway.toml:8: policy.close_of_business: must be an hour and minute in quotes, such as "17:00"'
    ]


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    home = tmp_path / "home"
    home.mkdir()
    settings = load(home, SMALL + '[intake.folder]\npath = "../in"\n[log]\nfile = "/var/log/x"\n')
    assert settings.gateway.data_dir == home / "data"
    assert settings.intake.folder is not None
    assert settings.intake.folder.path == tmp_path / "in"
    assert settings.log.file == Path("/var/log/x")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        SMALL + "[http]\nport = 1\n",
        CSENET_HTTP__PORT="9000",
        CSENET_INTAKE__FOLDER__PATH="in",
        CSENET_POLICY__SWITCHES__SENDS_GRINT="true",
        CSENET_CONFIG="ignored",
        CSENET_LOG__LEVEL="",
    )
    assert settings.http.port == 9000
    assert settings.intake.folder is not None
    assert settings.intake.folder.path == tmp_path / "in"
    assert settings.policy.switches == {"sends_grint": True}
    assert settings.log.level == "info"


def test_all_mistakes_come_at_once_each_with_its_line(tmp_path: Path) -> None:
    text = """\
# a comment
[gateway]
jurisdiction = "MN"
county = "1"
data_dir = 7

[http]
prot = 8027
port = "eighty"

[delivery.folder]
path = "out"

[delivery]
attempt_limit = 0

[log]
level = "loud"

[intak]
x = 1
"""
    assert problems(tmp_path, text) == [
        'gateway.toml:3: gateway.jurisdiction: must be the two-digit FIPS code; for Minnesota write "27"',
        "gateway.toml:4: gateway.county: must be three digits in quotes; the county of the FIPS code; "
        '"000" for the state\'s own office',
        "gateway.toml:5: gateway.data_dir: must be a path in quotes",
        "gateway.toml:8: http.prot: unknown key; did you mean 'port'?",
        "gateway.toml:9: http.port: must be a whole number",
        "gateway.toml:15: delivery.attempt_limit: must be at least 1",
        "gateway.toml:18: log.level: must be one of 'debug', 'info', 'warning' or 'error'",
        "gateway.toml:20: intak: unknown key; did you mean 'intake'?",
    ]


def test_a_missing_key_is_shown_at_its_section(tmp_path: Path) -> None:
    assert problems(tmp_path, '\n[gateway]\njurisdiction = "27"\n[delivery.folder]\npath = "out"\n') == [
        "gateway.toml:2: gateway.data_dir: is missing; add data_dir = … to [gateway]"
    ]


def test_an_empty_file_names_the_sections_to_add(tmp_path: Path) -> None:
    assert problems(tmp_path, "") == [
        "gateway.toml:1: gateway: is missing; add a section [gateway]",
        "gateway.toml:1: delivery: is missing; add a section [delivery]",
    ]


def test_a_number_in_place_of_text_is_shown_with_quotes(tmp_path: Path) -> None:
    assert problems(tmp_path, SMALL.replace('"27"', "27")) == [
        'gateway.toml:2: gateway.jurisdiction: must be text in quotes; write "27"'
    ]


@pytest.mark.parametrize("code", ["00", "03", "99", "2", "270"])
def test_a_jurisdiction_that_takes_no_part_is_refused(tmp_path: Path, code: str) -> None:
    (line,) = problems(tmp_path, SMALL.replace('"27"', f'"{code}"'))
    assert line.startswith("gateway.toml:2: gateway.jurisdiction: is not the two-digit FIPS code")


def test_broken_toml_is_shown_with_its_line(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, '[gateway]\njurisdiction = "27"\ndata_dir = \n')
    assert line == "gateway.toml:3: not valid TOML: Invalid value"


def test_toml_that_ends_too_early_is_shown_at_its_last_line(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, "[gateway]\n\n[http")
    assert line.startswith("gateway.toml:3: not valid TOML: ")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.toml: no such file; name one with --config"):
        load_settings(tmp_path / "nothing.toml", {})


def test_text_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_bytes(b"\xff\xfe[")
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        load_settings(tmp_path / "gateway.toml", {})


def test_no_way_out_is_refused(tmp_path: Path) -> None:
    text = '[gateway]\njurisdiction = "27"\ndata_dir = "data"\n[delivery]\nbatch_size = 5\n'
    assert problems(tmp_path, text) == [
        "gateway.toml:4: delivery: no way out; "
        "add [delivery.folder] path, [delivery.http] url or [delivery.sftp] host"
    ]


def test_two_ways_out_are_refused_at_the_second(tmp_path: Path) -> None:
    assert problems(tmp_path, SMALL + '[delivery.http]\nurl = "https://exchange.example"\n') == [
        "gateway.toml:7: delivery.http: a second way out besides [delivery.folder]; keep one of them"
    ]


def test_reading_its_own_output_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, SMALL + '[intake.folder]\npath = "./out"\n') == [
        "gateway.toml:6: delivery.folder.path: is the intake folder as well; "
        "the gateway would read its own files"
    ]


def test_a_folder_whose_parent_is_missing_is_refused_far_from_home(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, SMALL.replace('"out"', '"/nowhere/at/all"'))
    assert line.startswith("gateway.toml:6: delivery.folder.path: the folder /nowhere/at does not exist")


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    (line,) = problems(tmp_path, SMALL)
    assert line.startswith("gateway.toml:6: delivery.folder.path: out is not a folder")


def test_a_switch_that_nothing_knows_is_refused_at_its_line(tmp_path: Path) -> None:
    assert problems(tmp_path, SMALL + "[policy.switches]\nsend_grint = true\n") == [
        "gateway.toml:8: policy.switches.send_grint: unknown switch; did you mean 'sends_grint'?"
    ]


def test_agreements_that_are_not_there_are_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, SMALL + '[policy]\nagreements = "a.toml"\n') == [
        "gateway.toml:8: policy.agreements: a.toml is not a file"
    ]


def test_a_longest_delay_below_the_first_is_refused(tmp_path: Path) -> None:
    text = SMALL + "[delivery]\nfirst_delay_seconds = 10\nmax_delay_seconds = 2\n"
    assert problems(tmp_path, text) == [
        "gateway.toml:9: delivery.max_delay_seconds: must not be less than first_delay_seconds (10)"
    ]


class TestEnvironment:
    """A mistake in a variable is told with the variable's name, not with a line of the file."""

    def test_a_wrong_value(self, tmp_path: Path) -> None:
        assert problems(tmp_path, SMALL + "[http]\nport = 1\n", CSENET_HTTP__PORT="x") == [
            "environment variable CSENET_HTTP__PORT: must be a whole number"
        ]

    def test_an_unknown_key(self, tmp_path: Path) -> None:
        assert problems(tmp_path, SMALL, CSENET_HTTP__PROT="1") == [
            "environment variable CSENET_HTTP__PROT: unknown key; did you mean 'port'?"
        ]

    def test_an_unknown_section(self, tmp_path: Path) -> None:
        assert problems(tmp_path, SMALL, CSENET_HTPP__PORT="1") == [
            "environment variable CSENET_HTPP__PORT: unknown section; did you mean 'http'?"
        ]

    def test_a_missing_key_may_come_from_there(self, tmp_path: Path) -> None:
        text = '[delivery.folder]\npath = "out"\n'
        settings = load(tmp_path, text, CSENET_GATEWAY__JURISDICTION="20", CSENET_GATEWAY__DATA_DIR="d")
        assert settings.gateway.jurisdiction == "20"


class TestSecret:
    """The exchange's token comes from the environment or a file of its own and is never shown."""

    HTTP = SMALL.replace("[delivery.folder]", "[delivery.http]").replace(
        'path = "out"', 'url = "https://exchange.example/v1"'
    )

    def test_it_may_not_stand_in_the_settings_file(self, tmp_path: Path) -> None:
        (line,) = problems(tmp_path, self.HTTP + 'token = "s3cret"\n')
        assert line.startswith("gateway.toml:7: delivery.http.token: a secret must not stand")
        assert "s3cret" not in line

    def test_it_comes_from_the_environment(self, tmp_path: Path) -> None:
        settings = load(tmp_path, self.HTTP, CSENET_DELIVERY__HTTP__TOKEN="s3cret")
        assert settings.delivery.http is not None
        assert settings.delivery.http.secret() == "s3cret"
        assert "s3cret" not in repr(settings) + str(settings.model_dump(mode="json"))

    def test_it_comes_from_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "token").write_text("s3cret\n")
        settings = load(tmp_path, self.HTTP + 'token_file = "token"\n')
        assert settings.delivery.http is not None
        assert settings.delivery.http.secret() == "s3cret"

    def test_its_file_must_be_there(self, tmp_path: Path) -> None:
        assert problems(tmp_path, self.HTTP + 'token_file = "token"\n') == [
            "gateway.toml:7: delivery.http.token_file: token cannot be read"
        ]

    @pytest.mark.parametrize("url", ["exchange.example", "ftp://x", "https://"])
    def test_an_address_must_be_one(self, tmp_path: Path, url: str) -> None:
        assert problems(tmp_path, self.HTTP.replace("https://exchange.example/v1", url)) == [
            "gateway.toml:6: delivery.http.url: must be an address that starts with http:// or https://"
        ]

    def test_an_address_carries_no_password(self, tmp_path: Path) -> None:
        (line,) = problems(tmp_path, self.HTTP.replace("https://", "https://me:s3cret@"))
        assert "must not carry a user name or password" in line
        assert "s3cret" not in line


class TestLines:
    """The scanner finds keys where a reader sees them."""

    def test_nested_tables_dotted_keys_and_quotes(self) -> None:
        text = 'top = 1\n[a.b]\nc.d = 1 # x = y\n"e f" = 2\n[ "g" . h ]\n'
        assert key_lines(text) == {
            ("top",): 1,
            ("a", "b"): 2,
            ("a", "b", "c"): 3,
            ("a", "b", "c", "d"): 3,
            ("a", "b", "e f"): 4,
            ("g", "h"): 5,
        }

    def test_values_over_several_lines_hide_no_key_and_add_none(self) -> None:
        text = 'a = [\n  "[x]", # note\n  "b = 1",\n]\nc = """\nd = 1\n"""\ne = { f = 1 }\r\ng = \'[h]\'\n'
        assert key_lines(text) == {("a",): 1, ("c",): 5, ("e",): 8, ("g",): 9}


def test_places_that_can_be_written_pass_and_nothing_is_left(tmp_path: Path) -> None:
    settings = load(tmp_path, SMALL)
    assert check_places(settings) == []
    assert [path.name for path in tmp_path.iterdir()] == ["gateway.toml"]


def test_the_sample_names_every_key_and_is_accepted(tmp_path: Path) -> None:
    sample = Path(__file__).parents[2] / "ops" / "gateway.toml.example"
    text = sample.read_text("utf-8")
    assert load(tmp_path, text).gateway.jurisdiction == "27"
    for section in ("gateway", "store", "delivery", "http", "log", "policy"):
        for key in type(getattr(load(tmp_path, text), section)).model_fields:
            assert f"{key} = " in text or f"{section}.{key}]" in text, (section, key)


SFTP = """
host = "sftp.example"
user = "minnesota"
key = "keys/sftp"
known_hosts = "keys/known_hosts"
"""


def test_files_of_keys_and_certificates_are_relative_to_the_settings_file(tmp_path: Path) -> None:
    names = (
        "sftp",
        "known_hosts",
        "server.pem",
        "server.key",
        "ca.pem",
        "partners.toml",
        "cms.pem",
        "cms.key",
        "page.pem",
        "clerk.pem",
    )
    (tmp_path / "keys").mkdir()
    for name in names:
        (tmp_path / "keys" / name).write_text("")
    text = SMALL.replace('[delivery.folder]\npath = "out"\n', f"[delivery.sftp]{SFTP}")
    settings = load(
        tmp_path,
        f"{text}[intake.sftp]{SFTP}"
        '[http.tls]\ncertificate = "keys/server.pem"\nkey = "keys/server.key"\nclient_ca = "keys/ca.pem"\n'
        '[partners]\nfile = "keys/partners.toml"\n'
        '[envelope]\ncertificate = "keys/cms.pem"\nkey = "keys/cms.key"\n'
        "[participant]\nenabled = true\nport = 8443\n"
        'tls = { certificate = "keys/page.pem", key = "keys/server.key" }\n'
        '[notify.email]\nhost = "mail.example"\nsender = "a@b.example"\nworkers = { W = "w@b.example" }\n'
        'certificates = { "w@b.example" = "keys/clerk.pem" }\n',
    )
    assert settings.delivery.sftp is not None
    assert settings.intake.sftp is not None
    assert settings.http.tls is not None
    assert settings.participant.tls is not None
    assert settings.notify.email is not None
    found = (
        *(settings.delivery.sftp.key, settings.intake.sftp.known_hosts),
        *(settings.http.tls.certificate, settings.http.tls.key, settings.http.tls.client_ca),
        *(settings.partners.file, settings.envelope.certificate, settings.envelope.key),
        *(settings.participant.tls.certificate, *settings.notify.email.certificates.values()),
    )
    assert found == tuple(tmp_path / "keys" / name for name in names)


def test_plaintext_on_a_network_is_named_with_its_line(tmp_path: Path) -> None:
    assert problems(tmp_path, SMALL + '[http]\nhost = "0.0.0.0"\n') == [
        "gateway.toml:7: http: plaintext on 0.0.0.0; add [http.tls], or listen on 127.0.0.1"
    ]


def windows(folder: Path, text: str) -> DeliveryWindows:
    return load(folder, f"{SMALL}[delivery.windows]\n{text}\n").delivery.windows


def test_windows_are_hours_days_and_a_zone(tmp_path: Path) -> None:
    found = windows(
        tmp_path,
        'times = ["06:00-07:00", "22:00-24:00"]\nweekdays = ["mon", "fri"]\ntime_zone = "America/New_York"',
    )
    assert found.times == ((time(6), time(7)), (time(22), time(0)))
    assert found.weekdays == {"mon", "fri"}
    assert found.time_zone == "America/New_York"
    assert windows(tmp_path, "by_hand = true").by_hand


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('times = ["18-19"]', 'must be two hours and minutes in quotes, such as "18:00-19:30"'),
        (
            'times = ["18:00-19:00"]\ntime_zone = "Mars"',
            'must be a time zone such as "America/New_York"',
        ),
        ('times = ["18:00-19:00"]\nby_hand = true', "times and by_hand exclude each other; set one of them"),
        ("skip_federal_holidays = true", 'times is missing; such as times = ["18:00-19:30"]'),
    ],
)
def test_windows_that_cannot_be_kept_are_refused(tmp_path: Path, text: str, what: str) -> None:
    (found,) = problems(tmp_path, f"{SMALL}[delivery.windows]\n{text}\n")
    assert found.endswith(f": {what}")
    assert "delivery.windows" in found


@pytest.mark.parametrize(("text", "length"), [("90m", 5400), ("36h", 129_600), ("2d", 172_800), ("30s", 30)])
def test_patience_is_a_number_with_its_unit(tmp_path: Path, text: str, length: int) -> None:
    found = load(tmp_path, f'{SMALL}[delivery]\ngive_up_after = "{text}"\n').delivery.give_up_after
    assert found == timedelta(seconds=length)


@pytest.mark.parametrize("wrong", ['"2 days"', "2", '"0d"', '"-1h"'])
def test_patience_of_another_form_is_refused(tmp_path: Path, wrong: str) -> None:
    (found,) = problems(tmp_path, f"{SMALL}[delivery]\ngive_up_after = {wrong}\n")
    assert found.endswith('must be a whole number with s, m, h or d behind it, such as "36h" or "2d"')


def test_a_setting_that_moved_is_told_where_it_went(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(
        '[gateway]\njurisdiction = "27"\ndata_dir = "d"\n[delivery.folder]\npath = "o"\n'
        "[observe]\ndisk_reserve_mb = 64\n"
    )
    with pytest.raises(SettingsError, match=r"it is now limits\.disk_reserve_mb"):
        load_settings(file, {})
