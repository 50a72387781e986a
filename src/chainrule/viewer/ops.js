"use strict";
// The operations that the page can recompute, by the names and with the parameters of chainrule's primitives. What is not
// here cannot be edited: the page says so. An operation with several results gives a list of arrays.
const Ops = (() => {
  const { Unsupported, make, full, size, same, range, total, strides, positions, along, reduce, scan, broadcast, permute, matmul } = Arrays;

  const best = (values, better) => values.reduce((a, b) => (Number.isNaN(a) || better(a, b) ? a : b));
  const largest = (values) => best(values, (a, b) => a >= b);
  const smallest = (values) => best(values, (a, b) => a <= b);
  const variance = (values, { correction }) => {
    const mean = total(values) / values.length;
    return total(values.map((v) => (v - mean) ** 2)) / Math.max(0, values.length - correction);
  };
  const running = (f) => (values, { reverse }) => {
    const run = reverse ? [...values].reverse() : [...values];
    for (let i = 1; i < run.length; i++) run[i] = f(run[i - 1], run[i]);
    return reverse ? run.reverse() : run;
  };
  const logSum = (values) => {
    const top = values.reduce((a, b) => (Number.isNaN(a) || a >= b ? a : b), -Infinity);
    return Number.isFinite(top) ? top + Math.log(total(values.map((v) => Math.exp(v - top)))) : top;
  };
  function norm(values, { ord }) {
    const sizes = values.map(Math.abs);
    if (ord === Infinity) return Math.max(0, ...sizes);
    if (ord === -Infinity) return Math.min(...sizes);
    if (ord === 0) return sizes.filter((v) => v !== 0).length;
    if (ord === 1) return total(sizes);
    if (ord === 2) return Math.sqrt(total(values.map((v) => v * v)));
    return total(sizes.map((v) => v ** ord)) ** (1 / ord);
  }

  // Sum of products over labels: spec = [labels of each operand, labels of the result, size of each label].
  function contract(xs, { spec }) {
    const [labels, out, sizes] = spec;
    const kept = [...new Set(out)];
    const summed = [...new Set(labels.flat())].filter((l) => !out.includes(l));
    const order = [...kept, ...summed];
    const shape = order.map((l) => sizes[l]);
    if (size(shape) > 2e6) throw new Unsupported("a large einsum");
    const places = xs.map((x, i) => {
      const steps = strides(x.shape);
      const of = order.map((l) => labels[i].reduce((t, other, k) => (other === l && x.shape[k] > 1 ? t + steps[k] : t), 0));
      return positions(shape, of);
    });
    const inner = size(summed.map((l) => sizes[l]));
    const result = full(out.map((l) => sizes[l]), 0);
    const steps = strides(result.shape); // a label that is there twice means a diagonal
    const to = positions(kept.map((l) => sizes[l]), kept.map((l) => total(steps.filter((_, i) => out[i] === l))));
    for (let i = 0; i < size(shape); i++) {
      let term = 1;
      xs.forEach((x, k) => { term *= x.data[places[k][i]]; });
      result.data[to[Math.floor(i / inner)]] += term;
    }
    return result;
  }

  const triangle = (keeps) => ([x], params) => {
    const [n, m] = x.shape.slice(-2);
    return make(x.shape, x.data.map((v, i) => (keeps((i % m) - (Math.floor(i / m) % n), params.diagonal) ? v : 0)));
  };

  function joined(xs, dim) {
    const shape = Arrays.replaced(xs[0].shape, dim, total(xs.map((x) => x.shape[dim])));
    const outer = size(shape.slice(0, dim));
    const out = [];
    for (let i = 0; i < outer; i++)
      for (const x of xs) {
        const block = size(x.shape.slice(dim));
        for (let j = 0; j < block; j++) out.push(x.data[i * block + j]);
      }
    return make(shape, out);
  }
  function split(x, sizes, dim) {
    const steps = strides(x.shape);
    let from = 0;
    return sizes.map((n) => {
      const shape = Arrays.replaced(x.shape, dim, n);
      const places = positions(shape, steps, from * steps[dim]);
      from += n;
      return make(shape, places.map((p) => x.data[p]));
    });
  }
  function rolled([x], { shifts, dims, axes = dims }) {
    return axes.reduce((y, dim, k) => scan((values) => {
      const n = values.length;
      return values.map((_, i) => values[(((i - shifts[k]) % n) + n) % n]);
    })([y], { axis: dim }), x);
  }
  function padded([x], { pads, value }) {
    const shape = x.shape.map((n, i) => n + pads[i][0] + pads[i][1]);
    const steps = strides(x.shape);
    const rest = strides(shape);
    return make(shape, range(size(shape)).map((p) => {
      const at = shape.map((n, i) => (Math.floor(p / rest[i]) % n) - pads[i][0]);
      return at.every((k, i) => k >= 0 && k < x.shape[i]) ? x.data[total(at.map((k, i) => k * steps[i]))] : value;
    }));
  }

  const table = {
    cast: ([x], { dtype }) => {
      if (!Numbers.converted[dtype]) throw new Unsupported(`the dtype ${dtype}`);
      return make(x.shape, x.data.map(Numbers.converted[dtype]));
    },
    result: ([several], { index }) => several[index],
    reshape: ([x], { shape }) => make(shape, x.data),
    broadcast_to: ([x], { shape }) => broadcast(x, shape),
    permute: ([x], { dims }) => permute(x, dims),
    flip: ([x], { dims }) => {
      const steps = strides(x.shape);
      const start = dims.reduce((t, d) => t + steps[d] * (x.shape[d] - 1), 0);
      const turned = steps.map((s, i) => (dims.includes(i) ? -s : s));
      return make(x.shape, positions(x.shape, turned, start).map((p) => x.data[p]));
    },
    sum: reduce(total),
    nansum: reduce((values) => total(values.filter((v) => !Number.isNaN(v)))),
    count_nonzero: reduce((values) => values.filter((v) => v !== 0).length),
    mean: reduce((values) => total(values) / values.length),
    any: reduce((values) => values.some((v) => v !== 0)),
    all: reduce((values) => values.every((v) => v !== 0)),
    amax: reduce(largest),
    amin: reduce(smallest),
    max: reduce(largest),
    min: reduce(smallest),
    logsumexp: reduce(logSum),
    var: reduce(variance),
    std: reduce((values, params) => Math.sqrt(variance(values, params))),
    prod: reduce((values) => values.reduce((a, b) => a * b, 1)),
    vector_norm: reduce(norm),
    shift: scan((values, { by, fill }) => (by === 1 ? [Number(fill === "inf" ? Infinity : fill), ...values.slice(0, -1)]
      : [...values.slice(1), Number(fill === "inf" ? Infinity : fill)])),
    ties: ([x, top], { axes }) => {
      const wide = broadcast(top, x.shape).data;
      const hits = make(x.shape, x.data.map((v, i) => Number(v === wide[i] || (v !== v && wide[i] !== wide[i]))));
      return scan((values) => values.map((v) => v / Math.max(1, total(values))))([hits], { axes });
    },
    cumsum: scan(running((a, b) => a + b)),
    cumprod: scan(running((a, b) => a * b)),
    logcumsumexp: scan(running(Numbers.numbers.logaddexp)),
    matmul: ([x, y]) => matmul(x, y),
    mm: ([x, y]) => matmul(x, y),
    linear: ([x, w, bias]) => {
      const out = matmul(x, permute(w, [1, 0]));
      return bias ? Arrays.add(out, bias) : out;
    },
    contract,
    fit: ([x], { shape }) => padded([x], { pads: x.shape.map((n, i) => [0, shape[i] - n]), value: 0 }),
    roll: rolled,
    fftshift: rolled,
    pad_constant: padded,
    tril: triangle((away, d) => away <= d),
    triu: triangle((away, d) => away >= d),
    cat: (xs, { dim }) => joined(xs, dim),
    stack: (xs, { dim }) => joined(xs.map((x) => make([...x.shape.slice(0, dim), 1, ...x.shape.slice(dim)], x.data)), dim),
    split: ([x], { sizes, dim }) => split(x, sizes, dim),
    unbind: ([x], { dim }) => split(x, new Array(x.shape[dim]).fill(1), dim).map((part) => make(Arrays.without(x.shape, dim), part.data)),
    ...IndexingOps,
    ...ChoosingOps,
    ...WindowOps,
    ...LayerOps,
    ...LinalgOps,
  };

  const own = (object, name) => (Object.prototype.hasOwnProperty.call(object, name) ? object[name] : undefined);
  const known = (name) => Boolean(own(Numbers.numbers, name) || own(table, name));

  // `was` is the result before an edit, for what is found only up to a sign.
  function apply(name, params, xs, was = null) {
    for (const value of Object.values(params || {}))
      if (value && value.text !== undefined) throw new Unsupported(`${name} with a parameter of type ${value.text}`);
    const f = own(Numbers.numbers, name);
    if (f) return Arrays.elementwise(f)(xs, params || {});
    const g = own(table, name);
    if (!g) throw new Unsupported(name);
    return g(xs, params || {}, was);
  }

  return { Unsupported, apply, known, make, full, size, same, converted: Numbers.converted, unbroadcast: Arrays.unbroadcast, add: Arrays.add };
})();
