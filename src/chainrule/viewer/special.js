"use strict";
// Special functions of one number. Sources: Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, chapters 6, 7
// and 9; C. Lanczos, A precision approximation of the gamma function, 1964; W. J. Lentz, 1976, for continued fractions.
const Special = (() => {
  const TWO_BY_ROOT_PI = 2 / Math.sqrt(Math.PI);

  function erfSeries(x) { // 7.1.6
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) sum += term *= (2 * x * x) / (2 * n + 1);
    return TWO_BY_ROOT_PI * Math.exp(-x * x) * sum;
  }
  function erfcx(x) { // exp(x^2) erfc(x)
    if (x < 2) return Math.exp(x * x) * (1 - erf(x));
    let fraction = x;
    for (let n = 120; n >= 1; n--) fraction = x + (n / 2) / fraction; // 7.1.14
    return 1 / (Math.sqrt(Math.PI) * fraction);
  }
  function erf(x) {
    if (Math.abs(x) < 2.5 || Number.isNaN(x)) return x === 0 || Number.isNaN(x) ? x : erfSeries(x);
    return Math.sign(x) * (1 - erfc(Math.abs(x)));
  }
  const erfc = (x) => (x < 2 ? 1 - erf(x) : Math.exp(-x * x) * erfcx(x));
  const ndtr = (x) => erfc(-x / Math.SQRT2) / 2;
  const logNdtr = (x) => (x < -1 ? Math.log(erfcx(-x / Math.SQRT2) / 2) - (x * x) / 2 : Math.log1p(-erfc(x / Math.SQRT2) / 2));
  const hazard = (x) => Math.sqrt(2 / Math.PI) / erfcx(-x * Math.SQRT1_2); // density over distribution of the normal law

  // The x at which the standard normal distribution is p: 26.2.23, then Halley's steps.
  function ndtri(p) {
    if (!(p > 0 && p < 1)) return p === 0 ? -Infinity : p === 1 ? Infinity : NaN;
    if (p > 0.5) return -ndtri(1 - p);
    const t = Math.sqrt(-2 * Math.log(p));
    let x = -(t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t ** 3));
    for (let k = 0; k < 4; k++) {
      const u = (ndtr(x) - p) * Math.sqrt(2 * Math.PI) * Math.exp((x * x) / 2);
      x -= u / (1 + (x * u) / 2);
    }
    return x;
  }
  function erfinv(y) {
    if (!(Math.abs(y) < 1)) return Math.abs(y) === 1 ? y * Infinity : NaN;
    if (y === 0) return y;
    const a = Math.abs(y);
    let x = -ndtri((1 - a) / 2) / Math.SQRT2;
    for (let k = 0; k < 3; k++) x -= (erf(x) - a) / (TWO_BY_ROOT_PI * Math.exp(-x * x));
    return Math.sign(y) * x;
  }

  const LANCZOS = [0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];
  function lgamma(x) {
    if (x === Infinity || x === -Infinity) return Infinity;
    if (x <= 0 && Number.isInteger(x)) return Infinity;
    if (x < 0.5) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - lgamma(1 - x);
    if (x === 1 || x === 2) return 0;
    const sum = LANCZOS.slice(1).reduce((s, c, i) => s + c / (x + i), LANCZOS[0]);
    const t = x + 6.5;
    return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
  }
  const BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6];
  function digamma(x) {
    if (x === 0) return 1 / x === Infinity ? -Infinity : Infinity;
    if (x < 0) return Number.isInteger(x) ? NaN : digamma(1 - x) - Math.PI / Math.tan(Math.PI * x);
    let shift = 0;
    for (; x < 12; x++) shift -= 1 / x; // 6.3.5, then 6.3.18
    return shift + Math.log(x) - 1 / (2 * x) - BERNOULLI.reduce((s, b, k) => s + b / (2 * (k + 1) * x ** (2 * k + 2)), 0);
  }
  const factorial = (n) => (n < 2 ? 1 : n * factorial(n - 1));
  // The sum of (q + k)^-s over k >= 0, by Euler and Maclaurin.
  function zeta(s, q) {
    let sum = 0;
    let z = q;
    for (; z < 15; z++) sum += z ** -s;
    sum += z ** (1 - s) / (s - 1) + z ** -s / 2;
    let rising = s;
    BERNOULLI.forEach((b, k) => {
      sum += (b * rising * z ** (-s - 2 * k - 1)) / factorial(2 * k + 2);
      rising *= (s + 2 * k + 1) * (s + 2 * k + 2);
    });
    return sum;
  }
  const polygamma = (x, n) => (n === 0 ? digamma(x) : (n % 2 ? 1 : -1) * factorial(n) * zeta(n + 1, x)); // 6.4.10

  // The lower regularised incomplete gamma function: 6.5.29, or one less the fraction 6.5.31.
  function igamma(a, x) {
    if (!(a >= 0 && x >= 0)) return NaN;
    if (x === 0 || a === 0 || x === Infinity) return x === 0 && a > 0 ? 0 : 1;
    const front = Math.exp(a * Math.log(x) - x - lgamma(a));
    if (x < a + 1) {
      let term = 1 / a;
      let sum = term;
      for (let k = 1; term > 1e-18 * sum; k++) sum += term *= x / (a + k);
      return front * sum;
    }
    let fraction = 0;
    for (let k = 300; k >= 1; k--) fraction = (k * (k - a)) / (x + 2 * k + 1 - a - fraction);
    return 1 - front / (x + 1 - a - fraction);
  }

  // The modified Bessel function I_n, times exp(-|x|) if scaled: 9.6.10, or 9.7.1 for large x.
  function bessel(x, n, scaled) {
    const a = Math.abs(x);
    const sign = x < 0 && n % 2 ? -1 : 1;
    if (a < 30) {
      let term = (a / 2) ** n / factorial(n);
      let sum = term;
      for (let k = 1; term > 1e-18 * sum; k++) sum += term *= (a * a) / (4 * k * (k + n));
      return sign * sum * (scaled ? Math.exp(-a) : 1);
    }
    let term = 1;
    let sum = 1;
    for (let k = 1; k < 25; k++) sum += term *= -(4 * n * n - (2 * k - 1) ** 2) / (8 * k * a);
    return (sign * sum * (scaled ? 1 : Math.exp(a))) / Math.sqrt(2 * Math.PI * a);
  }

  // Bessel functions of whole order as integrals, 9.1.21 and 9.6.24, by sums that converge fast for smooth integrands.
  function besselJ(x, n) {
    const count = 64 + 2 * Math.ceil(Math.abs(x));
    let sum = 0;
    for (let k = 0; k < count; k++) {
      const t = (2 * Math.PI * (k + 0.5)) / count;
      sum += Math.cos(n * t - x * Math.sin(t));
    }
    return sum / count;
  }
  function besselK(x, n, scaled) {
    if (!(x > 0)) return x === 0 ? Infinity : NaN;
    const step = 0.02;
    const reach = Math.asinh(750 / x) + 1;
    let sum = 0.5;
    for (let t = step; t < reach; t += step) sum += Math.exp(-x * (Math.cosh(t) - 1)) * Math.cosh(n * t);
    return step * sum * (scaled ? 1 : Math.exp(-x));
  }

  // pi^n times the n-th derivative of sin(u) / u at u = pi x; near 0 by Taylor's series.
  function sincSlope(x, n) {
    const u = Math.PI * x;
    let value = 0;
    if (Math.abs(u) <= Math.max(1, n)) {
      for (let k = Math.floor((n + 1) / 2), end = k + 12 + 2 * n; k < end; k++) {
        value += ((k % 2 ? -1 : 1) * u ** (2 * k - n)) / (factorial(2 * k - n) * (2 * k + 1));
      }
    } else {
      value = Math.sin(u) / u;
      for (let k = 1; k <= n; k++) value = (Math.sin(u + (k * Math.PI) / 2) - k * value) / u;
    }
    return value * Math.PI ** n;
  }

  return { erf, erfc, erfcx, erfinv, ndtr, ndtri, logNdtr, hazard, lgamma, digamma, polygamma, zeta, igamma,
    bessel, besselJ, besselK, sincSlope };
})();
