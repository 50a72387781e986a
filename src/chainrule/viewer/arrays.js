"use strict";
// Arrays are {shape, data} with data in row-major order; here is what all operations on them share.
const Arrays = (() => {
  class Unsupported extends Error {}
  const size = (shape) => shape.reduce((a, b) => a * b, 1);
  const make = (shape, data) => ({ shape, data });
  const same = (a, b) => a.length === b.length && a.every((n, i) => n === b[i]);
  const full = (shape, value) => make(shape, new Array(size(shape)).fill(value));
  const range = (n) => Array.from({ length: n }, (_, i) => i);
  const total = (values) => values.reduce((a, b) => a + b, 0);
  const without = (list, i) => [...list.slice(0, i), ...list.slice(i + 1)];
  const replaced = (list, i, value) => [...list.slice(0, i), value, ...list.slice(i + 1)];

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

  // An operation that applies f to the elements of arrays that are broadcast together.
  function elementwise(f) {
    return (xs, params) => {
      if (xs.every((x) => x.shape.length === 0)) return make([], [Number(f(...xs.map((x) => x.data[0]), params))]);
      const shape = commonShape(xs.map((x) => x.shape));
      const data = xs.map((x) => broadcast(x, shape).data);
      const out = new Array(size(shape));
      for (let i = 0; i < out.length; i++) out[i] = Number(f(...data.map((d) => d[i]), params));
      return make(shape, out);
    };
  }
  const added = elementwise((a, b) => a + b);
  const add = (x, y) => added([x, y]);

  // Apply f to the list of elements along `axes` and the list of their positions.
  function along(x, axes, f) {
    const steps = strides(x.shape);
    const inner = axes.filter((a) => a >= 0);
    const outer = range(x.shape.length).filter((i) => !inner.includes(i));
    const starts = positions(outer.map((i) => x.shape[i]), outer.map((i) => steps[i]));
    const offsets = positions(inner.map((i) => x.shape[i]), inner.map((i) => steps[i]));
    return starts.map((s) => f(offsets.map((o) => x.data[s + o]), offsets.map((o) => s + o)));
  }

  function reducedShape(shape, axes, keepdims) {
    if (keepdims) return shape.map((n, i) => (axes.includes(i) ? 1 : n));
    return shape.filter((_, i) => !axes.includes(i));
  }

  // Operations that make a number, or a list of equal length, of the elements along axes.
  const reduce = (f) => ([x], { axes, keepdims, ...more }) =>
    make(reducedShape(x.shape, axes, keepdims), along(x, axes, (values) => Number(f(values, more))));
  const scan = (f) => ([x, ...others], params) => {
    const out = new Array(x.data.length);
    along(x, params.axes || [params.axis], (values, places) => {
      f(values, params, ...others.map((o) => places.map((p) => o.data[p]))).forEach((v, i) => { out[places[i]] = v; });
    });
    return make(x.shape, out);
  };

  function permute(x, dims) {
    const steps = strides(x.shape);
    const shape = dims.map((d) => x.shape[d]);
    return make(shape, positions(shape, dims.map((d) => steps[d])).map((p) => x.data[p]));
  }
  function transposed(x) {
    const n = x.shape.length;
    return permute(x, [...range(n - 2), n - 1, n - 2]);
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

  // Sum a cotangent back to the shape of its argument.
  function unbroadcast(g, shape) {
    if (same(g.shape, shape)) return g;
    const lead = g.shape.length - shape.length;
    if (lead < 0) return broadcast(g, shape);
    const axes = range(g.shape.length).filter((i) => i < lead || (shape[i - lead] === 1 && g.shape[i] !== 1));
    if (!axes.length) return broadcast(g, shape);
    return make(shape, along(g, axes, total));
  }

  return { Unsupported, size, make, same, full, range, total, without, replaced, strides, positions, commonShape,
    broadcast, elementwise, add, along, reducedShape, reduce, scan, permute, transposed, matmul, unbroadcast };
})();
