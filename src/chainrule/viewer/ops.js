"use strict";
// The operations that the page can recompute, on {shape, data} with data in row-major order. What is not here cannot be
// edited: the page says so. Names and parameters are those of chainrule's primitives.
const Ops = (() => {
  class Unsupported extends Error {}
  const size = (shape) => shape.reduce((a, b) => a * b, 1);
  const make = (shape, data) => ({ shape, data });
  const same = (a, b) => a.length === b.length && a.every((n, i) => n === b[i]);
  const full = (shape, value) => make(shape, new Array(size(shape)).fill(value));

  function strides(shape) {
    const found = new Array(shape.length);
    for (let i = shape.length - 1, step = 1; i >= 0; i--) {
      found[i] = step;
      step *= shape[i];
    }
    return found;
  }

  // For each element of `shape`, its position in an array with these strides.
  function positions(shape, steps, start = 0) {
    let found = [start];
    shape.forEach((n, axis) => {
      const next = new Array(found.length * n);
      for (let i = 0, k = 0; i < found.length; i++) for (let j = 0; j < n; j++) next[k++] = found[i] + j * steps[axis];
      found = next;
    });
    return found;
  }

  function commonShape(shapes) {
    const rank = Math.max(...shapes.map((s) => s.length));
    const out = new Array(rank).fill(1);
    for (const s of shapes) {
      s.forEach((n, i) => {
        const k = i + rank - s.length;
        if (n !== 1 && out[k] !== 1 && n !== out[k]) throw new Unsupported("shapes that do not fit");
        if (n !== 1) out[k] = n;
      });
    }
    return out;
  }

  function broadcast(x, shape) {
    if (same(x.shape, shape)) return x;
    const lead = shape.length - x.shape.length;
    const steps = strides(x.shape);
    const spread = shape.map((n, i) => (i < lead || x.shape[i - lead] === 1 ? 0 : steps[i - lead]));
    return make(shape, positions(shape, spread).map((p) => x.data[p]));
  }

  function elementwise(f) {
    return (xs) => {
      if (xs.every((x) => x.shape.length === 0)) return make([], [Number(f(...xs.map((x) => x.data[0])))]);
      const shape = commonShape(xs.map((x) => x.shape));
      const data = xs.map((x) => broadcast(x, shape).data);
      const out = new Array(size(shape));
      for (let i = 0; i < out.length; i++) out[i] = Number(f(...data.map((d) => d[i])));
      return make(shape, out);
    };
  }

  // Apply f to the list of elements along `axes`; what f returns is a number, or with `keep` a list of equal length.
  function along(x, axes, f) {
    const steps = strides(x.shape);
    const inner = axes.filter((a) => a >= 0);
    const outer = x.shape.map((_, i) => i).filter((i) => !inner.includes(i));
    const starts = positions(outer.map((i) => x.shape[i]), outer.map((i) => steps[i]));
    const offsets = positions(inner.map((i) => x.shape[i]), inner.map((i) => steps[i]));
    return starts.map((s) => f(offsets.map((o) => x.data[s + o]), offsets.map((o) => s + o)));
  }

  const reduce = (f) => (xs, { axes, keepdims, ...more }) => {
    const x = xs[0];
    const shape = [];
    x.shape.forEach((n, i) => {
      if (!axes.includes(i)) shape.push(n);
      else if (keepdims) shape.push(1);
    });
    return make(shape, along(x, axes, (values) => f(values, more)));
  };

  const scan = (f) => (xs, params) => {
    const out = new Array(xs[0].data.length);
    along(xs[0], params.axes || [params.axis], (values, places) => {
      f(values, params).forEach((v, i) => { out[places[i]] = v; });
    });
    return make(xs[0].shape, out);
  };

  const total = (values) => values.reduce((a, b) => a + b, 0);
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
  const product = (values) => values.reduce((a, b) => a * b, 1);

  function permute(x, dims) {
    const steps = strides(x.shape);
    const shape = dims.map((d) => x.shape[d]);
    return make(shape, positions(shape, dims.map((d) => steps[d])).map((p) => x.data[p]));
  }

  function matmul(x, y) {
    const a = x.shape.length === 1 ? make([1, x.shape[0]], x.data) : x;
    const b = y.shape.length === 1 ? make([y.shape[0], 1], y.data) : y;
    const [n, k] = a.shape.slice(-2);
    const m = b.shape[b.shape.length - 1];
    const lead = commonShape([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
    const p = broadcast(a, [...lead, n, k]).data;
    const q = broadcast(b, [...lead, k, m]).data;
    const out = new Array(size(lead) * n * m).fill(0);
    for (let l = 0; l < size(lead); l++)
      for (let i = 0; i < n; i++)
        for (let j = 0; j < m; j++) {
          let s = 0;
          for (let c = 0; c < k; c++) s += p[(l * n + i) * k + c] * q[(l * k + c) * m + j];
          out[(l * n + i) * m + j] = s;
        }
    const shape = [...lead];
    if (x.shape.length > 1) shape.push(n);
    if (y.shape.length > 1) shape.push(m);
    return make(shape, out);
  }

  // Sum of products over labels: spec = [labels of each operand, labels of the result, size of each label].
  function contract(xs, { spec }) {
    const [labels, out, sizes] = spec;
    const summed = [...new Set(labels.flat())].filter((l) => !out.includes(l));
    const order = [...out, ...summed];
    const shape = order.map((l) => sizes[l]);
    if (size(shape) > 2e6) throw new Unsupported("a large einsum");
    const places = xs.map((x, i) => {
      const steps = strides(x.shape);
      const of = order.map((l) => labels[i].reduce((t, other, k) => (other === l && x.shape[k] > 1 ? t + steps[k] : t), 0));
      return positions(shape, of);
    });
    const inner = size(summed.map((l) => sizes[l]));
    const result = full(out.map((l) => sizes[l]), 0);
    for (let i = 0; i < size(shape); i++) {
      let term = 1;
      xs.forEach((x, k) => { term *= x.data[places[k][i]]; });
      result.data[Math.floor(i / inner)] += term;
    }
    return result;
  }

  // Positions in an array of `shape` that a key of whole numbers, slices and null names, and the shape of the result.
  const ALL = [null, null, null]; // the slice `:`
  function keyed(shape, key) {
    const steps = strides(shape);
    const outShape = [];
    const outSteps = [];
    let start = 0;
    let axis = 0;
    const rest = new Array(shape.length - key.filter((k) => k !== null).length).fill(ALL);
    for (const k of [...key, ...rest]) {
      if (k === null) {
        outShape.push(1);
        outSteps.push(0);
      } else if (typeof k === "number") {
        start += (k < 0 ? k + shape[axis] : k) * steps[axis];
        axis++;
      } else if (Array.isArray(k)) {
        const n = shape[axis];
        const step = k[2] === null ? 1 : k[2];
        if (step < 1) throw new Unsupported("a slice that runs backwards");
        const at = (v, missing) => (v === null ? missing : Math.min(n, Math.max(0, v < 0 ? v + n : v)));
        const from = at(k[0], 0);
        const to = at(k[1], n);
        outShape.push(Math.max(0, Math.ceil((to - from) / step)));
        outSteps.push(step * steps[axis]);
        start += from * steps[axis];
        axis++;
      } else throw new Unsupported("an index of this kind");
    }
    return [outShape, positions(outShape, outSteps, start)];
  }

  // Positions of a diagonal of two dimensions, which becomes the last dimension, and the shape of the result.
  function diagonal(shape, { offset, dim1, dim2 }) {
    const steps = strides(shape);
    const rest = shape.map((_, i) => i).filter((i) => i !== dim1 && i !== dim2);
    const [down, right] = [Math.max(0, -offset), Math.max(0, offset)];
    const n = Math.max(0, Math.min(shape[dim1] - down, shape[dim2] - right));
    const out = [...rest.map((i) => shape[i]), n];
    const start = n ? down * steps[dim1] + right * steps[dim2] : 0;
    return [out, positions(out, [...rest.map((i) => steps[i]), steps[dim1] + steps[dim2]], start)];
  }

  function scatter(x, shape, [inner, places]) {
    const out = full(shape, 0);
    broadcast(x, inner).data.forEach((v, i) => { out.data[places[i]] = v; });
    return out;
  }

  const triangle = (keeps) => (xs, params) => {
    const [n, m] = xs[0].shape.slice(-2);
    return make(xs[0].shape, xs[0].data.map((v, i) => (keeps((i % m) - (Math.floor(i / m) % n), params.diagonal) ? v : 0)));
  };

  function take(x, key) {
    const [shape, places] = keyed(x.shape, key);
    return make(shape, places.map((p) => x.data[p]));
  }

  function joined(xs, dim) {
    const shape = [...xs[0].shape];
    shape[dim] = total(xs.map((x) => x.shape[dim]));
    const outer = size(shape.slice(0, dim));
    const out = [];
    for (let i = 0; i < outer; i++)
      for (const x of xs) {
        const block = size(x.shape.slice(dim));
        for (let j = 0; j < block; j++) out.push(x.data[i * block + j]);
      }
    return make(shape, out);
  }

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
  const soft = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  const orNaN = (f) => (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : f(a, b));
  const even = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

  const ofTruths = (f) => (...xs) => {
    if (xs.some((x) => x !== 0 && x !== 1)) throw new Unsupported("operations on bits");
    return f(...xs);
  };

  const converted = {
    float64: (v) => v,
    float32: Math.fround,
    bool: (v) => Number(v !== 0),
    int64: Math.trunc,
    int32: Math.trunc,
  };

  const numbers = {
    add: (x, y) => x + y,
    sub: (x, y) => x - y,
    mul: (x, y) => x * y,
    div: (x, y) => x / y,
    neg: (x) => -x,
    square: (x) => x * x,
    reciprocal: (x) => 1 / x,
    pow: (x, y) => (x === 1 || y === 0 ? 1 : x ** y),
    power_or_zero: (x, p) => (x === 0 ? 0 : x ** p),
    mul0: (x, y) => (x === 0 ? 0 : x * y),
    mul00: (x, y) => (x === 0 || y === 0 ? 0 : x * y),
    div0: (x, y) => (x === 0 ? 0 : x / y),
    ratio: (x, y) => (y === 0 ? 0 : x / y),
    exp: Math.exp,
    exp2: (x) => 2 ** x,
    expm1: Math.expm1,
    log: Math.log,
    log2: Math.log2,
    log10: Math.log10,
    log1p: Math.log1p,
    sqrt: Math.sqrt,
    rsqrt: (x) => 1 / Math.sqrt(x),
    sigmoid,
    logaddexp: (x, y) => logSum([x, y]),
    xlogy: (x, y) => (x === 0 && !Number.isNaN(y) ? 0 : x * Math.log(y)),
    exp_difference: (x, y) => (y === -Infinity ? 0 : Math.exp(x - y)),
    sin: Math.sin,
    cos: Math.cos,
    tan: Math.tan,
    asin: Math.asin,
    acos: Math.acos,
    atan: Math.atan,
    atan2: Math.atan2,
    hypot: Math.hypot,
    sinh: Math.sinh,
    cosh: Math.cosh,
    tanh: Math.tanh,
    asinh: Math.asinh,
    acosh: Math.acosh,
    atanh: Math.atanh,
    abs: Math.abs,
    sign: Math.sign,
    sgn: Math.sign,
    floor: Math.floor,
    ceil: Math.ceil,
    trunc: Math.trunc,
    round: even,
    relu: (x) => (Number.isNaN(x) ? NaN : Math.max(x, 0)),
    leaky_relu: (x, slope) => (x > 0 ? x : x * slope),
    prelu: (x, w) => (x > 0 ? x : x * w),
    elu: (x, alpha, scale, rate) => (x > 0 ? x * scale : Math.expm1(Math.min(x, 0) * rate) * alpha * scale),
    silu: (x) => x * sigmoid(x),
    softplus: (x, beta, threshold) => (x * beta > threshold ? x : soft(x * beta) / beta),
    log_sigmoid: (x) => -soft(-x),
    softsign: (x) => x / (1 + Math.abs(x)),
    mish: (x) => x * Math.tanh(soft(x)),
    hardtanh: (x, low, high) => Math.min(Math.max(x, low), high),
    clamp: (x, low, high) => Math.min(Math.max(x, low), high),
    clamp_min: orNaN((x, low) => Math.max(x, low)),
    clamp_max: orNaN((x, high) => Math.min(x, high)),
    maximum: orNaN((x, y) => Math.max(x, y)),
    minimum: orNaN((x, y) => Math.min(x, y)),
    where: (c, x, y) => (c !== 0 ? x : y),
    gt: (x, y) => x > y,
    ge: (x, y) => x >= y,
    lt: (x, y) => x < y,
    le: (x, y) => x <= y,
    eq: (x, y) => x === y,
    ne: (x, y) => x !== y,
    bitwise_and: ofTruths((x, y) => x * y),
    bitwise_or: ofTruths((x, y) => Math.max(x, y)),
    bitwise_not: ofTruths((x) => 1 - x),
    isnan: (x) => Number.isNaN(x),
    logical_not: (x) => x === 0,
    logical_and: (x, y) => x !== 0 && y !== 0,
    logical_or: (x, y) => x !== 0 || y !== 0,
    clone: (x) => x,
    stop_gradient: (x) => x,
  };

  const table = {
    cast: (xs, { dtype }) => {
      if (!converted[dtype]) throw new Unsupported(`the dtype ${dtype}`);
      return make(xs[0].shape, xs[0].data.map(converted[dtype]));
    },
    reshape: (xs, { shape }) => make(shape, xs[0].data),
    broadcast_to: (xs, { shape }) => broadcast(xs[0], shape),
    permute: (xs, { dims }) => permute(xs[0], dims),
    flip: (xs, { dims }) => {
      const steps = strides(xs[0].shape);
      const start = dims.reduce((t, d) => t + steps[d] * (xs[0].shape[d] - 1), 0);
      const turned = steps.map((s, i) => (dims.includes(i) ? -s : s));
      return make(xs[0].shape, positions(xs[0].shape, turned, start).map((p) => xs[0].data[p]));
    },
    sum: reduce(total),
    mean: reduce((values) => total(values) / values.length),
    amax: reduce(largest),
    amin: reduce(smallest),
    max: reduce(largest),
    min: reduce(smallest),
    logsumexp: reduce(logSum),
    var: reduce(variance),
    std: reduce((values, params) => Math.sqrt(variance(values, params))),
    prod: reduce(product),
    vector_norm: reduce((values, { ord }) => {
      if (ord === 1) return total(values.map(Math.abs));
      if (ord !== 2) throw new Unsupported(`a norm of order ${ord}`);
      return Math.sqrt(total(values.map((v) => v * v)));
    }),
    shift: scan((values, { by, fill }) => (by === 1 ? [Number(fill), ...values.slice(0, -1)] : [...values.slice(1), Number(fill)])),
    ties: (xs, { axes }) => {
      const wide = broadcast(xs[1], xs[0].shape).data;
      const hits = make(xs[0].shape, xs[0].data.map((v, i) => Number(v === wide[i] || (v !== v && wide[i] !== wide[i]))));
      return scan((values) => values.map((v) => v / total(values)))([hits], { axes });
    },
    cumsum: scan(running((a, b) => a + b)),
    cumprod: scan(running((a, b) => a * b)),
    softmax: (xs, { axis, safe }) => {
      if (safe) throw new Unsupported("softmax of masked scores");
      return scan(soften)(xs, { axis });
    },
    log_softmax: scan((values) => values.map((v) => v - logSum(values))),
    matmul: (xs) => matmul(xs[0], xs[1]),
    mm: (xs) => matmul(xs[0], xs[1]),
    linear: (xs) => {
      const out = matmul(xs[0], permute(xs[1], [1, 0]));
      return xs.length > 2 ? elementwise((a, b) => a + b)([out, xs[2]]) : out;
    },
    contract,
    getitem: (xs, { key }) => take(xs[0], key),
    select: (xs, { dim, index }) => take(xs[0], [...new Array(dim).fill(ALL), index]),
    embed: (xs, { key, shape }) => scatter(xs[0], shape, keyed(shape, key)),
    rows: ([x, index], { axis }) => {
      const [outer, inner] = [size(x.shape.slice(0, axis)), size(x.shape.slice(axis + 1))];
      const n = x.shape[axis];
      if (index.data.some((k) => !(k >= 0 && k < n && Number.isInteger(k)))) throw new Unsupported("an index out of range");
      const out = [];
      for (let o = 0; o < outer; o++) for (const k of index.data) for (let j = 0; j < inner; j++) out.push(x.data[(o * n + k) * inner + j]);
      return make([...x.shape.slice(0, axis), ...index.shape, ...x.shape.slice(axis + 1)], out);
    },
    add_rows: ([x, index], { axis, size: n }) => {
      const shape = [...x.shape.slice(0, axis), n, ...x.shape.slice(axis + index.shape.length)];
      const [outer, inner] = [size(shape.slice(0, axis)), size(shape.slice(axis + 1))];
      const out = full(shape, 0);
      let at = 0;
      for (let o = 0; o < outer; o++) for (const k of index.data) for (let j = 0; j < inner; j++) out.data[(o * n + k) * inner + j] += x.data[at++];
      return out;
    },
    diagonal: (xs, params) => {
      const [shape, places] = diagonal(xs[0].shape, params);
      return make(shape, places.map((p) => xs[0].data[p]));
    },
    embed_diagonal: (xs, params) => scatter(xs[0], params.shape, diagonal(params.shape, params)),
    tril: triangle((away, d) => away <= d),
    triu: triangle((away, d) => away >= d),
    cat: (xs, { dim }) => joined(xs, dim),
    stack: (xs, { dim }) => {
      const wide = xs.map((x) => make([...x.shape.slice(0, dim), 1, ...x.shape.slice(dim)], x.data));
      return joined(wide, dim);
    },
    squared_error: (xs, { count }) => {
      const d = elementwise((a, b) => a - b)(xs).data;
      return make([], [total(d.map((v) => v * v)) / count]);
    },
    cross_entropy: (xs, { ignore }) => {
      const c = xs[0].shape[1];
      return make([xs[0].shape[0]], xs[1].data.map((t, i) => {
        if (t === ignore) return 0;
        if (!(t >= 0 && t < c && Number.isInteger(t))) throw new Unsupported("a class number out of range");
        const row = xs[0].data.slice(i * c, (i + 1) * c);
        return logSum(row) - row[t];
      }));
    },
    softmax_residual: (xs, { ignore }) => {
      const c = xs[0].shape[1];
      const out = xs[1].data.flatMap((t, i) => {
        const row = soften(xs[0].data.slice(i * c, (i + 1) * c));
        return t === ignore ? row.map(() => 0) : row.map((p, j) => (j === t ? p - 1 : p));
      });
      return make(xs[0].shape, out);
    },
  };

  const own = (object, name) => (Object.prototype.hasOwnProperty.call(object, name) ? object[name] : undefined);
  const known = (name) => Boolean(own(numbers, name) || own(table, name));

  function apply(name, params, xs) {
    for (const value of Object.values(params || {}))
      if (value && value.text !== undefined) throw new Unsupported(`${name} with a parameter of type ${value.text}`);
    const f = own(numbers, name);
    if (f) return elementwise(f)(xs);
    const g = own(table, name);
    if (!g) throw new Unsupported(name);
    return g(xs, params || {});
  }

  // Sum a cotangent back to the shape of its argument.
  function unbroadcast(g, shape) {
    if (same(g.shape, shape)) return g;
    const lead = g.shape.length - shape.length;
    if (lead < 0) return broadcast(g, shape);
    const axes = g.shape.map((_, i) => i).filter((i) => i < lead || (shape[i - lead] === 1 && g.shape[i] !== 1));
    if (!axes.length) return broadcast(g, shape);
    return make(shape, along(g, axes, total));
  }

  return { Unsupported, apply, known, make, full, size, same, strides, converted, unbroadcast,
    add: (x, y) => elementwise((a, b) => a + b)([x, y]) };
})();
