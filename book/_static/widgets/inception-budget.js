/* What each branch of an Inception block costs, with and without the 1×1s. */
(function () {
  "use strict";
  const { make, grouped } = OneByOne;

  // channels in, map side, 1×1, 3×3 reduced and made, 5×5 likewise, pooling
  const BLOCKS = {
    "3a": [192, 28, 64, 96, 128, 16, 32, 32],
    "3b": [256, 28, 128, 128, 192, 32, 96, 64],
    "4a": [480, 14, 192, 96, 208, 16, 48, 64],
    "4b": [512, 14, 160, 112, 224, 24, 64, 64],
    "4c": [512, 14, 128, 128, 256, 24, 64, 64],
    "4d": [512, 14, 112, 144, 288, 32, 64, 64],
    "4e": [528, 14, 256, 160, 320, 32, 128, 128],
    "5a": [832, 7, 256, 160, 320, 32, 128, 128],
    "5b": [832, 7, 384, 192, 384, 48, 128, 128],
  };
  const FIELDS = [
    ["channels in", 1, 1024], ["map side", 1, 56], ["1×1", 1, 512],
    ["before 3×3", 1, 512], ["3×3", 1, 512], ["before 5×5", 1, 512],
    ["5×5", 1, 512], ["after pooling", 1, 512],
  ];
  const SHOWN = [0, 1, 3, 4, 5, 6, 2, 7]; // in pairs that belong together
  const COLOURS = ["#e69f00", "#0072b2", "#009e73", "#cc79a7"];

  // Parameters and MACs of each branch, and of its naive form.
  OneByOne.inception = ([inputs, side, c1, r3, c3, r5, c5, pool]) => {
    const conv = (from, to, k) => ({
      parameters: to * (k * k * from + 1),
      macs: to * k * k * from * side * side,
    });
    const sum = (...parts) => ({
      parameters: parts.reduce((total, part) => total + part.parameters, 0),
      macs: parts.reduce((total, part) => total + part.macs, 0),
    });
    const reduced = [
      conv(inputs, c1, 1),
      sum(conv(inputs, r3, 1), conv(r3, c3, 3)),
      sum(conv(inputs, r5, 1), conv(r5, c5, 5)),
      conv(inputs, pool, 1),
    ];
    const naive = [
      conv(inputs, c1, 1), conv(inputs, c3, 3), conv(inputs, c5, 5), sum(),
    ];
    return {
      reduced: [...reduced, sum(...reduced)],
      naive: [...naive, sum(...naive)],
      channels: c1 + c3 + c5 + pool,
      naiveChannels: c1 + c3 + c5 + inputs,
    };
  };

  OneByOne.widget("inception-budget", "The budget of an Inception block", (place) => {
    const fields = FIELDS.map(([label, low, high], i) =>
      OneByOne.number(label, BLOCKS["3a"][i], low, high, () => update())
    );
    const preset = make(
      "select", { id: "inception-block", onchange: () => choose(preset.value) },
      ...Object.keys(BLOCKS).map((name) => make("option", {}, name)),
      make("option", { value: "own", disabled: "" }, "your own")
    );
    const body = make("tbody");
    const bars = make("div", { class: "bars", "aria-hidden": "true" });
    const told = make("p", { class: "told", role: "status" });

    function row(name, i, budget) {
      const [ours, naive] = [budget.reduced[i], budget.naive[i]];
      const cells = [ours.parameters, naive.parameters, ours.macs, naive.macs];
      return make(
        "tr", { class: i === 4 ? "total" : "" },
        make("th", { scope: "row" }, name),
        ...cells.map((n) => make("td", {}, grouped(n)))
      );
    }
    // For each branch two bars: its MACs, and hatched those of its naive form.
    function drawBars(names, { reduced, naive }) {
      const all = [...reduced.slice(0, 4), ...naive.slice(0, 4)];
      const most = Math.max(...all.map((cost) => cost.macs));
      const bar = (cost, i, kind) =>
        make("span", {
          class: `bar ${kind}`,
          style: `width:${(100 * cost.macs) / most}%;--colour:${COLOURS[i]}`,
        });
      bars.replaceChildren(
        ...names.slice(0, 4).flatMap((name, i) => [
          make("span", {}, name),
          make("span", {}, bar(reduced[i], i, "ours"), bar(naive[i], i, "naive")),
        ])
      );
    }
    function update() {
      const values = fields.map((field) => field.value);
      const budget = OneByOne.inception(values);
      const names = ["1×1", "1×1, 3×3", "1×1, 5×5", "pooling, 1×1", "block"];
      body.replaceChildren(...names.map((name, i) => row(name, i, budget)));
      drawBars(names, budget);
      const known = Object.keys(BLOCKS).find(
        (name) => `${BLOCKS[name]}` === `${values}`
      );
      preset.value = known || "own";
      const ratio = budget.naive[4].macs / budget.reduced[4].macs;
      told.textContent =
        `The naive block takes ${ratio.toFixed(1)} times the MACs, and hands` +
        ` on ${grouped(budget.naiveChannels)} channels instead of` +
        ` ${grouped(budget.channels)}.`;
    }
    function choose(name) {
      fields.forEach((field, i) => field.set(BLOCKS[name][i]));
      update();
    }

    const head = ["parameters", "naive", "MACs", "naive"];
    place.append(
      make("p", {},
        make("label", { for: "inception-block" }, "Block of GoogLeNet "),
        preset),
      make("div", { class: "fields" },
        ...SHOWN.map((i) => fields[i].element)),
      told,
      make("p", { class: "legend" }, "MACs of the branches, naive hatched:"),
      bars,
      make("div", { class: "budget", tabindex: 0, role: "group",
        "aria-label": "Costs of the branches" },
        make("table", {},
          make("thead", {}, make("tr", {},
            make("th", { scope: "col" }, "branch"),
            ...head.map((name) => make("th", { scope: "col" }, name)))),
          body))
    );
    choose("3a");
  });
})();
