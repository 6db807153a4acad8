/* Where the windows of a strided convolution lie, in PyTorch and in Keras. */
(function () {
  "use strict";
  const { make } = OneByOne;
  const ROOM = 3; // columns for padding on each side
  const FIELDS = [
    ["pixels", 8, 2, 14], ["kernel", 3, 1, 7], ["stride", 2, 1, 4],
    ["PyTorch's padding", 1, 0, 3],
  ];

  // First pixels of the windows over `pixels` with that many in front and in
  // all; negative ones are padding.
  function starts(pixels, kernel, stride, front, total) {
    const count = Math.floor((pixels + total - kernel) / stride) + 1;
    return Array.from({ length: Math.max(0, count) }, (_, i) =>
      i * stride - front);
  }

  // The windows of a kernel, and how much is padded in front and behind.
  OneByOne.windows = (pixels, kernel, stride, padding) => {
    const needed = (Math.ceil(pixels / stride) - 1) * stride + kernel - pixels;
    const total = Math.max(needed, 0);
    const front = Math.floor(total / 2);
    return {
      pytorch: {
        before: padding, behind: padding,
        starts: starts(pixels, kernel, stride, padding, 2 * padding),
      },
      keras: {
        before: front, behind: total - front,
        starts: starts(pixels, kernel, stride, front, total),
      },
      shortcut: starts(pixels, 1, stride, 0, 0),
    };
  };

  const list = (values) => values.map((v) => `${v}`.replace("-", "−")).join(", ");

  function row(title, { before, behind, starts }, pixels, kernel, shortcut) {
    const [height, width] = [34 + 7 * starts.length, 10 * (pixels + 2 * ROOM)];
    const svg = make("svg", {
      viewBox: `0 0 ${Math.max(width, 120)} ${height}`, role: "img",
      "aria-label": `${title}: windows start at ${list(starts)}`,
    });
    const toX = (column) => 10 * (column + ROOM);
    svg.append(make("text", { x: 2, y: 9 }, title));
    for (let column = -before; column < pixels + behind; column += 1) {
      const inside = column >= 0 && column < pixels;
      const read = inside && shortcut.includes(column);
      svg.append(make("rect", {
        x: toX(column) + 0.5, y: 14, width: 9, height: 9,
        class: read ? "pixel read" : inside ? "pixel" : "pixel padding",
      }));
      if (inside)
        svg.append(make("text", {
          x: toX(column) + 5, y: 20.8, class: "middle number",
        }, `${column}`));
    }
    starts.forEach((start, i) => {
      const y = 29 + 7 * i;
      svg.append(
        make("line", {
          x1: toX(start) + 1, x2: toX(start + kernel) - 1, y1: y, y2: y,
        }),
        make("circle", { cx: toX(start + kernel / 2), cy: y, r: 2 })
      );
    });
    return svg;
  }

  OneByOne.widget("windows", "Windows of a strided convolution", (place) => {
    const fields = FIELDS.map(([label, value, low, high]) =>
      OneByOne.number(label, value, low, high, () => update()));
    const stage = make("div", { class: "windows" });
    const told = make("p", { class: "told", role: "status" });

    function update() {
      const [pixels, kernel, stride, padding] = fields.map((f) => f.value);
      const { pytorch, keras, shortcut } =
        OneByOne.windows(pixels, kernel, stride, padding);
      stage.replaceChildren(
        row(`PyTorch, padding ${padding}`, pytorch, pixels, kernel, shortcut),
        row('Keras, "same"', keras, pixels, kernel, shortcut));
      const same = list(pytorch.starts) === list(keras.starts);
      const first = (windows) =>
        windows.starts.length
          ? `${windows.starts.length} windows, the first from` +
            ` ${list(windows.starts.slice(0, 1))}`
          : "no window fits";
      told.textContent =
        `PyTorch: ${first(pytorch)}. Keras: ${first(keras)}, with` +
        ` ${keras.before} padded in front and ${keras.behind} behind. ` +
        (same ? "The windows are the same."
          : "The windows are not the same.");
    }
    place.append(
      make("div", { class: "fields" }, ...fields.map((f) => f.element)),
      stage, told,
      make("p", { class: "credit" },
        "Dashed pixels are padding, orange ones are read by a 1×1 shortcut" +
          " with the same stride. A line is a window, its dot the middle."));
    update();
  });
})();
