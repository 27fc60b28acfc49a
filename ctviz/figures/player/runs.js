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
  recording.epochs.forEach((epoch, e) => {
    const frame = { epoch, dims: recording.dims, metrics: {}, field: null, paths: null };
    for (const name in recording.metrics) frame.metrics[name] = recording.metrics[name][e];
    if (cells) {
      frame.field = arrays.fields.subarray(e * cells, (e + 1) * cells);
      // Fields are stored as differences, modulo 256.
      if (e) for (let i = 0, before = out[e - 1].field; i < cells; i++) frame.field[i] += before[i];
    }
    if (b) {
      const part = (name) => arrays[name].subarray(e * m * b, (e + 1) * m * b);
      frame.paths = { steps: part("steps"), nascent: part("nascent"), mature: part("mature"), points: arrays.paths };
      [frame.paths.starts, start] = startsOf(frame.paths.steps, start);
    }
    out.push(frame);
  });
  return out;
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
