"use strict";
// Normalization, losses, and recurrences: operations of neural networks that are one record in the engine.
const LayerOps = (() => {
  const { Unsupported, make, full, range, total, along, scan, elementwise } = Arrays;

  const largest = (values) => values.reduce((a, b) => (Number.isNaN(a) || a >= b ? a : b), -Infinity);
  const soften = (values) => {
    const top = largest(values);
    const powers = values.map((v) => Math.exp(v - top));
    const all = total(powers);
    return powers.map((p) => p / all);
  };
  const logSum = (values) => {
    const top = largest(values);
    if (!Number.isFinite(top)) return top;
    return top + Math.log(total(values.map((v) => Math.exp(v - top))));
  };
  const sigmoid = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

  // (x - mean) / sqrt(variance + eps) over axes, with the mean and 1 / sqrt(...).
  function standardize([x], { axes, eps }) {
    const y = full(x.shape, 0);
    const kept = x.shape.map((n, i) => (axes.includes(i) ? 1 : n));
    const found = along(x, axes, (values, places) => {
      const count = Math.max(values.length, 1);
      const mean = total(values) / count;
      const rstd = 1 / Math.sqrt(total(values.map((v) => (v - mean) ** 2)) / count + eps);
      places.forEach((p, i) => { y.data[p] = (values[i] - mean) * rstd; });
      return [mean, rstd];
    });
    return [y, ...[0, 1].map((k) => make(kept, found.map((pair) => pair[k])))];
  }

  // Of each row of scores and its class; the ignored class counts nothing.
  function crossEntropy([x, target], { ignore }) {
    const c = x.shape[1];
    return make([x.shape[0]], target.data.map((t, i) => {
      if (t === ignore) return 0;
      if (!(t >= 0 && t < c && Number.isInteger(t))) throw new Unsupported("a class number out of range");
      const row = x.data.slice(i * c, (i + 1) * c);
      return logSum(row) - row[t];
    }));
  }
  function softmaxResidual([x, target], { ignore }) {
    const c = x.shape[1];
    const out = target.data.flatMap((t, i) => {
      const row = soften(x.data.slice(i * c, (i + 1) * c));
      return t === ignore ? row.map(() => 0) : row.map((p, j) => (j === t ? p - 1 : p));
    });
    return make(x.shape, out);
  }

  // s[k] = b[k] + a[k] s[k - 1] along an axis, from the end if `reverse`.
  function recurrence([a, b], { axis, reverse }) {
    const shape = Arrays.commonShape([a.shape, b.shape]);
    return scan((adds, _, factors) => {
      const out = [...adds];
      const order = range(out.length);
      if (reverse) order.reverse();
      order.forEach((k, i) => { if (i) out[k] = adds[k] + factors[k] * out[order[i - 1]]; });
      return out;
    })([Arrays.broadcast(b, shape), Arrays.broadcast(a, shape)], { axis });
  }

  // Long short-term memory over all steps: gates (T, ..., 4H) hold what the inputs give; results h, c and the gates.
  function lstm([gates, h0, c0, w]) {
    const hidden = h0.shape[h0.shape.length - 1];
    const step = h0.data.length;
    const shape = [...gates.shape.slice(0, -1), hidden];
    const [hs, cs, acts] = [full(shape, 0), full(shape, 0), full(gates.shape, 0)];
    let [h, c] = [h0, c0.data];
    const turned = Arrays.transposed(w);
    for (let t = 0; t < gates.shape[0]; t++) {
      const through = Arrays.matmul(h, turned).data;
      const next = full(h0.shape, 0);
      const cell = new Array(step);
      for (let i = 0; i < step; i++) {
        const at = Math.floor(i / hidden) * 4 * hidden + (i % hidden);
        const [input, forget, fresh, output] = range(4).map((k) => {
          const place = t * 4 * step + at + k * hidden;
          const v = gates.data[place] + through[at + k * hidden];
          return (acts.data[place] = k === 2 ? Math.tanh(v) : sigmoid(v));
        });
        cell[i] = forget * c[i] + input * fresh;
        next.data[i] = output * Math.tanh(cell[i]);
        cs.data[t * step + i] = cell[i];
        hs.data[t * step + i] = next.data[i];
      }
      [h, c] = [next, cell];
    }
    return [hs, cs, acts];
  }

  const safely = (values) => (values.every((v) => v === -Infinity) ? values.map(() => 0) : soften(values));
  return {
    softmax: scan((values, { safe }) => (safe ? safely(values) : soften(values))),
    log_softmax: scan((values) => values.map((v) => v - logSum(values))),
    squared_error: (xs, { count }) => {
      const d = elementwise((a, b) => a - b)(xs).data;
      return make([], [total(d.map((v) => v * v)) / count]);
    },
    cross_entropy: crossEntropy,
    softmax_residual: softmaxResidual,
    standardize,
    recurrence,
    lstm,
    numbers: { sigmoid, logSum },
  };
})();
