/* One convolution layer: its output, its cost, and where its window goes. */
(function () {
  "use strict";
  const { make, grouped } = OneByOne;

  OneByOne.convolution = ({ n, k, s, p, inputs, outputs, groups, bias }) => {
    const room = n + 2 * p - k;
    if (room < 0) return null;
    const side = Math.floor(room / s) + 1;
    const read = new Set();
    for (let i = 0; i < side; i += 1) {
      for (let u = 0; u < k; u += 1) read.add(i * s + u - p);
    }
    const rows = Array.from({ length: n }, (_, row) => row);
    const weights = (k * k * inputs * outputs) / groups;
    return {
      side,
      parameters: weights + (bias ? outputs : 0),
      macs: weights * side * side,
      unread: rows.filter((row) => !read.has(row)),
    };
  };

  const EXAMPLES = {
    "NiN, first layer": [224, 11, 4, 0, 1, 96, 1],
    "AlexNet, first layer": [224, 11, 4, 2, 3, 64, 1],
    "ResNet, first layer": [224, 7, 2, 3, 3, 64, 1],
    "1×1 convolution": [28, 1, 1, 0, 64, 64, 1],
    "One kernel a channel": [28, 3, 1, 1, 64, 64, 64],
    "Gaps between windows": [14, 2, 3, 0, 1, 1, 1],
  };

  function divisors(number) {
    const upTo = Array.from({ length: number }, (_, i) => i + 1);
    return upTo.filter((d) => number % d === 0);
  }
  function common(a, b) {
    return b ? common(b, a % b) : a;
  }

  // 3, 4, 5, 9 -> "3–5, 9"
  function ranges(rows) {
    const runs = [];
    for (const row of rows) {
      const last = runs[runs.length - 1];
      if (last && last[1] === row - 1) last[1] = row;
      else runs.push([row, row]);
    }
    const shown = runs.slice(0, 8).map(([a, b]) => (a === b ? a : `${a}–${b}`));
    return shown.join(", ") + (runs.length > 8 ? " …" : "");
  }

  // Image with padding and window on the left, output on the right.
  function picture({ n, k, s, p }, result, position) {
    const padded = n + 2 * p, cell = 240 / Math.max(padded, 1);
    const row = Math.floor(position / result.side);
    const column = position % result.side;
    const out = Math.min(cell, 160 / result.side);
    const area = (x, y, width, height, name) =>
      make("rect", { x, y, width, height, class: name });
    const grid = (count, size, x, y) => {
      if (size < 5) return "";
      let d = "";
      for (let i = 1; i < count; i += 1) {
        d += `M${x + i * size} ${y}v${count * size}`;
        d += `M${x} ${y + i * size}h${count * size}`;
      }
      return make("path", { d, class: "grid" });
    };
    const right = 290, top = (240 - out * result.side) / 2;
    const svg = make(
      "svg",
      { viewBox: "-4 -4 468 270", class: "window-picture", role: "img" },
      area(0, 0, 240, 240, "padding"),
      area(p * cell, p * cell, n * cell, n * cell, "image")
    );
    svg.setAttribute(
      "aria-label",
      `The window at output row ${row}, column ${column} covers the image's ` +
        `rows ${row * s - p} to ${row * s - p + k - 1} and columns ` +
        `${column * s - p} to ${column * s - p + k - 1}.`
    );
    for (const r of result.unread) {
      const at = (p + r) * cell;
      svg.append(
        area(p * cell, at, n * cell, Math.max(cell, 1.5), "unread"),
        area(at, p * cell, Math.max(cell, 1.5), n * cell, "unread")
      );
    }
    svg.append(
      grid(padded, cell, 0, 0),
      area(column * s * cell, row * s * cell, k * cell, k * cell, "window"),
      area(right, top, out * result.side, out * result.side, "image"),
      grid(result.side, out, right, top),
      area(
        right + column * out, top + row * out, Math.max(out, 3),
        Math.max(out, 3), "window"
      ),
      make("text", { x: 0, y: 258 }, p ? "image and padding" : "image"),
      make("text", { x: right, y: top + out * result.side + 18 }, "output")
    );
    return svg;
  }

  OneByOne.widget("convolution-explorer", "Sizes and costs of a convolution", (place) => {
    const start = EXAMPLES["NiN, first layer"];
    const fields = [
      ["image side", 1, 256], ["kernel side", 1, 31], ["stride", 1, 16],
      ["padding", 0, 15], ["channels in", 1, 1024],
      ["channels out", 1, 1024],
    ].map(([label, low, high], i) =>
      OneByOne.number(label, start[i], low, high, () => update())
    );
    const groups = make("select", {
      id: "conv-groups", onchange: () => update(),
    });
    const bias = make("input", { type: "checkbox", onchange: () => update() });
    bias.checked = true;
    const position = make("input", {
      type: "range", min: 0, value: 0, oninput: () => draw(),
    });
    const answers = make("dl", { class: "answers", "aria-live": "polite" });
    const stage = make("div", { class: "stage" });
    for (const kind of ["pointerdown", "pointermove"])
      stage.addEventListener(kind, slide);
    let setting, result;

    function fillGroups(wanted) {
      const [inputs, outputs] = [fields[4].value, fields[5].value];
      const kept = divisors(common(inputs, outputs));
      groups.replaceChildren(...kept.map((d) => make("option", {}, `${d}`)));
      groups.value = kept.includes(wanted) ? wanted : 1;
    }
    function update() {
      fillGroups(Number(groups.value) || 1);
      const [n, k, s, p, inputs, outputs] = fields.map((f) => f.value);
      setting = {
        n, k, s, p, inputs, outputs,
        groups: Number(groups.value), bias: bias.checked,
      };
      result = OneByOne.convolution(setting);
      const say = (name, value, key) => [
        make("dt", {}, name), make("dd", { "data-answer": key }, value),
      ];
      if (!result) {
        answers.replaceChildren(
          ...say("output", "none: the kernel does not fit", "shape")
        );
        stage.replaceChildren();
        position.disabled = true;
        return;
      }
      const { side, unread } = result;
      const lost = unread.length
        ? `${unread.length} (row ${ranges(unread)})`
        : "none";
      answers.replaceChildren(
        ...say("output", `${outputs}×${side}×${side}`, "shape"),
        ...say("parameters", grouped(result.parameters), "parameters"),
        ...say("MACs", grouped(result.macs), "macs"),
        ...say("unread rows, and columns", lost, "unread")
      );
      position.disabled = false;
      position.max = side * side - 1;
      draw();
    }
    function draw() {
      stage.replaceChildren(picture(setting, result, Number(position.value)));
    }
    // The window follows a pointer over the image, and over the output.
    function slide(event) {
      const svg = stage.firstElementChild;
      if (!svg || (event.type === "pointermove" && !event.buttons)) return;
      const { x, y } = new DOMPoint(event.clientX, event.clientY)
        .matrixTransform(svg.getScreenCTM().inverse());
      const cell = 240 / (setting.n + 2 * setting.p);
      const inOutput = x > 265, area = svg.querySelectorAll(".image")[1];
      const at = (value, start) => {
        const index = inOutput
          ? (value - start) / (area.getAttribute("width") / result.side)
          : (value / cell - setting.k / 2) / setting.s + 0.5;
        return Math.max(0, Math.min(result.side - 1, Math.floor(index)));
      };
      const row = at(y, area.getAttribute("y"));
      position.value = row * result.side + at(x, area.getAttribute("x"));
      draw();
    }
    function choose(values) {
      fields.forEach((field, i) => field.set(values[i]));
      fillGroups(values[6]);
      groups.value = values[6];
      position.value = 0;
      update();
    }

    place.append(
      make("div", { class: "examples", role: "group",
        "aria-label": "Examples" },
        ...Object.entries(EXAMPLES).map(([name, values]) =>
          make("button", { type: "button", onclick: () => choose(values) },
            name))),
      make("div", { class: "fields" },
        ...fields.map((field) => field.element),
        make("div", { class: "field" },
          make("label", { for: "conv-groups" }, "groups"), groups,
          make("label", { class: "check" }, bias, " bias"))),
      answers,
      stage,
      make("label", { class: "position" }, "slide the window ", position)
    );
    choose(start);
  });
})();
