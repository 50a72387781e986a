"use strict";
// Linear algebra on stacks of matrices; a matrix is a list of rows here. After G. H. Golub and C. F. Van Loan, Matrix
// Computations, 4th edition, 2013: elimination (3.4), Householder's QR (5.2), Jacobi's methods (8.5, 8.6).
const LinalgOps = (() => {
  const { Unsupported, make, size, range, total, commonShape, broadcast } = Arrays;

  const eye = (n) => range(n).map((i) => range(n).map((j) => Number(i === j)));
  const turn = (a) => (a.length ? a[0].map((_, j) => a.map((row) => row[j])) : []);
  const times = (a, b) => a.map((row) => (b.length ? b[0] : []).map((_, j) => row.reduce((s, v, k) => s + v * b[k][j], 0)));
  const dot = (u, v) => u.reduce((s, x, i) => s + x * v[i], 0);

  // The matrices of a stack, and a stack of what f makes of each: numbers, lists or matrices.
  function matrices(x, lead = x.shape.slice(0, -2)) {
    const [n, m] = x.shape.slice(-2);
    const data = broadcast(x, [...lead, n, m]).data;
    return range(size(lead)).map((b) => range(n).map((i) => data.slice((b * n + i) * m, (b * n + i + 1) * m)));
  }
  function stacked(lead, inner, found) {
    return make([...lead, ...inner], found.flat(3));
  }
  const each = (f, inner) => ([x], params) => stacked(x.shape.slice(0, -2), inner(x.shape.slice(-2)), matrices(x).map((a) => f(a, params)));
  const square = ([n]) => [n, n];
  const none = () => [];

  // P L U by rows, both factors in one matrix; `zero` is the number, from 1, of the first pivot that is zero, or 0.
  function eliminate(a) {
    const lu = a.map((row) => [...row]);
    const [n, m] = [lu.length, lu.length ? lu[0].length : 0];
    const pivots = [];
    let [sign, zero] = [1, 0];
    for (let k = 0; k < Math.min(n, m); k++) {
      let p = k;
      for (let i = k + 1; i < n; i++) if (Math.abs(lu[i][k]) > Math.abs(lu[p][k])) p = i;
      pivots.push(p + 1);
      if (p !== k) {
        [lu[p], lu[k]] = [lu[k], lu[p]];
        sign = -sign;
      }
      if (lu[k][k] === 0) {
        zero = zero || k + 1;
        continue;
      }
      for (let i = k + 1; i < n; i++) {
        lu[i][k] /= lu[k][k];
        for (let j = k + 1; j < m; j++) lu[i][j] -= lu[i][k] * lu[k][j];
      }
    }
    return { lu, pivots, sign, zero };
  }
  const determinant = (a) => {
    const { lu, sign } = eliminate(a);
    return lu.reduce((d, row, i) => d * row[i], sign);
  };
  function signAndLog(a) {
    const { lu, sign } = eliminate(a);
    const diagonal = lu.map((row, i) => row[i]);
    return [diagonal.reduce((s, v) => s * Math.sign(v), sign), total(diagonal.map((v) => Math.log(Math.abs(v))))];
  }
  // The derivative of the determinant by each entry: signed minors, which exist for singular matrices too.
  function cofactors(a) {
    if (a.length > 8) throw new Unsupported("the cofactors of a large matrix");
    const minor = (i, j) => determinant(Arrays.without(a, i).map((row) => Arrays.without(row, j)));
    return a.map((row, i) => row.map((_, j) => ((i + j) % 2 ? -1 : 1) * minor(i, j)));
  }

  function solveTriangle(a, b, upper, unit) {
    const order = range(a.length);
    if (upper) order.reverse();
    const x = b.map((row) => [...row]);
    order.forEach((i, done) => {
      for (const k of order.slice(0, done)) for (let j = 0; j < x[i].length; j++) x[i][j] -= a[i][k] * x[k][j];
      if (!unit) x[i] = x[i].map((v) => v / a[i][i]);
    });
    return x;
  }
  // The solution of A X = B, or null where A is singular.
  function solve(a, b) {
    const { lu, pivots, zero } = eliminate(a);
    if (zero) return null;
    const x = b.map((row) => row);
    pivots.forEach((p, k) => { [x[p - 1], x[k]] = [x[k], x[p - 1]]; });
    return solveTriangle(lu, solveTriangle(lu, x, false, true), true, false);
  }
  function solved([a, b], failed) {
    const lead = commonShape([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
    const right = matrices(b, lead);
    const found = matrices(a, lead).map((m, i) => solve(m, right[i]) || failed(right[i]));
    return stacked(lead, b.shape.slice(-2), found);
  }
  const singular = () => { throw new Unsupported("a singular matrix"); };
  const unknown = (rows) => rows.map((row) => row.map(() => NaN));
  const info = ([a]) => stacked(a.shape.slice(0, -2), [], matrices(a).map((m) => eliminate(m).zero));
  const identityLike = (a) => stacked([], a.shape.slice(-1).flatMap((n) => [n, n]), [eye(a.shape[a.shape.length - 1])]);

  function cholesky(a) {
    const l = a.map((row) => row.map(() => 0));
    for (let i = 0; i < a.length; i++)
      for (let j = 0; j <= i; j++) {
        const rest = a[i][j] - dot(l[i].slice(0, j), l[j].slice(0, j));
        if (i === j && !(rest > 0)) throw new Unsupported("a matrix that is not positive definite");
        l[i][j] = i === j ? Math.sqrt(rest) : rest / l[j][j];
      }
    return l;
  }

  // Householder's reflections, with the signs of LAPACK: the diagonal of R is opposite to what it reflects.
  function qr(a, mode) {
    const [n, m] = [a.length, a[0].length];
    let r = a.map((row) => [...row]);
    let q = eye(n);
    for (let k = 0; k < Math.min(n - 1, m); k++) {
      const x = r.map((row, i) => (i < k ? 0 : row[k]));
      const norm = Math.sqrt(dot(x, x));
      if (x.every((v, i) => i === k || v === 0)) continue;
      const v = [...x];
      v[k] += x[k] < 0 ? -norm : norm;
      const by = 2 / dot(v, v);
      const reflect = (rows) => {
        const along = turn(rows).map((column) => by * dot(v, column));
        return rows.map((row, i) => row.map((e, j) => e - v[i] * along[j]));
      };
      [r, q] = [reflect(r), reflect(q)];
    }
    r = r.map((row, i) => row.map((v, j) => (j < i ? 0 : v)));
    const kept = mode === "complete" ? n : Math.min(n, m);
    return [turn(q).map((row) => row.slice(0, kept)), r.slice(0, kept)];
  }

  // Eigenvalues, least first, and eigenvectors of a symmetric matrix, by Jacobi's rotations.
  function eigen(given, lower) {
    const a = given.map((row, i) => row.map((_, j) => ((i >= j) === lower || i === j ? given[i][j] : given[j][i])));
    const n = a.length;
    const v = eye(n);
    for (let sweep = 0; sweep < 60; sweep++) {
      const off = total(a.map((row, i) => total(row.map((x, j) => (i === j ? 0 : x * x)))));
      if (off <= 1e-32 * total(a.map((row) => dot(row, row)))) break;
      for (let p = 0; p < n; p++)
        for (let q = p + 1; q < n; q++) {
          if (a[p][q] === 0) continue;
          const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
          const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
          const c = 1 / Math.sqrt(t * t + 1);
          const s = t * c;
          for (let k = 0; k < n; k++) [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]];
          for (let k = 0; k < n; k++) [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]];
          for (let k = 0; k < n; k++) [v[k][p], v[k][q]] = [c * v[k][p] - s * v[k][q], s * v[k][p] + c * v[k][q]];
        }
    }
    const order = range(n).sort((i, j) => a[i][i] - a[j][j]);
    return [order.map((i) => a[i][i]), v.map((row) => order.map((i) => row[i]))];
  }

  // U, singular values (largest first) and V^T, by rotations that make the columns orthogonal.
  function singularValues(a) {
    if (!a.length || !a[0].length) return [a.map(() => []), [], []];
    if (a.length < a[0].length) {
      const [u, s, vt] = singularValues(turn(a));
      return [turn(vt), s, turn(u)];
    }
    const u = turn(a); // as columns
    const v = eye(u.length);
    for (let sweep = 0, moved = true; moved && sweep < 60; sweep++) {
      moved = false;
      for (let p = 0; p < u.length; p++)
        for (let q = p + 1; q < u.length; q++) {
          const [alpha, beta, gamma] = [dot(u[p], u[p]), dot(u[q], u[q]), dot(u[p], u[q])];
          if (Math.abs(gamma) <= 1e-15 * Math.sqrt(alpha * beta) || gamma === 0) continue;
          moved = true;
          const zeta = (beta - alpha) / (2 * gamma);
          const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
          const c = 1 / Math.sqrt(1 + t * t);
          const rotate = (x, y) => x.map((e, i) => [c * e - c * t * y[i], c * t * e + c * y[i]]);
          for (const w of [u, v]) {
            const pairs = rotate(w[p], w[q]);
            [w[p], w[q]] = [pairs.map((e) => e[0]), pairs.map((e) => e[1])];
          }
        }
    }
    const s = u.map((column) => Math.sqrt(dot(column, column)));
    const order = range(s.length).sort((i, j) => s[j] - s[i]);
    return [turn(order.map((i) => u[i].map((e) => (s[i] ? e / s[i] : 0)))), order.map((i) => s[i]), order.map((i) => v[i])];
  }

  // Vectors are found up to their sign: the sign of what was there before is kept.
  function signsOf(columns, before) {
    return columns.map((column, j) => (before && dot(column, before[j]) < 0 ? -1 : 1));
  }
  const scaled = (rows, by) => rows.map((row) => row.map((v, j) => v * by[j]));

  function svd([x], { full }, was) {
    const [n, m] = x.shape.slice(-2);
    if (full && n !== m) throw new Unsupported("the whole bases of svd");
    const k = Math.min(n, m);
    const before = was && matrices(was[0]);
    const found = matrices(x).map((a, i) => {
      const [u, s, vt] = singularValues(a);
      const signs = signsOf(turn(u), before && turn(before[i]));
      return [scaled(u, signs), s, vt.map((row, j) => row.map((v) => v * signs[j]))];
    });
    const lead = x.shape.slice(0, -2);
    return [[n, k], [k], [k, m]].map((inner, part) => stacked(lead, inner, found.map((f) => f[part])));
  }
  function eigh([x], { lower }, was) {
    const n = x.shape[x.shape.length - 1];
    const before = was && matrices(was[1]);
    const found = matrices(x).map((a, i) => {
      const [values, vectors] = eigen(a, lower);
      return [values, scaled(vectors, signsOf(turn(vectors), before && turn(before[i])))];
    });
    const lead = x.shape.slice(0, -2);
    return [stacked(lead, [n], found.map((f) => f[0])), stacked(lead, [n, n], found.map((f) => f[1]))];
  }
  // The pseudo-inverse; of a symmetric matrix, of which one triangle counts, by its eigenvectors.
  function inverted(a, least, symmetric = false) {
    const [values, vectors] = symmetric ? eigen(a, true) : [];
    const [u, s, vt] = symmetric ? [vectors, values, turn(vectors)] : singularValues(a);
    const limit = least(Math.max(0, ...s.map(Math.abs)));
    return times(scaled(turn(vt), s.map((v) => (Math.abs(v) > limit ? 1 / v : 0))), turn(u));
  }

  // m / gap beside the diagonal, 0 on it; equal values with nothing between them give 0.
  const gapRatio = ([m, gap]) => {
    const n = m.shape[m.shape.length - 1];
    const wide = broadcast(gap, m.shape).data;
    const tops = matrices(m).map((a) => Math.max(0, ...a.flat().map(Math.abs)));
    return make(m.shape, m.data.map((v, p) => {
      const diagonal = p % n === Math.floor(p / n) % n;
      const nothing = wide[p] === 0 && Math.abs(v) <= 64 * n * 2 ** -52 * tops[Math.floor(p / (n * n))];
      return diagonal || nothing ? 0 : v / wide[p];
    }));
  };

  function exponential(a) {
    const norm = Math.max(0, ...a.map((row) => total(row.map(Math.abs))));
    const halvings = norm > 0.5 ? Math.ceil(Math.log2(norm / 0.5)) : 0;
    const small = a.map((row) => row.map((v) => v / 2 ** halvings));
    let [sum, term] = [eye(a.length), eye(a.length)];
    for (let k = 1; k < 20; k++) {
      term = times(term, small).map((row) => row.map((v) => v / k));
      sum = sum.map((row, i) => row.map((v, j) => v + term[i][j]));
    }
    for (let k = 0; k < halvings; k++) sum = times(sum, sum);
    return sum;
  }

  function permutation([pivots], { size: n }) {
    const k = pivots.shape[pivots.shape.length - 1];
    const lead = pivots.shape.slice(0, -1);
    const found = range(size(lead)).map((b) => {
      const order = range(n);
      pivots.data.slice(b * k, (b + 1) * k).forEach((p, i) => { [order[i], order[p - 1]] = [order[p - 1], order[i]]; });
      return turn(order.map((j) => range(n).map((i) => Number(i === j))));
    });
    return stacked(lead, [n, n], found);
  }
  function cross([x, y], { axis }) {
    const shape = commonShape([x.shape, y.shape]);
    const other = broadcast(y, shape);
    const out = new Array(size(shape));
    Arrays.along(broadcast(x, shape), [axis], (a, places) => {
      const b = places.map((p) => other.data[p]);
      places.forEach((p, i) => { out[p] = a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3]; });
    });
    return make(shape, out);
  }

  return {
    det: each(determinant, none),
    cofactor: (xs) => {
      if (xs.length > 1) throw new Unsupported("a second derivative of det");
      return each(cofactors, square)(xs);
    },
    slogdet: ([x]) => {
      const found = matrices(x).map(signAndLog);
      return [0, 1].map((k) => stacked(x.shape.slice(0, -2), [], found.map((pair) => pair[k])));
    },
    logdet: each((a) => {
      const [sign, log] = signAndLog(a);
      return Math.log(sign) + log;
    }, none),
    inv: ([a]) => solved([a, identityLike(a)], singular),
    inv_ex: ([a]) => [solved([a, identityLike(a)], unknown), info([a])],
    or_infinite: Arrays.elementwise((x, flag) => (flag ? Infinity : x)),
    solve: (xs) => solved(xs, singular),
    solve_ex: (xs) => [solved(xs, unknown), info(xs)],
    solve_triangular: ([a, b], { upper, unit }) => {
      const lead = commonShape([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
      const right = matrices(b, lead);
      return stacked(lead, b.shape.slice(-2), matrices(a, lead).map((m, i) => solveTriangle(m, right[i], upper, unit)));
    },
    triangle: ([x], { upper, scale }) => {
      const [n, m] = x.shape.slice(-2);
      return make(x.shape, x.data.map((v, p) => {
        const away = (p % m) - (Math.floor(p / m) % n);
        return away === 0 ? v * scale : (away > 0) === upper ? v : 0;
      }));
    },
    cholesky: each(cholesky, square),
    cholesky_ex: ([x]) => [each(cholesky, square)([x]), Arrays.full(x.shape.slice(0, -2), 0)],
    lu_factor: ([x]) => {
      const [lead, inner] = [x.shape.slice(0, -2), x.shape.slice(-2)];
      const found = matrices(x).map(eliminate);
      return [stacked(lead, inner, found.map((f) => f.lu)), stacked(lead, [Math.min(...inner)], found.map((f) => f.pivots)),
        stacked(lead, [], found.map((f) => f.zero))];
    },
    pivots_permutation: permutation,
    qr: ([x], { mode }) => {
      const [lead, [n, m]] = [x.shape.slice(0, -2), x.shape.slice(-2)];
      if (mode !== "reduced" && mode !== "complete") throw new Unsupported(`qr with the mode ${mode}`);
      const kept = mode === "complete" ? n : Math.min(n, m);
      const found = matrices(x).map((a) => qr(a, mode));
      return [stacked(lead, [n, kept], found.map((f) => f[0])), stacked(lead, [kept, m], found.map((f) => f[1]))];
    },
    eigh,
    eigvalsh: each((a, { lower }) => eigen(a, lower)[0], ([n]) => [n]),
    svd,
    svdvals: each((a) => singularValues(a)[1], ([n, m]) => [Math.min(n, m)]),
    pinv: each((a, { atol, rtol, hermitian }) => inverted(a, (most) => Math.max(atol, rtol * most), hermitian), ([n, m]) => [m, n]),
    lstsq: ([a, b], { rcond }) => {
      const lead = commonShape([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
      const [rows, right] = [matrices(a, lead), matrices(b, lead)];
      const values = rows.map((m) => singularValues(m)[1]);
      const found = rows.map((m, i) => times(inverted(m, (most) => rcond * most), right[i]));
      const ranks = values.map((s) => s.filter((v) => v > rcond * s[0]).length);
      const [n, m] = a.shape.slice(-2);
      return [stacked(lead, [m, b.shape[b.shape.length - 1]], found), stacked(lead, [], ranks), stacked(lead, [Math.min(n, m)], values)];
    },
    gap_ratio: gapRatio,
    matrix_exp: each(exponential, square),
    cross,
  };
})();
