/* What the moving pictures share: Play, Step, and a still.

   OneByOne.player(place, { last, draw }) shows the frames 0 to `last`; draw(i)
   returns [svg, text]. It begins with the last frame, a still that is whole by
   itself. A reader who asks for less motion has Step and the slider alone. */
(function () {
  "use strict";
  const { make } = OneByOne;
  const PACE = 900; // milliseconds a frame
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  OneByOne.player = (place, { last, draw, name }) => {
    let frame = last, timer = 0;
    const stage = make("div", { class: "motion-stage" });
    const text = make("p", { class: "motion-text", role: "status" });
    const slider = make("input", {
      type: "range", min: 0, max: last, step: 1, "aria-label": `${name}: step`,
      oninput: () => go(Number(slider.value)),
    });
    const play = make("button", { type: "button", onclick: toggle }, "Play");
    const step = make("button", {
      type: "button", onclick: () => go(frame === last ? 0 : frame + 1),
    }, "Step");

    function show() {
      const [svg, said] = draw(frame);
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", `${name}, step ${frame} of ${last}`);
      stage.replaceChildren(svg);
      text.textContent = said;
      slider.value = frame;
    }
    function go(to) {
      stop();
      frame = to;
      show();
    }
    function stop() {
      clearInterval(timer);
      timer = 0;
      play.textContent = "Play";
      text.removeAttribute("aria-live");
    }
    function toggle() {
      if (timer) return stop();
      if (frame === last) frame = 0;
      show();
      play.textContent = "Pause";
      text.setAttribute("aria-live", "off"); // not every frame is read out
      timer = setInterval(() => {
        if (frame < last) frame += 1;
        show();
        if (frame === last) stop();
      }, PACE);
    }
    const mind = () => {
      if (calm.matches) stop();
      play.hidden = calm.matches;
    };
    calm.addEventListener("change", mind);
    mind();
    place.append(stage, text,
      make("div", { class: "motion-tools" }, play, step, slider));
    show();
  };

  // A map of numbers: its cells lit, hidden or plain, and its name below.
  OneByOne.cells = (values, { x, y, size, name, kind = "", lit, shown }) => {
    const group = make("g", { class: `cells ${kind}` });
    values.forEach((row, r) => row.forEach((value, c) => {
      const left = x + c * size, top = y + r * size;
      const bright = lit?.(r, c) ? "lit" : "";
      group.append(
        make("rect", { x: left, y: top, width: size, height: size,
          class: bright }));
      if (shown && !shown(r, c)) return;
      group.append(
        make("text", { x: left + size / 2, y: top + size / 2 + 5 },
          String(value).replace("-", "−")));
    }));
    group.append(make("text",
      { x: x + (values[0].length * size) / 2, y: y + values.length * size + 20 },
      name));
    return group;
  };
  OneByOne.picture = (width, height, ...content) =>
    make("svg", { viewBox: `0 0 ${width} ${height}`, class: "motion" },
      ...content);
  // 2·1 − 1·3 + …, as one writes it
  OneByOne.sum = (pairs) =>
    pairs.map(([w, x]) => `${w < 0 ? "(−" + -w + ")" : w}·${x}`).join(" + ");
})();
