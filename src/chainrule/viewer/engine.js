"use strict";
// Values and adjoints of the page's program: the engine's numbers as embedded, or recomputed here after an edit.
const Engine = (() => {
  const words = { nan: NaN, inf: Infinity, "-inf": -Infinity };
  const decode = (v) => (v && v.number !== undefined ? words[v.number] : v);
  const read = (text) => JSON.parse(text, (_, v) => (typeof v === "object" ? decode(v) : v)); // the program of a page

  // What has been computed: values[i] of each node (a list of arrays where it has several results), and terms[k], the
  // contributions of backward step k.
  function embedded(program) {
    const values = program.nodes.map((n) => n.value && { ...n.value, dtype: n.dtype });
    program.nodes.forEach((n, i) => {
      if (n.kind !== "result") return;
      const owner = n.args[0];
      values[owner] = values[owner] || [];
      values[owner][n.index] = values[i];
    });
    return { values, terms: program.backward.map((b) => b.terms) };
  }

  const rounded = (x, dtype) => {
    const f = Ops.converted[dtype];
    if (!f) throw new Ops.Unsupported(`the dtype ${dtype}`);
    return { shape: x.shape, data: dtype === "float64" ? x.data : x.data.map(f), dtype };
  };

  // The value of a rule, where `given` has the arrays of "g", "ans", "x0" ... A long rule is a list of steps.
  function evaluate(rule, given) {
    const done = [];
    const walk = (t) => {
      if (typeof t === "string") return t[0] === "#" ? done[Number(t.slice(1))] : given(t);
      if (typeof t === "number") return Ops.make([], [t]);
      if (t.data) return t;
      return Ops.apply(t[0], t[1], t[2].map(walk));
    };
    if (!rule.steps) return walk(rule);
    for (const step of rule.steps) done.push(walk(step));
    return walk(rule.gives);
  }

  // Run the program again from its leaves, whose values are given, with the same rules in the same order.
  function recompute(program, before) {
    const nodes = program.nodes;
    const values = new Array(nodes.length);
    const parts = nodes.map(() => []); // the nodes of each operation's results
    const operands = (n) => n.args.map((a) => (typeof a === "number" ? values[a] : Ops.make([], [a.lit])));
    nodes.forEach((n, i) => {
      if (n.kind === "result") {
        parts[n.args[0]][n.index] = i;
        values[i] = rounded(values[n.args[0]][n.index], n.dtype);
        values[n.args[0]][n.index] = values[i];
      } else if (n.op === undefined) {
        values[i] = before[i];
        return;
      } else {
        const found = Ops.apply(n.op, n.params, operands(n), n.several ? before[i] : null);
        values[i] = n.several ? found : rounded(found, n.dtype);
      }
      if (!n.several && !Ops.same(values[i].shape, n.shape)) throw new Ops.Unsupported(`${n.op || "a result"} (its shape)`);
    });
    const adjoints = new Array(nodes.length).fill(null);
    adjoints[program.output] = Ops.full(nodes[program.output].shape, 1);
    const terms = program.backward.map((step) => {
      const n = nodes[step.node];
      const xs = operands(n);
      const given = (name) => {
        const [, kind, digits] = /^(g|ans|x)(\d*)$/.exec(name);
        if (kind === "x") return xs[Number(digits)];
        const node = digits === "" ? step.node : parts[step.node][Number(digits)];
        return kind === "g" ? adjoints[node] : values[node];
      };
      return step.terms.map((term) => {
        const rule = n.rules[term.arg];
        if (rule === null || rule === undefined) throw new Ops.Unsupported(`the rule of ${n.op}`);
        const to = nodes[term.to];
        const raw = evaluate(program.rules[rule], given);
        const value = rounded(Ops.unbroadcast(raw, to.shape), to.dtype);
        adjoints[term.to] = adjoints[term.to] ? rounded(Ops.add(adjoints[term.to], value), to.dtype) : value;
        return { ...term, value };
      });
    });
    return { values, terms };
  }

  const most = (x) => (x ? [x].flat().reduce((top, part) => part.data.reduce((m, v) => (Number.isFinite(v) && Math.abs(v) > m ? Math.abs(v) : m), top), 0) : 0);

  // Equal up to rounding: of the numbers themselves, and, for what remains of sums that cancel, of what went in, here
  // and elsewhere.
  function close(a, b, dtype, went, anywhere = 0) {
    const single = dtype === "float32";
    const tolerance = (single ? 2e-4 : 1e-8) * most(b) + (single ? 1e-5 : 1e-13) * went + (single ? 1e-6 : 1e-13) * anywhere;
    return Ops.same(a.shape, b.shape) && a.data.every((v, i) => {
      const w = b.data[i];
      return v === w || (v !== v && w !== w) || Math.abs(v - w) <= tolerance;
    });
  }

  // The names of what differs between two states of a program by more than rounding.
  function differences(program, again, state) {
    const nodes = program.nodes;
    const differs = [];
    const into = nodes.map((n) => Math.max(0, ...n.args.map((a) => (typeof a === "number" ? most(state.values[a]) : 0))));
    nodes.forEach((n, i) => {
      if (!n.several && !close(again.values[i], state.values[i], n.dtype, into[i])) {
        differs.push(`the page's own ${n.op || (n.kind === "result" ? nodes[n.args[0]].op : "value")}`);
      }
    });
    const adjoint = nodes.map(() => 0); // the largest cotangent that has reached each node
    adjoint[program.output] = 1;
    const greatest = Math.max(1, ...state.terms.map((terms) => Math.max(0, ...terms.map((term) => most(term.value)))));
    state.terms.forEach((terms, k) => {
      const from = program.backward[k].node;
      const entries = nodes[from].shape.reduce((a, b) => a * b, 1);
      const came = nodes[from].several ? Math.max(...nodes.map((n, i) => (n.kind === "result" && n.args[0] === from ? adjoint[i] : 0))) : adjoint[from];
      terms.forEach((term, j) => {
        const went = came * (1 + into[from] + most(state.values[from])) * entries;
        if (!close(again.terms[k][j].value, term.value, nodes[term.to].dtype, went, greatest)) differs.push(`the page's own rule of ${nodes[from].op}`);
        adjoint[term.to] = Math.max(adjoint[term.to], most(term.value));
      });
    });
    return differs;
  }

  // Why values may not be edited, or "" if they may: the page's own numbers must agree with the engine's first.
  function refusal(program, state) {
    if (program.frozen.length) return program.frozen[0];
    const missing = [...new Set(program.nodes.filter((n) => n.op && !Ops.known(n.op)).map((n) => n.op))];
    if (missing.length) return `this page cannot recompute ${missing.slice(0, 4).join(", ")}`;
    try {
      const differs = differences(program, recompute(program, state.values), state);
      return differs.length ? `${differs[0]} differs from the engine's` : "";
    } catch (error) {
      if (error instanceof Ops.Unsupported) return `this page cannot recompute ${error.message}`;
      return "this page could not recompute the program";
    }
  }

  return { decode, read, embedded, recompute, differences, refusal };
})();
