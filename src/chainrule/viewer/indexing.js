"use strict";
// Reading and writing parts of arrays by keys of whole numbers, slices, new dimensions (null) and index arrays ("a", "b").
const IndexingOps = (() => {
  const { Unsupported, make, full, size, strides, positions, commonShape, broadcast, range } = Arrays;
  const ALL = [null, null, null]; // the slice `:`

  // Start, step and count of a slice over n elements, as Python reads it.
  function sliced(n, [start, stop, by]) {
    const step = by === null ? 1 : by;
    const [low, high] = step > 0 ? [0, n] : [-1, n - 1];
    const at = (v, missing) => (v === null ? missing : Math.min(high, Math.max(low, v < 0 ? v + n : v)));
    const from = at(start, step > 0 ? low : high);
    return [from, step, Math.max(0, Math.ceil((at(stop, step > 0 ? high : low) - from) / step))];
  }

  // The shape that a key selects of `shape`, and the position of each element.
  function keyed(shape, key, arrays = []) {
    const steps = strides(shape);
    const used = key.filter((k) => k !== null && k !== "z").length;
    const parts = []; // [shape, positions] of each part of the key that makes dimensions
    const queue = [...arrays];
    const together = commonShape([[], ...arrays.map((a) => a.shape)]);
    let start = 0;
    let axis = 0;
    let chosen = null; // positions added by index arrays, once there are any
    let before = 0; // parts before the index arrays
    let left = false; // a dimension came after an index
    let split = false; // and then an index again: the chosen dimensions go first
    const index = (values) => {
      if (chosen === null) {
        chosen = new Array(size(together)).fill(0);
        before = parts.length;
      } else if (left) split = true;
      values.forEach((v, i) => { chosen[i] += v; });
    };
    for (const k of [...key, ...new Array(shape.length - used).fill(ALL)]) {
      if (k === null) parts.push([1, 0]);
      else if (Array.isArray(k)) {
        const [from, step, count] = sliced(shape[axis], k);
        parts.push([count, step * steps[axis]]);
        start += from * steps[axis];
        axis++;
      } else if (typeof k === "number") {
        const place = (k < 0 ? k + shape[axis] : k) * steps[axis];
        if (arrays.length) index(new Array(size(together)).fill(place));
        else start += place;
        axis++;
      } else if (k === "a" || k === "b") {
        const n = shape[axis];
        const step = steps[axis];
        index(broadcast(queue.shift(), together).data.map((v) => {
          if (!(v >= -n && v < n && Number.isInteger(v))) throw new Unsupported("an index out of range");
          return (v < 0 ? v + n : v) * step;
        }));
        axis++;
      } else if (k === "z") index(broadcast(queue.shift(), together).data.map(() => 0)); // a mask without dimensions
      else throw new Unsupported("an index of this kind");
      if (chosen !== null && (k === null || Array.isArray(k))) left = true;
    }
    const dims = (list) => list.map(([n]) => n);
    const by = (list) => list.map(([, step]) => step);
    if (chosen === null) return [dims(parts), positions(dims(parts), by(parts), start)];
    if (split) before = 0;
    const [head, tail] = [parts.slice(0, before), parts.slice(before)];
    const outer = positions(dims(head), by(head), start);
    const inner = positions(dims(tail), by(tail));
    return [[...dims(head), ...together, ...dims(tail)], outer.flatMap((o) => chosen.flatMap((c) => inner.map((i) => o + c + i)))];
  }

  const read = ([x, ...arrays], { key }) => {
    const [shape, places] = keyed(x.shape, key, arrays);
    return make(shape, places.map((p) => x.data[p]));
  };
  // A copy of x in which combine(old, new) is written at the places of a key, one after the other.
  const written = (combine) => ([x, v, ...arrays], { key }) => {
    const [shape, places] = keyed(x.shape, key, arrays);
    const values = fitted(v, shape).data;
    const data = [...x.data];
    places.forEach((p, i) => { data[p] = combine(data[p], values[i]); });
    return make(x.shape, data);
  };
  // Values may have leading dimensions of one that the places have not.
  const fitted = (v, shape) => broadcast(v.shape.length > shape.length ? make(v.shape.slice(v.shape.length - shape.length), v.data) : v, shape);

  function reduced([x, v, ...arrays], { key, how, include_self: whole }) {
    const better = how === "amax" ? Math.max : Math.min;
    const [shape, places] = keyed(x.shape, key, arrays);
    const data = [...x.data];
    if (!whole) for (const p of places) data[p] = how === "amax" ? -Infinity : Infinity;
    fitted(v, shape).data.forEach((value, i) => { data[places[i]] = better(data[places[i]], value); });
    return make(x.shape, data);
  }
  function lastWrite(arrays, { key, shape }) {
    const [out, places] = keyed(shape, key, arrays);
    const last = new Map(places.map((p, i) => [p, i]));
    return make(out, places.map((p, i) => Number(last.get(p) === i)));
  }

  // Positions of a diagonal of two dimensions, which becomes the last dimension, and the shape of the result.
  function diagonal(shape, { offset, dim1, dim2 }) {
    const steps = strides(shape);
    const rest = range(shape.length).filter((i) => i !== dim1 && i !== dim2);
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

  // Whole rows along an axis, by number, and adding rows back.
  function rows([x, index], { axis }) {
    const [outer, inner] = [size(x.shape.slice(0, axis)), size(x.shape.slice(axis + 1))];
    const n = x.shape[axis];
    if (index.data.some((k) => !(k >= 0 && k < n && Number.isInteger(k)))) throw new Unsupported("an index out of range");
    const out = [];
    for (let o = 0; o < outer; o++) for (const k of index.data) for (let j = 0; j < inner; j++) out.push(x.data[(o * n + k) * inner + j]);
    return make([...x.shape.slice(0, axis), ...index.shape, ...x.shape.slice(axis + 1)], out);
  }
  function addRows([x, index], { axis, size: n }) {
    const shape = [...x.shape.slice(0, axis), n, ...x.shape.slice(axis + index.shape.length)];
    const [outer, inner] = [size(shape.slice(0, axis)), size(shape.slice(axis + 1))];
    const out = full(shape, 0);
    let at = 0;
    for (let o = 0; o < outer; o++) for (const k of index.data) for (let j = 0; j < inner; j++) out.data[(o * n + k) * inner + j] += x.data[at++];
    return out;
  }
  function bincount([x, weights], { size: n }) {
    const shape = [...x.shape.slice(0, -1), n];
    const width = x.shape[x.shape.length - 1];
    const out = full(shape, 0);
    x.data.forEach((k, i) => {
      if (!(k >= 0 && k < n)) throw new Unsupported("an index out of range");
      out.data[Math.floor(i / width) * n + k] += weights ? weights.data[i] : 1;
    });
    return out;
  }

  return {
    getitem: read,
    index: read,
    setitem: written((_, v) => v),
    index_add: written((old, v) => old + v),
    index_reduce: reduced,
    last_write: lastWrite,
    select: ([x], { dim, index }) => read([x], { key: [...new Array(dim).fill(ALL), index] }),
    embed: ([x], { key, shape }) => scatter(x, shape, keyed(shape, key)),
    rows,
    add_rows: addRows,
    bincount,
    diagonal: ([x], params) => {
      const [shape, places] = diagonal(x.shape, params);
      return make(shape, places.map((p) => x.data[p]));
    },
    embed_diagonal: ([x], params) => scatter(x, params.shape, diagonal(params.shape, params)),
  };
})();
