/* The numbers of the next table, drawn as bars. */
(function () {
  "use strict";
  const { make } = OneByOne;
  const number = (text) => parseFloat(text.replaceAll(",", ""));

  const texts = (row) => [...row.cells].map((cell) => cell.textContent.trim());

  OneByOne.widget("bars", "A table, drawn as bars", (place, widget) => {
    const tables = [...document.querySelectorAll("table")];
    const table = tables.find((one) =>
      widget.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING);
    const [[unit, ...columns], ...rows] = [...table.rows].map(texts);
    let chosen = 1;
    const choices = columns.map((name, i) =>
      make("button", { type: "button", onclick: () => {
        chosen = i + 1;
        update();
      } }, name));
    const stage = make("div", { class: "bars", "aria-hidden": "true" });
    const told = make("p", { class: "told", role: "status" });

    function update() {
      choices.forEach((button, i) =>
        button.setAttribute("aria-pressed", i + 1 === chosen));
      const values = rows.map((row) => number(row[chosen]));
      const most = Math.max(...values), least = Math.min(...values);
      stage.replaceChildren(...rows.flatMap((row, i) => [
        make("span", {}, row[0]),
        make("span", {},
          make("span", {
            class: "bar ours",
            style: `width:calc((100% - 4.5rem) * ${values[i] / most});--colour:var(--pst-color-primary)`,
          }),
          make("span", { class: "amount" }, row[chosen])),
      ]));
      const named = (value) => {
        const row = rows[values.indexOf(value)];
        return `${row[chosen]} (${row[0]})`;
      };
      told.textContent = `${unit}, ${columns[chosen - 1]}:` +
        ` from ${named(least)} to ${named(most)}.`;
    }
    place.append(
      make("p", { role: "group", "aria-label": "Network" }, ...choices),
      stage, told);
    update();
  });
})();
