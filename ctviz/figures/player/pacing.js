// Time along searches: a film of them goes by how far they move, whatever their steps are.

import { STEP } from "./runs.js";

/** A step lasts no less than this share of what it would if all lasted alike. */
const LEAST = 0.1;

/**
 * How far searches move in each of `count` steps, on average over those that have not ended, as shares of the plane's
 * sides. `rows` are those of the searches in `paths`.
 */
export function lengthsOf(paths, rows, count) {
  const lengths = new Float64Array(count), moving = new Float64Array(count);
  for (const i of rows) {
    for (let t = 0, p = 2 * paths.starts[i]; t < Math.min(count, paths.steps[i]); t++, p += 2) {
      lengths[t] += Math.hypot(paths.points[p + 2] - paths.points[p], paths.points[p + 3] - paths.points[p + 1]) / STEP;
      moving[t] += 1;
    }
  }
  return lengths.map((length, t) => length / (moving[t] || 1));
}

/** Of a film of `seconds`, how long each step lasts: as long as is moved in it. */
export function durations(lengths, seconds) {
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (!(total > 0)) return lengths.map(() => seconds / lengths.length);
  const shares = lengths.map((length) => Math.max(length, (LEAST * total) / lengths.length));
  const whole = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => (seconds * share) / whole);
}

/** Where a film is `seconds` after it was `at` a step, with a fraction; and what is left of them behind its last step. */
export function ahead(at, seconds, lasting) {
  while (at < lasting.length) {
    const step = Math.floor(at), left = (step + 1 - at) * lasting[step];
    if (left > seconds) return [at + seconds / lasting[step], 0];
    [at, seconds] = [step + 1, seconds - left];
  }
  return [at, seconds];
}
