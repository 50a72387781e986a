"use strict";
// Sorting and choosing along a dimension, and what belongs to it: picking by index, ranks, running extrema.
const ChoosingOps = (() => {
  const { make, full, range, along, reducedShape, replaced, positions, strides, size, scan, reduce } = Arrays;

  const isNaN = Number.isNaN;
  const upward = (a, b) => (isNaN(a) ? (isNaN(b) ? 0 : 1) : isNaN(b) ? -1 : a - b); // NaN is the largest
  const argsort = (values, descending = false) => {
    const order = range(values.length);
    return order.sort((i, j) => (descending ? upward(values[j], values[i]) : upward(values[i], values[j])) || i - j);
  };
  const first = (better) => (values) => values.reduce((best, v, i) => (better(v, values[best]) ? i : best), 0);
  const firstLargest = first((v, best) => upward(v, best) > 0);
  const firstSmallest = first((v, best) => (isNaN(v) && !isNaN(best)) || (!isNaN(best) && v < best));
  const running = (better) => (values) => {
    let best = 0;
    return values.map((v, i) => {
      if (isNaN(v) || better(v, values[best])) best = isNaN(values[best]) && !isNaN(v) ? best : i;
      return best;
    });
  };
  const median = (values, ignoreNaN) => {
    const order = argsort(values);
    const left = values.filter((v) => !isNaN(v)).length;
    const place = ignoreNaN ? Math.floor(Math.max(left - 1, 0) / 2) : left < values.length ? left : (values.length - 1) >> 1;
    return order[place];
  };

  function mostFrequent(values) {
    const counts = new Map();
    for (const v of values) counts.set(v, (counts.get(v) || 0) + 1);
    const most = Math.max(...counts.values());
    const least = argsort(values).find((i) => counts.get(values[i]) === most);
    return values.lastIndexOf(values[least]);
  }

  // Results (values, indices): choose(values, params) gives which elements along `axis`: `length(n, params)` of n.
  const choosing = (choose, length = () => 1) => ([x], { axis, keepdims, ...params }) => {
    const chosen = along(x, [axis], (values) => [choose(values, params)].flat().map((k) => [values[k], k]));
    const count = length(x.shape[axis], params);
    const lead = positions(replaced(x.shape, axis, 1), strides(replaced(x.shape, axis, count)));
    const step = size(x.shape.slice(axis + 1));
    const shape = replaced(x.shape, axis, count);
    const [values, indices] = [full(shape, 0), full(shape, 0)];
    chosen.forEach((list, i) => list.forEach(([v, k], j) => {
      values.data[lead[i] + j * step] = v;
      indices.data[lead[i] + j * step] = k;
    }));
    if (keepdims) return [values, indices];
    return [values, indices].map((found) => make(reducedShape(x.shape, [axis], false), found.data));
  };
  const all = (n) => n;
  const arg = (choose) => ([x], { axis, keepdims }) => make(reducedShape(x.shape, [axis], keepdims), along(x, [axis], choose));

  // Places in x of the elements that an index of the same rank names along `axis`.
  function picked(shape, index, axis) {
    const steps = strides(shape);
    const base = positions(index.shape, steps.map((s, i) => (i === axis || (shape[i] === 1 && index.shape[i] !== 1) ? 0 : s)));
    return base.map((p, i) => {
      const k = index.data[i] < 0 ? index.data[i] + shape[axis] : index.data[i];
      if (!(k >= 0 && k < shape[axis] && Number.isInteger(k))) throw new Arrays.Unsupported("an index out of range");
      return p + k * steps[axis];
    });
  }
  function placed([x, index], { axis, size: length }) {
    const wide = Arrays.broadcast(x, index.shape);
    const out = full(replaced(index.shape, axis, length), 0);
    picked(out.shape, index, axis).forEach((p, i) => { out.data[p] += wide.data[i]; });
    return out;
  }

  function ranks([rows], { ignore_nan: ignoreNaN }) {
    const n = rows.shape[rows.shape.length - 1];
    const shape = [...rows.shape.slice(0, -1), 1];
    const found = along(rows, [rows.shape.length - 1], (values) => {
      if (ignoreNaN) return [0, Math.max(values.filter((v) => !isNaN(v)).length - 1, 0)];
      return isNaN(values[n - 1]) ? [n - 1, 0] : [0, n - 1];
    });
    return [0, 1].map((k) => make(shape, found.map((pair) => pair[k])));
  }

  const even = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
  const rounding = { floor: Math.floor, ceil: Math.ceil, nearest: even };

  return {
    sort: choosing((values, { descending }) => argsort(values, descending), all),
    argsort: scan((values, { descending }) => argsort(values, descending)),
    topk: choosing((values, { k, largest }) => argsort(values, largest).slice(0, k), (_, { k }) => k),
    kthvalue: choosing((values, { k }) => argsort(values)[k - 1]),
    cummax: choosing(running((v, best) => v >= best), all),
    cummin: choosing(running((v, best) => v <= best), all),
    max_along: choosing(firstLargest),
    min_along: choosing(firstSmallest),
    median_along: choosing((values) => median(values, false)),
    nanmedian_along: choosing((values) => median(values, true)),
    mode: choosing(mostFrequent),
    median: reduce((values) => values[median(values, false)]),
    nanmedian: reduce((values) => values[median(values, true)]),
    argmax: arg(firstLargest),
    argmin: arg(firstSmallest),
    pick_along: ([x, index], { axis }) => make(index.shape, picked(x.shape, index, axis).map((p) => x.data[p])),
    place_along: placed,
    ranks,
    searchsorted: ([edges, x], { right }) => {
      const n = edges.shape[edges.shape.length - 1];
      const each = x.data.length / (edges.data.length / n);
      return make(x.shape, x.data.map((v, i) => {
        const from = Math.floor(i / each) * n;
        return edges.data.slice(from, from + n).filter((e) => (right ? upward(e, v) <= 0 : upward(e, v) < 0)).length;
      }));
    },
    round_index: ([x], { how }) => {
      if (!rounding[how]) throw new Arrays.Unsupported(`rounding by ${how}`);
      return make(x.shape, x.data.map(rounding[how]));
    },
  };
})();
