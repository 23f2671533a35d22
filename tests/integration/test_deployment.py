"""What is shipped for Docker and Kubernetes says what the seed says, and contradicts nothing else we ship."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from conformance.seed_blocks import blocks
from deployment_docs import commands
from support import ROOT

from backrooms_tui.config.loading import load
from backrooms_tui.config.paths import SYSTEM_DATA
from backrooms_tui.daemon.http import HEALTH
from backrooms_tui.persistence.private_files import private_directory

DOCKER = ROOT / "config/docker"
KUBERNETES = ROOT / "config/kubernetes"


def of_the_seed(number: int) -> str:
    return blocks()[number].text


# Docker


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Name and arguments of each; a backslash joins lines."""
    joined = re.sub(r"\\\n", " ", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    for line in joined.splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            yield name, " ".join(rest.split())


def image() -> list[tuple[str, str]]:
    """The instructions of the last stage, which is the image."""
    every = list(instructions((DOCKER / "Dockerfile").read_text()))
    last = max(index for index, (name, _) in enumerate(every) if name == "FROM")
    return every[last:]


def of_image(name: str) -> list[str]:
    return [rest for instruction, rest in image() if instruction == name]


def environment_of_image() -> dict[str, str]:
    pairs = [word for line in of_image("ENV") for word in shlex.split(line)]
    return dict(pair.split("=", 1) for pair in pairs)


def test_the_image_is_entered_stored_and_run_as_the_seeds() -> None:
    seeds = list(instructions(of_the_seed(70)))
    for name in ("VOLUME", "USER", "ENTRYPOINT", "CMD"):
        assert of_image(name) == [rest for instruction, rest in seeds if instruction == name]
    bases = [rest.split()[0] for name, rest in instructions((DOCKER / "Dockerfile").read_text()) if name == "FROM"]
    assert len(set(bases)) == 1, "what is built with one C library does not run with another"
    assert re.fullmatch(r"python:3\.1[12]-slim-\w+", bases[0]), "a tag that moves is no release"


def test_the_image_does_nothing_as_root_once_it_runs_and_owns_its_volume() -> None:
    (made,) = of_image("RUN")
    assert re.search(r"useradd --uid (\d+) ", made)[1] == str(user_of_pod()["runAsUser"])  # type: ignore[index]
    assert f"-m 0700 -o room -g room {SYSTEM_DATA} {SYSTEM_DATA}/rooms" in made
    names = [name for name, _ in image()]
    assert not {"RUN", "COPY", "ADD"} & set(names[names.index("USER") :])


def test_the_images_environment_is_settings_that_fit_the_seeds_port() -> None:
    environ = environment_of_image()
    settings = load(environ={name: text for name, text in environ.items() if name.startswith("ROOM_")})
    assert of_image("EXPOSE") == [settings.daemon.bind.rpartition(":")[2]] == ["9000"]
    assert settings.persistence.path == f"{SYSTEM_DATA}/rooms"
    assert settings.daemon.token_file, "whoever binds every address asks for a token"


def context(tmp_path: Path) -> Path:
    """The files that a build is sent: those of the repository that the ignore file leaves."""
    rules = [
        line for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] not in ("", "#")
    ]
    sent = tmp_path / "context"
    for name in files():
        if not ignored(name, rules) and (ROOT / name).is_file():
            (sent / name).parent.mkdir(parents=True, exist_ok=True)
            (sent / name).write_bytes((ROOT / name).read_bytes())
    return sent


def files() -> list[str]:
    """Of the repository; of the folder, where it came without its history."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        return [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file()]
    # Whose the checkout is does not matter: in a container it is often somebody else's.
    words = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def ignored(name: str, rules: list[str]) -> bool:
    """The last rule that fits the file or a folder above it."""
    above = [name, *(str(folder) for folder in Path(name).parents)]
    verdict = False
    for rule in rules:
        pattern = rule.removeprefix("!")
        if any(fnmatch.fnmatch(place, pattern) or _anywhere(place, pattern) for place in above if place != "."):
            verdict = not rule.startswith("!")
    return verdict


def _anywhere(place: str, pattern: str) -> bool:
    """`**/` stands for any folder, and for none."""
    return pattern.startswith("**/") and fnmatch.fnmatch(Path(place).name, pattern[3:])


@pytest.mark.xdist_group("wheel")
@pytest.mark.timeout(300)
def test_the_image_can_be_built_of_what_is_sent_and_no_more_is_sent(tmp_path: Path) -> None:
    sent = context(tmp_path)
    copied = [
        rest.split()[:-1]
        for name, rest in instructions((DOCKER / "Dockerfile").read_text())
        if name == "COPY" and not rest.startswith("--from")
    ]
    sources = {source for words in copied for source in words}
    assert {path.name for path in sent.iterdir()} == sources
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(sent)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"backrooms_tui/_config/default.json", "backrooms_tui/_config/systemd/room.service"} <= names


def test_compose_runs_the_container_as_the_seeds_command_does() -> None:
    compose = yaml.safe_load((DOCKER / "docker-compose.yml").read_text())
    service = compose["services"]["backrooms"]
    run = shlex.split(of_the_seed(71).replace("\\\n", " ").split("docker run")[1])
    options = dict(pairwise(run))
    assert service["container_name"] == options["--name"]
    assert service["ports"] == [options["-p"]]
    assert service["image"] == run[-1]
    (mounted,) = service["volumes"]
    assert mounted.partition(":")[2] == options["-v"].partition(":")[2]
    assert mounted.partition(":")[0] in compose["volumes"]
    built = (DOCKER / service["build"]["context"]).resolve()
    assert (built / service["build"]["dockerfile"]).samefile(DOCKER / "Dockerfile")
    load(environ=service["environment"])
    (secret,) = service["secrets"]
    assert service["environment"]["ROOM_DAEMON_TOKEN_FILE"] == f"/run/secrets/{secret}"
    assert secret in compose["secrets"]
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"]


# Kubernetes


def manifests() -> dict[str, Any]:
    """Every document by its kind, as kustomize would apply them."""
    files = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    assert {*files, "kustomization.yaml"} == {path.name for path in KUBERNETES.iterdir()}
    found = {}
    for name in files:
        for document in yaml.safe_load_all((KUBERNETES / name).read_text()):
            assert document["kind"] not in found
            found[document["kind"]] = document
    return found


def pod() -> Any:
    return manifests()["Deployment"]["spec"]["template"]["spec"]


def container() -> Any:
    (one,) = pod()["containers"]
    return one


def user_of_pod() -> Any:
    return pod()["securityContext"]


def missing(wanted: Any, given: Any, place: str = "") -> list[str]:
    """Where `given` is not at least what is wanted; the entries of a list are found by what they hold."""
    if isinstance(wanted, dict) and isinstance(given, dict):
        return [line for key in wanted for line in missing(wanted[key], given.get(key), f"{place}.{key}")]
    if isinstance(wanted, list) and isinstance(given, list):
        return [f"{place}[{i}]" for i, one in enumerate(wanted) if all(missing(one, other) for other in given)]
    return [] if wanted == given else [place]


def test_the_manifests_have_every_field_of_the_seeds() -> None:
    ours = manifests()
    for document in yaml.safe_load_all(of_the_seed(72)):
        assert missing(document, ours[document["kind"]]) == []


def test_a_pod_is_told_only_settings_that_there_are_and_its_probes_ask_its_own_port() -> None:
    one = container()
    environ = {variable["name"]: variable["value"] for variable in one["env"]}
    settings = load(environ={**environment_of_image(), **environ})
    (port,) = one["ports"]
    assert settings.daemon.bind == f"0.0.0.0:{port['containerPort']}"
    asked = {probe: one[f"{probe}Probe"]["httpGet"] for probe in ("startup", "readiness", "liveness")}
    assert {probe["port"] for probe in asked.values()} == {port["name"]}
    assert asked["startup"]["path"] == asked["readiness"]["path"] == HEALTH
    assert asked["liveness"]["path"] == settings.metrics.path, "an owner that takes no writes is alive"
    (rule,) = manifests()["NetworkPolicy"]["spec"]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": port["containerPort"]}]
    assert one["args"] == json.loads(*of_image("CMD"))


def test_the_token_and_the_rooms_are_mounted_where_the_program_looks_for_them() -> None:
    one = container()
    mounts = {mount["name"]: mount for mount in one["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod()["volumes"]}
    assert mounts.keys() == volumes.keys()
    environ = {variable["name"]: variable["value"] for variable in one["env"]}
    made = next(line for line in commands("DEPLOYMENT.md", "Kubernetes") if "create secret" in line)
    secret, key = re.search(r"secret generic (\S+) --from-literal=(\w+)=", made).groups()  # type: ignore[union-attr]
    assert volumes["token"]["secret"]["secretName"] == secret
    assert f"{mounts['token']['mountPath']}/{key}" == environ["ROOM_DAEMON_TOKEN_FILE"]
    assert [mounts["data"]["mountPath"]] == of_image("VOLUME")
    claim = volumes["data"]["persistentVolumeClaim"]["claimName"]
    assert claim == manifests()["PersistentVolumeClaim"]["metadata"]["name"]


def test_a_pod_runs_alone_and_without_rights() -> None:
    spec = manifests()["Deployment"]["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}
    user = user_of_pod()
    assert user["runAsNonRoot"]
    assert user["runAsUser"] == user["runAsGroup"] == user["fsGroup"] == 10001
    assert user["fsGroupChangePolicy"] == "OnRootMismatch"
    assert user["seccompProfile"] == {"type": "RuntimeDefault"}
    rights = container()["securityContext"]
    assert rights["readOnlyRootFilesystem"]
    assert not rights["allowPrivilegeEscalation"]
    assert rights["capabilities"] == {"drop": ["ALL"]}


def test_what_a_group_may_write_is_refused_as_the_manifest_says(tmp_path: Path) -> None:
    """Why `fsGroupChangePolicy` is set: this is what `Always` would make of the store."""
    rooms = private_directory(tmp_path / "rooms")
    rooms.chmod(0o2770)
    with pytest.raises(Exception, match="UNSAFE_PATH"):
        private_directory(rooms)


def test_the_documented_build_is_that_of_the_manifests() -> None:
    (build,) = [line for line in commands("DEPLOYMENT.md", "Docker") if line.startswith("docker build")]
    words = shlex.split(build)
    assert words[words.index("-t") + 1] == container()["image"]
    assert (ROOT / words[words.index("-f") + 1]).samefile(DOCKER / "Dockerfile")
    (run,) = [line for line in commands("DEPLOYMENT.md", "Docker") if line.startswith("docker run")]
    seeds = " ".join(of_the_seed(71).replace("\\\n", " ").split("docker run")[1].split())
    assert run.replace(" --init", "").split("docker run")[1].split() == seeds.split()
