/* A 1×1 convolution from three channels to one, on a small picture. */
(function () {
  "use strict";
  const { make } = OneByOne;
  const SIDE = 96, CHANNELS = ["red", "green", "blue"];
  const EXAMPLES = {
    "grey, as on television": [0.3, 0.59, 0.11, 0],
    "mean of the three": [0.33, 0.33, 0.33, 0],
    "red alone": [1, 0, 0, 0],
    "red minus blue": [1, 0, -1, 0],
    "what is yellow": [1, 1, -2, -0.5],
    "negative": [-0.33, -0.33, -0.33, 1],
  };

  // One value out of three: the whole layer, at one pixel.
  OneByOne.mix = (pixel, weights, bias) =>
    weights.reduce((sum, w, c) => sum + w * pixel[c], bias);

  // A still life, drawn here: sky, hill, sun, a house, a tree, a lake.
  function drawScene() {
    const canvas = make("canvas", { width: SIDE, height: SIDE });
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    const shape = (colour, draw) => {
      pen.fillStyle = colour;
      pen.beginPath();
      draw();
      pen.fill();
    };
    const sky = pen.createLinearGradient(0, 0, 0, 60);
    sky.addColorStop(0, "#2f74d0");
    sky.addColorStop(1, "#cfe6f7");
    shape(sky, () => pen.rect(0, 0, 96, 96));
    shape("#ffd42a", () => pen.arc(76, 18, 10, 0, 7));
    shape("#ffffff", () => {
      pen.ellipse(26, 20, 13, 5, 0, 0, 7);
      pen.ellipse(34, 16, 9, 6, 0, 0, 7);
    });
    shape("#4d8b31", () => pen.ellipse(30, 92, 70, 40, 0, 0, 7));
    shape("#1d5fa8", () => pen.ellipse(80, 88, 34, 12, 0, 0, 7));
    shape("#f2efe6", () => pen.rect(24, 52, 26, 22));
    shape("#c22f2b", () => {
      pen.moveTo(20, 53);
      pen.lineTo(37, 38);
      pen.lineTo(54, 53);
    });
    shape("#5b3a1e", () => {
      pen.rect(33, 62, 8, 12);
      pen.rect(68, 60, 4, 18);
    });
    shape("#1f6b2c", () => pen.arc(70, 54, 10, 0, 7));
    shape("#8e44ad", () => {
      pen.rect(10, 80, 3, 3);
      pen.rect(17, 84, 3, 3);
      pen.rect(6, 88, 3, 3);
    });
    const { data } = pen.getImageData(0, 0, SIDE, SIDE);
    return { canvas, data };
  }

  const signed = (x) => x.toFixed(2).replace("-", "−");

  OneByOne.widget("mixer", "A 1×1 convolution on a picture", (place) => {
    const { canvas, data } = drawScene();
    const pixelAt = (x, y) =>
      [0, 1, 2].map((c) => data[4 * (y * SIDE + x) + c] / 255);
    const values = [0.3, 0.59, 0.11, 0];
    let at = [37, 46];

    function picture(name, source) {
      const view = source || make("canvas", { width: SIDE, height: SIDE });
      const label = name === "output" ? "sum" : name;
      view.setAttribute("role", "img");
      view.setAttribute("aria-label", `The ${label} of the picture`);
      const cross = make("span", { class: "cross", "aria-hidden": "true" });
      const frame = make("span", { class: "mixer-frame" }, view, cross);
      frame.addEventListener("pointerdown", (event) => pick(event, view));
      frame.addEventListener("pointermove", (event) => pick(event, view));
      return { view, cross, element: make("figure", {}, frame,
        make("span", { class: "mixer-name" }, name)) };
    }
    const pictures = [
      picture("colours", canvas), ...CHANNELS.map((name) => picture(name)),
      picture("output"),
    ];
    function fill(view, value) {
      const context = view.getContext("2d");
      const image = context.createImageData(SIDE, SIDE);
      for (let i = 0; i < SIDE * SIDE; i += 1) {
        const grey = 255 * value(i);
        image.data.set([grey, grey, grey, 255], 4 * i);
      }
      context.putImageData(image, 0, 0);
    }
    CHANNELS.forEach((_, c) =>
      fill(pictures[c + 1].view, (i) => data[4 * i + c] / 255)
    );

    const sliders = [...CHANNELS, "bias"].map((name, i) => {
      const id = `mixer-${name}`;
      const slider = make("input", {
        type: "range", id, min: -2, max: 2, step: 0.01,
      });
      slider.addEventListener("input", () => {
        values[i] = Number(slider.value);
        update();
      });
      const shown = make("output", { for: id });
      return { slider, shown, element: make("div", { class: "field" },
        make("label", { for: id }, i < 3 ? `${name} weight` : name),
        shown, slider) };
    });
    const spot = ["column", "row"].map((name, axis) => {
      const slider = make("input", {
        type: "range", id: `mixer-${name}`, min: 0, max: SIDE - 1, step: 1,
      });
      slider.addEventListener("input", () => {
        at[axis] = Number(slider.value);
        tell();
      });
      const shown = make("output", { for: slider.id });
      return { slider, shown, element: make("div", { class: "field" },
        make("label", { for: slider.id }, `pixel ${name}`), shown,
        slider) };
    });
    const sum = make("p", { class: "mixer-sum", role: "status" });

    function pick(event, view) {
      if (event.type === "pointermove" && !event.buttons) return;
      const frame = view.getBoundingClientRect();
      const cell = (v, size) =>
        Math.max(0, Math.min(SIDE - 1, Math.floor((v / size) * SIDE)));
      at = [
        cell(event.clientX - frame.left, frame.width),
        cell(event.clientY - frame.top, frame.height),
      ];
      tell();
    }
    function tell() {
      // rounded as shown, so that the line can be checked by hand
      const pixel = pixelAt(...at).map((x) => Number(x.toFixed(2)));
      const out = OneByOne.mix(pixel, values.slice(0, 3), values[3]);
      const terms = pixel.map((x, c) => `${signed(values[c])}·${signed(x)}`);
      sum.textContent =
        `Pixel at row ${at[1]}, column ${at[0]}: ${terms.join(" + ")}` +
        ` + ${signed(values[3])} = ${signed(out)}`;
      for (const { cross } of pictures) {
        cross.style.left = `${(100 * (at[0] + 0.5)) / SIDE}%`;
        cross.style.top = `${(100 * (at[1] + 0.5)) / SIDE}%`;
      }
      spot.forEach(({ slider, shown }, axis) => {
        slider.value = at[axis];
        shown.textContent = at[axis];
      });
    }
    function update() {
      const weights = values.slice(0, 3);
      fill(pictures[4].view, (i) => {
        const pixel = [0, 1, 2].map((c) => data[4 * i + c] / 255);
        return OneByOne.mix(pixel, weights, values[3]);
      });
      sliders.forEach(({ slider, shown }, i) => {
        slider.value = values[i];
        shown.textContent = signed(values[i]);
      });
      tell();
    }
    function choose(wanted) {
      wanted.forEach((value, i) => (values[i] = value));
      update();
    }

    place.append(
      make("div", { class: "examples", role: "group",
        "aria-label": "Examples" },
        ...Object.entries(EXAMPLES).map(([name, wanted]) =>
          make("button", { type: "button", onclick: () => choose(wanted) },
            name))),
      make("div", { class: "mixer-pictures" },
        ...pictures.map((p) => p.element)),
      make("div", { class: "fields" },
        ...[...sliders, ...spot].map((s) => s.element)),
      sum,
      make("p", { class: "credit" },
        "Values below 0 show as black, above 1 as white. The line above " +
        "takes the pixel's values as it shows them, with two decimals.")
    );
    update();
  });
})();
