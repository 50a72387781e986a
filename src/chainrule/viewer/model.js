"use strict";
// What the page knows: the program, its steps, and the values and adjoints at each of them. No elements here.
function createModel(program) {
  const nodes = program.nodes;
  const original = Engine.embedded(program);
  let state = original;
  let refused = null;
  let history = []; // for each node [[step, adjoint so far], ...]

  // The steps: start, each operation forward, the seed, each operation backward.
  const steps = [{ kind: "start" }];
  nodes.forEach((n, i) => { if (n.kind === "op") steps.push({ kind: "forward", node: i }); });
  const seedAt = steps.length;
  steps.push({ kind: "seed", node: program.output });
  program.backward.forEach((b, k) => steps.push({ kind: "backward", node: b.node, k }));
  const reached = new Array(nodes.length).fill(0); // the step that gives a node its value
  steps.forEach((s, t) => { if (s.kind === "forward") reached[s.node] = t; });
  nodes.forEach((n, i) => { if (n.kind === "result") reached[i] = reached[n.args[0]]; });
  const touched = steps.map(() => []); // nodes whose look changes at a step
  reached.forEach((t, i) => touched[t].push(i));
  touched[seedAt].push(program.output);
  steps.forEach((s, t) => { if (s.kind === "backward") for (const term of program.backward[s.k].terms) touched[t].push(term.to); });

  function plus(before, value, dtype) {
    if (before.preview || value.preview) return { ...value, data: value.data.map((v, i) => v + before.data[i]), sampled: true };
    const sum = Ops.add(before, value);
    const convert = Ops.converted[dtype];
    return convert ? { ...sum, data: sum.data.map(convert) } : sum;
  }
  function retrace() {
    history = nodes.map(() => []);
    const result = state.values[program.output];
    history[program.output].push([seedAt, Ops.full(result ? result.shape : [], 1)]);
    state.terms.forEach((terms, k) => {
      for (const term of terms) {
        const past = history[term.to];
        const before = past.length ? past[past.length - 1][1] : null;
        past.push([seedAt + 1 + k, before ? plus(before, term.value, nodes[term.to].dtype) : term.value]);
      }
    });
  }
  retrace();

  return {
    program, nodes, steps, seedAt, reached, touched,
    value: (i) => (nodes[i].several ? null : state.values[i]),
    edited: () => state !== original,
    // The adjoint of a node as it stands after step t, or null.
    adjoint(i, t) {
      let found = null;
      for (const [when, value] of history[i]) {
        if (when > t) break;
        found = value;
      }
      return found;
    },
    // The adjoint before and after one term of backward step k; before is null where nothing had arrived.
    around(k, term) {
      const here = program.backward[k].terms.filter((other) => other.to === term.to);
      const past = history[term.to].filter(([when]) => when <= seedAt + 1 + k);
      const place = past.length - here.length + here.findIndex((other) => other.arg === term.arg);
      return [place > 0 ? past[place - 1][1] : null, past[place][1]];
    },
    gradient: (i) => (history[i].length ? history[i][history[i].length - 1][1] : null),
    // Why values may not be edited, or "".
    refusal() {
      if (refused === null) refused = Engine.refusal(program, original);
      return refused;
    },
    // Give one entry of a leaf a new value and recompute all; returns "" or why that cannot be.
    edit(i, entry, value) {
      if (this.refusal()) return this.refusal();
      const leaves = state.values.slice();
      const data = leaves[i].data.slice();
      const convert = Ops.converted[nodes[i].dtype];
      data[entry] = convert ? convert(value) : value;
      leaves[i] = { ...leaves[i], data };
      try {
        state = Engine.recompute(program, leaves);
      } catch (error) {
        return `this value cannot be used here: ${error.message}`;
      }
      retrace();
      return "";
    },
    // Is this the value that is there, as far as its dtype can tell?
    unchanged(i, entry, value) {
      const convert = Ops.converted[nodes[i].dtype];
      return Object.is(state.values[i].data[entry], convert ? convert(value) : value);
    },
    reset() {
      state = original;
      retrace();
    },
  };
}
