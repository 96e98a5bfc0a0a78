// SimAM's closed form in the browser: the twin of simam_viz/lesson/scenes.py (values_of), to which a test holds it.
// A channel is an array of its neurons' values in reading order, target an index into it.

export const sigmoid = (x) => 1 / (1 + Math.exp(-x));

const sum = (values) => values.reduce((total, value) => total + value, 0);

// Mean and variance (over their number less `correction`) of some values.
function spreadOf(values, correction) {
  const mean = sum(values) / values.length;
  const squares = sum(values.map((value) => (value - mean) ** 2));
  return [mean, squares / Math.max(values.length - correction, 1)];
}

// What a line w·x + b misses: Eq. 2 in its three parts, with the mean and variance of the others.
export function missesOf(v, w, b) {
  const target = (1 - (w * v.t + b)) ** 2;
  const others = w * w * v.variance_t + (1 + w * v.mu_t + b) ** 2;
  const charge = v.e_lambda * w * w;
  return { miss_target: target, miss_others: others, charge, e_line: target + others + charge };
}

// Eqs. 3 and 4, and the energy there; δ = t − μ_t, spread = σ_t² + λ.
export function bestLine(delta, spread, t, mu) {
  const below = delta * delta + 2 * spread;
  const w = (2 * delta) / below;
  return { w, b: (-(t + mu) * w) / 2, energy: (4 * spread) / below };
}

// Eq. 5 for one deviation d = t − μ; spread = σ² + λ. And what follows from it.
export const energyAt = (d, spread) => (4 * spread) / (d * d + 2 * spread);
export const importanceAt = (d, spread) => (d * d) / (4 * spread) + 0.5;
export const weightAt = (d, spread) => sigmoid(importanceAt(d, spread));

// Every number of one neuron, under the names that formulas give them.
export function valuesOf({ channel, target, e_lambda, w = 0, b = 0 }) {
  const neurons = channel.length;
  const t = channel[target];
  const [mu, variance] = spreadOf(channel, 1);
  const [mu_t, variance_t] = spreadOf(
    channel.filter((_, index) => index !== target),
    0,
  );
  const d = t - mu;
  const delta = t - mu_t;
  const spread = variance + e_lambda;
  const spread_t = variance_t + e_lambda;
  const best = bestLine(delta, spread_t, t, mu_t);
  const weights = channel.map((value) => weightAt(value - mu, spread));
  const found = {
    neurons,
    t,
    mu,
    variance,
    mu_t,
    variance_t,
    d,
    delta,
    e_lambda,
    spread,
    spread_t,
    w_best: best.w,
    b_best: best.b,
    e_best: best.energy,
    exact_importance: 1 / best.energy,
    energy: energyAt(d, spread),
    importance: importanceAt(d, spread),
    weight: weights[target],
    refined: weights[target] * t,
    mean_weight: sum(weights) / neurons,
    rank: 1 + weights.filter((_, index) => Math.abs(channel[index] - mu) > Math.abs(d) * (1 + 1e-9)).length,
    z: variance > 0 ? d / Math.sqrt(variance) : 0,
    w,
    b,
  };
  found.e_printed = missesOf(found, -best.w, ((t + mu_t) * best.w) / 2).e_line;
  return { ...found, ...missesOf(found, w, b), weights };
}
