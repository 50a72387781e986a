"use strict";
// The trace table, and the rule of each backward step as a formula.
function createTable(model, ruleOf, choose) {
  const { program, nodes, steps, seedAt, reached } = model;
  const rows = steps.map(() => []); // [row, value cell, value getter]
  function row(body, t, symbol, formula, value) {
    const cell = make("td", { class: "num" });
    const line = make("tr", { class: "todo", tabindex: "-1" }, make("td", {}, String(t)), make("td", {}, symbol), make("td", {}, formula), cell);
    line.addEventListener("click", () => choose(t));
    line.addEventListener("keydown", (event) => { if (event.key === "Enter") choose(t); });
    line.dataset.step = t;
    rows[t].push([line, cell, value]);
    body.append(line);
  }
  const heading = (text) => make("tr", {}, make("th", { colspan: "4", scope: "colgroup" }, text));
  function fillTable() {
    const forward = document.createDocumentFragment();
    forward.append(heading("Forward: values"));
    const order = [...nodes.keys()].filter((i) => nodes[i].kind !== "op").map((i) => [reached[i], i]);
    const all = [...order, ...steps.flatMap((s, t) => (s.kind === "forward" ? [[t, s.node]] : []))];
    all.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    for (const [t, i] of all) {
      const n = nodes[i];
      const formula = n.op || n.kind === "result" ? Formula.of(program, n) : make("span", {}, n.name || n.kind);
      row(forward, t, Formula.symbol(n), formula, () => (n.several ? "several" : Formula.range(model.value(i))));
    }
    byId("forward-rows").append(forward);
    const backward = document.createDocumentFragment();
    backward.append(heading("Backward: gradients"));
    row(backward, seedAt, Formula.symbol(nodes[program.output], true), "seed", () => "1");
    program.backward.forEach((b, k) => {
      const t = seedAt + 1 + k;
      for (const term of b.terms) {
        row(backward, t, Formula.symbol(nodes[term.to], true), ruleOf(k, term, false, t), () => Formula.range(model.around(k, term)[1]));
      }
    });
    byId("backward-rows").append(backward);
  }
  // A table of thousands of rows makes every step slow, so of a long one only rows near the present step are laid out.
  const NEAR = 150;
  let laidOut = [0, steps.length - 1];
  function layOutRows(at) {
    if (steps.length < 4 * NEAR) return;
    const next = [at - NEAR, at + NEAR];
    const inside = (t, [low, high]) => t >= low && t <= high;
    const turn = ([low, high], other, hidden) => {
      for (let t = Math.max(0, low); t <= Math.min(steps.length - 1, high); t++) {
        if (!inside(t, other)) for (const [line] of rows[t]) line.hidden = hidden;
      }
    };
    turn(laidOut, next, true);
    turn(next, laidOut, false);
    laidOut = next;
    byId("more-rows").hidden = false;
  }

  fillTable();
  return { rows, layOutRows };
}

function createRules(model) {
  const { program, nodes } = model;
  // The rule of one term with symbols, or with numbers; a sum where something had arrived before.
  return (k, term, numeric, t) => {
    const step = program.backward[k];
    const node = nodes[step.node];
    const tree = node.rules[term.arg];
    const number = (i, isGrad) => {
      const x = isGrad ? model.adjoint(i, t) : model.value(i);
      if (!x || x.data.length !== 1) return Formula.symbol(nodes[i], isGrad);
      const text = Formula.summary(x);
      return make("span", { class: isGrad ? "num-g" : "num-v" }, x.data[0] < 0 ? `(${text})` : text);
    };
    const word = (what, i) => {
      const isGrad = what === "g";
      return numeric ? number(i, isGrad) : Formula.symbol(nodes[i], isGrad);
    };
    const out = make("span", {});
    const [before] = model.around(k, term);
    if (before) {
      const old = before.data.length === 1 && numeric ? make("span", { class: "num-g" }, Formula.number(before.data[0])) : Formula.symbol(nodes[term.to], true);
      out.append(old, " + ");
    }
    const rule = tree === null || tree === undefined ? null : program.rules[tree];
    if (rule === null) out.append(`rule of ${node.op}`);
    else if (rule.steps) out.append(`rule of ${node.op}, in ${rule.steps.length} operations`);
    else out.append(Formula.ofTree(program, step.node, rule, word));
    return out;
  };
}
