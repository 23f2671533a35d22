"""Seed 000 by letter: every fenced block of it is a case, and every case of this issue holds, on every backend."""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest
from case_files import Case, cases
from patterns import Bindings
from player import Player
from report import DOCUMENT, page
from seed_blocks import blocks
from support import ROOT

EVERYWHERE = os.environ.get("CI") == "true" or os.environ.get("ROOM_CAMPAIGN") == "long"
OTHERS = ("FILESYSTEM", "SQLITE", "REDIS")
PLAYED = [case for case in cases().values() if case.body]
RUNS = [("LEVELDB", case) for case in PLAYED]
# A case whose words depend on the backend runs on each in every run; the whole set in CI and in the long campaign.
RUNS += [(backend, case) for backend in OTHERS for case in PLAYED if EVERYWHERE or case.all("everywhere")]


@pytest.fixture
def backend_environment(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """What selects the place of the rooms on the backend of this run."""
    if request.getfixturevalue("backend") != "REDIS":
        return {}
    server = request.getfixturevalue("redis_server")
    return {"ROOM_PERSISTENCE_HOST": server.socket, "ROOM_PERSISTENCE_KEY_PREFIX": f"room:{uuid4().hex}:"}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shelf")


@pytest.mark.parametrize(("backend", "case"), RUNS, ids=[f"{backend}-{case.name}" for backend, case in RUNS])
def test_the_program_shows_what_the_seed_shows(
    tmp_path: Path, backend: str, case: Case, backend_environment: Mapping[str, str], shelf: Path
) -> None:
    player = Player(tmp_path, backend, backend_environment, None if backend == "REDIS" else shelf / backend)
    player.prepare(case.all("before"))
    player.play(case)


def test_every_block_of_the_seed_is_a_case_under_its_own_heading() -> None:
    wanted = {number: block.section for number, block in blocks().items()}
    assert {number: case.section for number, case in cases().items()} == wanted


@pytest.mark.parametrize("case", PLAYED, ids=lambda case: case.name)
def test_a_case_has_the_lines_of_its_block_and_says_why_where_ours_are_others(case: Case) -> None:
    seed = blocks()[case.number].lines
    assert len(case.seed_lines) == len(seed)
    bindings = Bindings(ours=False)
    for pattern, line in zip(case.seed_lines, seed, strict=True):
        assert bindings.matches(pattern, line), f"{pattern!r} is not {line!r}"
    assert bool(case.departing_lines) == bool(case.all("departs"))


@pytest.mark.parametrize("case", cases().values(), ids=lambda case: case.name)
def test_a_case_is_played_or_proven_or_says_why_not(case: Case) -> None:
    reasons = [key for key in ("proof", "later", "nothing") if case.all(key)]
    assert len(reasons) == (0 if case.body else 1), "one of: a session, proof, later, nothing"
    for proof in case.all("proof"):
        path, _, test = proof.partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert test in {
            node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }, proof


def test_the_list_of_cases_is_the_one_in_the_document() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == page(), "python tests/conformance/report.py writes it"
