/* The search: results while one types, sections, the glossary's answer first.
   A classic script; its index is one too, read when the search is opened, so
   that it works from file://. tools/site/search.py writes the index. */
(function () {
  "use strict";
  const { make } = OneByOne;
  const here = document.currentScript.src.replace(/_static\/[^/]*$/, "");
  const MOST = 8; // hits in the dialog; the page of the search shows more
  const WEIGHT = { "The blocks": 3, "To look up": 1.5 }; // others: exercises

  // 1×1 as 1x1; the function of the same name in search.py does the same
  const words = (text) =>
    text.toLowerCase().replaceAll("×", "x").normalize("NFKD")
      .replace(/[\u0300-\u036f]/g, "").match(/[a-z0-9_\u4e00-\u9fff]+/g) || [];

  let index = null;
  function prepare(data) {
    const sections = data.pages.flatMap(([page, part, found]) =>
      found.map(([anchor, title, text], i) => ({
        page, title, anchor,
        first: i === 0, name: found[0][1], heads: words(title),
        text: new Set(text.split(" ")), weight: WEIGHT[part] || 1,
      }))
    );
    const terms = data.terms.map(([name, anchor, text]) => ({
      name, anchor, text, words: words(name),
    }));
    return { sections, terms };
  }

  // Every word of the query is in the section, or begins one that is.
  function score(section, wanted) {
    let sum = 0;
    for (const word of wanted) {
      const begins = (other) => other.startsWith(word);
      if (section.heads.includes(word)) sum += 20;
      else if (section.heads.some(begins)) sum += 10;
      else if (section.text.has(word)) sum += 4;
      else if (word.length > 2 && [...section.text].some(begins)) sum += 2;
      else return 0;
    }
    // the page that is about it, by its title or by its short name
    const short = section.page.split("/").pop().replaceAll("_", " ");
    const phrase = wanted.join(" ");
    if (section.first && section.heads.join(" ").startsWith(phrase)) sum += 40;
    if (section.first && phrase === short) sum += 50;
    return (sum + (section.first ? 2 : 0)) * section.weight;
  }

  OneByOne.find = (query) => {
    const wanted = words(query);
    if (!wanted.length || !index) return { terms: [], hits: [] };
    const phrase = wanted.join(" ");
    const plural = (term) => term.words.join(" ").replace(/s$/, "");
    const terms = index.terms
      .filter((term) => term.words.join(" ").startsWith(phrase) ||
        plural(term) === phrase.replace(/s$/, ""))
      .sort((a, b) => a.words.length - b.words.length).slice(0, 1);
    const hits = index.sections
      .map((section) => ({ ...section, score: score(section, wanted) }))
      .filter((section) => section.score > 0)
      .sort((a, b) => b.score - a.score);
    return { terms, hits };
  };

  function address({ page, anchor, first }) {
    return `${here}${page}.html${first ? "" : `#${anchor}`}`;
  }

  function show(place, status, query, most) {
    const { terms, hits } = OneByOne.find(query);
    const shown = hits.slice(0, most);
    place.replaceChildren(
      ...terms.map((term) =>
        make("li", { class: "answer" },
          make("a", { href: `${here}book/glossary.html#${term.anchor}` },
            term.name),
          make("p", {}, term.text))),
      ...shown.map((hit) =>
        make("li", {},
          make("a", { href: address(hit) }, hit.title),
          hit.first ? "" : make("p", {}, hit.name)))
    );
    const count = hits.length === 1 ? "one place" : `${hits.length} places`;
    const rest = hits.length > most ? `, the best ${most} of them below` : "";
    status.textContent = !query.trim() ? ""
      : hits.length + terms.length ? `Found in ${count}${rest}.`
      : "Nothing found. Fewer or shorter words find more.";
  }

  let loading = null;
  function load() {
    loading ||= new Promise((resolve, reject) => {
      const script = make("script", { src: `${here}_static/search-data.js` });
      script.onload = () => resolve((index = prepare(OneByOne.searchData)));
      script.onerror = () => reject(new Error("The index is missing."));
      document.head.append(script);
    });
    return loading;
  }

  function addTo(input, place, most) {
    const status = make("p", { class: "search-status", role: "status" });
    place.before(status);
    const update = () =>
      load().then(() => show(place, status, input.value, most),
        (error) => (status.textContent = error.message));
    input.addEventListener("focus", () => load().catch(() => {}));
    input.addEventListener("input", update);
    // the arrow keys go through the hits
    const box = place.closest("dialog") || place.parentElement;
    box.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const links = [...place.querySelectorAll("a")];
      if (!step || !links.length) return;
      event.preventDefault();
      const to = links.indexOf(document.activeElement) + step;
      (links[to] || input).focus();
    });
    return update;
  }

  document.addEventListener("DOMContentLoaded", () => {
    const dialog = document.querySelector("#pst-search-dialog");
    const field = dialog?.querySelector("input");
    if (field) {
      const list = make("ul", { class: "search-hits" });
      dialog.append(make("div", { class: "search-panel" }, list));
      addTo(field, list, MOST);
    }
    const page = document.querySelector("#search-results");
    const input = document.querySelector(".bd-search-container input[name=q]");
    if (!page || !input) return;
    const list = make("ul", { class: "search-hits" });
    page.append(list);
    input.value = new URLSearchParams(location.search).get("q") || "";
    addTo(input, list, 40)();
  });
})();
