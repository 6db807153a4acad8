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

  // A formula wider than its column is set smaller, down to three quarters.
  const SMALLEST = 0.75;
  function fitFormulas() {
    for (const box of document.querySelectorAll(
      '.bd-article mjx-container[display="true"]'
    )) {
      box.style.fontSize = "";
      if (!box.clientWidth || box.scrollWidth <= box.clientWidth) continue;
      const share = Math.max(SMALLEST, box.clientWidth / box.scrollWidth);
      const size = parseFloat(getComputedStyle(box).fontSize);
      box.style.fontSize = `${Math.floor(10 * size * share) / 10}px`;
    }
  }

  // What scrolls sideways is reachable by keyboard, and shows at its edges
  // that more is there.
  function markScrollers() {
    const boxes = document.querySelectorAll(
      ".bd-article pre, .bd-article .cell_output, .bd-article .output," +
        " .pst-scrollable-table-container, " +
        ' .bd-article mjx-container[display="true"], .bd-article .budget'
    );
    for (const box of boxes) {
      const scrolls = box.scrollWidth > box.clientWidth + 1;
      if (scrolls && !box.classList.contains("scrolls")) {
        box.addEventListener("scroll", () => showEdges(box), { passive: true });
        if (box.tagName === "DIV") {
          box.setAttribute("role", "group");
          box.setAttribute("aria-label", "wide content, scrolls sideways");
        }
      }
      box.classList.toggle("scrolls", scrolls);
      if (scrolls) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
      showEdges(box);
    }
  }
  function showEdges(box) {
    const end = box.scrollWidth - box.clientWidth - 1;
    box.classList.toggle("at-start", box.scrollLeft <= 1);
    box.classList.toggle("at-end", box.scrollLeft >= end);
  }
  function fit() {
    fitFormulas();
    markScrollers();
  }

  // On a dark page a drawing turns white to the page's ground and ink to
  // light, and what has a colour keeps it. Where type stands on coloured
  // areas, the type is kept too: it lies between what is coloured, and near
  // the inside of an area, which thin lines do not have.
  function addFilters() {
    const spread = (operator, radius, more) =>
      `<feMorphology operator="${operator}" radius="${radius}" ${more}/>`;
    const onAreas = (scale) =>
      `<feComponentTransfer result="areas"><feFuncA type="linear" slope="20"
      intercept="-1.6"/></feComponentTransfer>` +
      spread("erode", 1.5 * scale, "") +
      spread("dilate", 13 * scale, 'result="near"') +
      spread("dilate", 1.2 * scale, 'in="areas"') +
      spread("erode", 2.2 * scale, "") +
      `<feComposite in2="near" operator="in"/><feMerge result="kept">
      <feMergeNode/><feMergeNode in="kept"/></feMerge>`;
    // for lines and letters, whose edges were blended with white
    const vivid = `<feColorMatrix values="1.472 -.429 -.043 0 .03
      -.128 1.171 -.043 0 .03 -.128 -.429 1.557 0 .03 0 0 0 1 0"/>`;
    const filter = (id, between) => `<filter id="${id}" x="0" y="0" width="1"
      height="1" color-interpolation-filters="sRGB">
      <feColorMatrix values="1 0 -1 0 0 -1 0 1 0 0 1 -1 0 0 0 0 0 0 0 1"/>
      <feColorMatrix result="kept"
        values="0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 2 2 2 0 0"/>${between}
      <feComposite in="SourceGraphic" in2="kept" operator="in"/>
      ${between ? "" : vivid}
      <feOffset result="kept"/>
      <feColorMatrix in="SourceGraphic" values="-.18 -.59 -.06 0 .912
        -.18 -.59 -.06 0 .924 -.18 -.59 -.06 0 .944 0 0 0 1 0"/>
      <feMerge><feMergeNode/><feMergeNode in="kept"/></feMerge></filter>`;
    document.body.insertAdjacentHTML("beforeend",
      `<svg width="0" height="0" style="position:absolute" aria-hidden="true">
      ${filter("drawing", "")}${filter("filled", onAreas(1))}
      ${filter("filled-small", onAreas(0.62))}</svg>`);
  }

  // A picture that a small screen shrinks opens in its own size.
  function addEnlargers() {
    const pictures = ".bd-article figure img, .bd-article .cell_output img";
    for (const image of document.querySelectorAll(pictures)) {
      const name = image.closest("figure")?.querySelector(".caption-number");
      const label = name ? `Enlarge ${name.textContent.trim()}` : "Enlarge";
      const button = OneByOne.make("button",
        { type: "button", class: "enlarge", onclick: () => enlarge(image) },
        label);
      (image.closest("a") || image).after(button);
    }
  }
  function enlarge(image) {
    const { make } = OneByOne;
    const large = make("img",
      { src: image.src, alt: image.alt, class: image.className });
    large.style.width = `${Math.max(800, image.getAttribute("width") || 0)}px`;
    const dialog = make("dialog",
      { class: "enlarged", "aria-label": "Picture in its own size",
        onclose: () => dialog.remove(),
        onkeydown: (event) => event.key === "Escape" && dialog.close() },
      make("div", { tabindex: 0, role: "group",
        "aria-label": "wide content, scrolls sideways" }, large),
      make("button", { type: "button", onclick: () => dialog.close() },
        "Close"));
    document.body.append(dialog);
    dialog.showModal();
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
    if (document.querySelector("img.drawing")) addFilters();
    addEnlargers();
    fit();
    addEventListener("load", () => {
      fit();
      window.MathJax?.startup?.promise.then(fit);
    });
    addEventListener("resize", fit);
  });
})();
