// The gradient search in the browser: what descent.py and penalties.py compute for one factual, step by step, in float64.
//
// The rules of a search arrive as live_search.py describes them.

const RIDGE = 1e-3;
const LARGEST = 3.4028234663852886e38; // of float32: no point lies beyond
const TINY = 1.1754943508222875e-38;

/** Value and derivative of the non-linearities, the latter from input and value. */
const ACTIVATIONS = {
  relu: [(x) => (x > 0 ? x : 0), (x) => (x > 0 ? 1 : 0)],
  tanh: [Math.tanh, (x, value) => 1 - value * value],
  sigmoid: [(x) => 1 / (1 + Math.exp(-x)), (x, value) => value * (1 - value)],
  softplus: [(x) => (x > 80 ? x : Math.log1p(Math.exp(x))), (x) => 1 / (1 + Math.exp(-x))],
};

/** A dense network for one point, and the derivative of its logits with respect to that point. */
class Net {
  /** `weights` and `biases` by layer, (out in) and (out). */
  constructor(weights, biases, activation) {
    this.layers = weights.map((weight, i) => {
      const out = biases[i].length;
      return { weight, bias: biases[i], out, inputs: weight.length / out, before: new Float64Array(out), after: new Float64Array(out) };
    });
    [this.value, this.slope] = ACTIVATIONS[activation];
  }

  /** Logits of a point, in a buffer that the next call overwrites. */
  logits(x) {
    let input = x;
    const last = this.layers.length - 1;
    for (let l = 0; l <= last; l++) {
      const { weight, bias, out, inputs, before, after } = this.layers[l];
      for (let i = 0, at = 0; i < out; i++) {
        let sum = bias[i];
        for (let j = 0; j < inputs; j++, at++) sum += weight[at] * input[j];
        before[i] = sum;
        if (l < last) after[i] = this.value(sum);
      }
      input = after;
    }
    return this.layers[last].before;
  }

  /** From the gradient with respect to the logits that were computed last, the one with respect to their point. */
  gradient(ofLogits) {
    let above = ofLogits;
    for (let l = this.layers.length - 1; l >= 0; l--) {
      const { weight, out, inputs } = this.layers[l];
      const below = new Float64Array(inputs);
      for (let i = 0, at = 0; i < out; i++) {
        const share = above[i];
        if (share === 0) at += inputs;
        else for (let j = 0; j < inputs; j++, at++) below[j] += share * weight[at];
      }
      if (l > 0) {
        const { before, after } = this.layers[l - 1];
        for (let j = 0; j < inputs; j++) below[j] *= this.slope(before[j], after[j]);
      }
      above = below;
    }
    return above;
  }

  /** The class of a point: that of the largest logit, of equal ones the first. */
  predict(x) {
    const logits = this.logits(x);
    let best = 0;
    for (let c = 1; c < logits.length; c++) if (logits[c] > logits[best]) best = c;
    return best;
  }
}

/** The models of a run at some of its epochs. */
export class Models {
  /** `weights`: for every epoch, every layer, its weights (m out in) and then its biases (m out). */
  constructor({ epochs, arms, sizes, activation }, weights) {
    Object.assign(this, { epochs, arms, sizes, activation, weights });
    this.held = new Map();
  }

  /** The epoch whose models are there that lies nearest to another. */
  nearest(epoch) {
    return this.epochs.reduce((best, one) => (Math.abs(one - epoch) < Math.abs(best - epoch) ? one : best));
  }

  /** A network for each arm, of an epoch whose models are there. */
  at(epoch) {
    if (!this.held.has(epoch)) this.held.set(epoch, this.unpack(this.epochs.indexOf(epoch)));
    if (this.held.size > 8) this.held.delete(this.held.keys().next().value);
    return this.held.get(epoch);
  }

  unpack(e) {
    const { arms, sizes, weights } = this;
    const each = weights.length / this.epochs.length;
    const parts = Array.from({ length: arms }, () => [[], []]);
    let start = e * each;
    for (let l = 1; l < sizes.length; l++) {
      for (const [kind, size] of [[0, sizes[l] * sizes[l - 1]], [1, sizes[l]]]) {
        for (const own of parts) {
          own[kind].push(Float64Array.from(weights.subarray(start, start + size)));
          start += size;
        }
      }
    }
    return parts.map(([own, biases]) => new Net(own, biases, this.activation));
  }
}

/** The weight φ_t of the energy at step t. */
function decay(t, steps) {
  const b = Math.round(steps / 25);
  return b ? (b / 10) * (b + t) ** -0.9 : 0;
}

function softmax(logits) {
  const most = Math.max(...logits);
  const shares = Float64Array.from(logits, (value) => Math.exp(value - most));
  const sum = shares.reduce((a, b) => a + b, 0);
  return shares.map((share) => share / sum);
}

/** The bounds that hold along a path: a factual outside of them is never moved against a direction. */
function boxOf(start, { lower, upper, rise, fall }, arm) {
  const low = Float64Array.from(start, (x, j) => lower[arm][j] ?? -LARGEST);
  const high = Float64Array.from(start, (x, j) => upper[arm][j] ?? LARGEST);
  if (start.every((x, j) => x >= low[j] && x <= high[j])) return [low, high];
  start.forEach((x, j) => {
    const inside = Math.min(Math.max(x, low[j]), high[j]);
    const [up, down] = [rise[arm][j], fall[arm][j]];
    const least = down ? low[j] : up ? Math.max(inside, x) : x;
    const most = up ? high[j] : down ? Math.min(inside, x) : x;
    low[j] = up ? least : Math.min(least, most);
    high[j] = Math.max(low[j], most);
  });
  return [low, high];
}

/** Scales a step down to a length, in place. */
function shorten(step, longest) {
  const largest = Math.max(TINY, ...step.map(Math.abs));
  const length = Math.hypot(...step.map((s) => s / largest));
  const share = Math.min(1, longest / largest / length);
  for (let j = 0; j < step.length; j++) step[j] *= share;
}

/** A neighbour x⁺ with x' in place of values that a feature could not have reached: the immutable mask of sampler.py. */
export function masked(neighbour, counterfactual, { lower, upper, rise, fall }, arm) {
  return neighbour.map((value, j) => {
    const own = counterfactual[j];
    const beyond = (value > own && !rise[arm][j]) || (value < own && !fall[arm][j]);
    return beyond || value < (lower[arm][j] ?? -LARGEST) || value > (upper[arm][j] ?? LARGEST) ? own : value;
  });
}

/**
 * The search of one arm from a point to a class.
 *
 * Mutability and domain hold exactly at every point: a locked coordinate is never written.
 */
export function search(net, start, target, rules, arm) {
  const { tau, steps, step_size: size, epsilon, lambda_cost: cost, lambda_egy: pull, longest } = rules;
  const [rise, fall] = [rules.rise[arm], rules.fall[arm]];
  const [low, high] = boxOf(start, rules, arm);
  const x = Float64Array.from(start);
  const found = { points: [], probability: [], energy: [], distance: [], steps, nascent: 0, mature: false };
  for (let t = 0; ; t++) {
    const logits = net.logits(x), shares = softmax(logits), z = logits[target];
    let distance = 0, farthest = 0;
    for (let j = 0; j < x.length; j++) {
      const moved = Math.abs(x[j] - start[j]);
      distance += moved;
      farthest = Math.max(farthest, moved);
    }
    if (farthest <= epsilon) found.nascent = t;
    found.points.push(Float64Array.from(x));
    found.probability.push(shares[target]);
    found.energy.push(-z);
    found.distance.push(distance);
    found.mature = shares[target] >= tau;
    if (found.mature || t === steps) return { ...found, steps: t };
    const weight = pull * decay(t + 1, steps);
    shares[target] -= 1 + weight * (1 - 2 * RIDGE * z);
    const step = net.gradient(shares);
    for (let j = 0; j < x.length; j++) {
      const s = -size * (step[j] + cost * Math.sign(x[j] - start[j]));
      step[j] = !Number.isFinite(s) || (s > 0 && !rise[j]) || (s < 0 && !fall[j]) ? 0 : s;
    }
    if (longest != null) shorten(step, longest);
    for (let j = 0; j < x.length; j++) x[j] = Math.min(Math.max(x[j] + step[j], low[j]), high[j]);
  }
}
