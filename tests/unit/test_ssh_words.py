"""ssh:// targets: what they mean, what is refused, which words ssh is given."""

import pytest

from wmcore.errors import UsageError
from wmtui.ssh import SshTarget, command, far_command, parse


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WMTUI_REMOTE", raising=False)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("ssh://web3", SshTarget("web3")),
        ("ssh://Web3.example.org", SshTarget("Web3.example.org")),  # ssh's own Host lines mind the case
        ("ssh://ops@web3:2222/run/wm.sock", SshTarget("web3", "ops", 2222, "/run/wm.sock")),
        ("ssh://web3/etc/a b?#%20.yml", SshTarget("web3", socket="/etc/a b?#%20.yml")),
        ("ssh://ops@[fe80::1%eth0]:22/x", SshTarget("fe80::1%eth0", "ops", 22, "/x")),
    ],
)
def test_parts(text: str, parsed: SshTarget) -> None:
    assert parse(text) == parsed
    assert str(parsed) == text


def test_a_slash_alone_names_no_socket() -> None:
    assert parse("ssh://web3/") == SshTarget("web3")


@pytest.mark.parametrize(
    "text",
    [
        "ssh://", "ssh:///x", "ssh://web3:x", "ssh://web3:0", "ssh://web3:65536", "ssh://web3:", "ssh://@web3",
        "ssh://ops:secret@web3", "ssh://ops:secret@web3:x", "ssh://-oProxyCommand=secret", "ssh://-l@web3",
        "ssh://ops@-oProxyCommand=secret", "ssh://web3;reboot", "ssh://$(reboot)@web3", "ssh://web 3", "ssh://[-v]",
        "ssh://web3\n", "ssh://web3/a\nb", "ssh://web3/\x1b[2J", "ssh://w\u00ebb3",
    ],
)  # fmt: skip
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(UsageError, match=r"ssh://\[user@\]host") as raised:
        parse(text)
    assert "secret" not in str(raised.value)


def test_the_words() -> None:
    words = command(SshTarget("web3", "ops", 2222, "/x"), asking=True)
    assert words[:2] == ["ssh", "-T"]
    assert words[-7:] == ["-l", "ops", "-p", "2222", "--", "web3", "wmtui proxy -t /x"]
    assert "BatchMode=yes" not in words
    words = command(SshTarget("web3"), asking=False)
    assert words[-4:] == ["BatchMode=yes", "--", "web3", "wmtui proxy"]


def test_what_the_shell_there_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert far_command(SshTarget("web3", socket="/a b;$(c)'")) == """wmtui proxy -t '/a b;$(c)'"'"''"""
    monkeypatch.setenv("WMTUI_REMOTE", "sudo -u app /opt/app/bin/wmtui")
    assert far_command(SshTarget("web3")) == "sudo -u app /opt/app/bin/wmtui proxy"
