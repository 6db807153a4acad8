"""The workflows may do little, and run what the Makefile offers."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from checks import ROOT

from tools import newest

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
MAY_WRITE = {
    ("publish.yml", "deploy"): {"pages": "write", "id-token": "write"},
    ("weekly.yml", "report"): {"issues": "write"},
}


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request):
    content = yaml.safe_load(request.param.read_text(encoding="utf-8"))
    return request.param.name, content


def steps(content):
    return [step for job in content["jobs"].values() for step in job["steps"]]


def test_a_workflow_may_read_and_only_two_jobs_may_write(workflow):
    name, content = workflow
    assert content["permissions"] == {"contents": "read"}
    for job, settings in content["jobs"].items():
        allowed = MAY_WRITE.get((name, job))
        assert settings.get("permissions") == allowed
        if allowed:  # such a job runs nothing from the repository
            uses = [step.get("uses", "") for step in settings["steps"]]
            assert not any("checkout" in action for action in uses)


def test_actions_are_pinned_by_commit_and_say_their_version(workflow):
    text = (FOLDER / workflow[0]).read_text(encoding="utf-8")
    for line in re.findall(r"uses: .*", text):
        assert re.fullmatch(
            r"uses: actions/[\w-]+@[0-9a-f]{40} # v[\d.]+", line
        ), line


def test_one_action_has_one_commit_everywhere():
    texts = [path.read_text(encoding="utf-8") for path in WORKFLOWS]
    pins = {pin for text in texts for pin in re.findall(r"uses: (\S+)", text)}
    assert len(pins) == len({pin.partition("@")[0] for pin in pins})


def test_a_checkout_keeps_no_credentials(workflow):
    for step in steps(workflow[1]):
        if "checkout" in step.get("uses", ""):
            assert step["with"] == {"persist-credentials": False}


def test_no_foreign_text_gets_into_a_command(workflow):
    """Titles and branch names come through the environment or not at all."""
    for step in steps(workflow[1]):
        assert "${{" not in step.get("run", "")


def test_commands_call_targets_and_tools_that_exist(workflow):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?m)^([a-z-]+):.*##", makefile))
    for step in steps(workflow[1]):
        command = step.get("run", "").partition("#")[0].split()
        if command[:1] == ["make"]:
            called = {word for word in command[1:] if "=" not in word}
            assert called and called <= targets
        if command[:2] == ["python", "-m"] and command[2] != "pip":
            assert (ROOT / f"{command[2].replace('.', '/')}.py").is_file()


# --- The weekly one ------------------------------------------------------


@pytest.fixture
def weekly():
    text = (FOLDER / "weekly.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["jobs"]


def test_no_weekly_job_fails_and_every_one_is_reported(weekly):
    report = weekly.pop("report")
    assert report["needs"] == list(weekly) and report["if"] == "always()"
    for job in weekly.values():
        assert job["continue-on-error"] is True
        assert job["steps"][-1]["id"] == "proof"


def reported(weekly, folder, holding, open_issue=""):
    """What the report asks of GitHub's program, which is a stand-in here."""
    log = folder / "asked"
    log.touch()
    program = folder / "gh"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {log}\n'
        f'[ "$2" = list ] && echo "{open_issue}" || true\n'
    )
    program.chmod(0o755)
    needs = {
        job: {"result": "success", "outputs": holding.get(job, {})}
        for job in weekly["report"]["needs"]
    }
    folders = str(folder), str(Path(sys.executable).parent)  # gh, python3
    subprocess.run(
        ["bash", "-e", "-c", weekly["report"]["steps"][0]["run"]],
        env={
            "PATH": os.pathsep.join([*folders, os.environ["PATH"]]),
            "NEEDS": json.dumps(needs),
            "RUN": "the run",
        },
        check=True,
    )
    lines = log.read_text().splitlines()
    return [line for line in lines if " list " not in line]


YES = {"holds": "yes"}
ALL_BUT_LINKS = dict.fromkeys(
    ("test-long", "shake", "newest", "plain-sphinx", "audit"), YES
)


def test_a_job_that_does_not_hold_opens_an_issue(weekly, tmp_path):
    assert reported(weekly, tmp_path, ALL_BUT_LINKS) == [
        "issue create --title Weekly: links does not hold "
        "--body The log: the run"
    ]


def test_an_issue_that_is_open_is_added_to(weekly, tmp_path):
    assert reported(weekly, tmp_path, ALL_BUT_LINKS, open_issue="7") == [
        "issue comment 7 --body Again: the run"
    ]


def test_jobs_that_hold_are_not_reported(weekly, tmp_path):
    holding = {**ALL_BUT_LINKS, "links": YES}
    assert reported(weekly, tmp_path, holding) == []


# --- The newest versions -------------------------------------------------


def test_the_newest_versions_have_no_pins(tmp_path):
    for name in newest.FILES:
        text = (ROOT / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text, encoding="utf-8")
    newest.main(tmp_path)
    for name in newest.FILES:
        before = names((ROOT / name).read_text(encoding="utf-8"))
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "==" not in text and "-c constraints.txt" not in text
        assert names(text) == before
    assert not (tmp_path / "hashes.txt").read_text(encoding="utf-8")
    book = (tmp_path / "requirements-book.txt").read_text(encoding="utf-8")
    assert "jupyter-book<2\n" in book


def names(text):
    return [
        re.split(r"[=<]", line)[0]
        for line in text.splitlines()
        if line and not line.startswith(("#", "-c"))
    ]


# --- Templates of issues -------------------------------------------------


def test_issue_templates_are_complete():
    folder = ROOT / ".github" / "ISSUE_TEMPLATE"
    titles = set()
    for path in folder.glob("*.yml"):
        if path.name == "config.yml":
            continue
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert form["name"] and form["description"]
        titles.add(form["title"])
        fields = [field for field in form["body"] if "id" in field]
        assert fields and all(f["attributes"]["label"] for f in fields)
        assert len({f["id"] for f in fields}) == len(fields)
    assert titles == {"Mistake: ", "Does not run: ", "Chapter: "}
