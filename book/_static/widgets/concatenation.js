/* Four branches, one after the other, join the output: channels add up. The
   numbers are those of GoogLeNet's first Inception block. */
(function () {
  "use strict";
  const { make } = OneByOne;
  const BRANCHES = [
    ["1×1", 64, "one"], ["3×3", 128, "conv"], ["5×5", 32, "wide"],
    ["pooling", 32, "pool"],
  ];
  const SCALE = 0.8; // pixels a channel
  const total = (count) =>
    BRANCHES.slice(0, count).reduce((sum, [, channels]) => sum + channels, 0);
  OneByOne.concatenation = { BRANCHES, total };

  function draw(frame) {
    const svg = OneByOne.picture(480, 250);
    let y = 8;
    BRANCHES.forEach(([name, channels, kind], i) => {
      const height = channels * SCALE, top = 14 + total(i) * SCALE;
      const joined = i < frame;
      svg.append(
        make("rect", { x: 142, y: y + i * 6, width: 26, height, class: kind }),
        make("text", { x: 134, y: y + i * 6 + height / 2 + 5, class: "end" },
          `${name}: ${channels}`));
      if (joined)
        svg.append(
          make("path", { class: "way", d: `M172 ${y + i * 6 + height / 2}` +
            `C212 ${y + i * 6 + height / 2} 212 ${top + height / 2} 258 ` +
            `${top + height / 2}` }),
          make("rect", { x: 262, y: top, width: 40, height,
            class: `${kind}${i === frame - 1 ? " now" : ""}` }));
      y += height;
    });
    svg.append(make("text", { x: 310, y: 14 + (total(frame) * SCALE) / 2 + 5,
      class: "start" }, frame ? `${total(frame)} channels` : ""));
    if (!frame)
      return [svg, "Four branches have worked on the same input, side by side."];
    const terms = BRANCHES.slice(0, frame).map(([, channels]) => channels);
    return [svg, `Concatenated: ${terms.join(" + ")}` +
      (frame > 1 ? ` = ${total(frame)}` : "") +
      " channels. Height and width stay as they are."];
  }
  OneByOne.widget("concatenation", "Channels that add up", (place) =>
    OneByOne.player(place,
      { last: BRANCHES.length, draw, name: "Concatenation" }));
})();
