/* Boxes in which a reader answers a task in the page. A classic script: it
   works from file://. What is typed is judged by judge.js and goes nowhere.

   A page holds <div data-task="output_size"> where a box belongs, and its
   data, so wrapped that nobody reads an answer by chance; it is no secret. */
(function () {
  "use strict";
  const { make, judge, progress, spoken } = OneByOne;
  const SIGNS = { "not attempted": "○", "not yet": "△", correct: "✓" };
  const TRIES = 3; // after so many different ones the solution can be seen

  // --- Fields: how an answer is typed or chosen, by the kind of task ---------

  let names = 0;
  function textField(label, wide) {
    const id = `answer-${(names += 1)}`;
    const input = make("input", {
      id, type: "text", autocomplete: "off", autocapitalize: "off",
      spellcheck: "false", maxlength: 200, class: wide ? "wide" : "",
    });
    const element = make("div", { class: "answer-field" },
      make("label", { for: id }, label), input);
    return {
      element,
      read: () => input.value,
      fill: (answer) => (input.value = answer || ""),
    };
  }

  const FIELDS = {
    number: () => textField("Your number"),
    shape: () => textField("Your shape", true),
    group(task) {
      const own = Object.entries(task.parts).map(([name, part]) => [
        name, textField(name, part.kind === "shape"),
      ]);
      return {
        element: make("div", { class: "answer-fields" },
          ...own.map(([, field]) => field.element)),
        read: () => Object.fromEntries(own.map(([n, f]) => [n, f.read()])),
        fill: (answer) => own.forEach(([n, f]) => f.fill(answer?.[n])),
      };
    },
    choice(task) {
      const letters = [...task.right, ...Object.keys(task.wrong)].sort();
      const type = task.right.length > 1 ? "checkbox" : "radio";
      const name = `choice-${(names += 1)}`;
      const boxes = letters.map((value) =>
        make("input", { type, name, value }));
      const some = task.right.length > 1 ? "one or more letters" : "a letter";
      return {
        element: make("fieldset", {}, make("legend", {}, `Choose ${some}`),
          ...boxes.map((box) => make("label", {}, box, ` ${box.value}`))),
        read: () => boxes.filter((b) => b.checked).map((b) => b.value).join(""),
        fill: (answer) =>
          boxes.forEach((b) => (b.checked = (answer || "").includes(b.value))),
      };
    },
  };

  // --- Texts -----------------------------------------------------------------

  const paragraphs = (text) =>
    text.split("\n").map((line) => make("p", {}, ...spoken(line)));

  function rightAnswer(task) {
    if (task.kind === "group")
      return Object.entries(task.parts)
        .map(([name, part]) => `${name} = ${rightAnswer(part)}`).join(", ");
    if (task.kind === "shape") return `(${task.right.join(", ")})`;
    if (task.kind === "choice") return [...task.right].join(" and ");
    return OneByOne.numberText(task.right);
  }

  // --- A box -----------------------------------------------------------------

  function begin(place, notebook, name, data) {
    const task = data.tasks[name];
    const kept = () => progress.of(notebook, name);
    const keep = (changes) =>
      progress.keep(notebook, name, changes, data.total);
    const field = FIELDS[task.kind](task);
    const verdict = make("div", { class: "answer-verdict", role: "status" });
    const hints = make("div", { class: "answer-hints", role: "status" });
    const solution = make("div", { class: "answer-solution", role: "status" });
    const check = make("button", { class: "check" }, "Check");
    const hint = make("button", { type: "button", onclick: nextHint }, "Hint");
    const solve = make(
      "button", { type: "button", onclick: showSolution }, "Solution"
    );
    const form = make(
      "form", { class: "answer-box", "aria-label": `Answer: ${task.title}` },
      field.element, make("p", { class: "answer-buttons" }, check, hint, solve),
      verdict, hints, solution
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      answered();
    });

    function answered() {
      const answer = field.read();
      const { done, tries = 0, answer: last } = kept();
      const { state, message } = judge(task, answer, data.remarks);
      const same = JSON.stringify(answer) === JSON.stringify(last);
      const counts = state === "not yet" && !same;
      if (state !== "not attempted")
        keep({
          done: done || state === "correct",
          tries: tries + counts, answer,
        });
      tell(state, message);
    }
    function tell(state, message) {
      verdict.className = `answer-verdict ${state.replace(" ", "-")}`;
      verdict.replaceChildren(
        make("p", {}, make("strong", {}, `${SIGNS[state]} ${state}`)),
        ...(message ? paragraphs(message) : [])
      );
      offer();
    }
    function offer() {
      const { done, tries = 0, hints: seen = 0 } = kept();
      hint.hidden = seen >= task.hints.length;
      solve.hidden = !data.solutions[name] || !(done || tries >= TRIES);
      if (!solution.childElementCount) return;
      solve.hidden = true;
    }
    function nextHint() {
      const seen = (kept().hints || 0) + 1;
      addHint(seen);
      keep({ hints: seen });
      if (seen === task.hints.length) check.focus();
      offer();
    }
    function addHint(number) {
      const title = `Hint ${number} of ${task.hints.length}`;
      hints.append(
        make("p", {}, make("strong", {}, title), " ",
          ...spoken(task.hints[number - 1]))
      );
    }
    function showSolution() {
      solution.append(
        make("p", {}, make("strong", {}, "Solution"), ` ${rightAnswer(task)}`)
      );
      solution.insertAdjacentHTML("beforeend", data.solutions[name]);
      window.MathJax?.typesetPromise?.([solution]);
      check.focus();
      offer();
    }
    function restore() {
      const { answer, done, hints: seen = 0 } = kept();
      field.fill(answer);
      for (const part of [verdict, hints, solution]) part.replaceChildren();
      verdict.className = "answer-verdict";
      for (let number = 1; number <= seen; number += 1) addHint(number);
      const { state, message } = judge(task, field.read(), data.remarks);
      if (state !== "not attempted") tell(state, message);
      else if (done) tell("correct", task.when_correct);
      offer();
    }

    place.append(form);
    restore();
    document.addEventListener("answers-cleared", restore);
  }

  // --- The page --------------------------------------------------------------

  // The two cells of a task, for the notebook, fold behind a line.
  function fold(place) {
    const cells = [];
    for (let next = place; cells.length < 2; cells.push(next)) {
      next = next.nextElementSibling;
      if (!next?.matches(".cell")) return;
    }
    const details = make("details", { class: "in-notebook" },
      make("summary", {}, "In the notebook"));
    cells[0].before(details);
    details.append(...cells);
  }

  const unwrapped = (text) =>
    JSON.parse(new TextDecoder().decode(
      Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0))));

  OneByOne.answers = (notebook, wrapped) => {
    const data = unwrapped(wrapped);
    data.folds = !notebook.startsWith("ready/"); // a chapter has no such cells
    data.total = Object.values(data.tasks).filter(Boolean).length;
    OneByOne.judgeTask = (name, answer) =>
      judge(data.tasks[name], answer, data.remarks);
    document.addEventListener("DOMContentLoaded", () => {
      for (const place of document.querySelectorAll("[data-task]")) {
        const name = place.dataset.task;
        if (!data.tasks[name]) {
          place.append(make("p", { class: "answer-note" },
            "This task is answered in the notebook."));
          continue;
        }
        begin(place, notebook, name, data);
        if (data.folds) fold(place);
      }
    });
  };
})();
