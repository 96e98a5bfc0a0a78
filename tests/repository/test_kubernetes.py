"""The example for Kubernetes: it parses, its parts fit together, and what it starts is there."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from simam_viz.cli import command_parser
from simam_viz.cluster.joining import has_ray
from simam_viz.version import VERSION
from tests.helpers.project import ROOT

EXAMPLE = ROOT / "docs" / "kubernetes.yaml"


@pytest.fixture(scope="module")
def parts() -> dict[str, dict[str, Any]]:
    return {part["kind"]: part for part in yaml.safe_load_all(EXAMPLE.read_text(encoding="utf-8"))}


def groups(cluster: dict[str, Any]) -> list[dict[str, Any]]:
    return [cluster["spec"]["headGroupSpec"], *cluster["spec"]["workerGroupSpecs"]]


def containers(parts: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    templates = [group["template"] for group in groups(parts["RayCluster"])] + [parts["Deployment"]["spec"]["template"]]
    return [container for template in templates for container in template["spec"]["containers"]]


def test_its_parts_fit_together(parts: dict[str, dict[str, Any]]) -> None:
    assert {kind: part["apiVersion"] for kind, part in parts.items()} == {
        "RayCluster": "ray.io/v1", "Deployment": "apps/v1", "Service": "v1"
    }  # fmt: skip
    assert {container["image"].rpartition(":")[2] for container in containers(parts)} == {VERSION}
    labels = parts["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert parts["Service"]["spec"]["selector"] == labels == parts["Deployment"]["spec"]["selector"]["matchLabels"]
    for container in containers(parts):
        env = {entry["name"]: entry for entry in container["env"]}
        assert env["RAY_AUTH_MODE"]["value"] == "token" and "secretKeyRef" in env["RAY_AUTH_TOKEN"]["valueFrom"]
    head, workers = groups(parts["RayCluster"])
    assert head["rayStartParams"]["include-dashboard"] == "false"
    assert {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"} in head["template"]["spec"]["containers"][0]["env"]
    (app,) = parts["Deployment"]["spec"]["template"]["spec"]["containers"]
    (actors,) = [entry["value"] for entry in app["env"] if entry["name"] == "SIMAM_VIZ_RAY_WORKERS"]
    assert int(actors) == workers["replicas"] * int(workers["rayStartParams"]["num-cpus"])
    # The service that KubeRay makes for the head, by the cluster's name; the port is that of Ray's clients.
    assert app["command"][-1] == f"ray://{parts['RayCluster']['metadata']['name']}-head-svc:10001"


def test_what_it_starts_is_there(parts: dict[str, dict[str, Any]]) -> None:
    (app,) = parts["Deployment"]["spec"]["template"]["spec"]["containers"]
    program, *words = app["command"]
    arguments = command_parser().parse_args(words)
    assert program == "simam-viz" and arguments.ray == words[-1] and arguments.port == app["ports"][0]["containerPort"]
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "simam_viz").rglob("*.py"))
    names = {entry["name"] for container in containers(parts) for entry in container["env"]}
    assert all(f'"{name}"' in source for name in names if name.startswith("SIMAM_VIZ"))
    told = re.findall(r"--build-arg (\w+)=", EXAMPLE.read_text(encoding="utf-8"))
    assert told and all(f"ARG {name}=" in (ROOT / "Containerfile").read_text(encoding="utf-8") for name in told)


@pytest.mark.skipif(not has_ray(), reason="Ray is not installed")
def test_ray_knows_what_it_is_started_with(parts: dict[str, dict[str, Any]]) -> None:
    look = "from ray.scripts.scripts import start; print(*[word for option in start.params for word in option.opts])"
    known = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout.split()
    asked = {f"--{name}" for group in groups(parts["RayCluster"]) for name in group["rayStartParams"]}
    assert asked and asked <= set(known)
