/* Judges what a reader types, as the package's checks judge a notebook's
   answer: onebyone/check/engine/tasks.py, with the same words. A classic
   script: it works from file://.

   A task and the remarks come from exercises/answers/. An answer is the text
   of a field, or of several by name. Numbers behave as in Python: whole ones
   are BigInts, others floats, and they are compared as exact fractions. */
var OneByOne = OneByOne || {};
(function () {
  "use strict";
  const NOT_ATTEMPTED = "not attempted";
  const NOT_YET = "not yet";
  const CORRECT = "correct";
  const MAX_DIGITS = 400; // of a whole number
  const MAX_TEXT = 120; // characters of an answer that are shown

  class NotYet extends Error {}
  class NotAttempted extends Error {}

  // {state, message} for a task, in the words of `remarks`
  OneByOne.judge = (task, answer, remarks) => {
    const say = (name, about = {}) =>
      remarks[name].replace(/\{(\w+)\}/g, (_, key) => about[key]);
    try {
      JUDGES[task.kind](task, answer, say);
      return { state: CORRECT, message: task.when_correct };
    } catch (reason) {
      if (reason instanceof NotAttempted)
        return { state: NOT_ATTEMPTED, message: reason.message };
      if (reason instanceof NotYet)
        return { state: NOT_YET, message: reason.message };
      throw reason;
    }
  };

  // --- The kinds of task ---------------------------------------------------

  const JUDGES = {
    number(task, answer, say) {
      const value = fraction(typedNumber(attempted(answer, say), say));
      const [right, tolerance] = [task.right, task.tolerance].map(written);
      const rounds = (other) =>
        task.decimals !== null &&
        float(value) === Number(float(other).toFixed(task.decimals));
      const same = (other) => within(value, other, tolerance) || rounds(other);
      if (same(right)) return;
      const mistake = task.mistakes.find(([wrong]) => same(written(wrong)));
      if (mistake) throw new NotYet(mistake[1]);
      throw new NotYet(say(flaw(value, right), { value: numberText(value) }));
    },

    shape(task, answer, say) {
      const sizes = typedShape(attempted(answer, say), say);
      const same = (other) => `${sizes}` === `${other}`;
      if (same(task.right)) return;
      const mistake = task.mistakes.find(([wrong]) => same(wrong));
      if (mistake) throw new NotYet(mistake[1]);
      throw new NotYet(wrongAxis(sizes, task, say));
    },

    group(task, answers, say) {
      const names = Object.keys(task.parts);
      attempted(names.map((name) => answers[name] ?? "").join(""), say);
      let done = true;
      const lines = names.map((name) => {
        const part = task.parts[name];
        const fault = faultOf(part, answers[name] ?? "", say);
        done &&= fault === null;
        if (fault === null) return `${name}: ${say("part correct")}`;
        const right = (one, other) =>
          faultOf(task.parts[one], answers[other] ?? "", say) === null;
        const other = names.find((other) =>
          other !== name && right(name, other) && right(other, name));
        return `${name}: ${other ? say("exchanged", { name: other }) : fault}`;
      });
      if (!done) throw new NotYet(lines.join("\n"));
    },

    choice(task, answer, say) {
      const chosen = typedLetters(attempted(answer, say), task, say);
      const wrong = chosen.find((letter) => !task.right.includes(letter));
      if (wrong) throw new NotYet(`${wrong}: ${task.wrong[wrong]}`);
      if (chosen.length < task.right.length) throw new NotYet(task.missing);
    },
  };

  function attempted(answer, say) {
    if (!answer.trim()) throw new NotAttempted(say("blank"));
    return answer;
  }

  function faultOf(part, answer, say) {
    try {
      JUDGES[part.kind](part, answer, say);
      return null;
    } catch (reason) {
      if (reason instanceof NotYet || reason instanceof NotAttempted)
        return reason.message;
      throw reason;
    }
  }

  const UNITS = ["1000", "1000000", "1000000000"].flatMap((factor) => [
    factor, `1/${factor}`,
  ]);
  const ONE = { n: 1n, d: 1n };

  // Which remark a wrong number gets.
  function flaw(value, right) {
    if (value.n * right.n <= 0n) return "sign";
    if (isFloat32Of(value, right)) return "float32";
    const ratio = over(value, right);
    const off = (factor) => distance(over(ratio, written(factor)), ONE);
    if (UNITS.some((factor) => less(off(factor), fraction(1e-12))))
      return "unit";
    return less(written("1/100"), off("1")) ? "wrong" : "close";
  }

  // Whether a value is what float32 makes of a large whole number.
  function isFloat32Of(value, right) {
    const size = right.n < 0n ? -right.n : right.n;
    if (right.d !== 1n || size <= 2n ** 24n || size >= 2n ** 127n) return false;
    return equal(value, fraction(Math.fround(Number(right.n))));
  }

  function wrongAxis(sizes, task, say) {
    const value = tupleText(sizes.map(String));
    const [count, wanted] = [sizes.length, task.right.length];
    if (count !== wanted)
      return say(count === 1 ? "one axis" : "axes", { value, count, wanted });
    const axis = sizes.findIndex((size, i) => size !== BigInt(task.right[i]));
    const name = task.axes.length ? `, ${task.axes[axis]}` : "";
    return say("axis", { value, axis, name });
  }

  function typedLetters(answer, task, say) {
    const known = [...task.right, ...Object.keys(task.wrong)];
    const listed = answer.toLowerCase().replace(/\band\b|[/&+\n]/g, " ");
    const letters = [...listed];
    const chosen = letters.filter((x) => !" ,;().".includes(x));
    const once = new Set(chosen).size === chosen.length;
    const enough = task.right.length > 1 ? chosen.length : chosen.length === 1;
    if (enough && once && chosen.every((x) => known.includes(x)))
      return chosen.sort();
    throw new NotYet(say("no option", {
      value: cut(quoted(answer)),
      some: task.right.length > 1 ? "one or more" : "one",
      options: known.sort().join(", "),
    }));
  }

  // --- What is typed ---------------------------------------------------------

  const unreadable = (text, examples) =>
    new NotYet(`“${cut(text)}” cannot be read. Write ${examples}.`);
  const NUMBERS = "a number such as `1000`, `1,000`, `2.5`, `2·10^6`, `2e6` or `1/3`";
  const SHAPES = "a shape such as `(2, 3)`";

  // A whole number as a BigInt, any other as a float.
  function typedNumber(text, say) {
    const value = evaluate(text);
    if (value === null) throw unreadable(text, NUMBERS);
    if (typeof value === "number" && !Number.isFinite(value))
      throw new NotYet(say("infinite", { value: value > 0 ? "inf" : "-inf" }));
    return value;
  }

  function typedShape(text, say) {
    const inner = text.trim().replace(/^[[(](.*)[\])]$/, "$1").trim();
    const parts = inner.split(/[,;×x]/.test(inner) ? /[,;×x]/ : /\s+/);
    if (parts.length > 1 && !parts[parts.length - 1].trim()) parts.pop();
    const sizes = parts.map(evaluate);
    if (sizes.includes(null)) throw unreadable(text, SHAPES);
    if (!/[,;×x\s]/.test(inner))
      throw new NotYet(say("no shape", { value: shownNumber(sizes[0]) }));
    const whole = sizes.map((size) =>
      Number.isInteger(size) ? BigInt(size) : size);
    if (whole.every((size) => typeof size === "bigint" && size >= 0n))
      return whole;
    const value = cut(tupleText(sizes.map(python)));
    throw new NotYet(say("impossible size", { value }));
  }

  // The value of some arithmetic, or null.
  function evaluate(text) {
    try {
      const tokens = tokenise(plain(text));
      const value = sum(tokens);
      return tokens.length ? null : checked(value);
    } catch (error) {
      if (error instanceof RangeError || error instanceof SyntaxError)
        return null;
      throw error;
    }
  }

  const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const SIGNS = {
    "−": "-", "–": "-", "·": "*", "⋅": "*", "×": "*", "÷": "/",
  };

  // Signs and grouped digits in Python's way of writing.
  function plain(text) {
    return text
      .replace(/[−–·⋅×÷]/g, (sign) => SIGNS[sign])
      .replace(/[⁰¹²³⁴⁵⁶⁷⁸⁹]+/g, (digits) =>
        "^" + [...digits].map((x) => RAISED.indexOf(x)).join(""))
      .replace(/\*\*/g, "^")
      .replace(/(?<![\d.,])\d{1,3}([,'’ \u00a0\u2009\u202f]\d{3})+(?![\d,])/g,
        (number) => number.replace(/\D/g, ""));
  }

  const LITERAL = /(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?/;
  const SIGN = /\/\/|[-+*/%^()]/;
  const TOKEN = `\\s*(?:(${LITERAL.source})|(${SIGN.source}))`;

  function tokenise(text) {
    const tokens = [];
    const token = new RegExp(TOKEN, "y");
    const end = text.trimEnd().length;
    while (token.lastIndex < end) {
      const found = token.exec(text);
      if (!found) throw new SyntaxError();
      tokens.push(found[1] === undefined ? found[2] : literal(found[1]));
    }
    return tokens;
  }

  function literal(text) {
    if (/__|_$|_\.|\._/.test(text)) throw new SyntaxError();
    const digits = text.replace(/_/g, "");
    return /^\d+$/.test(digits) ? BigInt(digits) : Number(digits);
  }

  function sum(tokens) {
    let value = product(tokens);
    while (tokens[0] === "+" || tokens[0] === "-")
      value = operate(tokens.shift(), value, product(tokens));
    return value;
  }
  function product(tokens) {
    let value = signed(tokens);
    while (["*", "/", "//", "%"].includes(tokens[0]))
      value = operate(tokens.shift(), value, signed(tokens));
    return value;
  }
  function signed(tokens) {
    if (tokens[0] === "+") return tokens.shift() && signed(tokens);
    if (tokens[0] === "-") return tokens.shift() && -signed(tokens);
    return power(tokens);
  }
  function power(tokens) {
    const base = atom(tokens);
    if (tokens[0] !== "^") return base;
    tokens.shift();
    return operate("^", base, signed(tokens));
  }
  function atom(tokens) {
    const token = tokens.shift();
    if (token === "(") {
      const value = sum(tokens);
      if (tokens.shift() !== ")") throw new SyntaxError();
      return value;
    }
    if (token === undefined || typeof token === "string")
      throw new SyntaxError();
    return token;
  }

  function operate(sign, a, b) {
    if (["/", "//", "%"].includes(sign) && !Number(b)) throw new RangeError();
    const whole = typeof a === "bigint" && typeof b === "bigint";
    if (whole && sign === "/") return float(over(fraction(a), fraction(b)));
    const exact = whole && !(sign === "^" && b < 0n);
    if (!exact) return OF_FLOATS[sign](Number(a), Number(b));
    if (sign === "^" && digits(a) * Number(b) > MAX_DIGITS)
      throw new RangeError();
    return checked(OF_WHOLE[sign](a, b));
  }
  const digits = (whole) => `${whole}`.replace("-", "").length;
  function checked(value) {
    const long = typeof value === "bigint" && digits(value) > MAX_DIGITS;
    if (long || Number.isNaN(value)) throw new RangeError();
    return value;
  }

  const floorDivide = (a, b) => a / b - (a % b && a < 0n !== b < 0n ? 1n : 0n);
  const OF_WHOLE = {
    "+": (a, b) => a + b,
    "-": (a, b) => a - b,
    "*": (a, b) => a * b,
    "^": (a, b) => a ** b,
    "//": floorDivide,
    "%": (a, b) => a - b * floorDivide(a, b),
  };
  const OF_FLOATS = {
    "+": (a, b) => a + b,
    "-": (a, b) => a - b,
    "*": (a, b) => a * b,
    "/": (a, b) => a / b,
    "^": (a, b) => a ** b,
    "//": (a, b) => Math.floor(a / b),
    "%": (a, b) => a - b * Math.floor(a / b),
  };

  // --- Exact fractions -------------------------------------------------------

  // "-7/2" as it stands in the data
  function written(text) {
    const [n, d = "1"] = text.split("/");
    return { n: BigInt(n), d: BigInt(d) };
  }
  function fraction(value) {
    let d = 1n;
    for (; !Number.isInteger(value) && typeof value === "number"; d *= 2n)
      value *= 2;
    return { n: BigInt(value), d };
  }
  const absolute = ({ n, d }) => ({ n: n < 0n ? -n : n, d });
  const equal = (a, b) => a.n * b.d === b.n * a.d;
  const less = (a, b) => a.n * b.d < b.n * a.d;
  const times = (a, b) => ({ n: a.n * b.n, d: a.d * b.d });
  const over = (a, b) =>
    b.n < 0n
      ? { n: -a.n * b.d, d: -a.d * b.n }
      : { n: a.n * b.d, d: a.d * b.n };
  const distance = (a, b) =>
    absolute({ n: a.n * b.d - b.n * a.d, d: a.d * b.d });
  const within = (a, b, tolerance) =>
    !less(times(tolerance, absolute(b)), distance(a, b));

  // The nearest float: 70 bits of the quotient, the last one for what is left.
  function float({ n, d }) {
    if (n < 0n) return -float({ n: -n, d });
    const shift = 70 - n.toString(2).length + d.toString(2).length;
    const [up, down] = shift > 0 ? [BigInt(shift), 0n] : [0n, BigInt(-shift)];
    const [top, bottom] = [n << up, d << down];
    const quotient = top / bottom;
    const bits = top % bottom ? quotient | 1n : quotient;
    return Number(bits) * 2 ** -shift;
  }

  // --- Values as Python shows them -------------------------------------------

  function cut(text) {
    const line = text.trim().replace(/\s+/g, " ");
    return line.length <= MAX_TEXT ? line : line.slice(0, MAX_TEXT - 1) + "…";
  }
  const quoted = (text) =>
    text.includes("'") && !text.includes('"')
      ? `"${text}"`
      : `'${text.replace(/\\/g, "\\\\").replace(/'/g, "\\'")}'`;
  const tupleText = (texts) =>
    `(${texts.join(", ")}${texts.length === 1 ? "," : ""})`;
  const grouped = (whole) => `${whole}`.replace(/\B(?=(\d{3})+$)/g, ",");

  // repr() of a number
  function python(value) {
    if (typeof value === "bigint") return `${value}`;
    const [digits, exponent] = value.toExponential().split("e");
    if (exponent < -4 || exponent >= 16) return digits + raised(exponent);
    return Number.isInteger(value) ? `${value}.0` : `${value}`;
  }
  const raised = (exponent) =>
    `e${exponent < 0 ? "-" : "+"}${`${Math.abs(exponent)}`.padStart(2, "0")}`;
  const shownNumber = (value) =>
    cut(typeof value === "bigint" ? grouped(value) : python(value));

  // A whole number with commas, any other with six digits: f"{value:.6g}"
  function numberText(value) {
    if (value.n % value.d === 0n) return cut(grouped(value.n / value.d));
    if (value.n < 0n) return `-${numberText(absolute(value))}`;
    let exponent = Number(float(value).toExponential(5).split("e")[1]);
    let six = rounded(value, 5 - exponent);
    while (six >= 1000000n) six = rounded(value, 5 - (exponent += 1));
    const digits = `${six}`.padStart(6, "0");
    if (exponent < -4 || exponent >= 6)
      return withPoint(digits, 1) + raised(exponent);
    return exponent < 0
      ? withPoint("0".repeat(-exponent) + digits, 1)
      : withPoint(digits, exponent + 1);
  }
  // value · 10^places, to the nearest whole number, halves to the even one
  function rounded({ n, d }, places) {
    const ten = 10n ** BigInt(Math.abs(places));
    const [top, bottom] = places < 0 ? [n, d * ten] : [n * ten, d];
    const [whole, left] = [top / bottom, 2n * (top % bottom)];
    const up = left > bottom || (left === bottom && whole % 2n === 1n);
    return up ? whole + 1n : whole;
  }
  const withPoint = (digits, at) =>
    `${digits.slice(0, at)}.${digits.slice(at)}`.replace(/\.?0*$/, "");

  // for the boxes, and for *Decode my number*
  Object.assign(OneByOne, {
    NotYet, typedNumber, shownNumber,
    numberText: (text) => numberText(written(text)),
  });
})();
