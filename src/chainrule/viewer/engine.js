"use strict";
// Values and adjoints of the page's program: the engine's numbers as embedded, or recomputed here after an edit.
const Engine = (() => {
  const decode = (v) => (typeof v === "number" ? v : { nan: NaN, inf: Infinity, "-inf": -Infinity }[v.number]);

  function array(stored) {
    if (!stored) return null;
    const data = stored.data.map(decode);
    if (stored.preview) {
      return { shape: stored.shape, preview: stored.preview, data, low: decode(stored.low), high: decode(stored.high) };
    }
    return { shape: stored.shape, data };
  }

  // What has been computed: values[i] of each node, terms[k] the contributions of backward step k.
  function embedded(program) {
    return {
      values: program.nodes.map((n) => array(n.value)),
      terms: program.backward.map((b) => b.terms.map((t) => ({ ...t, value: array(t.value) }))),
    };
  }

  const rounded = (x, dtype) => {
    const f = Ops.converted[dtype];
    if (!f) throw new Ops.Unsupported(`the dtype ${dtype}`);
    return dtype === "float64" ? x : { shape: x.shape, data: x.data.map(f) };
  };

  function evaluate(tree, g, ans, xs) {
    if (tree === "g") return g;
    if (tree === "ans") return ans;
    if (typeof tree === "string") return xs[Number(tree.slice(1))];
    if (typeof tree === "number" || tree.number) return Ops.make([], [decode(tree)]);
    return Ops.apply(tree[0], tree[1], tree[2].map((t) => evaluate(t, g, ans, xs)));
  }

  // Run the program again from its leaves, whose values are given, with the same rules in the same order.
  function recompute(program, leaves) {
    const values = new Array(program.nodes.length);
    const operands = (n) => n.args.map((a) => (typeof a === "number" ? values[a] : Ops.make([], [decode(a.lit)])));
    program.nodes.forEach((n, i) => {
      if (n.op === undefined) {
        values[i] = leaves[i];
        return;
      }
      if (n.several) throw new Ops.Unsupported(n.op);
      const found = rounded(Ops.apply(n.op, n.params, operands(n)), n.dtype);
      if (!Ops.same(found.shape, n.shape)) throw new Ops.Unsupported(`${n.op} (its shape)`);
      values[i] = found;
    });
    const adjoints = new Array(program.nodes.length).fill(null);
    adjoints[program.output] = Ops.full(program.nodes[program.output].shape, 1);
    const terms = program.backward.map((step) => {
      const n = program.nodes[step.node];
      const xs = operands(n);
      return step.terms.map((term) => {
        const rule = n.rules[term.arg];
        if (rule === null || rule === undefined) throw new Ops.Unsupported(`the rule of ${n.op}`);
        const to = program.nodes[term.to];
        const raw = evaluate(program.rules[rule], adjoints[step.node], values[step.node], xs);
        const value = rounded(Ops.unbroadcast(raw, to.shape), to.dtype);
        adjoints[term.to] = adjoints[term.to] ? rounded(Ops.add(adjoints[term.to], value), to.dtype) : value;
        return { ...term, value };
      });
    });
    return { values, terms };
  }

  const most = (x) => (x ? x.data.reduce((m, v) => (Number.isFinite(v) && Math.abs(v) > m ? Math.abs(v) : m), 0) : 0);

  // Equal up to rounding: of the numbers themselves, and, for what remains of sums that cancel, of what went in.
  function close(a, b, dtype, went) {
    const single = dtype === "float32";
    const tolerance = (single ? 2e-4 : 1e-8) * most(b) + (single ? 1e-5 : 1e-13) * went;
    return Ops.same(a.shape, b.shape) && a.data.every((v, i) => {
      const w = b.data[i];
      return v === w || (v !== v && w !== w) || Math.abs(v - w) <= tolerance;
    });
  }

  // Why values may not be edited, or "" if they may: the page's own numbers must agree with the engine's first.
  function refusal(program, state) {
    if (program.frozen.length) return program.frozen[0];
    const missing = [...new Set(program.nodes.filter((n) => n.op && !Ops.known(n.op)).map((n) => n.op))];
    if (missing.length) return `this page cannot recompute ${missing.slice(0, 4).join(", ")}`;
    const differs = [];
    try {
      const again = recompute(program, state.values);
      const into = program.nodes.map((n) => Math.max(0, ...n.args.map((a) => (typeof a === "number" ? most(state.values[a]) : 0))));
      program.nodes.forEach((n, i) => {
        if (!close(again.values[i], state.values[i], n.dtype, into[i])) differs.push(`the page's own ${n.op}`);
      });
      const adjoint = program.nodes.map(() => 0); // the largest cotangent that has reached each node
      adjoint[program.output] = 1;
      state.terms.forEach((terms, k) => {
        const from = program.backward[k].node;
        terms.forEach((term, j) => {
          const went = adjoint[from] * (1 + into[from] + most(state.values[from])) * program.nodes[from].shape.reduce((a, b) => a * b, 1);
          if (!close(again.terms[k][j].value, term.value, program.nodes[term.to].dtype, went)) {
            differs.push(`the page's own rule of ${program.nodes[from].op}`);
          }
          adjoint[term.to] = Math.max(adjoint[term.to], most(term.value));
        });
      });
    } catch (error) {
      if (error instanceof Ops.Unsupported) return `this page cannot recompute ${error.message}`;
      return "this page could not recompute the program";
    }
    return differs.length ? `${differs[0]} differs from the engine's` : "";
  }

  return { array, decode, embedded, recompute, refusal };
})();
