/* A drawing board whose picture the compact NiN classifies. */
(function () {
  "use strict";
  const { make, bytes, paint, square, Nin, evidenceColour } = OneByOne;
  const SIDE = 28, MAPS = 7;
  const LINE = 60, CLOTH = 170; // grey values

  /* --- The drawing board and the maps ------------------------------------ */

  // Garments are solid: what a drawn line encloses becomes cloth.
  function fillInside(pixels) {
    const outside = new Uint8Array(SIDE * SIDE), next = [];
    for (let i = 0; i < SIDE; i += 1)
      next.push([i, 0], [i, SIDE - 1], [0, i], [SIDE - 1, i]);
    while (next.length) {
      const [x, y] = next.pop(), at = y * SIDE + x;
      if (x < 0 || y < 0 || x >= SIDE || y >= SIDE) continue;
      if (outside[at] || pixels[at] > LINE) continue;
      outside[at] = 1;
      next.push([x + 1, y], [x - 1, y], [x, y + 1], [x, y - 1]);
    }
    outside.forEach((out, at) => {
      if (!out) pixels[at] = Math.max(pixels[at], CLOTH);
    });
  }

  // An opening shows a boot; the first stroke clears it and is the reader's.
  function begin(place, data, opening) {
    const net = new Nin(data);
    const pixels = new Uint8Array(SIDE * SIDE);
    let cursor = [14, 14], erase = false, planned = false, sample = opening;

    const board = square(SIDE, {
      class: "board", tabindex: 0, role: "application",
      "aria-label": "Drawing board of 28 by 28 pixels. The arrow keys move" +
        " the pen, the space bar draws.",
    });
    const pen = make("div", { class: "pen", "aria-hidden": "true" });
    const verdict = make("p", { class: "verdict", role: "status" });
    const rows = data.names.map((name) => {
      const map = square(MAPS, { role: "img", "aria-label": `Map: ${name}` });
      const value = make("span", { class: "value" });
      const bar = make("span", { class: "bar" });
      const row = make(
        "li", {}, map, make("span", { class: "name" }, name), value,
        make("span", { class: "track", "aria-hidden": "true" }, bar)
      );
      return { row, map, value, bar };
    });

    function update() {
      planned = false;
      const { maps, logits } = net.run(pixels);
      const best = logits.indexOf(Math.max(...logits));
      const scale = Math.max(1, ...maps.map(Math.abs));
      const widest = Math.max(1, ...logits.map(Math.abs));
      paint(board, SIDE, (i) => [pixels[i], pixels[i], pixels[i]]);
      rows.forEach(({ row, map, value, bar }, k) => {
        const from = k * MAPS * MAPS;
        paint(map, MAPS, (i) => evidenceColour(maps[from + i], scale));
        value.textContent = logits[k].toFixed(2).replace("-", "−");
        bar.style.width = `${(50 * Math.abs(logits[k])) / widest}%`;
        bar.style.left = logits[k] < 0 ? "" : "50%";
        bar.style.right = logits[k] < 0 ? "50%" : "";
        bar.className = logits[k] < 0 ? "bar against" : "bar";
        row.className = k === best ? "best" : "";
      });
      verdict.textContent = opening && !pixels.some(Boolean)
        ? "The board is empty: draw."
        : `Highest average: ${data.names[best]}, ` +
          rows[best].value.textContent;
    }
    function plan() {
      if (!planned) requestAnimationFrame(update);
      planned = true;
    }

    function dab(x, y) {
      for (let dy = -1; dy <= 1; dy += 1) {
        for (let dx = -1; dx <= 1; dx += 1) {
          const column = x + dx, row = y + dy;
          if (column < 0 || row < 0 || column >= SIDE || row >= SIDE) continue;
          const ink = dx && dy ? 90 : dx || dy ? 170 : 230;
          const at = row * SIDE + column;
          pixels[at] = erase ? 0 : Math.max(pixels[at], ink);
        }
      }
      plan();
    }
    function moveTo(x, y) {
      const inside = (v) => Math.max(0, Math.min(SIDE - 1, v));
      cursor = [inside(x), inside(y)];
      pen.style.left = `${(100 * (cursor[0] + 0.5)) / SIDE}%`;
      pen.style.top = `${(100 * (cursor[1] + 0.5)) / SIDE}%`;
    }
    function drawTo(event) {
      const frame = board.getBoundingClientRect();
      const [x, y] = [
        Math.floor(((event.clientX - frame.left) / frame.width) * SIDE),
        Math.floor(((event.clientY - frame.top) / frame.height) * SIDE),
      ];
      const [x0, y0] = event.type === "pointerdown" ? [x, y] : cursor;
      const steps = Math.max(1, Math.abs(x - x0), Math.abs(y - y0));
      for (let i = 1; i <= steps; i += 1) {
        dab(
          Math.round(x0 + ((x - x0) * i) / steps),
          Math.round(y0 + ((y - y0) * i) / steps)
        );
      }
      moveTo(x, y);
    }
    function clearSample() {
      if (sample) show(new Uint8Array(784));
      sample = false;
    }
    board.addEventListener("pointerdown", (event) => {
      clearSample();
      board.setPointerCapture(event.pointerId);
      drawTo(event);
    });
    board.addEventListener("pointermove", (event) => {
      if (event.buttons) drawTo(event);
    });
    if (opening)
      board.addEventListener("pointerup", () => {
        if (!erase) fillInside(pixels);
        plan();
      });
    const moves = {
      ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    board.addEventListener("keydown", (event) => {
      const move = moves[event.key];
      if (!move && event.key !== " ") return;
      event.preventDefault();
      if (move) moveTo(cursor[0] + move[0], cursor[1] + move[1]);
      else {
        clearSample();
        dab(...cursor);
      }
    });

    function show(image) {
      pixels.set(image);
      plan();
    }
    const garments = OneByOne.garments(data, (k) => {
      sample = false;
      show(bytes(data.images[k]));
    });
    const eraser = make("input", {
      type: "checkbox", onchange: () => (erase = eraser.checked),
    });
    const clear = make(
      "button", { type: "button", onclick: () => show(new Uint8Array(784)) },
      "Clear"
    );

    place.replaceChildren(
      make("p", { class: "hint" },
        opening
          ? "Draw the outline of a shoe on the black board: it fills itself." +
            " Or pick an image:"
          : "Pick a test image, or draw your own. White is cloth."),
      garments,
      make("div", { class: "nin-columns" },
        make("div", {},
          make("div", { class: "board-frame" }, board, pen),
          make("div", { class: "board-tools" },
            clear, make("label", {}, eraser, " erase"))),
        make("div", {},
          verdict,
          make("ol", { class: "class-maps" }, ...rows.map((r) => r.row)))),
      make("p", { class: "credit" }, `Images: ${data.source}.`)
    );
    moveTo(14, 14);
    show(bytes(data.images[9])); // a boot, the first image of the test set
    update();
    place.net = net;
  }

  OneByOne.widget("nin-live", "A trained network to draw for", (place, widget) => {
    const opening = "opening" in widget.dataset;
    OneByOne.withNin(
      place,
      "The trained compact NiN can run in this page: draw a garment, and" +
        " the ten class maps and their averages follow.",
      opening,
      (data) => {
        begin(place, data, opening);
        if (!opening)
          place.querySelector(".board").focus({ preventScroll: true });
      }
    );
  });
})();
