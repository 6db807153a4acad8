/* Accuracy against a cost that the reader chooses, from a recorded study. */
(function () {
  "use strict";
  const { make, grouped } = OneByOne;
  const { LEFT, RIGHT, TOP, BOTTOM } = OneByOne.CHART;
  const COSTS = {
    macs: ["MACs", "MACs of an image, logarithmic"],
    parameters: ["parameters", "parameters, logarithmic"],
    seconds: ["seconds", "seconds of the training, logarithmic"],
  };
  const LOOKS = {
    "VGG-like": ["vgg", (x, y) => `M${x - 6} ${y}a6 6 0 1 0 12 0a6 6 0 1 0-12 0`],
    NiN: ["nin", (x, y) => `M${x - 5} ${y - 5}h10v10h-10z`],
    Inception: ["inception", (x, y) => `M${x} ${y - 7}l7 7-7 7-7-7z`],
    residual: ["residual", (x, y) => `M${x} ${y - 7}l7 12h-14z`],
    bottleneck: ["bottleneck", (x, y) => `M${x} ${y + 7}l7-12h-14z`],
  };
  const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

  const short = (v) =>
    v >= 1e6 ? `${v / 1e6}M` : v >= 1e3 ? `${v / 1e3}k` : `${v}`;
  const accuracy = ({ mean, half }) =>
    `${(100 * mean).toFixed(2)} ± ${(100 * half).toFixed(2)}`;
  const told = (network, best) =>
    `${network.block}, width ${network.width}: ${grouped(network.macs)} MACs, ` +
    `${grouped(network.parameters)} parameters, ` +
    `${network.seconds.toFixed(1)} seconds, ` +
    `accuracy ${accuracy(network.accuracy)} %` +
    (best ? ", on the front" : "");

  // Of networks in the order of their cost: those better than all before.
  const front = (networks) => {
    let top = -Infinity;
    return networks.filter(({ accuracy: { mean } }) => {
      const better = mean > top;
      top = Math.max(top, mean);
      return better;
    });
  };

  function mark(block, x, y) {
    const [look, shape] = LOOKS[block];
    return make("path", { d: shape(x, y), class: `mark ${look}` });
  }

  OneByOne.widget("front", "Accuracy against cost", (place) => {
    const record = OneByOne.frontData;
    const networks = record.networks.map((network) => ({
      ...network,
      seconds: network.seconds.reduce((a, b) => a + b) / network.seconds.length,
      accuracy: OneByOne.interval(network.accuracy),
    })).filter(({ accuracy }) => accuracy); // where no run broke off
    const hidden = new Set();
    let cost = "macs";
    let chosen = front(networks).at(-1);
    const detail = make("p", { class: "front-detail" });
    const stage = make("div", {});
    const body = make("tbody", {});

    // An empty chart, and where a network stands in it
    function frame() {
      const costs = networks.map((network) => Math.log10(network[cost]));
      const shares = networks.flatMap(({ accuracy: { mean, half } }) =>
        [100 * (mean - half), 100 * (mean + half)]);
      const low = Math.min(...costs) - 0.05, high = Math.max(...costs) + 0.05;
      const [name, title] = COSTS[cost];
      const [svg, toY] = OneByOne.chart(
        Math.min(...shares), Math.max(...shares), false, title,
        { role: "group", "aria-label": `Accuracy in % against ${name}` });
      svg.append(make("text", { x: LEFT + 8, y: TOP + 8 }, "accuracy in %"));
      const toX = (v) =>
        LEFT + ((Math.log10(v) - low) / (high - low)) * (RIGHT - LEFT);
      for (const [at, text] of OneByOne.ticks(low, high, true)) {
        OneByOne.tick(svg, toX(10 ** at), short(Number(text)));
      }
      return [svg, (network) => toX(network[cost]),
        (share) => toY(100 * share)];
    }

    function chart(shown, best) {
      const [svg, toX, toY] = frame();
      const at = (network) => [toX(network), toY(network.accuracy.mean)];
      const steps = best.map((network, i) => {
        const [x, y] = at(network);
        return i ? `H${x}V${y}` : `M${x} ${y}`;
      });
      svg.append(make("path", { d: `${steps.join("")}H${RIGHT}`, class: "steps" }));
      const ring = make("circle", { r: 11, class: "ring" });
      const points = shown.map((network) => {
        const [x, y] = at(network);
        const { mean, half } = network.accuracy;
        const bar = `M${x} ${toY(mean - half)}V${toY(mean + half)}`;
        return make("g", {
          role: "img", "aria-label": told(network, best.includes(network)),
          onfocus: () => choose(network),
        }, make("path", { d: bar, class: `bar ${LOOKS[network.block][0]}` }),
        mark(network.block, x, y));
      });
      svg.append(ring, ...points);

      function choose(network) {
        chosen = network;
        const [x, y] = at(network);
        ring.setAttribute("cx", x);
        ring.setAttribute("cy", y);
        points.forEach((point, i) =>
          point.setAttribute("tabindex", shown[i] === network ? 0 : -1));
        detail.textContent = `${told(network, best.includes(network))}.`;
      }
      function nearest(event) {
        const box = svg.getBoundingClientRect();
        const x = (event.clientX - box.left) * (520 / box.width);
        const y = (event.clientY - box.top) * (520 / box.width);
        if (x < LEFT || y > BOTTOM) return;
        const far = shown.map((network) =>
          Math.hypot(at(network)[0] - x, at(network)[1] - y));
        choose(shown[far.indexOf(Math.min(...far))]);
      }
      svg.addEventListener("pointermove", nearest);
      svg.addEventListener("pointerdown", nearest);
      svg.addEventListener("keydown", (event) => {
        if (!(event.key in STEPS)) return;
        event.preventDefault();
        const wanted = shown.indexOf(chosen) + STEPS[event.key];
        points[Math.min(Math.max(wanted, 0), shown.length - 1)].focus();
      });
      choose(shown.includes(chosen) ? chosen : best.at(-1));
      return svg;
    }

    const costs = Object.entries(COSTS).map(([name, [title]]) =>
      make("button", { type: "button", onclick: () => {
        cost = name;
        update();
      } }, title));
    const blocks = Object.keys(LOOKS).map((block) =>
      make("button", { type: "button", onclick: () => {
        if (!hidden.delete(block)) hidden.add(block);
        if (hidden.size === blocks.length) hidden.delete(block); // one stays
        update();
      } }, make("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" },
        mark(block, 10, 10)), ` ${block}`));

    function update() {
      const shown = networks
        .filter(({ block }) => !hidden.has(block))
        .sort((a, b) => a[cost] - b[cost]);
      const best = front(shown);
      costs.forEach((button, i) => button.setAttribute(
        "aria-pressed", Object.keys(COSTS)[i] === cost));
      blocks.forEach((button, i) => button.setAttribute(
        "aria-pressed", !hidden.has(Object.keys(LOOKS)[i])));
      stage.replaceChildren(chart(shown, best));
      body.replaceChildren(...shown.map((network) => make("tr", {},
        make("th", { scope: "row" }, network.block),
        ...[
          network.width, grouped(network.macs), grouped(network.parameters),
          network.seconds.toFixed(1), accuracy(network.accuracy),
          best.includes(network) ? "yes" : "",
        ].map((text) => make("td", {}, `${text}`)))));
    }

    const heads = ["block", "width", "MACs", "parameters", "seconds",
      "accuracy in %", "on the front"];
    place.append(
      make("div", { class: "examples", role: "group", "aria-label": "Cost" },
        ...costs),
      make("div", { class: "examples blocks", role: "group",
        "aria-label": "Blocks" }, ...blocks),
      stage, detail,
      make("details", {}, make("summary", {}, "All numbers as a table"),
        make("div", { class: "budget", tabindex: 0, role: "group",
          "aria-label": "Results" },
        make("table", {}, make("thead", {}, make("tr", {},
          ...heads.map((head) => make("th", { scope: "col" }, head)))), body))),
      make("p", { class: "credit" },
        `From ${record.runs} recorded runs: a mark is the mean of the seeds,` +
          " its bar the 95 % interval, the grey line the front of the blocks" +
          " that are shown. The arrow keys go from mark to mark.")
    );
    update();
  });
})();
