/* The packaged compact NiN, run in the page. */
(function () {
  "use strict";
  const { make } = OneByOne;
  const SIDE = 28, MAPS = 7, CLASSES = 10;
  const LINE = 60, CLOTH = 170; // grey values

  /* --- The network: ten convolutions, two poolings, an average ----------- */

  function bytes(text) {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  }

  class Nin {
    constructor(data) {
      const all = new Float32Array(bytes(data.weights).buffer);
      let at = 0;
      const take = (count) => all.subarray(at, (at += count));
      this.layers = data.layers.map(([out, into, kernel]) => ({
        out, into, kernel,
        weight: take(out * into * kernel * kernel),
        bias: take(out),
      }));
      this.mean = 255 * data.mean;
      this.std = 255 * data.std;
    }

    // 784 grey values from 0 to 255 -> ten class maps and their averages
    run(pixels) {
      let maps = Float32Array.from(pixels, (p) => (p - this.mean) / this.std);
      let side = SIDE;
      this.layers.forEach((layer, i) => {
        if (i === 3 || i === 6) {
          maps = halved(maps, side);
          side /= 2;
        }
        maps = convolved(maps, side, layer);
        if (i < this.layers.length - 1) rectify(maps);
      });
      const logits = new Float32Array(CLASSES);
      for (let k = 0; k < CLASSES; k += 1) {
        const map = maps.subarray(k * side * side, (k + 1) * side * side);
        logits[k] = map.reduce((sum, value) => sum + value, 0) / map.length;
      }
      return { maps, logits };
    }
  }

  // Padding keeps the size: each weight adds a moved copy of an input map.
  function convolved(input, side, { out, into, kernel, weight, bias }) {
    const output = new Float32Array(out * side * side);
    const pad = (kernel - 1) / 2;
    let w = 0;
    for (let o = 0; o < out; o += 1) {
      const map = output.subarray(o * side * side, (o + 1) * side * side);
      map.fill(bias[o]);
      for (let c = 0; c < into; c += 1) {
        const from = c * side * side;
        for (let dy = -pad; dy <= pad; dy += 1) {
          for (let dx = -pad; dx <= pad; dx += 1, w += 1) {
            const factor = weight[w];
            const first = Math.max(0, -dx), last = Math.min(side, side - dx);
            const top = Math.max(0, -dy), end = Math.min(side, side - dy);
            for (let y = top; y < end; y += 1) {
              const row = from + (y + dy) * side + dx;
              for (let x = first; x < last; x += 1) {
                map[y * side + x] += factor * input[row + x];
              }
            }
          }
        }
      }
    }
    return output;
  }

  function rectify(maps) {
    for (let i = 0; i < maps.length; i += 1) if (maps[i] < 0) maps[i] = 0;
  }

  // 2×2 max pooling with stride 2
  function halved(input, side) {
    const half = side / 2;
    const output = new Float32Array(input.length / 4);
    for (let i = 0; i < output.length; i += 1) {
      const x = i % half, y = Math.floor(i / half); // y counts over all maps
      const at = 2 * y * side + 2 * x;
      output[i] = Math.max(
        input[at], input[at + 1], input[at + side], input[at + side + 1]
      );
    }
    return output;
  }

  OneByOne.Nin = Nin;

  /* --- The drawing board and the maps ------------------------------------ */

  // red for, blue against the class, as in the figures
  function colour(value, scale) {
    const share = Math.max(-1, Math.min(1, value / scale));
    const end = share > 0 ? [178, 24, 43] : [33, 102, 172];
    return end.map((c) => Math.round(247 + (c - 247) * Math.abs(share)));
  }

  function paint(canvas, side, rgb) {
    const context = canvas.getContext("2d");
    const image = context.createImageData(side, side);
    for (let i = 0; i < side * side; i += 1) {
      image.data.set([...rgb(i), 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
  }

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

  function square(side, options) {
    return make("canvas", { width: side, height: side, ...options });
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
        paint(map, MAPS, (i) => colour(maps[from + i], scale));
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
    const garments = data.images.map((code, k) => {
      const image = bytes(code), small = square(SIDE);
      paint(small, SIDE, (i) => [image[i], image[i], image[i]]);
      return make(
        "button",
        {
          type: "button", "aria-label": data.names[k], title: data.names[k],
          onclick: () => {
            sample = false;
            show(image);
          },
        },
        small
      );
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
      make("div", { class: "garments", role: "group",
        "aria-label": "Test images" }, ...garments),
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
    const status = make("span", { role: "status" });
    const button = make(
      "button", { type: "button", class: "start" }, "Load the network"
    );
    button.addEventListener("click", async () => {
      button.disabled = true;
      status.textContent = " Loading …";
      try {
        await OneByOne.load("nin-data.js");
        begin(place, OneByOne.ninData, opening);
        if (!opening)
          place.querySelector(".board").focus({ preventScroll: true });
      } catch (error) {
        status.textContent = ` ${error.message}.`;
        button.disabled = false;
      }
    });
    place.append(
      make("p", {},
        "The trained compact NiN can run in this page: draw a garment, and" +
          " the ten class maps and their averages follow. It takes half a" +
          " megabyte."),
      make("p", {}, button, status)
    );
    if (!opening) return;
    if (document.readyState === "complete") button.click();
    else addEventListener("load", () => button.click());
  });
})();
