// Runs as the page holds them: a scene, and one frame for each snapshot.

import { kept } from "./message.js";

/** Positions are steps of 1/65535 of the extent. */
export const STEP = 65535;

/** What the page holds of one run: its scene, and one frame for each snapshot, ascending in epoch. */
export class Run {
  constructor(key) {
    this.key = key;
    this.scene = null;
    this.frames = [];
    this.energies = new Map(); // by class: what is held of its energies
  }

  get last() {
    return this.frames.length ? this.frames[this.frames.length - 1].epoch : -1;
  }

  /** Takes a stretch that continues what is held; leaves one with a gap before it. */
  append(recording, arrays) {
    if (recording.after > this.last || (recording.after >= 0 && !this.scene)) return;
    if (recording.scene && !this.scene) {
      const { points, factuals, labels, targets, starts } = arrays;
      this.scene = { ...recording.scene, points, factuals, labels, targets, starts };
    }
    const held = this.last;
    for (const frame of frames(recording, arrays)) if (frame.epoch > held) this.frames.push(frame);
  }

  /** Takes a stretch of energies that continues what is held of them; leaves one with a gap before it. */
  appendEnergies(stretch, levels) {
    const held = this.energies.get(stretch.class) ?? { last: -1, frames: new Map(), span: [Infinity, -Infinity] };
    if (stretch.after > held.last) return;
    this.energies.set(stretch.class, held);
    held.limit = stretch.limit;
    // The widest ends hold for all epochs and panels, those that are held already among them.
    held.span = [Math.min(held.span[0], stretch.span[0]), Math.max(held.span[1], stretch.span[1])];
    undoDifferences(levels, stretch.epochs.length);
    const size = levels.length / stretch.epochs.length;
    stretch.epochs.forEach((epoch, e) => {
      const [real, ends] = [stretch.real[e], stretch.ends[e]];
      held.frames.set(epoch, { levels: levels.subarray(e * size, (e + 1) * size), means: real.map((value, arm) => ({ real: value, ends: ends[arm] })) });
      held.last = Math.max(held.last, epoch);
    });
  }

  /** Index of the newest frame that is not after an epoch. */
  index(epoch) {
    let low = 0;
    for (let high = this.frames.length - 1; low < high; ) {
      const middle = (low + high + 1) >> 1;
      if (this.frames[middle].epoch <= epoch) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function frames(recording, arrays) {
  const { m, c, g, b } = recording.dims;
  const cells = m * c * g * g;
  const out = [];
  let start = 0; // of the next path, in points
  if (cells) undoDifferences(arrays.fields, recording.epochs.length);
  recording.epochs.forEach((epoch, e) => {
    const frame = { epoch, dims: recording.dims, metrics: {}, field: null, paths: null };
    for (const name in recording.metrics) frame.metrics[name] = recording.metrics[name][e];
    if (cells) frame.field = arrays.fields.subarray(e * cells, (e + 1) * cells);
    if (b) {
      const part = (name) => arrays[name].subarray(e * m * b, (e + 1) * m * b);
      frame.paths = { steps: part("steps"), nascent: part("nascent"), mature: part("mature"), points: arrays.paths };
      [frame.paths.starts, start] = startsOf(frame.paths.steps, start);
    }
    out.push(frame);
  });
  return out;
}

/** Makes values of differences to the epoch before, modulo 256, in place. */
function undoDifferences(bytes, epochs) {
  const size = bytes.length / epochs;
  for (let i = size; i < bytes.length; i++) bytes[i] += bytes[i - size];
}

/** Where each path begins among the points of all, and where the next one would. */
export function startsOf(steps, start) {
  const starts = new Uint32Array(steps.length);
  for (let i = 0; i < steps.length; i++) {
    starts[i] = start;
    start += steps[i] + 1;
  }
  return [starts, start];
}


/** Runs survive a change of page. */
const RUNS = kept("__ctvizRuns", 4);

/** The run of a key, empty where nothing is held of it. */
export function heldRun(key) {
  const run = RUNS.get(key) ?? new Run(key);
  RUNS.set(key, run);
  return run;
}
