/* What depth does to plain and residual networks, from the recorded study. */
(function () {
  "use strict";
  const { make } = OneByOne;
  const MEASURES = {
    train_error: ["training error", false],
    test_error: ["test error", false],
    train_loss: ["training loss", false],
    first_gradient: ["gradient at the start, first convolution", true],
    last_gradient: ["gradient at the start, last convolution", true],
  };
  const LOOKS = {
    plain: ["var(--plain)", (x, y) => `M${x - 5} ${y - 5}h10v10h-10z`],
    residual: ["var(--residual)", (x, y) => `M${x - 6} ${y}a6 6 0 1 0 12 0a6 6 0 1 0-12 0`],
    "zero start": ["var(--zero-start)", (x, y) => `M${x} ${y - 7}l7 12h-14z`],
  };
  // two-sided 95 % quantiles of Student's t, by the number of runs
  const STUDENT = { 2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571,
    7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262 };

  // Mean and half its 95 % interval; null where a run broke off.
  OneByOne.interval = (values) => {
    if (values.some((value) => value === null)) return null;
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
    const error = Math.sqrt(squares / (values.length - 1) / values.length);
    return { mean, half: error * (STUDENT[values.length] || 1.96) };
  };

  const shown = (x) =>
    x >= 100 ? x.toFixed(0) : x >= 1 ? x.toFixed(2) : x.toFixed(3);
  const LEFT = 56, RIGHT = 500, TOP = 14, BOTTOM = 260;

  function ticks(low, high, log) {
    if (log) {
      const out = [];
      for (let e = Math.ceil(low); e <= Math.floor(high); e += 1) out.push(e);
      return out.map((e) => [e, `${Number(`1e${e}`)}`]);
    }
    const rough = (high - low) / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
    const out = [];
    for (let v = Math.ceil(low / step) * step; v <= high; v += step) out.push(v);
    return out.map((v) => [v, `${Number(v.toFixed(6))}`]);
  }

  function chart(groups, measure) {
    const [name, log] = MEASURES[measure];
    const scale = (v) => (log ? Math.log10(v) : v);
    const all = groups
      .flatMap((group) => group[measure])
      .filter((v) => v !== null);
    const low = log ? scale(Math.min(...all)) - 0.2 : 0;
    const high = scale(Math.max(...all)) + (log ? 0.2 : 0.05 * Math.max(...all));
    const layers = groups.map((group) => group.layers);
    const [few, many] = [Math.min(...layers), Math.max(...layers)];
    const toX = (l) =>
      LEFT + 30 + ((l - few) / (many - few || 1)) * (RIGHT - LEFT - 60);
    const toY = (v) =>
      BOTTOM - ((scale(v) - low) / (high - low)) * (BOTTOM - TOP);
    const svg = make("svg", {
      viewBox: "0 0 520 310", class: "depth-chart", role: "img",
      "aria-label": `${name} by number of layers; the table below has the` +
        " same numbers",
    });
    for (const [value, label] of ticks(low, high, log)) {
      const y = BOTTOM - ((value - low) / (high - low)) * (BOTTOM - TOP);
      svg.append(
        make("line", { x1: LEFT, x2: RIGHT, y1: y, y2: y, class: "grid" }),
        make("text", { x: LEFT - 8, y: y + 5, class: "end" }, label)
      );
    }
    for (const l of new Set(layers)) {
      svg.append(
        make("text", { x: toX(l), y: BOTTOM + 20, class: "middle" }, `${l}`)
      );
    }
    svg.append(
      make("text", { x: (LEFT + RIGHT) / 2, y: BOTTOM + 42, class: "middle" },
        "layers"),
      make("path", { d: `M${LEFT} ${TOP}V${BOTTOM}H${RIGHT}`, class: "axis" })
    );
    for (const [network, [colour, mark]] of Object.entries(LOOKS)) {
      const own = groups.filter((group) => group.network === network);
      const means = [];
      for (const group of own) {
        const x = toX(group.layers);
        for (const value of group[measure].filter((v) => v !== null)) {
          svg.append(make("circle", {
            cx: x, cy: toY(value), r: 2.5, fill: colour, "fill-opacity": 0.45,
          }));
        }
        const found = OneByOne.interval(group[measure]);
        if (found) means.push([x, toY(found.mean)]);
      }
      const line = means.map(([x, y]) => `${x} ${y}`).join("L");
      if (means.length > 1) {
        svg.append(make("path", {
          d: `M${line}`, fill: "none", stroke: colour, "stroke-width": 2,
        }));
      }
      for (const [x, y] of means) {
        svg.append(make("path", { d: mark(x, y), fill: colour }));
      }
    }
    return svg;
  }

  function legend(networks) {
    return make(
      "ul", { class: "depth-legend", "aria-hidden": "true" },
      ...networks.map((network) => {
        const [colour, mark] = LOOKS[network];
        const svg = make("svg", { viewBox: "0 0 20 20" },
          make("path", { d: mark(10, 10), fill: colour }));
        return make("li", {}, svg, ` ${network}`);
      })
    );
  }

  function table(groups, measure, networks, layers) {
    const cell = (network, l) => {
      const group = groups.find(
        (g) => g.network === network && g.layers === l
      );
      if (!group) return "";
      const found = OneByOne.interval(group[measure]);
      if (found) return `${shown(found.mean)} ± ${shown(found.half)}`;
      const lost = group[measure].filter((v) => v === null).length;
      return `${lost} of ${group[measure].length} runs broke off`;
    };
    return make("table", {},
      make("thead", {}, make("tr", {},
        make("th", { scope: "col" }, "network"),
        ...layers.map((l) => make("th", { scope: "col" }, `${l} layers`)))),
      make("tbody", {}, ...networks.map((network) =>
        make("tr", {}, make("th", { scope: "row" }, network),
          ...layers.map((l) => make("td", {}, cell(network, l)))))));
  }

  OneByOne.widget("depth", (place) => {
    const record = OneByOne.depthData;
    let normed = true;
    const select = make(
      "select", { id: "depth-measure", onchange: () => update() },
      ...Object.entries(MEASURES).map(([value, [name]]) =>
        make("option", { value }, name))
    );
    const switches = [true, false].map((on) =>
      make("button", { type: "button", onclick: () => {
        normed = on;
        update();
      } }, on ? "with batch norm" : "without"));
    const stage = make("div", { class: "budget", tabindex: 0, role: "group",
      "aria-label": "Results" });

    function update() {
      const groups = record.groups.filter((g) => g.batch_norm === normed);
      const networks = Object.keys(LOOKS).filter((network) =>
        groups.some((group) => group.network === network));
      const layers = [...new Set(groups.map((group) => group.layers))];
      switches.forEach((button, i) =>
        button.setAttribute("aria-pressed", (i === 0) === normed));
      stage.replaceChildren(
        chart(groups, select.value), legend(networks),
        table(groups, select.value, networks, layers));
    }

    place.append(
      make("div", { class: "examples" },
        make("label", { for: "depth-measure" }, "Show "), select,
        make("span", { role: "group", "aria-label": "Batch norm" },
          ...switches)),
      stage,
      make("p", { class: "credit" },
        `From ${record.runs} recorded runs: a small dot is one run, a large` +
          " mark the mean. In the table, the mean with its 95 % interval.")
    );
    update();
  });
})();
