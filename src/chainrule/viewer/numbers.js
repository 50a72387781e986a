"use strict";
// Operations on single numbers, applied element by element, and conversions between dtypes.
const Numbers = (() => {
  const { Unsupported } = Arrays;
  const sigmoid = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
  const soft = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  const orNaN = (f) => (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : f(a, b));
  const orOther = (f) => (a, b) => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : f(a, b));
  const even = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
  const remainder = (x, y) => { // with the sign of the divisor
    const rest = x % y;
    return rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest;
  };
  const logaddexp = (x, y) => (x === y ? x + Math.LN2 : Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y))));

  const gcd = (x, y) => (y === 0 ? Math.abs(x) : gcd(y, x % y));

  const ofTruths = (f) => (...xs) => {
    if (xs.slice(0, f.length).some((x) => x !== 0 && x !== 1)) throw new Unsupported("operations on bits");
    return f(...xs);
  };

  const wrapped = (bits) => (v) => Number(BigInt.asIntN(bits, BigInt(Math.trunc(v))));
  const converted = {
    float64: (v) => v,
    float32: Math.fround,
    bool: (v) => Number(v !== 0),
    int64: Math.trunc,
    int32: wrapped(32),
    int16: wrapped(16),
    int8: wrapped(8),
    uint8: (v) => Math.trunc(v) & 255,
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
    logaddexp,
    xlogy: (x, y) => (x === 0 && !Number.isNaN(y) ? 0 : x * Math.log(y)),
    exp_difference: (x, y) => (y === -Infinity ? 0 : Math.exp(x - y)),
    sin: Math.sin,
    cos: Math.cos,
    tan: Math.tan,
    asin: Math.asin,
    acos: Math.acos,
    atan: Math.atan,
    atan2: Math.atan2,
    hypot: (x, y) => Math.hypot(x, y),
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
    bitwise_xor: ofTruths((x, y) => (x !== y ? 1 : 0)),
    bitwise_not: ofTruths((x) => 1 - x),
    isnan: (x) => Number.isNaN(x),
    logical_not: (x) => x === 0,
    logical_and: (x, y) => x !== 0 && y !== 0,
    logical_or: (x, y) => x !== 0 || y !== 0,
    clone: (x) => x,
    stop_gradient: (x) => x,
    deg2rad: (x) => (x * Math.PI) / 180,
    rad2deg: (x) => (x * 180) / Math.PI,
    frac: (x) => x - Math.trunc(x),
    copysign: (x, y) => (Math.abs(x) * (y < 0 || Object.is(y, -0) ? -1 : 1)),
    ldexp: (x, n) => x * 2 ** n,
    nextafter: (x, y) => {
      if (x === y || Number.isNaN(x) || Number.isNaN(y)) return x === y ? y : NaN;
      if (x === 0) return y > 0 ? Number.MIN_VALUE : -Number.MIN_VALUE;
      const bits = new BigInt64Array(new Float64Array([x]).buffer);
      bits[0] += y > x === x > 0 ? 1n : -1n;
      return new Float64Array(bits.buffer)[0];
    },
    remainder,
    fmod: (x, y) => x % y,
    floor_quotient: (x, y) => Math.floor(x / y),
    floor_divide: (x, y) => Math.floor(x / y),
    trunc_divide: (x, y) => Math.trunc(x / y),
    fmax: orOther(Math.max),
    fmin: orOther(Math.min),
    isfinite: Number.isFinite,
    isinf: (x) => Math.abs(x) === Infinity,
    isposinf: (x) => x === Infinity,
    isneginf: (x) => x === -Infinity,
    isreal: () => true,
    real: (x) => x,
    conj: (x) => x,
    heaviside: (x, y) => (x < 0 ? 0 : x > 0 ? 1 : x === 0 ? y : NaN),
    gcd,
    lcm: (x, y) => (x && y ? Math.abs(x * y) / gcd(x, y) : 0),
    scaled_grad: (x) => x,
    signbit: (x) => x < 0 || Object.is(x, -0),
    logical_xor: (x, y) => (x !== 0) !== (y !== 0),
    angle: (x) => (Number.isNaN(x) ? x : x < 0 ? Math.PI : 0),
    nan_to_num: (x, { nan, posinf, neginf }) => {
      if (Number.isNaN(x)) return nan;
      if (x === Infinity) return posinf === null ? Number.MAX_VALUE : posinf;
      return x === -Infinity ? (neginf === null ? -Number.MAX_VALUE : neginf) : x;
    },
    logaddexp2: (x, y) => logaddexp(x * Math.LN2, y * Math.LN2) / Math.LN2,
    logit: (x) => Math.log(x) - Math.log1p(-x),
    xlog1py: (x, y) => (x === 0 && !Number.isNaN(y) ? 0 : x * Math.log1p(y)),
    entr: (x) => (x > 0 ? -x * Math.log(x) : x === 0 ? 0 : x < 0 ? -Infinity : x),
    gelu: (x) => x * Special.ndtr(x),
    gelu_slope: (x) => Special.ndtr(x) + (x * Math.exp(-x * x / 2)) / Math.sqrt(2 * Math.PI),
    gelu_tanh: (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    hardshrink: (x, lambda) => (Math.abs(x) <= lambda ? 0 : x),
    softshrink: (x, lambda) => (x > lambda ? x - lambda : x < -lambda ? x + lambda : Number.isNaN(x) ? x : 0),
    tanhshrink: (x) => x - Math.tanh(x),
    hardsigmoid: (x) => Math.min(Math.max(x + 3, 0), 6) / 6,
    hardswish: (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6,
    threshold: (x, limit, value) => (x <= limit ? value : x),
    erf: Special.erf,
    erfc: Special.erfc,
    erfcx: Special.erfcx,
    erfinv: Special.erfinv,
    ndtr: Special.ndtr,
    ndtri: Special.ndtri,
    log_ndtr: Special.logNdtr,
    normal_hazard: Special.hazard,
    lgamma: Special.lgamma,
    digamma: Special.digamma,
    polygamma: (x, { n }) => Special.polygamma(x, n),
    i0: (x) => Special.bessel(x, 0, false),
    i0e: (x) => Special.bessel(x, 0, true),
    i1: (x) => Special.bessel(x, 1, false),
    i1e: (x) => Special.bessel(x, 1, true),
    iv: (x, { n }) => Special.bessel(x, n, false),
    ive: (x, { n }) => Special.bessel(x, n, true),
    bessel_j: (x, { n }) => Special.besselJ(x, n),
    bessel_k: (x, { n }) => Special.besselK(x, n, false),
    bessel_scaled_k: (x, { n }) => Special.besselK(x, n, true),
    zeta: Special.zeta,
    igamma: Special.igamma,
    igammac: (a, x) => 1 - Special.igamma(a, x),
    sinc: (x) => Special.sincSlope(x, 0),
    sinc_slope: (x, { n }) => Special.sincSlope(x, n),
  };

  return { numbers, converted };
})();
