/* Small services for every page. A classic script: it works from file://. */
var OneByOne = OneByOne || {};
(function () {
  "use strict";

  // make("p", {class: "x"}, "text", child): an element with its content
  OneByOne.make = (tag, attributes = {}, ...children) => {
    const svg = ["svg", "g", "rect", "line", "path", "text", "circle"];
    const element = svg.includes(tag)
      ? document.createElementNS("http://www.w3.org/2000/svg", tag)
      : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };

  // A message of a check, with the `code` in it as code.
  OneByOne.spoken = (text) =>
    text.split(/`([^`\n]+)`/).map((piece, i) =>
      i % 2 ? OneByOne.make("code", {}, piece) : piece);

  // From a disk, a browser may not read the pages that a search finds; the
  // list of hits does without their text then.
  if (location.protocol === "file:") {
    DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  }

  // What scrolls sideways must be reachable by keyboard.
  function markScrollers() {
    const boxes = document.querySelectorAll(
      ".bd-article pre, .bd-article .cell_output, .bd-article .output," +
        " .pst-scrollable-table-container"
    );
    for (const box of boxes) {
      if (box.scrollWidth > box.clientWidth + 1) {
        box.tabIndex = 0;
        if (box.tagName !== "PRE") {
          box.setAttribute("role", "group");
          box.setAttribute("aria-label", "wide content, scrolls sideways");
        }
      } else {
        box.removeAttribute("tabindex");
      }
    }
  }

  // The definition of a term, or the paper behind a link, in a bubble.
  function addNotes() {
    const bubble = document.createElement("div");
    bubble.className = "note-bubble";
    bubble.id = "note-bubble";
    bubble.setAttribute("role", "tooltip");
    bubble.hidden = true;
    document.querySelector(".bd-article").append(bubble);
    let hiding = 0;

    function show(link) {
      clearTimeout(hiding);
      bubble.textContent = link.dataset.note;
      bubble.hidden = false;
      link.setAttribute("aria-describedby", bubble.id);
      const place = link.getClientRects()[0];
      const frame = (
        bubble.offsetParent || document.body
      ).getBoundingClientRect();
      const right = document.documentElement.clientWidth - 16;
      const left = Math.max(
        16, Math.min(place.left, right - bubble.offsetWidth)
      );
      const above = place.top - bubble.offsetHeight - 8;
      const top = above > 60 ? above : place.bottom + 8;
      bubble.style.left = left - frame.left + "px";
      bubble.style.top = top - frame.top + "px";
    }
    function hide() {
      hiding = setTimeout(() => (bubble.hidden = true), 150);
    }

    for (const link of document.querySelectorAll("a.term, a.cited")) {
      link.dataset.note = link.title;
      link.removeAttribute("title");
      link.addEventListener("mouseenter", () => show(link));
      link.addEventListener("focus", () => show(link));
      link.addEventListener("mouseleave", hide);
      link.addEventListener("blur", hide);
    }
    bubble.addEventListener("mouseenter", () => clearTimeout(hiding));
    bubble.addEventListener("mouseleave", hide);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") bubble.hidden = true;
    });
  }

  // An answer opens when a link leads into it, and all open on paper.
  function openAround(id) {
    let node = id && document.getElementById(decodeURIComponent(id));
    while (node) {
      if (node.tagName === "DETAILS") node.open = true;
      node = node.parentElement;
    }
  }
  function openForPrint() {
    addEventListener("beforeprint", () => {
      for (const details of document.querySelectorAll("details:not([open])")) {
        details.dataset.closed = "";
        details.open = true;
      }
    });
    addEventListener("afterprint", () => {
      for (const details of document.querySelectorAll("[data-closed]")) {
        details.open = false;
        delete details.dataset.closed;
      }
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    if (document.querySelector(".bd-article")) addNotes();
    openForPrint();
    openAround(location.hash.slice(1));
    addEventListener("hashchange", () => openAround(location.hash.slice(1)));
    markScrollers();
    addEventListener("load", markScrollers);
    addEventListener("resize", markScrollers);
  });
})();
