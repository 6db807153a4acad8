/* A garment to drag over a large canvas: the evidence of a class, and a box. */
(function () {
  "use strict";
  const { make, bytes, paint, square, evidenceColour } = OneByOne;
  const GARMENT = 28, SIDE = 84, PIXELS = 4; // pixels a place of a map
  const MAP = SIDE / PIXELS, SHARE = 20; // per cent of the map's maximum
  const REST = 120; // milliseconds without a move, and the network runs
  const SVG = { viewBox: `0 0 ${SIDE} ${SIDE}`, "aria-hidden": "true" };

  // What each class has at each place beyond an empty canvas. What a place
  // gives to all classes alike is taken off: it changes no probability.
  OneByOne.evidence = (maps, empty, classes) => {
    const places = maps.length / classes;
    const found = maps.map((value, i) => value - empty[i]);
    for (let i = 0; i < places; i += 1) {
      let mean = 0;
      for (let k = 0; k < classes; k += 1) mean += found[k * places + i] / classes;
      for (let k = 0; k < classes; k += 1) found[k * places + i] -= mean;
    }
    return found;
  };

  // A square map, so many times as large, with straight lines in between
  OneByOne.enlarged = (map, side, times) => {
    const place = (pixel) => {
      const at = Math.max(0, (pixel + 0.5) / times - 0.5);
      const low = Math.floor(at);
      return [low, Math.min(low + 1, side - 1), at - low];
    };
    const large = side * times;
    return Float32Array.from({ length: large * large }, (_, i) => {
      const [top, bottom, down] = place(Math.floor(i / large));
      const [left, right, across] = place(i % large);
      const row = (y) =>
        map[y * side + left] * (1 - across) + map[y * side + right] * across;
      return row(top) * (1 - down) + row(bottom) * down;
    });
  };

  // The smallest box around what is kept: top, left, bottom, right.
  OneByOne.box = (side, kept) => {
    const box = [side, side, 0, 0];
    for (let i = 0; i < side * side; i += 1) {
      if (!kept(i)) continue;
      const [y, x] = [Math.floor(i / side), i % side];
      box[0] = Math.min(box[0], y);
      box[1] = Math.min(box[1], x);
      box[2] = Math.max(box[2], y + 1);
      box[3] = Math.max(box[3], x + 1);
    }
    return box;
  };

  // Intersection over union of two boxes
  OneByOne.overlap = (a, b) => {
    const area = ([y0, x0, y1, x1]) =>
      Math.max(0, y1 - y0) * Math.max(0, x1 - x0);
    const shared = area([
      Math.max(a[0], b[0]), Math.max(a[1], b[1]),
      Math.min(a[2], b[2]), Math.min(a[3], b[3]),
    ]);
    return shared / (area(a) + area(b) - shared);
  };

  function begin(place, data) {
    const net = new OneByOne.Nin(data);
    const classes = data.names.length;
    const empty = net.run(new Uint8Array(SIDE * SIDE)).maps;
    let garment = 5, at = [28, 28], given = true, timer = 0, held = null;
    let looked; // what the network found, until the garment moves

    const board = square(SIDE, {
      class: "canvas", tabindex: 0, role: "application",
      "aria-label": `Canvas of ${SIDE} by ${SIDE} pixels. The arrow keys move` +
        " the garment.",
    });
    const map = square(SIDE, { role: "img" });
    const share = OneByOne.number("per cent of the maximum", SHARE, 5, 95,
      () => show());
    const frames = [0, 1].map(() => make("svg", SVG));
    const caption = make("p", { class: "told" });
    const told = make("p", { class: "told", role: "status" });
    const choices = [true, false].map((label) =>
      make("button", { type: "button", onclick: () => {
        given = label;
        show();
      } }, label ? "the right class" : "the network's answer"));

    function composed() {
      const canvas = new Uint8Array(SIDE * SIDE);
      const image = bytes(data.images[garment]);
      image.forEach((value, i) => {
        const [y, x] = [Math.floor(i / GARMENT), i % GARMENT];
        canvas[(at[1] + y) * SIDE + at[0] + x] = value;
      });
      return canvas;
    }
    function outline([y0, x0, y1, x1], kind) {
      const size = { width: x1 - x0, height: y1 - y0 };
      return make("rect", { x: x0, y: y0, ...size, class: kind });
    }
    const best = (values) => values.indexOf(Math.max(...values));

    // The network runs once where the garment rests
    function look() {
      const canvas = composed();
      const { maps, logits } = net.run(canvas);
      const evidence = OneByOne.evidence(maps, empty, classes);
      const own = data.names.map((_, k) =>
        evidence.subarray(k * MAP * MAP, (k + 1) * MAP * MAP));
      const sums = own.map((map) => map.reduce((sum, value) => sum + value, 0));
      const truth = OneByOne.box(SIDE, (i) => canvas[i] > 0);
      looked = { at, garment, logits, own, answer: best(sums), truth };
      show();
    }
    // ... and its box follows the class and the share of the maximum
    function show() {
      if (!looked) return;
      const { at, garment, logits, answer, truth } = looked;
      const shown = given ? garment : answer;
      const own = OneByOne.enlarged(looked.own[shown], MAP, PIXELS);
      const peak = own.reduce((most, value) => Math.max(most, value));
      const kept = (share.value / 100) * peak;
      const found = OneByOne.box(SIDE, (i) => own[i] >= kept);
      const overlap = OneByOne.overlap(found, truth);

      paint(map, SIDE, (i) => evidenceColour(own[i], peak));
      for (const frame of frames)
        frame.replaceChildren(outline(truth, "truth"), outline(found, "found"));
      choices.forEach((button, i) =>
        button.setAttribute("aria-pressed", (i === 0) === given));
      map.setAttribute("aria-label", `Evidence: ${data.names[shown]}`);
      caption.textContent = `Evidence for ${data.names[shown]}, enlarged.`;
      const names = data.names;
      told.textContent =
        `The garment is: ${names[garment]}. Highest average of the maps:` +
        ` ${names[best(logits)]}; of the evidence: ${names[answer]}.` +
        ` The boxes overlap by ${overlap.toFixed(2)},` +
        ` ${overlap >= 0.5 ? "a hit" : "no hit"}.`;
      place.seen = { at, garment, logits: [...logits], found, truth, overlap };
    }
    // The garment moves at once; boxes and maps follow when it rests.
    function plan() {
      const canvas = composed();
      paint(board, SIDE, (i) => [canvas[i], canvas[i], canvas[i]]);
      frames[0].replaceChildren();
      clearTimeout(timer);
      timer = setTimeout(look, REST);
    }
    function moveTo(x, y) {
      const inside = (v) =>
        Math.max(0, Math.min(SIDE - GARMENT, Math.round(v)));
      at = [inside(x), inside(y)];
      plan();
    }
    function pointed(event) {
      const frame = board.getBoundingClientRect();
      return [
        ((event.clientX - frame.left) / frame.width) * SIDE,
        ((event.clientY - frame.top) / frame.height) * SIDE,
      ];
    }
    board.addEventListener("pointerdown", (event) => {
      const [x, y] = pointed(event);
      const on = [x - at[0], y - at[1]];
      const inside = on.every((v) => v >= 0 && v < GARMENT);
      held = inside ? on : [GARMENT / 2, GARMENT / 2];
      board.setPointerCapture(event.pointerId);
      moveTo(x - held[0], y - held[1]);
    });
    board.addEventListener("pointermove", (event) => {
      if (!event.buttons || !held) return;
      const [x, y] = pointed(event);
      moveTo(x - held[0], y - held[1]);
    });
    const moves = {
      ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    board.addEventListener("keydown", (event) => {
      const move = moves[event.key];
      if (!move) return;
      event.preventDefault();
      moveTo(at[0] + move[0], at[1] + move[1]);
    });

    place.replaceChildren(
      make("p", { class: "hint" },
        "Drag the garment over the canvas, or pick another one:"),
      OneByOne.garments(data, (k) => {
        garment = k;
        plan();
      }),
      make("p", { role: "group", "aria-label": "Evidence for" },
        "Show the evidence for ", ...choices),
      make("div", { class: "localise" },
        make("div", { class: "framed" }, board, frames[0]),
        make("div", { class: "framed" }, map, frames[1])),
      caption, share.element, told,
      make("p", { class: "credit" },
        "Solid: the true box. Dashed: the smallest box around what reaches" +
          ` that share of the map's maximum. Images: ${data.source}.`)
    );
    plan();
    board.focus({ preventScroll: true });
  }

  OneByOne.widget("localise", "A garment to find on a canvas", (place) =>
    OneByOne.withNin(
      place,
      "The trained compact NiN can look for a garment in this page: drag it" +
        " over a canvas, and see the evidence and the box.",
      false,
      (data) => begin(place, data)
    ));
})();
