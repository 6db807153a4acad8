/* The packaged compact NiN, computed in the page; what shows its maps. */
(function () {
  "use strict";
  const { make } = OneByOne;

  /* --- The network: ten convolutions, two poolings, an average ----------- */

  const bytes = (OneByOne.bytes = (text) =>
    Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));

  class Nin {
    constructor(data) {
      const whole = new Int16Array(bytes(data.weights).buffer);
      const units = new Float32Array(bytes(data.units).buffer); // a filter each
      const biases = new Float32Array(bytes(data.biases).buffer);
      let w = 0, f = 0;
      this.layers = data.layers.map(([out, into, kernel]) => {
        const size = into * kernel * kernel;
        const weight = Float32Array.from(
          whole.subarray(w, (w += out * size)),
          (value, i) => value * units[f + Math.floor(i / size)]
        );
        const bias = biases.subarray(f, (f += out));
        return { out, into, kernel, weight, bias };
      });
      this.mean = 255 * data.mean;
      this.std = 255 * data.std;
    }

    // a square of grey values from 0 to 255 -> class maps and their averages
    run(pixels) {
      let maps = Float32Array.from(pixels, (p) => (p - this.mean) / this.std);
      let side = Math.sqrt(pixels.length);
      this.layers.forEach((layer, i) => {
        if (i === 3 || i === 6) {
          maps = halved(maps, side);
          side /= 2;
        }
        maps = convolved(maps, side, layer);
        if (i < this.layers.length - 1) rectify(maps);
      });
      const logits = new Float32Array(maps.length / side ** 2);
      for (let k = 0; k < logits.length; k += 1) {
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

  /* --- Pictures of maps -------------------------------------------------- */

  // red for, blue against the class, as in the figures
  OneByOne.evidenceColour = (value, scale) => {
    const share = Math.max(-1, Math.min(1, value / scale));
    const end = share > 0 ? [178, 24, 43] : [33, 102, 172];
    return end.map((c) => Math.round(247 + (c - 247) * Math.abs(share)));
  };

  OneByOne.paint = (canvas, side, rgb) => {
    const context = canvas.getContext("2d");
    const image = context.createImageData(side, side);
    for (let i = 0; i < side * side; i += 1) {
      image.data.set([...rgb(i), 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
  };

  OneByOne.square = (side, options) =>
    make("canvas", { width: side, height: side, ...options });

  // Buttons with the ten test images; calls picked(k).
  OneByOne.garments = (data, picked) =>
    make(
      "div",
      { class: "garments", role: "group", "aria-label": "Test images" },
      ...data.images.map((code, k) => {
        const image = bytes(code), small = OneByOne.square(28);
        OneByOne.paint(small, 28, (i) => [image[i], image[i], image[i]]);
        const name = data.names[k];
        const says = { "aria-label": name, title: name };
        return make(
          "button", { type: "button", ...says, onclick: () => picked(k) }, small
        );
      })
    );

  // Offer to load the network, and begin with it; at once if it opens a page.
  OneByOne.withNin = (place, promise, opening, begin) => {
    const status = make("span", { role: "status" });
    const button = make(
      "button", { type: "button", class: "start" }, "Load the network"
    );
    button.addEventListener("click", async () => {
      button.disabled = true;
      status.textContent = " Loading …";
      try {
        await OneByOne.load("nin-data.js");
        begin(OneByOne.ninData);
      } catch (error) {
        status.textContent = ` ${error.message}.`;
        button.disabled = false;
      }
    });
    place.append(
      make("p", {}, `${promise} It takes a fifth of a megabyte.`),
      make("p", {}, button, status)
    );
    if (!opening) return;
    if (document.readyState === "complete") button.click();
    else addEventListener("load", () => button.click());
  };
})();
