"use strict";
// Convolution, pooling and patches: all are sums or choices over the windows of an image.
const WindowOps = (() => {
  const { size, make, full, range, positions, strides } = Arrays;

  const counts = (image, kernel, { stride, padding, dilation }) => image.map((n, i) =>
    Math.floor((n + padding[i][0] + padding[i][1] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1);

  // places[p][k]: where element k of window p lies in the image, or -1 in the padding.
  function windowPlaces(image, kernel, out, { stride, padding, dilation = kernel.map(() => 1) }) {
    const steps = strides(image);
    return cells(out).map((corner) => cells(kernel).map((offset) => {
      let place = 0;
      for (let i = 0; i < image.length; i++) {
        const at = corner[i] * stride[i] + offset[i] * dilation[i] - padding[i][0];
        if (at < 0 || at >= image[i]) return -1;
        place += at * steps[i];
      }
      return place;
    }));
  }
  const cells = (shape) => shape.reduce((found, n) => found.flatMap((c) => range(n).map((i) => [...c, i])), [[]]);

  // Call visit(place in x, place in w, place in y) for each product x * w that convolution adds into y.
  function convolve(x, w, y, params, visit) {
    const [batch, channels, ...image] = x;
    const [outputs, inGroup, ...kernel] = w;
    const places = windowPlaces(image, kernel, y.slice(2), params);
    const [whole, volume, perGroup] = [size(image), size(kernel), outputs / params.groups];
    for (let n = 0; n < batch; n++)
      for (let o = 0; o < outputs; o++)
        for (let c = 0; c < inGroup; c++) {
          const from = (n * channels + Math.floor(o / perGroup) * inGroup + c) * whole;
          places.forEach((window, p) => window.forEach((place, k) => {
            if (place >= 0) visit(from + place, (o * inGroup + c) * volume + k, (n * outputs + o) * places.length + p);
          }));
        }
  }

  function conv([x, w, bias], params) {
    const shape = [x.shape[0], w.shape[0], ...counts(x.shape.slice(2), w.shape.slice(2), params)];
    const each = size(shape.slice(2));
    const y = full(shape, 0);
    if (bias) y.data = y.data.map((_, i) => bias.data[Math.floor(i / each) % shape[1]]);
    convolve(x.shape, w.shape, shape, params, (i, j, k) => { y.data[k] += x.data[i] * w.data[j]; });
    return y;
  }
  function inputGradient([g, w], { size: image, ...params }) {
    const x = full([g.shape[0], w.shape[1] * params.groups, ...image], 0);
    convolve(x.shape, w.shape, g.shape, params, (i, j, k) => { x.data[i] += g.data[k] * w.data[j]; });
    return x;
  }
  function weightGradient([g, x], { kernel, ...params }) {
    const w = full([g.shape[1], x.shape[1] / params.groups, ...kernel], 0);
    convolve(x.shape, w.shape, g.shape, params, (i, j, k) => { w.data[j] += g.data[k] * x.data[i]; });
    return w;
  }

  // Call visit(window, first place of the image) for each window of each image of x; out holds [image, window].
  function eachWindow(lead, image, params, visit) {
    const places = windowPlaces(image, params.kernel, params.out, params);
    for (let n = 0; n < size(lead); n++) places.forEach((window, p) => visit(window, n * size(image), n * places.length + p, n, p));
  }

  function maxPool([x], params) {
    const lead = x.shape.slice(0, 2);
    const shape = [...lead, ...params.out];
    const [best, winner] = [full(shape, -Infinity), full(shape, 0)];
    eachWindow(lead, x.shape.slice(2), params, (window, from, to) => {
      window.forEach((place, number) => {
        const v = place < 0 ? -Infinity : x.data[from + place];
        if (number && v > best.data[to]) winner.data[to] = number;
        if (!number || v > best.data[to] || v !== v) best.data[to] = v;
      });
    });
    return [best, winner];
  }
  function toWinner([g, winner], params) {
    const x = full([...g.shape.slice(0, 2), ...params.size], 0);
    eachWindow(g.shape.slice(0, 2), params.size, params, (window, from, to) => {
      const place = window[winner.data[to]];
      if (place >= 0) x.data[from + place] += g.data[to];
    });
    return x;
  }
  function windowSum([x], params) {
    const y = full([...x.shape.slice(0, 2), ...params.out], 0);
    eachWindow(x.shape.slice(0, 2), params.size, params, (window, from, to) => {
      for (const place of window) if (place >= 0) y.data[to] += x.data[from + place];
    });
    return y;
  }
  function windowSpread([g], params) {
    const x = full([...g.shape.slice(0, 2), ...params.size], 0);
    eachWindow(g.shape.slice(0, 2), params.size, params, (window, from, to) => {
      for (const place of window) if (place >= 0) x.data[from + place] += g.data[to];
    });
    return x;
  }

  // The columns of a convolution, (N, C * kernel, windows), and back.
  function patches([x], params) {
    const [n, c] = x.shape;
    const [volume, count] = [size(params.kernel), size(params.out)];
    const y = full([n, c * volume, count], 0);
    eachWindow([n, c], params.size, params, (window, from, to, image, p) => {
      window.forEach((place, k) => { if (place >= 0) y.data[(image * volume + k) * count + p] = x.data[from + place]; });
    });
    return y;
  }
  function unpatches([y], params) {
    const [volume, count] = [size(params.kernel), size(params.out)];
    const lead = [y.shape[0], y.shape[1] / volume];
    const x = full([...lead, ...params.size], 0);
    eachWindow(lead, params.size, params, (window, from, to, image, p) => {
      window.forEach((place, k) => { if (place >= 0) x.data[from + place] += y.data[(image * volume + k) * count + p]; });
    });
    return x;
  }

  function winnerIndex([winner], params) {
    const places = windowPlaces(params.size, params.kernel, params.out, params);
    return make(winner.shape, winner.data.map((number, i) => places[i % places.length][number]));
  }

  // Windows whose places are given: index[p] lists the places, along the last dimension, of window p.
  function windowMax([x, index]) {
    const [count, width] = index.shape;
    const length = x.shape[x.shape.length - 1];
    const shape = [...x.shape.slice(0, -1), count];
    const [best, where] = [full(shape, 0), full(shape, 0)];
    best.data.forEach((_, i) => {
      const from = Math.floor(i / count) * length;
      const window = index.data.slice((i % count) * width, (i % count + 1) * width);
      const top = window.reduce((a, b) => (x.data[from + b] > x.data[from + a] || (x.data[from + b] !== x.data[from + b] && x.data[from + a] === x.data[from + a]) ? b : a));
      best.data[i] = x.data[from + top];
      where.data[i] = top;
    });
    return [best, where];
  }

  // Sliding windows of one dimension as a last dimension, and back; views by strides, and back.
  function sliding(shape, { dim, size: width, step }) {
    const steps = strides(shape);
    const count = Math.floor((shape[dim] - width) / step) + 1;
    const out = [...Arrays.replaced(shape, dim, count), width];
    return [out, positions(out, [...Arrays.replaced(steps, dim, steps[dim] * step), steps[dim]])];
  }
  const framed = (lead, count, width, length, hop) => // places of frames in signals of this length
    positions([...lead, count, width], [...strides([...lead, length]).slice(0, -1), hop, 1]);
  const read = (x, [shape, places]) => make(shape, places.map((p) => x.data[p]));
  function spread(g, shape, places) {
    const out = full(shape, 0);
    places.forEach((p, i) => { out.data[p] += g.data[i]; });
    return out;
  }

  return {
    conv,
    conv_bias: conv,
    conv_input_grad: inputGradient,
    conv_weight_grad: weightGradient,
    max_pool: maxPool,
    spread_to_winner: toWinner,
    winner_index: winnerIndex,
    window_sum: windowSum,
    window_spread: windowSpread,
    window_max: windowMax,
    patches,
    unpatches,
    unfold: ([x], params) => read(x, sliding(x.shape, params)),
    fold_windows: ([g], { shape, ...params }) => spread(g, shape, sliding(shape, { ...params, size: g.shape[g.shape.length - 1] })[1]),
    frames: ([x], { size: width, hop }) => {
      const [lead, length] = [x.shape.slice(0, -1), x.shape[x.shape.length - 1]];
      const count = Math.floor((length - width) / hop) + 1;
      return read(x, [[...lead, count, width], framed(lead, count, width, length, hop)]);
    },
    overlap_add: ([x], { length, hop }) => {
      const lead = x.shape.slice(0, -2);
      return spread(x, [...lead, length], framed(lead, ...x.shape.slice(-2), length, hop));
    },
    as_strided: ([x], { size: shape, stride, offset }) => read(x, [shape, positions(shape, stride, offset)]),
    strided_add: ([g], { shape, size: view, stride, offset }) => spread(g, shape, positions(view, stride, offset)),
  };
})();
