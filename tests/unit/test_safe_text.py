"""`SafeText` holds nothing a terminal or a markup parser acts on, and the console's sources keep to it."""

from __future__ import annotations

import ast
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import backrooms_tui.tui
from backrooms_tui.tui.safe import SafeText

SOURCES = sorted(Path(backrooms_tui.tui.__file__).parent.rglob("*.py"))
ANYTHING = st.text(st.characters(), max_size=60)


@given(ANYTHING)
def test_no_character_that_a_terminal_obeys_is_left(text):
    plain = SafeText.of(text).plain
    assert {unicodedata.category(char) for char in plain}.isdisjoint({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


@given(ANYTHING, st.integers(-3, 70))
def test_clipping_and_fitting_hold_their_widths(text, cells):
    safe = SafeText.of(text)
    assert safe.clip(cells).cell_len <= max(0, cells)
    assert safe.fit(cells).cell_len == max(0, cells)
    assert safe.fit(cells, right=True).cell_len == max(0, cells)
    assert safe.clip(10_000) == safe


def test_wide_characters_are_counted_and_never_cut_in_half():
    safe = SafeText.of("漢字漢字")
    assert (safe.cell_len, safe.clip(6).plain, safe.clip(5).plain) == (8, "漢字…", "漢字…")
    assert SafeText.of("é́́x").clip(2).plain == "é́́x"


@pytest.mark.parametrize("markup", ["[INFO]", "[/]", "[b", "[@click=app.quit]x[/]", "[red]x[/red]", "\\[x]"])
def test_markup_is_text(markup):
    content = SafeText.of(markup).content("bold")
    assert content.plain == markup
    assert SafeText.of(markup).segment().text == markup


def test_our_own_words_hold_nothing_to_scrub():
    with pytest.raises(ValueError, match="foreign"):
        SafeText.ours("a\x1bb")
    with pytest.raises(ValueError, match="foreign"):
        SafeText("tab\there")


def test_joined_texts_stay_safe():
    joined = SafeText.join([SafeText.of("a\n"), SafeText.ours("b")], by=" ") + SafeText.ours("!")
    assert joined.plain == "a␊ b!"


PARSING = {
    "Static",
    "Label",
    "Button",
    "Markdown",
    "OptionList",
    "Option",
    "Tree",
    "DataTable",
    "RichLog",
    "Log",
    "Input",
}
"""Widgets that read markup from a str, or pass control bytes through."""
PARSING_METHODS = {"notify", "add_row", "add_option", "add_column", "update", "from_markup", "update_cell"}
TITLES = {"border_title", "border_subtitle", "tooltip", "title", "sub_title"}


def called(node: ast.Call) -> str:
    function = node.func
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


def takes_text(node: ast.expr) -> bool:
    """Whether an expression is plainly a str or may be one: not a `.content(...)`, a Content, None or a non-text constant."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.Call):
        return called(node) not in {"content", "Content", "styled", "assemble"}
    return isinstance(node, ast.JoinedStr | ast.BinOp | ast.Name | ast.Attribute | ast.Subscript | ast.IfExp)


def offences(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = called(node)
            bare = isinstance(node.func, ast.Name)
            literal = any(
                k.arg == "markup" and isinstance(k.value, ast.Constant) and k.value.value is False
                for k in node.keywords
            )
            if bare and name in PARSING:
                found.append(f"{node.lineno}: {name}() reads markup or passes control bytes")
            texts = [arg for arg in node.args if takes_text(arg)]
            if not bare and name in PARSING_METHODS and not literal and texts:
                named = name != "update" or any(isinstance(arg, ast.Constant | ast.JoinedStr) for arg in texts)
                if named:
                    found.append(f"{node.lineno}: .{name}() with a str")
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        titles = [target.attr for target in targets if isinstance(target, ast.Attribute) and target.attr in TITLES]
        if titles and node.value is not None and takes_text(node.value):
            found.append(f"{node.lineno}: {titles[0]} = a str")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(SOURCES[0].parent)))
def test_no_widget_of_the_console_is_given_a_bare_str(path):
    assert offences(ast.parse(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "Static(text)",
        'Label("[x]")',
        'app.notify(f"{text}")',
        'table.add_row("a")',
        'widget.update(f"{text}")',
        "widget.border_title = text",
        'Content.from_markup("x")',
    ],
)
def test_the_check_itself_sees_each_forbidden_form(source):
    assert offences(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    [
        "app.notify(text, markup=False)",
        "w.border_title = safe.content()",
        "d.update(other)",
        "w.border_title = None",
        "x = title",
    ],
)
def test_the_check_lets_the_allowed_forms_pass(source):
    assert offences(ast.parse(source)) == []
