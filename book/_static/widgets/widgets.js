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
