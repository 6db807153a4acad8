/* A 1×1 convolution: at every pixel, one dot product over the channels. */
(function () {
  "use strict";
  const MAPS = [
    [[1, 2, 0], [0, 1, 1], [2, 0, 1]],
    [[0, 1, 1], [2, 0, 1], [1, 1, 0]],
    [[1, 0, 2], [1, 1, 0], [0, 2, 1]],
  ];
  const WEIGHTS = [2, -1, 1], SIDE = 3;
  const at = (r, c) => WEIGHTS.map((w, k) => [w, MAPS[k][r][c]]);
  const OUTPUT = MAPS[0].map((row, r) => row.map((_, c) =>
    at(r, c).reduce((sum, [w, x]) => sum + w * x, 0)));
  OneByOne.perPixel = { MAPS, WEIGHTS, OUTPUT };

  function draw(frame) {
    const row = Math.floor((frame - 1) / SIDE), column = (frame - 1) % SIDE;
    const lit = (r, c) => r === row && c === column;
    const shown = (r, c) => r * SIDE + c < frame;
    const svg = OneByOne.picture(480, 150,
      ...MAPS.map((map, k) => OneByOne.cells(map, {
        x: 6 + 116 * k, y: 12, size: 32, lit,
        name: `times ${WEIGHTS[k]}`.replace("-", "−"),
      })),
      OneByOne.cells(OUTPUT,
        { x: 372, y: 12, size: 32, name: "output", lit, shown }));
    if (!frame)
      return [svg, "Three channels, three weights: the whole layer."];
    return [svg, `Row ${row}, column ${column}: ` +
      `${OneByOne.sum(at(row, column))} = ` +
      `${OUTPUT[row][column]}`.replace("-", "−") +
      ". No neighbour is looked at."];
  }
  OneByOne.widget("per-pixel", "A dot product at every pixel", (place) =>
    OneByOne.player(place, { last: SIDE * SIDE, draw, name: "1×1 convolution" }));
})();
