/* The gradient on its way back through a plain and a residual stack, with one
   number for each layer: a plain layer hands on slope times what arrives, a
   residual one (1 + slope) times. */
(function () {
  "use strict";
  const { make } = OneByOne;
  const SLOPES = [0.4, -0.3, 0.5, 0.2, -0.4, 0.3, 0.6, -0.2];
  const DECADES = 5; // of the scale, below and up to 10
  function after(layers, skip) {
    return SLOPES.slice(0, layers).reduce((g, s) => g * (skip + s), 1);
  }
  OneByOne.gradientFlow = { SLOPES, after };

  const written = (value) =>
    Number(value.toPrecision(2)).toString().replace("-", "−");

  function lane(frame, skip, y, name) {
    const group = make("g", { class: skip ? "residual" : "plain" });
    group.append(make("text", { x: 8, y: y - 8, class: "start" }, name));
    for (let i = 0; i <= SLOPES.length; i += 1) {
      const x = 460 - 54 * i, size = Math.abs(after(i, skip));
      const share = Math.max(0, 1 + Math.log10(size / 10) / DECADES);
      if (i < SLOPES.length) {
        group.append(make("line",
          { x1: x - 6, y1: y + 80, x2: x - 48, y2: y + 80, class: "way" }));
        if (skip)
          group.append(make("path", { class: "way",
            d: `M${x - 6} ${y + 74}c-10 -14 -32 -14 -42 0` }));
      }
      if (i > frame) continue;
      group.append(make("rect", { x: x - 7, y: y + 76 - 70 * share, width: 14,
        height: 70 * share + 4, class: i === frame ? "now" : "" }));
    }
    return group;
  }
  function draw(frame) {
    const svg = OneByOne.picture(480, 248, lane(frame, 0, 28, "plain"),
      lane(frame, 1, 142, "residual"),
      make("text", { x: 472, y: 243, class: "end" }, "loss"),
      make("text", { x: 8, y: 243, class: "start" }, "first layer"));
    if (!frame)
      return [svg, "At the loss both gradients are 1. They go back to the left."];
    const slope = SLOPES[frame - 1];
    return [svg, `Behind ${frame} layers, of which the last has the slope ` +
      `${written(slope)}: plain ${written(after(frame, 0))}, residual ` +
      `${written(after(frame, 1))}. Heights are on a logarithmic scale.`];
  }
  OneByOne.widget("gradient-flow", "The gradient through two stacks",
    (place) => OneByOne.player(place,
      { last: SLOPES.length, draw, name: "Gradient" }));
})();
