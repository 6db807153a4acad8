/* Decode my number: which mistakes, in which network, make a count. The
   search of onebyone/check/engine/decoder.py, on the lists that it has made,
   with the same words. */
(function () {
  "use strict";
  const { make, grouped } = OneByOne;
  const MAX_SHOWN = 3;
  const MIN_COUNT = 1000; // below, some mistake leads to almost every number
  const MIN_DIGITS = 3; // of a rounded number, below which it says too little

  // The counts of one layer, in the order of the lists.
  const weights = ([, inputs, outputs, k]) => k * k * inputs * outputs;
  const COUNTS = [
    (layer) => weights(layer) + layer[5] * layer[2],
    weights,
    (layer) => weights(layer) * layer[4] ** 2,
    (layer) => layer[2] * layer[4] ** 2,
  ];

  // --- Slips: a digit off by 1 or 2, or two digits exchanged -----------------

  function slips(right) {
    const digits = [...`${right}`];
    const found = new Set();
    digits.forEach((digit, i) => {
      const [before, after] = [digits.slice(0, i), digits.slice(i + 1)];
      for (let wrong = +digit - 2; wrong <= +digit + 2; wrong += 1)
        if (wrong >= 0 && wrong <= 9)
          found.add(+[...before, wrong, ...after].join(""));
      if (after.length)
        found.add(+[...before, after[0], digit, ...after.slice(1)].join(""));
    });
    return [...found].filter((n) => n && n !== right).sort((a, b) => a - b);
  }

  // The slips in one layer, each with how it changes every count.
  function slipsIn(layer) {
    return [1, 2].flatMap((field) =>
      slips(layer[field]).map((wrong) => {
        const twin = [...layer];
        twin[field] = wrong;
        const changes = COUNTS.map((count) => count(twin) - count(layer));
        return { layer: layer[0], right: layer[field], wrong, changes };
      }));
  }

  // --- The search ------------------------------------------------------------

  // Calls tell() with every way to a number in a network: the quantity, its
  // right count, and the mistakes on the way with what each leads to.
  function walk(data, network, tell) {
    const ways = data.ways[network];
    ways.forEach((way, place) => {
      const path = [];
      for (let at = place; at >= 0; at = ways[at][0]) path.unshift(ways[at]);
      data.quantities.forEach(([, factor, , kind], quantity) => {
        const totals = path.map((one) => factor * one[2][kind]);
        if (new Set(totals).size < totals.length) return;
        const steps = path.slice(1).map((one, i) => [one[1], totals[i + 1]]);
        const end = totals[totals.length - 1];
        const told = (value, more, slip) =>
          tell({
            network, quantity, value, right: totals[0], slip,
            steps: more ? [...steps, [more, value]] : steps,
          });
        told(end, null, false);
        way[3].forEach((count, i) => {
          if (data.counts[i][1] === kind)
            told(factor * count, data.counts[i][0], false);
        });
        if (factor === 1)
          for (const index of way[4])
            for (const slip of data.slips[index])
              if (slip.changes[kind])
                told(end + slip.changes[kind], slip, true);
      });
    });
  }

  const order = (a, b) =>
    a.steps.length - b.steps.length || a.slip - b.slip ||
    a.network - b.network || a.quantity - b.quantity;
  const alike = (a, b) => JSON.stringify(a) === JSON.stringify(b);

  // What leads to the numbers from low to high, the simplest first.
  function hitsOf(data, low, high, networks) {
    const ends = new Map();
    const tell = (hit) => {
      if (hit.value < low || hit.value > high) return;
      if (hit.value < MIN_COUNT && hit.steps.length) return;
      const end = `${hit.value} ${hit.network} ${hit.quantity}`;
      const best = ends.get(end);
      if (!best || order(hit, best[0]) < 0) ends.set(end, [hit]);
      else if (!order(hit, best[0]) && !alike(hit, best[0])) best.push(hit);
    };
    for (const network of networks) walk(data, network, tell);
    const hits = [...ends.values()].flat();
    hits.sort((a, b) => order(a, b) || a.value - b.value);
    if (low === high) return hits;
    const most = (high - low) * 1000 <= low ? 2 : 1;
    return hits.filter((hit) => !hit.slip && hit.steps.length <= most);
  }

  // --- What is said ----------------------------------------------------------

  const signed = (n) => (n < 0 ? `−${grouped(-n)}` : `+${grouped(n)}`);

  // {title, text} for what is typed, in one network or, with null, in all.
  OneByOne.explain = (data, typed, only) => {
    const say = (name, about = {}) =>
      data.remarks[name].replace(/\{(\w+)\}/g, (_, key) => about[key]);
    const title = "Decode my number";
    try {
      const [low, high] = interval(typed, say);
      const ends = { low: grouped(low), high: grouped(high) };
      const range = low === high ? ends.low : say("range", ends);
      const text = explainRange(data, say, Number(low), Number(high), only);
      return { title: `${title} · ${range}`, text };
    } catch (reason) {
      if (!(reason instanceof OneByOne.NotYet)) throw reason;
      return { title, text: reason.message };
    }
  };

  // What a number may stand for: a float is rounded to the digits it shows.
  function interval(typed, say) {
    if (!typed.trim()) throw new OneByOne.NotYet("Give a number.");
    const count = OneByOne.typedNumber(typed, say);
    const value = OneByOne.shownNumber(count);
    const refuse = (name) => {
      throw new OneByOne.NotYet(say(name, { value, digits: MIN_DIGITS }));
    };
    if (count <= 0) refuse("not positive");
    if (typeof count === "bigint") return [count, count];
    const [digits, exponent] = count.toExponential().split("e");
    const shown = digits.replace(".", "").length;
    const last = exponent - shown + 1; // the power of ten of the last digit
    if (shown < MIN_DIGITS && last > 0) refuse("rounded too much");
    if (last < 0) refuse("not whole");
    const spread = last > 0 ? 5n * 10n ** BigInt(last - 1) : 0n;
    return [BigInt(count) - spread, BigInt(count) + spread];
  }

  function explainRange(data, say, low, high, only) {
    const networks = only === null ? [...data.networks.keys()] : [only];
    const hits = hitsOf(data, low, high, networks);
    if (!hits.length) return explainNothing(data, say, low, networks, only);
    const [first] = hits;
    const best = hits.filter((hit) =>
      hit.steps.length === first.steps.length && hit.slip === first.slip);
    const texts = best.slice(0, MAX_SHOWN).map((hit) =>
      describe(data, say, hit));
    const left = best.length - MAX_SHOWN;
    if (left > 0) texts.push(say(left === 1 ? "one more" : "more", { left }));
    if (low < high && first.steps.length) texts.push(say("rounded"));
    if (first.slip && first.steps.length > 1) texts.push(say("much explained"));
    return texts.join("\n");
  }

  function named(data, say, { quantity, network }) {
    return say("found", {
      quantity: data.quantities[quantity][0], network: data.networks[network],
    });
  }

  function describe(data, say, hit) {
    const found = named(data, say, hit);
    const [, , warns] = data.quantities[hit.quantity];
    if (!hit.steps.length) return `${found}. ${warns}`.trim();
    const many = hit.steps.length === 1 ? "one mistake" : "two mistakes";
    let before = hit.right;
    const lines = hit.steps.map(([mistake, value]) => {
      const says = hit.slip && value === hit.value && mistake.layer
        ? say("slip", mistake) : mistake;
      const change = signed(value - before);
      before = value;
      return say("step", { says, change });
    });
    const right = say("right count", { count: grouped(hit.right) });
    return [say(many, { found }), ...lines, right].join("\n");
  }

  // That nothing fits, and which right count is near, if any.
  function explainNothing(data, say, value, networks, only) {
    const text = only === null
      ? say("nothing fits")
      : say("nothing fits one", { network: data.networks[only] });
    const rights = networks.flatMap((network) =>
      data.quantities.map(([, factor, , kind], quantity) => ({
        network, quantity, count: factor * data.ways[network][0][2][kind],
      })));
    rights.sort((a, b) =>
      Math.abs(a.count - value) - Math.abs(b.count - value) ||
      a.count - b.count);
    const [near] = rights;
    if (Math.abs(near.count - value) * 10 > near.count) return text;
    const what = named(data, say, near).replace("This is ", "");
    const nearest = say("nearest", { count: grouped(near.count), what });
    return `${text}\n${nearest}`;
  }

  // --- The box ---------------------------------------------------------------

  async function loaded() {
    await OneByOne.load("decode-data.js");
    const data = OneByOne.decodeData;
    data.slips ||= data.layers.map(slipsIn);
    return data;
  }
  OneByOne.decoder = loaded;

  OneByOne.widget("decode", "Decode my number", (place) => {
    const number = make("input", {
      id: "decode-number", type: "text", autocomplete: "off",
      spellcheck: "false", maxlength: 60, value: "1,995,284",
    });
    const network = make("select", { id: "decode-network" },
      make("option", { value: "" }, "any network of this book"));
    const told = make("div", { class: "decoded", role: "status" });
    const form = make("form", { "aria-label": "Decode my number" },
      make("div", { class: "decode-fields" },
        make("div", {},
          make("label", { for: "decode-number" }, "Your number"), number),
        make("div", {},
          make("label", { for: "decode-network" }, "counted in"), network),
        make("button", { class: "start" }, "Decode")),
      told);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        show(OneByOne.explain(await loaded(), number.value, chosen()));
      } catch (error) {
        told.replaceChildren(make("p", {}, `${error.message}.`));
      }
    });

    const chosen = () => (network.value ? Number(network.value) : null);
    function show({ title, text }) {
      const lines = text.split("\n").map((line) =>
        make("p", {}, ...OneByOne.spoken(line)));
      told.replaceChildren(
        make("p", {}, make("strong", {}, title)), ...lines);
    }
    // The names come with the lists: a reader who comes near gets them.
    form.addEventListener("focusin", async () => {
      const data = await loaded().catch(() => null);
      if (!data || network.options.length > 1) return;
      data.networks.forEach((name, value) =>
        network.append(make("option", { value }, name)));
    });
    place.append(form);
  });
})();
