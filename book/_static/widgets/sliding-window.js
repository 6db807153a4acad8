/* A window slides over an image and fills its output. */
(function () {
  "use strict";
  const IMAGE = [
    [1, 0, 2, 1, 0], [0, 1, 1, 0, 2], [2, 1, 0, 1, 1], [0, 2, 1, 0, 1],
    [1, 0, 1, 2, 0],
  ];
  const KERNEL = [[1, 0, -1], [0, 1, 0], [-1, 0, 1]];
  const SIDE = 3; // of the kernel, and of the output

  function at(row, column) {
    return KERNEL.flatMap((line, r) =>
      line.map((w, c) => [w, IMAGE[row + r][column + c]]));
  }
  const total = (pairs) => pairs.reduce((sum, [w, x]) => sum + w * x, 0);
  const OUTPUT = KERNEL.map((_, r) => KERNEL.map((_, c) => total(at(r, c))));
  OneByOne.slidingWindow = { IMAGE, KERNEL, OUTPUT };

  function draw(frame) {
    const row = Math.floor((frame - 1) / SIDE), column = (frame - 1) % SIDE;
    const inside = (r, c) => frame > 0 && r >= row && r < row + SIDE &&
      c >= column && c < column + SIDE;
    const svg = OneByOne.picture(480, 250,
      OneByOne.cells(IMAGE, { x: 8, y: 12, size: 40, name: "image", lit: inside }),
      OneByOne.cells(KERNEL, { x: 228, y: 52, size: 34, name: "kernel",
        kind: "weights" }),
      OneByOne.cells(OUTPUT, { x: 350, y: 42, size: 40, name: "output",
        lit: (r, c) => r === row && c === column,
        shown: (r, c) => r * SIDE + c < frame }));
    if (!frame) return [svg, "The output is empty: the window has to move."];
    const pairs = at(row, column).filter(([w]) => w);
    return [svg, `Row ${row}, column ${column}: ${OneByOne.sum(pairs)} = ` +
      `${OUTPUT[row][column]}`.replace("-", "−") +
      ". Where the kernel has a zero, nothing is added."];
  }
  OneByOne.widget("sliding-window", "A window that slides", (place) =>
    OneByOne.player(place, { last: SIDE * SIDE, draw, name: "Sliding window" }));
})();
