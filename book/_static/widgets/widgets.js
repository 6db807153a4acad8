/* What all widgets share. A classic script: it works from file://.

   A page holds <div class="widget" data-widget="name">fallback</div>. The
   script of that name calls OneByOne.widget(name, label, start). Once the page
   is there, start(place, widget) fills an empty element, a group that is
   called by its label; if it fails, the fallback stays. On paper the fallback is shown in
   any case. */
var OneByOne = OneByOne || {};
(function () {
  "use strict";
  const here = document.currentScript.src.replace(/[^/]*$/, "");
  const starts = {};

  OneByOne.widget = (name, label, start) =>
    (starts[name] = { label, start });

  function startAll() {
    for (const widget of document.querySelectorAll("[data-widget]")) {
      const known = starts[widget.dataset.widget];
      if (!known) continue;
      const place = OneByOne.make("div", {
        class: "widget-live", role: "group", "aria-label": known.label,
      });
      try {
        known.start(place, widget);
      } catch (error) {
        console.error(error);
        continue;
      }
      const fallback = document.createElement("div");
      fallback.className = "widget-fallback";
      fallback.append(...widget.childNodes);
      widget.append(fallback, place);
    }
  }
  document.addEventListener("DOMContentLoaded", startAll);

  // 1234567 -> "1,234,567"
  OneByOne.grouped = (number) => number.toLocaleString("en-US");

  // A labelled number with a slider; calls changed() at every change.
  let fields = 0;
  OneByOne.number = (label, value, low, high, changed) => {
    const id = `field-${(fields += 1)}`;
    const range = { min: low, max: high, step: 1, value };
    const box = OneByOne.make("input", { type: "number", id, ...range });
    const slider = OneByOne.make("input", {
      type: "range", "aria-label": `${label}, slider`, ...range,
    });
    const field = {
      element: OneByOne.make(
        "div", { class: "field" },
        OneByOne.make("label", { for: id }, label), box, slider
      ),
      value,
      set(wanted) {
        field.value = Math.min(Math.max(Math.round(wanted) || 0, low), high);
        box.value = slider.value = field.value;
      },
      limit(most) {
        high = Math.max(most, low);
        box.max = slider.max = high;
        field.set(field.value);
      },
    };
    slider.addEventListener("input", () => {
      field.set(+slider.value);
      changed();
    });
    box.addEventListener("input", () => {
      const typed = Number(box.value);
      if (box.value === "" || typed < low || typed > high) return;
      field.set(typed);
      changed();
    });
    box.addEventListener("change", () => {
      field.set(+box.value);
      changed();
    });
    return field;
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

  // What all charts share: the edges of the plot, in a box of 520×310.
  const LEFT = 56, RIGHT = 500, TOP = 14, BOTTOM = 260;
  OneByOne.CHART = { LEFT, RIGHT, TOP, BOTTOM };

  // Round values on an axis: where they stand on its scale, and their text.
  OneByOne.ticks = (low, high, log) => {
    if (log) {
      const steps = high - low > 2 ? [1] : [1, 2, 5];
      const out = [];
      for (let e = Math.floor(low); e <= high; e += 1) {
        for (const step of steps) out.push(Number(`${step}e${e}`));
      }
      return out
        .map((v) => [Math.log10(v), `${v}`])
        .filter(([at]) => low <= at && at <= high);
    }
    const rough = (high - low) / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
    const out = [];
    for (let v = Math.ceil(low / step) * step; v <= high; v += step) out.push(v);
    return out.map((v) => [v, `${Number(v.toFixed(6))}`]);
  };

  // An empty chart, and where a value stands on its vertical axis. `low` and
  // `high` are on the scale of that axis: powers of ten if it is logarithmic.
  OneByOne.chart = (low, high, log, xName, attributes) => {
    const { make } = OneByOne;
    const toY = (v) => BOTTOM - ((v - low) / (high - low)) * (BOTTOM - TOP);
    const svg = make("svg",
      { viewBox: "0 0 520 310", class: "widget-chart", ...attributes });
    for (const [value, label] of OneByOne.ticks(low, high, log)) {
      const y = toY(value);
      svg.append(
        make("line", { x1: LEFT, x2: RIGHT, y1: y, y2: y, class: "grid" }),
        make("text", { x: LEFT - 8, y: y + 5, class: "end" }, label)
      );
    }
    svg.append(
      make("text", { x: (LEFT + RIGHT) / 2, y: BOTTOM + 42, class: "middle" },
        xName),
      make("path", { d: `M${LEFT} ${TOP}V${BOTTOM}H${RIGHT}`, class: "axis" })
    );
    return [svg, toY];
  };

  // A value on the horizontal axis
  OneByOne.tick = (svg, x, text) => {
    const place = { x, y: BOTTOM + 20, class: "middle" };
    svg.append(OneByOne.make("text", place, text));
  };

  // Load a script of this folder once; for what only some readers need.
  const loaded = {};
  OneByOne.load = (name) =>
    (loaded[name] ||= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = here + name;
      script.onload = resolve;
      script.onerror = () => {
        delete loaded[name];
        reject(new Error(`${name} could not be loaded`));
      };
      document.head.append(script);
    }));
})();
