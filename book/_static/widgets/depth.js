/* What depth does to plain and residual networks, from recorded studies. */
(function () {
  "use strict";
  const { make } = OneByOne;
  const MEASURES = {
    train_error: ["training error", false],
    error: ["test error", false],
    train_loss: ["training loss", false],
  };
  // many numbers a run: what they are, on which axis, and if it is logarithmic
  const CURVES = {
    error_curve: ["training error in each epoch", "share of the training", false],
    loss_curve: ["loss over the training", "share of the training", true],
    gradients: [
      "gradient at the start, every convolution", "convolution", true,
    ],
  };
  const SETTINGS = {  // what the buttons choose
    "with batch norm": (group) => group.batch_norm,
    "without": (group) => !group.batch_norm && group.start === "Kaiming",
    "without, PyTorch's start": (group) =>
      !group.batch_norm && group.start === "default",
  };
  const LOOKS = {
    plain: ["var(--plain)", (x, y) => `M${x - 5} ${y - 5}h10v10h-10z`],
    residual: ["var(--residual)", (x, y) => `M${x - 6} ${y}a6 6 0 1 0 12 0a6 6 0 1 0-12 0`],
    "zero start": ["var(--zero-start)", (x, y) => `M${x} ${y - 7}l7 12h-14z`],
  };
  const shown = (x) => x > 0 && x < 0.001 ? x.toExponential(1) :
    x >= 100 ? x.toFixed(0) : x >= 1 ? x.toFixed(2) : x.toFixed(3);
  const { LEFT, RIGHT } = OneByOne.CHART;

  // An empty chart with the scale of its vertical axis
  function frame(name, note, all, log, xName) {
    const scale = (v) => (log ? Math.log10(v) : v);
    const low = log ? scale(Math.min(...all)) - 0.2 : 0;
    const high = scale(Math.max(...all)) + (log ? 0.2 : 0.05 * Math.max(...all));
    const [svg, toY] = OneByOne.chart(low, high, log, xName, {
      role: "img", "aria-label": `${name} ${note}; the table below has numbers`,
    });
    return [svg, (v) => toY(scale(v))];
  }

  function path(points, colour, more) {
    const d = `M${points.map(([x, y]) => `${x} ${y}`).join("L")}`;
    return make("path", { d, fill: "none", stroke: colour, ...more });
  }

  function chart(groups, measure) {
    const [name, log] = MEASURES[measure];
    const all = groups
      .flatMap((group) => group[measure])
      .filter((v) => v !== null);
    const layers = groups.map((group) => group.layers);
    const [few, many] = [Math.min(...layers), Math.max(...layers)];
    const toX = (l) =>
      LEFT + 30 + ((l - few) / (many - few || 1)) * (RIGHT - LEFT - 60);
    const [svg, toY] = frame(name, "by number of layers", all, log, "layers");
    for (const l of new Set(layers)) OneByOne.tick(svg, toX(l), `${l}`);
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
      if (means.length > 1) {
        svg.append(path(means, colour, { "stroke-width": 2 }));
      }
      for (const [x, y] of means) {
        svg.append(make("path", { d: mark(x, y), fill: colour }));
      }
    }
    return svg;
  }

  // The mean of several runs at each of their places; null where one broke off
  OneByOne.meanCurve = (runs) =>
    runs[0].map((_, i) => {
      const values = runs.map((run) => (i in run ? run[i] : null));
      if (values.some((value) => value === null)) return null;
      return values.reduce((a, b) => a + b, 0) / values.length;
    });

  function curves(groups, measure) {
    const [name, xName, log] = CURVES[measure];
    // a logarithmic axis has no place for a gradient that is exactly 0
    const drawn = (v) => v !== null && (v > 0 || !log);
    const all = groups.flatMap((group) => group[measure].flat()).filter(drawn);
    const count = Math.max(...groups.map((group) => group[measure][0].length));
    const toX = (i) => LEFT + 8 + (i / (count - 1)) * (RIGHT - LEFT - 16);
    const note = `of networks with ${groups[0].layers} layers`;
    const [svg, toY] = frame(name, note, all, log, xName);
    for (const share of [0, 0.5, 1]) {
      const at = measure === "gradients"
        ? `${1 + Math.round(share * (count - 1))}` : `${share}`;
      OneByOne.tick(svg, toX(share * (count - 1)), at);
    }
    for (const group of groups) {
      const [colour, mark] = LOOKS[group.network];
      const points = (run) =>
        run.flatMap((v, i) => (drawn(v) ? [[toX(i), toY(v)]] : []));
      for (const run of group[measure]) {
        svg.append(path(points(run), colour,
          { "stroke-width": 1, "stroke-opacity": 0.35, class: "run" }));
      }
      const mean = points(OneByOne.meanCurve(group[measure]));
      if (!mean.length) continue;
      svg.append(path(mean, colour, { "stroke-width": 2.5 }));
      svg.append(make("path", { d: mark(...mean.at(-1)), fill: colour }));
    }
    return svg;
  }

  function curveTable(groups, measure) {
    const heads = ["network", "first", "middle", "last"];
    return make("table", {},
      make("thead", {}, make("tr", {},
        ...heads.map((head) => make("th", { scope: "col" }, head)))),
      make("tbody", {}, ...groups.map((group) => {
        const mean = OneByOne.meanCurve(group[measure]);
        const last = mean.length - 1;
        return make("tr", {}, make("th", { scope: "row" }, group.network),
          ...[0, Math.floor(last / 2), last].map((i) => make("td", {},
            mean[i] === null ? "a run broke off" : shown(mean[i]))));
      })));
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

  OneByOne.widget("depth", "Networks of several depths, compared", (place) => {
    const record = OneByOne.depthData;
    const offered = Object.keys(SETTINGS).filter((name) =>
      record.groups.some(SETTINGS[name]));
    let setting = offered[0];
    const select = make(
      "select", { id: "depth-measure", onchange: () => update() },
      ...Object.entries({ ...MEASURES, ...CURVES }).map(([value, [name]]) =>
        make("option", { value }, name))
    );
    const depth = make(
      "select", { "aria-label": "Layers", onchange: () => update() }
    );
    const switches = offered.map((name) =>
      make("button", { type: "button", onclick: () => {
        setting = name;
        update();
      } }, name));
    const stage = make("div", { class: "budget", tabindex: 0, role: "group",
      "aria-label": "Results" });

    // offer the depths of this setting, and keep the chosen one if it is there
    function offer(layers) {
      const kept = layers.includes(Number(depth.value))
        ? depth.value : Math.max(...layers);
      depth.replaceChildren(...layers.map((l) =>
        make("option", { value: l }, `${l} layers`)));
      depth.value = kept;
    }

    function update() {
      const groups = record.groups.filter(SETTINGS[setting]);
      const networks = Object.keys(LOOKS).filter((network) =>
        groups.some((group) => group.network === network));
      const layers = [...new Set(groups.map((group) => group.layers))];
      offer(layers);
      switches.forEach((button) => button.setAttribute("aria-pressed",
        button.textContent === setting));
      const curved = select.value in CURVES;
      depth.hidden = !curved;
      const deep = groups.filter((g) => g.layers === Number(depth.value));
      stage.replaceChildren(...(curved
        ? [curves(deep, select.value), legend(networks),
          curveTable(deep, select.value)]
        : [chart(groups, select.value), legend(networks),
          table(groups, select.value, networks, layers)]));
    }

    place.append(
      make("div", { class: "examples" },
        make("label", { for: "depth-measure" }, "Show "), select, depth,
        ...(switches.length > 1
          ? [make("span", { role: "group", "aria-label": "Networks" },
            ...switches)] : [])),
      stage,
      make("p", { class: "credit" },
        `From ${record.runs} recorded runs: a small dot or a thin line is one` +
          " run, a large mark or a thick line the mean. ± is the 95 % interval." +
          " A gradient of exactly 0 is left out of the drawing.")
    );
    update();
  });
})();
