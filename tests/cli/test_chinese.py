"""The command line speaks the language of the environment."""

from __future__ import annotations

import argparse
import re

import pytest

from simam_viz import cli
from tests.helpers.chinese import english

COMMANDS = ("app", "analyze", "checkpoints", "train", "card", "evaluate", "faithful", "figure", "doctor")


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LANGUAGE")
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    with pytest.raises(SystemExit):
        cli.main(list(arguments))
    return capsys.readouterr()


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_has_no_english_sentence(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, _err = told(capsys, *([command] if command else []), "--help")
    assert out.startswith("用法：") and "显示此帮助信息并退出" in out
    sentences = [words for words in english(re.sub(r"\{[^}]*\}", "", out)) if "," not in words]
    assert not sentences, out


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["analyze"], "缺少以下必需的参数：photo, --out"),
        (["figure", "--nonsense", "--out", "a.pdf"], "无法识别的参数：--nonsense"),
        (["app", "--port", "x"], "参数 --port：无效的 int 值：'x'"),
        (["nothing"], "无效的选择：'nothing'"),
    ],
)
def test_errors_of_the_parser_are_said(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = told(capsys, *arguments)
    assert said in err and "错误：" in err and not out


@pytest.mark.usefixtures("chinese")
def test_errors_of_a_command_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["analyze", "no-photo.jpg", "--out", "nowhere"]) == 2
    assert capsys.readouterr().err == "simam_viz: 文件 no-photo.jpg 无法读取：没有这个文件或文件夹。\n"


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize(
    ("name", "locale"), [("LC_ALL", "C"), ("LC_ALL", "en_GB.UTF-8"), ("LANGUAGE", "fr:en:zh"), ("LANG", "fr_FR")]
)
def test_others_read_english(
    name: str, locale: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, locale)
    out, _err = told(capsys, "analyze", "--help")
    assert out.startswith("usage: ") and "show this help message and exit" in out


@pytest.mark.usefixtures("chinese")
def test_nothing_stays_behind(capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "--help")
    argparse.ArgumentParser(prog="another").print_help()
    assert capsys.readouterr().out.startswith("usage: another")
