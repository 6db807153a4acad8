/* What a reader has answered, kept in the reader's own browser and nowhere
   else, and how much of it is done. A classic script: it works from file://.

   {counting: {of: 12, tasks: {output_size: {done, tries, hints, answer}}}} */
(function () {
  "use strict";
  const { make } = OneByOne;
  const KEY = "onebyone-answers";
  let memory = {}; // where a browser keeps nothing, this page alone does

  function read() {
    try {
      return JSON.parse(localStorage.getItem(KEY)) || {};
    } catch {
      return memory;
    }
  }
  function write(all) {
    memory = all;
    try {
      localStorage.setItem(KEY, JSON.stringify(all));
    } catch {
      // blocked or full
    }
    show();
  }

  OneByOne.progress = {
    of: (notebook, task) => read()[notebook]?.tasks?.[task] || {},
    keep(notebook, task, changes, total) {
      const all = read();
      const own = (all[notebook] ||= { tasks: {} });
      own.of = total;
      own.tasks[task] = { ...own.tasks[task], ...changes };
      write(all);
    },
    clear: () => write({}),
    done(notebook) {
      const tasks = Object.values(read()[notebook]?.tasks || {});
      return tasks.filter((task) => task.done).length;
    },
  };

  // --- Where it shows --------------------------------------------------------

  function show() {
    showInSidebar();
    for (const place of document.querySelectorAll("[data-progress]"))
      showTable(place);
  }

  // Behind the link to a notebook of exercises, how many are done.
  function showInSidebar() {
    const all = read();
    for (const link of document.querySelectorAll(".bd-sidebar-primary a")) {
      const name = /exercises\/(\w+)\.html$/.exec(link.pathname)?.[1];
      link.querySelector(".tasks-done")?.remove();
      const done = all[name] ? OneByOne.progress.done(name) : 0;
      if (!done) continue;
      const { of } = all[name];
      link.append(
        make("span", { class: "tasks-done" },
          make("span", { "aria-hidden": "true" }, `${done}/${of}`),
          make("span", { class: "heard" }, `, ${done} of ${of} answered`))
      );
    }
  }

  // On a page of exercises: its own count; on their first page, everyone's.
  function showTable(place) {
    const totals = JSON.parse(place.dataset.progress);
    const lines = Object.entries(totals).map(([name, [title, total]]) => {
      const done = OneByOne.progress.done(name);
      return make("li", {}, `${title}: ${done} of ${total}`);
    });
    const focused = place.contains(document.activeElement);
    place.className = "tasks-table";
    place.replaceChildren(
      make("p", {}, "Answered in the pages, as this browser remembers:"),
      make("ul", {}, ...lines), clearButton()
    );
    if (focused) place.querySelector("button").focus();
  }

  // Clears at the second click, so that nothing is lost by chance.
  function clearButton() {
    let asked = false;
    const button = make("button", { type: "button", onclick: clear },
      "Clear my answers");
    function clear() {
      if (asked) {
        OneByOne.progress.clear();
        document.dispatchEvent(new Event("answers-cleared"));
      }
      asked = true;
      button.textContent = "Clear those of all pages? Press once more";
    }
    return button;
  }

  document.addEventListener("DOMContentLoaded", show);
  addEventListener("storage", show); // another tab has written
})();
