"""The workflows may do little, and run what the Makefile offers."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from copies import git
from test_dependencies import names
from test_repository import URL, unpublished

from tools import ROOT, newest, repository

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
MAY_WRITE = {
    ("publish.yml", "branch"): {"contents": "write"},
    ("publish.yml", "deploy"): {"pages": "write", "id-token": "write"},
    ("weekly.yml", "report"): {"issues": "write"},
}


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request):
    content = yaml.safe_load(request.param.read_text(encoding="utf-8"))
    return request.param.name, content


def steps(content):
    jobs = content["jobs"].values()
    return [step for job in jobs for step in job.get("steps", [])]


def test_a_workflow_may_read_and_only_three_jobs_may_write(workflow):
    name, content = workflow
    assert content["permissions"] == {"contents": "read"}
    for job, settings in content["jobs"].items():
        allowed = MAY_WRITE.get((name, job))
        assert settings.get("permissions") == allowed
        if allowed:  # such a job runs nothing from the repository
            for step in settings["steps"]:
                assert "checkout" not in step.get("uses", "")
                ours = r"\bmake\b|\bpip\b|-m tools|\./"
                assert not re.search(ours, step.get("run", ""))


def test_actions_are_pinned_by_commit_and_say_their_version(workflow):
    text = (FOLDER / workflow[0]).read_text(encoding="utf-8")
    for line in re.findall(r"uses: (?!\./).*", text):
        assert re.fullmatch(
            r"uses: actions/[\w-]+@[0-9a-f]{40} # v[\d.]+", line
        ), line


def test_one_action_has_one_commit_everywhere():
    text = "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    pins = {*re.findall(r"uses: (?!\./)(\S+)", text)}
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


def test_a_newer_push_cancels_the_tests_of_a_pull_request_and_no_others():
    text = (FOLDER / "test.yml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    assert "concurrency" not in content  # it would hold for who calls it too
    concurrency = content["jobs"]["test"]["concurrency"]
    assert concurrency["cancel-in-progress"] is True
    alone = "github.event.pull_request.number || github.run_id"
    assert alone in concurrency["group"]


# --- Publishing ----------------------------------------------------------


def jobs_of(name):
    return yaml.safe_load((FOLDER / name).read_text("utf-8"))["jobs"]


@pytest.fixture
def publish():
    return jobs_of("publish.yml")


def test_nothing_is_published_before_the_tests_have_passed(publish):
    assert publish["test"] == {"uses": "./.github/workflows/test.yml"}
    order = ["test", "build", "branch", "deploy"]
    assert list(publish) == order
    for earlier, later in zip(order, order[1:], strict=False):
        assert publish[later]["needs"] == earlier
        assert "if" not in publish[later]
    tests = (FOLDER / "test.yml").read_text(encoding="utf-8")
    assert "workflow_call:" in tests and "continue-on-error" not in tests


def test_what_is_published_comes_with_its_checksums(publish):
    commands = [step.get("run", "") for step in publish["build"]["steps"]]
    (sums,) = [line for line in commands if line.startswith("sha256sum")]
    assert sums.split()[1:3] == ["one-by-one.pdf", "one-by-one.zip"]


def bash(command, folder, **environment):
    subprocess.run(
        ["bash", "-e", "-c", command],
        cwd=folder,
        env=os.environ | environment,
        check=True,
    )


def push_published(publish, tree, remote, runner):
    """Run the commands of two jobs, with a folder in the place of GitHub."""
    commit = git(tree, "rev-parse", "HEAD")
    repository.write_through(tree, URL, commit)
    (pack,) = [s for s in publish["build"]["steps"] if "id" in s]
    output = runner / "output"
    bash(pack["run"], tree, GITHUB_OUTPUT=str(output))
    name, _, address = output.read_text().strip().partition("=")
    assert publish["build"]["outputs"][name]
    git(tree, "checkout", "--quiet", ".")  # unpublished again
    bash(
        publish["branch"]["steps"][0]["run"],
        runner,
        ADDRESS=address,
        COMMIT=commit,
        REPOSITORY="owner/course",
        TOKEN="secret",
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0=f"url.{remote.as_uri()}.insteadOf",
        GIT_CONFIG_VALUE_0="https://x-access-token:secret@github.com/"
        "owner/course",
    )
    return commit


def test_the_branch_holds_the_tested_commit_with_its_address(
    publish, tmp_path
):
    remote, tree = tmp_path / "remote", unpublished(tmp_path / "tree")
    git(tmp_path, "init", "--quiet", "--bare", str(remote))
    git(tree, "init", "--quiet", "--initial-branch=main")
    workflows = tree / ".github" / "workflows"
    workflows.mkdir(parents=True)
    for number in (1, 2):  # the second time, the branch is there
        (workflows / "test.yml").write_text(f"name: test {number}\n")
        git(tree, "add", "--all")
        git(tree, "commit", "--quiet", "--message", f"Commit {number}")
        git(tree, "push", "--quiet", str(remote), "main")
        runner = tmp_path / f"runner {number}"
        runner.mkdir()
        commit = push_published(publish, tree, remote, runner)
        shown = git(remote, "show", "published:book/a.ipynb")
        assert f"git+{URL}@{commit}" in shown
        config = yaml.safe_load(git(remote, "show", "published:_config.yml"))
        assert config["repository"]["branch"] == "published"
        files = git(remote, "ls-tree", "-r", "--name-only", "published")
        assert "README.md" in files and ".github" not in files
        assert git(remote, "rev-list", "--count", "published") == "1"
        assert git(remote, "rev-parse", "main") == commit


# --- The weekly one ------------------------------------------------------


@pytest.fixture
def weekly():
    return jobs_of("weekly.yml")


def test_no_weekly_job_fails_and_every_one_is_reported(weekly):
    report = weekly.pop("report")
    assert report["needs"] == list(weekly) and report["if"] == "always()"
    for job in weekly.values():
        assert job["continue-on-error"] is True
        assert job["steps"][-1]["id"] == "proof"


def reported(weekly, folder, holding, open_issue):
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
        job: {"result": "success", "outputs": outputs}
        for job, outputs in holding.items()
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


NEW = "create --title Weekly: links does not hold --body The log: the run"


@pytest.mark.parametrize(
    ("links", "open_issue", "asked"),
    [
        ({}, "", [f"issue {NEW}"]),
        ({}, "7", ["issue comment 7 --body Again: the run"]),
        (YES, "", []),
    ],
    ids=["opened", "added to", "not needed"],
)
def test_a_job_that_does_not_hold_has_one_issue(
    links, open_issue, asked, weekly, tmp_path
):
    holding = dict.fromkeys(weekly["report"]["needs"], YES) | {"links": links}
    assert reported(weekly, tmp_path, holding, open_issue) == asked


# --- The newest versions -------------------------------------------------


@pytest.mark.parametrize("name", newest.FILES)
def test_the_newest_versions_have_no_pins(name):
    before = (ROOT / name).read_text(encoding="utf-8")
    text = newest.without_pins(before)
    assert "==" not in text and not text.startswith("-c")
    assert names(text.splitlines()) == names(before.splitlines())
    assert "jupyter-book<2\n" in text or "jupyter-book" not in before


def test_the_newest_versions_are_installed_with_their_hashes(weekly):
    runs = [step["run"] for step in weekly["newest"]["steps"] if "run" in step]
    first = ["python -m tools.newest", "make constraints", "make test"]
    assert runs[:3] == first


# --- Templates of issues -------------------------------------------------


def test_issue_templates_are_complete():
    forms = {*ROOT.glob(".github/ISSUE_TEMPLATE/*.yml")}
    for path in forms - {ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml"}:
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert form["name"] and form["description"] and form["title"]
        fields = [field for field in form["body"] if "id" in field]
        assert fields and all(f["attributes"]["label"] for f in fields)
        assert len({f["id"] for f in fields}) == len(fields)
