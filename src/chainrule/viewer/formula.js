"use strict";
// Symbols, numbers and formulas as elements. All text goes in as text nodes: nothing from the program is ever HTML.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

const Formula = (() => {
  const minus = (text) => text.replace(/-/g, "\u2212");

  function number(v, digits = 3) {
    if (Number.isNaN(v)) return "NaN";
    if (!Number.isFinite(v)) return v > 0 ? "\u221e" : "\u2212\u221e";
    const a = Math.abs(v);
    if (a !== 0 && (a < 10 ** -digits || a >= 1e6)) return minus(v.toExponential(digits).replace("e+", "e"));
    return minus(v.toFixed(digits));
  }

  // One entry: truths and whole numbers are written as such.
  const entry = (v, dtype, write = number) => (dtype === "bool" ? (v ? "True" : "False") : /int/.test(dtype) ? minus(String(v)) : write(v));

  // A short text of a value: the number, or shape and range, and how many entries are not finite.
  function summary(x) {
    if (!x) return "not kept";
    if (x.data.length === 1 && !x.preview) return entry(x.data[0], x.dtype);
    return `${x.shape.join("\u00d7")}${x.data.length ? " " : ", "}${range(x)}`;
  }
  // The same without the shape, for the table.
  function range(x) {
    if (!x || (x.data.length === 1 && !x.preview)) return summary(x);
    if (!x.data.length) return "empty";
    let low = Infinity;
    let high = -Infinity;
    for (const v of x.data) { if (v < low) low = v; if (v > high) high = v; }
    if (x.preview && x.low === x.low && x.high === x.high) [low, high] = [x.low, x.high];
    const odd = troubles(x);
    if (low > high) return odd;
    return `[${entry(low, x.dtype, brief)}, ${entry(high, x.dtype, brief)}]${odd ? `, ${odd}` : ""}`;
  }
  // "2 NaN", or "".
  function troubles(x) {
    const count = x.data.reduce((n, v) => n + Number(v !== v), 0) || Number(Boolean(x.preview && x.low !== x.low));
    return count ? `${count} NaN` : "";
  }
  const brief = (v) => (Number.isFinite(v) ? minus(String(Number(v.toPrecision(3)))) : number(v));
  const clipped = (text, n) => (text.length > n ? `${text.slice(0, n - 1)}\u2026` : text);

  // Up to nine digits, for one value looked at closely.
  const exact = (v, dtype) => entry(v, dtype, (w) => (Number.isFinite(w) ? minus(String(Number(w.toPrecision(9)))) : number(w)));
  // As it stands in a field: of a single-precision number the fewest digits that give it back.
  function typed(v) {
    if (Math.fround(v) !== v) return String(v);
    for (let digits = 1; digits < 9; digits++) {
      const short = Number(v.toPrecision(digits));
      if (Math.fround(short) === v) return String(short);
    }
    return String(Number(v.toPrecision(9)));
  }

  function symbol(node, bar = false) {
    const sub = make("sub", {}, minus(node.sub));
    return make("span", { class: "sym" }, make("span", { class: bar ? "bar" : "" }, "v"), sub);
  }
  const spoken = (node) => (node.name ? `${node.name} (v${node.sub})` : `v${node.sub}`);

  const literal = (a) => (a && a.lit !== undefined ? a.lit : a);
  function constant(v) {
    v = literal(v);
    if (v && v.text) return v.text;
    const n = Engine.decode(v);
    return Number.isInteger(n) ? minus(String(n)) : brief(n);
  }

  // How tightly an operation binds, read off its notation.
  function binding(notation) {
    if (!notation || /^[\w |]*\(|^\|/.test(notation)) return 9;
    if (/^-\{\}$/.test(notation)) return 3;
    if (/ [+-] /.test(notation)) return 1;
    if (/\^/.test(notation)) return 5;
    if (/^\{\}\[/.test(notation)) return 8;
    return 4;
  }
  const PRODUCTS = { mul: 1, mul0: 1, mul00: 1 };
  const QUOTIENTS = { div: 1, div0: 1, ratio: 1, reciprocal: 1, gap_ratio: 1 };
  const THROUGH = { cast: 1, clone: 1 };
  const SHAPING = { reshape: 1, broadcast_to: 1 };

  function keyText(key) {
    const part = (v) => (v === null ? "" : String(v));
    return key.map((k) => (k === null ? "None" : Array.isArray(k) ? `${part(k[0])}:${part(k[1])}` : part(k))).join(", ");
  }

  // Text of a notation, with what follows a caret above the line.
  function raised(text) {
    const [, before, power, after] = /^(.*?)\^(-?\w+)(.*)$/.exec(text) || [null, text, "", ""];
    return power ? [minus(before), make("sup", {}, minus(power)), minus(after)] : [minus(before)];
  }

  // An application of `op` to operands, which are [element or text, binding, is an array]; gives the same.
  function applied(ops, op, params, operands) {
    const flat = operands.every((o) => !o[2]);
    const span = (...parts) => make("span", {}, ...parts);
    const inside = (o, least) => (o[1] < least ? span("(", o[0], ")") : o[0]);
    if (THROUGH[op] && operands.length === 1) return operands[0];
    if ((op === "broadcast_to" || op === "reshape") && !operands[0][2]) return operands[0];
    if (op === "linear") {
      const bias = operands.length > 2 ? [" + ", operands[2][0]] : [];
      return [span(inside(operands[0], 4), " ", inside(operands[1], 8), make("sup", {}, "T"), ...bias), bias.length ? 1 : 4, true];
    }
    if (op === "permute" && params.dims && params.dims.length === 2 && params.dims[0] === 1) {
      return [span(inside(operands[0], 8), make("sup", {}, "T")), 8, true];
    }
    if (PRODUCTS[op]) {
      const sign = flat ? " \u00b7 " : operands.every((o) => o[2]) ? " \u2299 " : " \u00b7 ";
      return [span(inside(operands[0], 4), sign, inside(operands[1], 4.5)), 4, !flat];
    }
    if (QUOTIENTS[op]) {
      const [a, b] = op === "reciprocal" ? [["1", 9], operands[0]] : operands;
      return [make("span", { class: "frac" }, span(a[0]), span(b[0])), 8, !flat];
    }
    if (op === "pow" || op === "power_or_zero") return [span(inside(operands[0], 6), make("sup", {}, operands[1][0])), 5, !flat];
    if (op === "square") return [span(inside(operands[0], 6), make("sup", {}, "2")), 5, !flat];
    if (op === "exp") return [span("exp(", operands[0][0], ")"), 9, !flat];
    if (op === "getitem" && params.key) return [span(inside(operands[0], 8), `[${keyText(params.key)}]`), 8, true];
    if (op === "select") return [span(inside(operands[0], 8), `[${":, ".repeat(params.dim)}${params.index}]`), 8, true];
    const record = Object.prototype.hasOwnProperty.call(ops, op) ? ops[op] : { notation: "" };
    const pieces = record.notation.split("{}");
    const reduced = ["sum", "mean", "amax", "amin", "max", "min"].includes(op);
    if (pieces.length !== operands.length + 1 || record.notation === "") {
      const parts = operands.flatMap((o, i) => (i ? [", ", o[0]] : [o[0]]));
      return [span(`${op}(`, ...parts, ")"), 9, !flat];
    }
    const own = binding(record.notation);
    const parts = [];
    operands.forEach((o, i) => {
      const enclosed = /[(|]$/.test(pieces[i]) || /[,]\s*$/.test(pieces[i]);
      const least = enclosed ? 0 : own === 1 ? (i ? 1.5 : 1) : own + (i ? 0.5 : 0);
      parts.push(...raised(pieces[i]), inside(o, least));
    });
    parts.push(...raised(pieces[pieces.length - 1]));
    return [span(...parts), own, !flat && !reduced];
  }

  // The formula of a node: its operation applied to its arguments' symbols (or, with `show`, to what show(i) gives).
  function of(program, node, show) {
    const operands = node.args.map((a, i) => {
      if (typeof a !== "number") return [constant(a), 9, false];
      const arg = program.nodes[a];
      return [show ? show(a) : symbol(arg), 9, arg.shape.length > 0];
    });
    if (node.kind === "result") return make("span", {}, `result ${node.index} of `, symbol(program.nodes[node.args[0]]));
    return make("span", {}, applied(program.ops, node.op, node.params, operands)[0]);
  }

  // The node of one of the results of an operation.
  const resultOf = (program, at, index) => program.nodes.findIndex((n) => n.kind === "result" && n.args[0] === at && n.index === index);

  // The tree of a rule as an element: word(what, i) gives the element for "g" or "ans" of node i, or for argument i ("x").
  function ofTree(program, at, tree, word) {
    const node = program.nodes[at];
    const walk = (t) => {
      if (typeof t === "string") {
        const [, what, digits] = /^(g|ans|x)(\d*)$/.exec(t);
        const i = what === "x" ? node.args[Number(digits)] : digits === "" ? at : resultOf(program, at, Number(digits));
        return [word(what, i), 9, program.nodes[i].shape.length > 0];
      }
      if (t && t.data) return [`a constant ${t.shape.join("\u00d7")} array`, 9, true];
      if (!Array.isArray(t)) return [constant(t), Engine.decode(t) < 0 ? 2 : 9, false];
      const operands = t[2].map(walk);
      if (t[0] === "div" && t[2][1] === 1) return operands[0];
      if (t[0] === "broadcast_to" && !operands[0][2] && t[1].shape.some((n) => n > 1)) { // one number for all entries
        const [inner, tight] = operands[0];
        return [make("span", {}, ...(tight < 4 ? ["(", inner, ")"] : [inner]), " ", make("b", {}, "1")), 4, true];
      }
      if (SHAPING[t[0]] && operands.length === 1) return operands[0]; // in a rule only the shape is changed so
      return applied(program.ops, t[0], t[1], operands);
    };
    return make("span", {}, walk(tree)[0]);
  }

  return { number, summary, range, symbol, spoken, of, ofTree, brief, entry, exact, typed, clipped, troubles, minus };
})();
