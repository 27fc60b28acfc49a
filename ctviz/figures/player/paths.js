// Searches for counterfactuals on the stage, step by step: many factuals at one epoch, or one factual at all of them.
//
// What arrives is described in trace.py.

import { Chart, CHARTS } from "./chart.js";
import { NARROW, Need } from "./component.js";
import { Drag } from "./drag.js";
import { shape, write } from "./drawing.js";
import { element, entry, line, setText, svg } from "./elements.js";
import { equalKey, realText } from "./energy.js";
import { boundaryKey, classKey, markIcon, sureKey, swingKey, walkKey } from "./key.js";
import { inflate, kept, sections } from "./message.js";
import { expose } from "./meter.js";
import { axisWords, chance, clamp, number, percent, phrase, plural, quantile, short, sureness, written } from "./numbers.js";
import { ahead, durations, lengthsOf } from "./pacing.js";
import { Panel } from "./panel.js";
import { Player } from "./player.js";
import { startsOf, STEP } from "./runs.js";
import { Stage } from "./stage.js";
import { css } from "./theme.js";

const PATIENCE_MS = 6000;

/** Traces survive a change of page. */
const TRACES = kept("__ctvizTraces", 4);

// ---- what was searched --------------------------------------------------------------------------------------

/** The traces of one key: a frame for each epoch, with paths as those of a run and what is told along them. */
class Searches {
  constructor(meta, arrays) {
    Object.assign(this, { key: meta.key, epochs: meta.epochs, dims: meta.dims, count: meta.groups, outcomes: meta.outcomes });
    const { factuals, group, targets } = arrays;
    Object.assign(this, { factuals, group, targets });
    const { m, b } = meta.dims;
    let start = 0;
    this.frames = meta.epochs.map((epoch, e) => {
      const part = (name, width = 1) => arrays[name].subarray(e * m * b * width, (e + 1) * m * b * width);
      const paths = { steps: part("steps"), nascent: part("nascent"), mature: part("mature"), points: arrays.points };
      [paths.starts, start] = startsOf(paths.steps, start);
      const frame = { epoch, dims: meta.dims, paths };
      for (const name of ["neighbours", "shielded", "nearest"]) frame[name] = part(name, 2);
      for (const name of ["divergence", "reachable", "outcome", "predicted"]) frame[name] = part(name);
      frame.along = { probability: arrays.probability, energy: arrays.energy, distance: arrays.distance };
      frame.longest = paths.steps.reduce((a, b) => Math.max(a, b), 0);
      return frame;
    });
  }

  at(epoch) {
    return this.frames.find((frame) => frame.epoch === epoch);
  }

  nearest(epoch) {
    return this.frames.reduce((best, frame) => (Math.abs(frame.epoch - epoch) < Math.abs(best.epoch - epoch) ? frame : best));
  }

  /** Columns of a factual; of all of them for null. */
  columns(factual) {
    this.listed ??= [...this.group.keys()];
    return factual == null ? this.listed : this.listed.filter((column) => this.group[column] === factual);
  }

  /** Unit point where the first search of an arm leaves the ε-box, at the first epoch. */
  nascentOf(arm) {
    const [{ paths, dims }] = this.frames;
    const i = arm * dims.b, at = 2 * (paths.starts[i] + paths.nascent[i]);
    return [paths.points[at] / STEP, paths.points[at + 1] / STEP];
  }

  sameFactuals(other) {
    return other.factuals.length === this.factuals.length && other.factuals.every((value, i) => value === this.factuals[i]);
  }
}

/** A number along the path of a column after a step, between two frames. */
function along({ a, b, share }, name, arm, column, step) {
  const value = ({ dims, paths, along: values }) => {
    const i = arm * dims.b + column;
    const scale = name === "probability" ? STEP : 1;
    return values[name][paths.starts[i] + Math.min(step, paths.steps[i])] / scale;
  };
  return share === 0 ? value(a) : (1 - share) * value(a) + share * value(b);
}

// ---- panels -------------------------------------------------------------------------------------------------

const LOCK_ICONS = {
  locked: [["rect", { x: 5, y: 11, width: 14, height: 10, rx: 2, fill: "currentColor" }], line("M8 11V7.5a4 4 0 0 1 8 0V11")],
  up: [line("M12 20V5M6 11l6-6 6 6M5 21.5h14")],
  down: [line("M12 4v15M6 13l6 6 6-6M5 2.5h14")],
  range: [line("M4 5v14M20 5v14M7 12h10M9.5 9l-3 3 3 3M14.5 9l3 3-3 3")],
};
const LOCK_WORDS = { locked: "locked", up: "only up", down: "only down", range: "in a range" };

/** One arm's searches, over its field. */
class PathPanel extends Panel {
  dress(scene, theme) {
    super.dress(scene, theme);
    this.under = null;
    this.dressLocks(scene);
  }

  /** What may not change, at its axis. */
  dressLocks(scene) {
    [this.axisX, this.axisY].forEach((axis, feature) => {
      const locks = this.locks.filter((lock) => lock.feature === feature);
      const icons = locks.map(({ kind }) => {
        const icon = svg(24, 24, ...LOCK_ICONS[kind]);
        icon.setAttribute("class", `ctv-lock ctv-lock-${kind}`);
        return icon;
      });
      const words = locks.map(({ kind }) => LOCK_WORDS[kind]).join(", ");
      axis.replaceChildren(...icons, axisWords(scene, feature, words));
    });
  }

  get locks() {
    return this.stage.setup?.locks[this.arm] ?? [];
  }

  draw(a, b, share, marks) {
    const context = this.canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.layDown(a, b, share, marks);
    const { searched } = this.stage;
    this.veil(context, 1);
    if (searched) this.drawSearches(context, searched);
    if (this.stage.asked && !this.stage.searches?.live) this.drawAsked(context, this.stage.asked);
    for (const mark of this.stage.marksOf(this.arm)) this.drawMark(context, mark);
    this.drawProbe(context);
  }

  /** The ground is drawn anew only where it has changed: while the steps play it stays. */
  layDown(a, b, share, marks) {
    const { stage } = this;
    const mark = [a.epoch, b.epoch, share, stage.painted, [...stage.layers], this.width, this.height, this.ratio, JSON.stringify(this.locks)].join();
    if (this.under && this.mark === mark && this.marks === marks) return;
    this.mark = mark;
    this.marks = marks;
    this.under ??= document.createElement("canvas");
    this.under.width = this.canvas.width;
    this.under.height = this.canvas.height;
    const context = this.under.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.takeFields(a, b, share);
    this.drawGround(context, a.dims, marks);
    this.drawLimits(context);
  }

  /** Lays the ground over what is drawn: the more of it, the fainter that becomes. */
  veil(context, share) {
    context.globalAlpha = share;
    context.drawImage(this.under, 0, 0, this.width, this.height);
    context.globalAlpha = 1;
  }

  /** A point of the unit square in pixels. */
  pixel([u, v]) {
    return [u * this.width, (1 - v) * this.height];
  }

  /** What ranges leave out. */
  drawLimits(context) {
    const { theme } = this.stage;
    for (const { feature, kind, low, high } of this.locks) {
      if (kind !== "range") continue;
      const unit = [low, high].map((value, open) =>
        value === null ? open : this.stage.toUnit(feature ? [0, value] : [value, 0])[feature],
      );
      this.shadeOutside(context, feature, unit, css(theme.ink, 0.5));
    }
  }

  shadeOutside(context, feature, [low, high], edge) {
    const { width, height } = this;
    const bands = feature
      ? [[0, (1 - low) * height, width, low * height], [0, 0, width, (1 - high) * height]]
      : [[0, 0, low * width, height], [high * width, 0, (1 - high) * width, height]];
    context.fillStyle = css(this.stage.theme.ground, 0.72);
    for (const band of bands) context.fillRect(...band);
    context.beginPath();
    for (const at of [low, high]) {
      if (at <= 0 || at >= 1) continue;
      const [x, y] = [at * width, (1 - at) * height];
      context.moveTo(feature ? 0 : x, feature ? y : 0);
      context.lineTo(feature ? width : x, feature ? y : height);
    }
    context.lineWidth = 1.2;
    context.strokeStyle = edge;
    context.stroke();
  }

  /** This arm's paths in pixels, kept until something moves them. */
  lines({ a, b, share }) {
    const mark = [this.stage.searches.key, a.epoch, b.epoch, share, this.width, this.height].join();
    if (this.lined !== mark) {
      this.lined = mark;
      this.walked = this.walks(a, b, share);
    }
    return this.walked;
  }

  drawSearches(context, searched) {
    const { stage } = this;
    const { chosen, searches } = stage;
    const all = this.lines(searched);
    const scale = all.length <= 12 ? 1.25 : all.length <= 40 ? 1 : 0.68;
    const one = chosen == null ? [] : all.filter(({ index }) => searches.group[index] === chosen);
    const others = chosen == null ? all : searches.count > 1 ? all.filter(({ index }) => searches.group[index] !== chosen) : [];
    if (others.length) this.drawMany(context, others, searched, stage.radius * scale);
    if (one.length && others.length) this.veil(context, 0.72);
    if (one.length) this.drawOne(context, one, searched, 1.25 * stage.radius);
    if (!searched.fresh) this.veil(context, 0.62);
  }

  drawMany(context, walks, searched, r) {
    const { theme, layers, walk } = this.stage;
    if (layers.has("paths")) {
      this.trace(context, walks.map(({ way }) => way), 1, css(theme.ink, 0.12));
      this.drawWalks(context, walks.map((one) => ({ ...one, line: upTo(one.line, walk) })));
    }
    this.drawStations(context, walks, searched, r);
  }

  /** A path that was chosen: its box, its steps, its neighbour. */
  drawOne(context, walks, searched, r) {
    const { theme, walk, plain } = this.stage;
    const [x, y] = walks[0].line[0];
    if (!plain || plain.box) this.drawBox(context, x, y);
    this.drawReach(context, x, y);
    this.trace(context, walks.map(({ line }) => line), 1.2, css(theme.ink, 0.22));
    const taken = walks.map(({ line }) => upTo(line, walk));
    this.trace(context, taken, 5, css(theme.ground, 0.8));
    this.trace(context, taken, 2.2, css(theme.ink));
    context.beginPath();
    for (const { line } of walks) {
      if (line.length < 80 && !plain) for (let t = 1; t < line.length - 1 && t <= walk; t++) shape(context, 0, ...line[t], 0.42 * r);
    }
    context.fillStyle = css(theme.ink);
    context.fill();
    if (walks.length === 1 && (!plain || plain.neighbour)) this.drawNeighbour(context, walks[0], searched, r);
    this.drawStations(context, walks, searched, r);
    if (walks.length === 1) this.name(context, walks[0], searched, r);
  }

  /** Names the stations of a search that it has passed, and how far its end lies from the nearest real sample. */
  name(context, { line, nascent, step, index, mature }, { a }, r) {
    const { walk, plain } = this.stage;
    const end = line[line.length - 1];
    const ended = walk >= line.length - 1;
    const apart = (from, to) => Math.hypot(from[0] - to[0], from[1] - to[1]);
    if (ended && (!plain || plain.near)) this.drawNearest(context, end, this.pair(a.nearest, index, a), r);
    if (plain && !plain.named) return; // what else is to be named there is pointed out by its marks
    const labels = this.stage.drag.active ? [] : [[line[0], "start"]]; // in the person's hand it needs no name
    if (walk >= step && apart(nascent, line[0]) > 2.6 * r && apart(nascent, end) > 2.6 * r) labels.push([nascent, "nascent"]);
    if (ended) labels.push([end, mature >= 0.5 ? "mature" : "not mature"]);
    let before = null;
    for (const [at, words] of labels) {
      const near = before && Math.abs(at[0] - before[0]) < 80 && Math.abs(at[1] - before[1]) < 14;
      before = near ? [at[0], before[1] + (at[1] < before[1] ? -14 : 14)] : at;
      const beside = this.stage.drag.possible && apart(at, line[0]) < 20 ? Math.max(r, 10) : r; // the handle
      this.label(context, before, words, beside);
    }
  }

  /** The pixel of a column's place among the (m b 2) of a frame. */
  pair(values, index, { dims }) {
    const at = 2 * (this.arm * dims.b + index);
    return this.pixel([values[at] / STEP, values[at + 1] / STEP]);
  }

  /** A thin line from an end to the real sample that lies nearest to it, with their distance in data units. */
  drawNearest(context, end, real, r) {
    const { run, theme } = this.stage;
    const { lower, upper } = run.scene;
    const dx = ((real[0] - end[0]) / this.width) * (upper[0] - lower[0]), dy = ((real[1] - end[1]) / this.height) * (upper[1] - lower[1]);
    context.setLineDash([2, 2]);
    for (const [width, colour] of [[3.5, css(theme.ground, 0.8)], [1.4, css(theme.ink)]]) this.trace(context, [[end, real]], width, colour);
    context.setLineDash([]);
    context.beginPath();
    shape(context, 0, ...real, 0.62 * r);
    context.lineWidth = 1.6;
    context.strokeStyle = css(theme.ink);
    context.stroke();
    const away = real[0] < end[0] ? -1 : 1;
    this.label(context, [real[0], real[1] + 11], `${number(Math.hypot(dx, dy))} to the nearest real sample`, r, away);
  }

  /** Words on one side of a point, to its right for `side` 1 and where there is no room to its left; inside of the panel. */
  label(context, [x, y], words, r, side = 1) {
    const { theme, plain, letter } = this.stage;
    const size = plain ? clamp(0.82 * (letter ?? 14), 12, 19) : 12;
    context.font = `600 ${size}px ${theme.font}`;
    const width = context.measureText(words).width;
    const gap = 1.6 * r, before = x - gap - width, after = x + gap;
    const wanted = side < 0 ? (before < 2 ? after : before) : after + width > this.width - 2 ? before : after;
    const left = clamp(wanted, 2, Math.max(2, this.width - width - 2));
    const base = clamp(y - 7, size, this.height - 4);
    context.lineWidth = 3.5;
    context.lineJoin = "round";
    context.strokeStyle = css(theme.ground, 0.9);
    context.strokeText(words, left, base);
    context.fillStyle = css(theme.ink);
    context.fillText(words, left, base);
  }

  trace(context, lines, width, colour) {
    context.beginPath();
    for (const line of lines) line.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](x, y));
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }

  /** Factuals, nascent points, where the searches are, and how they ended. */
  drawStations(context, walks, { a }, r) {
    const { theme, searches, walk, plain } = this.stage;
    const colour = (kind) => css(theme.marks[kind % theme.marks.length]);
    context.lineWidth = 1.2;
    context.strokeStyle = css(theme.ink);
    for (const { line, index } of walks) {
      const kind = a.predicted[this.arm * a.dims.b + index];
      context.beginPath();
      shape(context, kind, ...line[0], r);
      context.fillStyle = colour(kind);
      context.fill();
      context.stroke();
    }
    context.beginPath();
    for (const { nascent: [x, y], line, step } of walks) {
      if (walk >= step && (!plain || plain.box) && Math.hypot(x - line[0][0], y - line[0][1]) > 1.3 * r) shape(context, 0, x, y, 0.66 * r);
    }
    context.fillStyle = css(theme.ground);
    context.fill();
    context.stroke();
    for (const one of walks) {
      const target = theme.marks[searches.targets[one.index] % theme.marks.length];
      if (walk >= one.line.length - 1) this.drawEnd(context, one, target, r);
      else if (walk > 0) this.drawHead(context, pointAt(one.line, walk), r);
    }
  }

  drawHead(context, [x, y], r) {
    const { theme } = this.stage;
    context.beginPath();
    shape(context, 0, x, y, 0.72 * r);
    context.fillStyle = css(theme.ink);
    context.fill();
    context.save();
    context.strokeStyle = css(theme.ground);
    context.stroke();
    context.restore();
  }

  walks(a, b, share) {
    const walks = super.walks(a, b, share);
    for (const walk of walks) {
      const i = this.arm * a.dims.b + walk.index;
      walk.step = Math.round((1 - share) * a.paths.nascent[i] + share * b.paths.nascent[i]);
      // Drawn in full, what swings to and fro would cover the panel in ink.
      walk.way = this.swings(walk.line) ? [walk.line[0], walk.line[walk.line.length - 1]] : walk.line;
    }
    return walks;
  }

  /** ‖x' − x‖∞ ≤ ε in data units: a rectangle where the axes are scaled differently. */
  drawBox(context, x, y) {
    const { run, theme, setup } = this.stage;
    const { lower, upper } = run.scene;
    const dx = (setup.epsilon / (upper[0] - lower[0])) * this.width;
    const dy = (setup.epsilon / (upper[1] - lower[1])) * this.height;
    if (dx < 1 || dy < 1) return;
    for (const [width, colour, dash] of [[3, css(theme.ground, 0.7), []], [1.2, css(theme.ink, 0.85), [4, 3]]]) {
      context.setLineDash(dash);
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.strokeRect(x - dx, y - dy, 2 * dx, 2 * dy);
    }
    context.setLineDash([]);
  }

  /** Where the locks let a factual go: a line, or the edges of a region; nothing where it may go anywhere. */
  drawReach(context, x, y) {
    const spans = [[0, this.width], [0, this.height]];
    for (const { feature, kind } of this.locks) {
      const own = spans[feature], at = feature ? y : x;
      if (kind === "locked") own[0] = own[1] = at;
      else if (kind !== "range") own[(kind === "up") === (feature === 0) ? 0 : 1] = at; // pixels run down the page
    }
    const [[left, right], [top, bottom]] = spans;
    if (left === 0 && right === this.width && top === 0 && bottom === this.height) return;
    const { theme } = this.stage;
    context.beginPath();
    if (left === right || top === bottom) {
      context.moveTo(left, top);
      context.lineTo(right, bottom);
    } else context.rect(left, top, right - left, bottom - top);
    context.setLineDash([1.5, 4]);
    context.lineWidth = 1.5;
    context.strokeStyle = css(theme.ink, 0.6);
    context.stroke();
    context.setLineDash([]);
  }

  /** x⁺, and once the search has matured, the arrow of what the divergence compares. */
  drawNeighbour(context, { line, index, mature }, { a }, r) {
    const { theme, walk } = this.stage;
    const drawn = this.pair(a.neighbours, index, a), own = this.pair(a.shielded, index, a);
    const moved = Math.hypot(drawn[0] - own[0], drawn[1] - own[1]) > 2;
    const matured = mature >= 0.5 && walk >= line.length - 1;
    if (matured) {
      if (moved) {
        context.setLineDash([2, 3]);
        this.trace(context, [[drawn, own]], 1, css(theme.ink, 0.55));
        context.setLineDash([]);
        this.drawStar(context, drawn, 1.15 * r, 0.35);
      }
      this.drawArrow(context, line[line.length - 1], own, 1.9 * r);
    }
    this.drawStar(context, matured ? own : drawn, 1.3 * r, matured ? 1 : 0.45);
  }

  drawStar(context, [x, y], r, share) {
    const { theme } = this.stage;
    context.beginPath();
    for (let i = 0; i < 10; i++) {
      const angle = -Math.PI / 2 + (i * Math.PI) / 5, radius = i % 2 ? 0.48 * r : 1.25 * r;
      context[i ? "lineTo" : "moveTo"](x + radius * Math.cos(angle), y + radius * Math.sin(angle));
    }
    context.closePath();
    context.globalAlpha = share;
    context.fillStyle = css(theme.ground);
    context.strokeStyle = css(theme.ink);
    context.lineWidth = 1.3;
    context.fill();
    context.stroke();
    context.globalAlpha = 1;
  }

  drawArrow(context, [x, y], [u, v], gap) {
    const length = Math.hypot(u - x, v - y);
    if (length < 2.5 * gap) return;
    const [dx, dy] = [(u - x) / length, (v - y) / length];
    const from = [x + dx * gap, y + dy * gap], to = [u - dx * gap, v - dy * gap];
    const head = [[-6, -3.2], [-6, 3.2]].map(([i, j]) => [to[0] + i * dx - j * dy, to[1] + i * dy + j * dx]);
    for (const [width, colour] of [[3.5, css(this.stage.theme.ground, 0.75)], [1.2, css(this.stage.theme.ink, 0.8)]]) {
      this.trace(context, [[from, to], [head[0], to, head[1]]], width, colour);
    }
  }

  /** The place of a click whose searches are on their way. */
  drawAsked(context, where) {
    const { theme, radius } = this.stage;
    for (const [width, colour] of [[4, css(theme.ground, 0.8)], [1.6, css(theme.ink)]]) {
      context.beginPath();
      shape(context, 0, ...this.pixel(where), 1.9 * radius);
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.stroke();
    }
  }

  /** What is pointed out: a person, a guess or the line to something, each with its words. */
  drawMark(context, { kind, at, to, text }) {
    const { theme, radius } = this.stage;
    const [x, y] = this.pixel(this.stage.toUnit(at));
    const end = to && this.pixel(this.stage.toUnit(to));
    for (const [width, colour] of [[4, css(theme.ground, 0.85)], [1.6, css(theme.ink)]]) {
      context.beginPath();
      context.setLineDash(kind === "guess" && end ? [5, 4] : []);
      if (end) {
        context.moveTo(x, y);
        context.lineTo(...end);
      }
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.stroke();
      context.setLineDash([]);
      context.beginPath();
      if (kind === "guess") cross(context, x, y, 2.2 * radius);
      if (kind === "start") shape(context, 0, x, y, 2.4 * radius);
      context.stroke();
    }
    if (text) this.label(context, [x, kind === "start" ? y : y + 6 * radius], text, 1.5 * radius);
  }

  /** The factual whose marks or path lie at a place; null if none does. */
  hit(where, coarse) {
    const { searched, searches, walk } = this.stage;
    if (!searched) return null;
    const [x, y] = this.pixel(where);
    const [mark, path] = coarse ? [20, 12] : [10, 5];
    let best = null, nearest = 1;
    for (const { line, index } of this.lines(searched)) {
      const reached = upTo(line, walk);
      const points = [line[0], reached[reached.length - 1]];
      const near = Math.min(...points.map(([u, v]) => Math.hypot(u - x, v - y))) / mark;
      const close = Math.min(near, this.stage.layers.has("paths") ? gapTo(line, x, y) / path : 1);
      if (close < nearest) [best, nearest] = [searches.group[index], close];
    }
    return best;
  }
}

/** A line up to a step and the share of the next. */
function upTo(line, step) {
  if (step >= line.length - 1) return line;
  return [...line.slice(0, Math.floor(step) + 1), pointAt(line, step)];
}

function pointAt(line, step) {
  const i = Math.min(Math.floor(step), line.length - 1), j = Math.min(i + 1, line.length - 1), share = step - i;
  return [line[i][0] + share * (line[j][0] - line[i][0]), line[i][1] + share * (line[j][1] - line[i][1])];
}

/** The mark of a search in the key, from its start to its end. */
function plainWalk({ ink, muted }) {
  return svg(58, 18, ["path", { d: "M8 9H50", stroke: css(ink), "stroke-width": 1.4 }],
    ["circle", { cx: 8, cy: 9, r: 4.4, fill: css(muted), stroke: css(ink) }],
    ["path", { d: "M50 2.5l6.5 6.5-6.5 6.5-6.5-6.5z", fill: css(muted), stroke: css(ink) }]);
}

/** The mark of the ε-box in the key. */
function boxIcon(ink) {
  return svg(18, 18, ["rect", { x: 2, y: 2, width: 14, height: 14, fill: "none", stroke: ink, "stroke-width": 1.2, "stroke-dasharray": "3 2" }]);
}

/** The mark of a guess: a ring with a cross in it. */
function cross(context, x, y, r) {
  shape(context, 0, x, y, r);
  for (const [dx, dy] of [[1, 0], [0, 1]]) {
    context.moveTo(x - 1.5 * r * dx, y - 1.5 * r * dy);
    context.lineTo(x + 1.5 * r * dx, y + 1.5 * r * dy);
  }
}

/** Distance of a point from a line, in pixels. */
function gapTo(line, x, y) {
  let best = Infinity;
  for (let i = 1; i < line.length; i++) {
    const [x0, y0] = line[i - 1], dx = line[i][0] - x0, dy = line[i][1] - y0;
    const t = clamp(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1), 0, 1);
    best = Math.min(best, Math.hypot(x0 + t * dx - x, y0 + t * dy - y));
  }
  return best;
}

// ---- the stage of searches ----------------------------------------------------------------------------------

/** The player of the steps that the searches take: it plays, and stays at the end when searches of other length come. */
class Steps extends Player {
  get last() {
    return this.host.longest;
  }

  /** A search takes some four seconds, whatever its length. */
  get pace() {
    return clamp(this.last / 4, 2, 14);
  }

  get sticky() {
    return true;
  }

  /** Searches move evenly along their paths, whatever their steps are. */
  ahead(at, seconds) {
    const [place, left] = ahead(at, seconds, this.host.lasting(this.last / this.pace));
    return place + left * this.pace;
  }

  /** Before the first drawing nobody knows how long the searches are: what plays from the start must not end there. */
  get growing() {
    return Boolean(this.host.searches && !this.host.shown);
  }

  get told() {
    const { place, frame, last } = this;
    return { count: ["Step ", frame, ` of ${last}`], letters: String(last).length + 10, value: place, max: last, words: `step ${frame} of ${last}` };
  }
}


/** A stage of searches: over the boundaries, every arm's paths step by step, and beside them charts along the same steps. */
export class Paths extends Stage {
  build() {
    this.setup = null; // what the header says of the searches
    this.searches = null;
    this.selected = null; // index of a factual
    this.asked = null; // unit point of a click that has not been answered
    this.keyed = undefined; // what the key was made for
    this.missingTrace = new Need(this);
    this.missingModels = new Need(this);
    this.drag = new Drag(this, (meta, arrays) => new Searches(meta, arrays));
    super.build();
    this.transport.classList.add("ctv-twofold");
  }

  get label() {
    return "Searches for counterfactuals. Space plays the steps, arrow keys step, square brackets change the epoch, arrow keys on the start move it, shift and an arrow key move the cursor, enter searches from it, N and P choose a factual, escape shows all.";
  }

  get hint() {
    if (this.drag.active) return this.drag.hint;
    if (this.asked) return this.plain?.asking ? "" : "Searching …";
    if (this.plain) return this.plain.hint;
    const { searched, searches } = this;
    if (searched && !searched.fresh) return `Dimmed: searches by the models of epoch ${searched.a.epoch}.`;
    if (!searches) return this.setup?.places ? "Click anywhere to search from there." : "";
    if (this.selected != null && searches.count > 1) return `Factual ${this.selected + 1} of ${searches.count}; escape shows all.`;
    if (this.drag.possible) return "Drag the start: the searches follow. Or click anywhere to search from there.";
    return "Click anywhere to search from there; click a path to follow it alone.";
  }

  get layerHelp() {
    return { ...super.layerHelp, paths: "Show the lines that the searches take" };
  }

  get share() {
    if (this.plain) return this.root.clientWidth < NARROW ? 0.5 : 0.6;
    return this.root.clientWidth < NARROW ? 0.62 : 0.44;
  }

  /** The charts, which a projected page has below the legend. */
  get below() {
    return this.chartBox.offsetHeight;
  }

  /** How the picture is shown without its instruments, where somebody is led through it; else null. */
  get plain() {
    return this.setup?.plain ?? null;
  }

  get mostColumns() {
    return this.plain?.columns || super.mostColumns;
  }

  get flattest() {
    return this.plain ? 0.48 : super.flattest;
  }

  /** What is pointed out in a panel; what belongs to the end of a search only once that is reached, and trained for. */
  marksOf(arm) {
    const ended = !this.searched || (this.walk >= this.longest - 1e-6 && this.epoch === this.run.last);
    const marks = (this.plain?.marks ?? []).filter((mark) => mark.arm === arm && (ended || !mark.last));
    if (!this.searches?.live) return marks;
    // In the person's hand they move along; a guess was about another start.
    const where = { start: this.drag.where, point: this.searches.nascentOf(arm) };
    return marks.filter(({ kind }) => where[kind]).map((mark) => ({ ...mark, at: this.toData(where[mark.kind]) }));
  }

  get faintness() {
    return this.scale ? 0.8 : 0.34; // over the energy those alone are drawn that pull it down
  }

  get players() {
    return [this.steps, this.epochs];
  }

  get epochButtons() {
    return ["Epoch before ([)", "Epoch after (])"];
  }

  makePanel(arm) {
    return this.drag.equip(new PathPanel(this, arm));
  }

  /** The scrubbers of steps and epochs belong to the panels and stay in sight; the charts follow them. */
  controls() {
    this.steps = new Steps(this, "Search step");
    const { steps, epochs } = this;
    const moves = element("div", "ctv-moves", epochs.back, epochs.forward);
    this.stepRow = element("div", "ctv-row ctv-main", steps.moves, steps.slider.root, steps.count.root);
    this.epochRow = element("div", "ctv-row ctv-main ctv-epochs", moves, epochs.slider.root, epochs.count.root, this.makeFollow());
    return [
      this.stepRow,
      this.epochRow,
      this.makeCharts(),
      this.makeExtras(),
    ];
  }

  makeCharts() {
    this.charts = CHARTS.map(([name, title]) => new Chart(this, name, title));
    this.chartNote = element("p", "ctv-chart-note");
    this.chartGrid = element("div", "ctv-charts", ...this.charts.map((chart) => chart.root));
    this.chartBox = element("div", "ctv-chart-box", this.chartGrid, this.chartNote);
    this.chartBox.hidden = true;
    return this.chartBox;
  }

  makeKey() {
    const { theme } = this;
    const ink = css(theme.ink);
    if (this.plain) return this.plainKey(ink);
    const entries = [...this.groundKey(ink), ...(this.searches ? [...walkKey(theme), swingKey(ink)] : [])];
    if (this.chosen != null) {
      entries.push(entry(boxIcon(ink), "ε-box: the nascent point is the last one inside"));
      entries.push(entry(this.star(ink), "neighbour x⁺, a real sample of the target class"));
    }
    return [...entries, ...this.lineKeys(ink)];
  }

  /** The lines on the plane; those of equal energy are named with its marks. */
  lineKeys(ink) {
    return this.scale ? [boundaryKey(ink)] : [boundaryKey(ink), sureKey(this)];
  }

  /** The key of a picture without its instruments: only what is seen on it. */
  plainKey(ink) {
    const { searches, plain, theme } = this;
    const entries = this.groundKey(ink);
    const end = this.scale ? ": counterfactual training pushes the energy up there" : "";
    if (searches) entries.push(entry(plainWalk(theme), `a search, from its start to its end${end}`));
    const box = plain.named ? "ε-box: the nascent point is the last one inside" : "what changes next to nothing (ε-box)";
    if (searches && plain.box) entries.push(entry(boxIcon(ink), box));
    if (searches && plain.neighbour) entries.push(entry(this.star(ink), "a real one that the lesson compares with (x⁺)"));
    return plain.hidden ? entries : [...entries, ...this.lineKeys(ink)];
  }

  /** The marks of what lies on the plane: the data, or over the energy of a class those of it and lines. */
  groundKey(ink) {
    if (!this.scale) return classKey(this);
    const { energyClass: kind, energyName: name, theme } = this, colour = css(theme.marks[kind % theme.marks.length]);
    return [entry(markIcon(kind, colour), realText(name)), equalKey(theme)];
  }

  star(ink) {
    return svg(18, 18, ["path", { d: "M9 1.5l2.2 4.9 5.3.6-4 3.6 1.1 5.3L9 13.2l-4.6 2.7 1.1-5.3-4-3.6 5.3-.6z", fill: css(this.theme.ground), stroke: ink, "stroke-width": 1.2 }]);
  }

  // -- data --

  async receiveMore(header, bytes) {
    const meta = header.trace;
    const cut = meta?.bytes ?? 0;
    if (cut) TRACES.set(meta.key, new Searches(meta, sections(meta, await inflate(bytes.subarray(0, cut)))));
    await this.drag.receive(header.models, bytes.subarray(cut));
  }

  begin(initial) {
    super.begin(initial);
    this.asked = null;
    this.drag.leave();
    this.selected = initial.selected;
    this.searches = null;
    this.newest = initial.epoch == null; // until the person goes to an epoch
  }

  beginPlayers(initial) {
    this.epochs.begin({ position: 0 });
    this.steps.begin({ ...initial, position: initial.playing && !this.still.matches ? 0 : initial.step ?? Infinity });
  }

  takeMore(header) {
    const locks = JSON.stringify(header.setup.locks);
    const changed = this.setup && JSON.stringify(this.setup.locks) !== locks;
    this.setup = header.setup;
    this.root.dataset.plain = String(Boolean(this.plain));
    this.epochRow.hidden = Boolean(this.plain) && this.run.frames.length < 2;
    this.stepRow.hidden = Boolean(this.plain) && !header.trace;
    if (changed && this.run.scene) this.panels.forEach((panel) => panel.dressLocks(this.run.scene));
    this.drag.take(header.models);
    this.takeSearches(header.trace?.key ?? null);
    this.invalidate();
  }

  takeSearches(key) {
    if (this.drag.holds(key)) return;
    const found = key == null ? null : TRACES.get(key);
    // The browser may have lost what the server believes it holds.
    if (key != null && !found) return this.missingTrace.ask({ trace: key });
    this.missingTrace.stop();
    if (key == null && this.plain) this.asked = null; // answered, where nothing is searched
    if (found === this.searches) return;
    if (this.searches && !(found && found.sameFactuals(this.searches))) this.selected = null;
    if (this.selected >= (found?.count ?? 0)) this.selected = null;
    this.searches = found;
    this.asked = null;
    if (this.started) this.settle();
  }

  destroy() {
    super.destroy();
    this.missingTrace.stop();
    this.missingModels.stop();
    this.drag.leave();
    clearTimeout(this.patience);
  }

  // -- what is seen --

  /** The traces of the shown epoch or, dimmed, the nearest ones. */
  get searched() {
    const { searches, shown } = this;
    if (!searches || !shown || searches.dims.m !== this.panels.length) return null;
    const a = searches.at(shown.a.epoch), b = shown.share ? searches.at(shown.b.epoch) : a;
    if (a && b) return { a, b, share: shown.share, fresh: !this.asked || Boolean(searches.live) };
    const nearest = searches.nearest(this.epoch);
    return { a: nearest, b: nearest, share: 0, fresh: false };
  }

  /** How long each step of the searches that are seen lasts, in a film of so many seconds. */
  lasting(seconds) {
    const { searched, searches, chosen, longest } = this;
    if (!searched) return [];
    const { dims, paths, epoch } = searched.share < 0.5 ? searched.a : searched.b;
    const mark = [searches.key, epoch, chosen, longest, seconds].join();
    if (this.paced?.mark !== mark) {
      const columns = searches.columns(chosen);
      const rows = [...Array(dims.m).keys()].flatMap((arm) => columns.map((column) => arm * dims.b + column));
      this.paced = { mark, steps: durations(lengthsOf(paths, rows, longest), seconds) };
    }
    return this.paced.steps;
  }

  /** Steps of the longest search at the shown epoch. */
  get longest() {
    const { searched } = this;
    return searched ? (searched.share < 0.5 ? searched.a : searched.b).longest : 0;
  }

  get walk() {
    return this.steps.place;
  }

  /** The factual that is looked at alone: the one selected, or the only one. */
  get chosen() {
    if (!this.searches) return null;
    return this.selected ?? (this.searches.count === 1 ? 0 : null);
  }

  /** Of each arm, a number over the steps: of the one search that is chosen, else the median and a band of all. */
  series(name) {
    const { searched, searches, chosen } = this;
    if (!searched) return null;
    const mark = [searches.key, searched.a.epoch, searched.b.epoch, searched.share, chosen, this.longest].join();
    if (this.seriesMark !== mark) {
      this.seriesMark = mark;
      this.seriesHeld = {};
    }
    return (this.seriesHeld[name] ??= this.panels.map((_, arm) => this.oneSeries(name, arm, searched)));
  }

  oneSeries(name, arm, searched) {
    const { searches, longest } = this;
    const columns = searches.columns(this.chosen);
    const { a, b, share } = searched;
    const steps = (column) => Math.max(a.paths.steps[arm * a.dims.b + column], b.paths.steps[arm * b.dims.b + column]);
    if (columns.length === 1) {
      const [column] = columns;
      const values = Array.from({ length: longest + 1 }, (_, t) => along(searched, name, arm, column, t));
      const i = arm * a.dims.b + column;
      return { arm, values, end: Math.min(steps(column), longest), mature: (share < 0.5 ? a : b).paths.mature[i] };
    }
    const out = { arm, values: [], low: [], high: [], end: Math.min(Math.max(...columns.map(steps)), longest) };
    for (let t = 0; t <= longest; t++) {
      const sorted = Float64Array.from(columns, (column) => along(searched, name, arm, column, t)).sort();
      out.values.push(quantile(sorted, 0.5));
      out.low.push(quantile(sorted, 0.1));
      out.high.push(quantile(sorted, 0.9));
    }
    return out;
  }

  /** Lowest and highest value of what a chart shows, over all epochs that were searched. */
  bounds(name, series) {
    const { searches, chosen } = this;
    if (searches.frames.length === 1 || searches.columns(chosen).length > 1) {
      const all = series.flatMap(({ values, low, high }) => [...(low ?? values), ...(high ?? values)]);
      return [Math.min(...all), Math.max(...all)];
    }
    const mark = `${searches.key} ${chosen} ${name}`;
    this.bounded ??= new Map();
    if (!this.bounded.has(mark)) this.bounded.set(mark, this.boundsOf(name));
    if (this.bounded.size > 12) this.bounded.delete(this.bounded.keys().next().value);
    return this.bounded.get(mark);
  }

  boundsOf(name) {
    const { searches, chosen } = this;
    let low = Infinity, high = -Infinity;
    for (const { paths, along: values, dims } of searches.frames) {
      for (let arm = 0; arm < dims.m; arm++) {
        for (const column of searches.columns(chosen)) {
          const i = arm * dims.b + column;
          for (let t = paths.starts[i]; t <= paths.starts[i] + paths.steps[i]; t++) {
            low = Math.min(low, values[name][t]);
            high = Math.max(high, values[name][t]);
          }
        }
      }
    }
    return [low, high];
  }

  captions(panel, nearest) {
    const { searched, searches } = this;
    if (!searched && this.plain) return [["", ""], ["", ""], ["", ""]]; // numbers would tell what is to be guessed
    if (this.plain && this.scale) return super.captions(panel, nearest);
    if (!searched) return super.captions(panel, nearest);
    const frame = searched.share < 0.5 ? searched.a : searched.b;
    const columns = searches.columns(this.chosen);
    return columns.length === 1 ? this.captionsOfOne(panel.arm, columns[0], frame, searched) : this.captionsOfMany(panel.arm, columns, frame, searched);
  }

  captionsOfOne(arm, column, frame, searched) {
    const i = arm * frame.dims.b + column;
    const steps = frame.paths.steps[i];
    const word = this.searches.outcomes[frame.outcome[i]];
    const after = `after ${plural(steps, "step")}`;
    const walking = this.walk < steps;
    const ended = (end) => (walking ? [`${end.toLowerCase()} ${after}`, "On its way"] : [after, end]);
    const told = {
      mature: ended("Mature"),
      already: ["from the start", "Mature"],
      short: ended("Immature"),
      stuck: ended("Stuck"),
      impossible: [`${chance(frame.reachable[i])} at best`, "Impossible"],
    };
    const now = (name) => valueOf(searched, name, arm, column, this.walk);
    if (this.plain) {
      const [when, state] = { mature: [after, "Arrived"], already: ["from the start", "There"] }[word] ?? [after, "Not there"];
      const target = this.run.scene.classes[this.searches.targets[column]];
      const here = walking ? [`after ${plural(Math.round(this.walk), "step")}`, "On its way"] : [when, state];
      return [here, [`sure of “${target}”`, percent(now("probability"))], ["effort", short(now("distance"))]];
    }
    return [told[word] ?? [after, word], ["probability", walking ? chance(now("probability")) : sureness(now("probability"), this.setup.tau, frame.paths.mature[i])], ["distance", short(now("distance"))]];
  }

  captionsOfMany(arm, columns, frame, searched) {
    const { walk } = this;
    const own = columns.map((column) => arm * frame.dims.b + column);
    const mature = own.filter((i) => frame.paths.mature[i]);
    const there = mature.filter((i) => frame.paths.steps[i] <= walk + 1e-6).length;
    const median = (values) => (values.length ? quantile(Float64Array.from(values).sort(), 0.5) : null);
    const steps = median(mature.map((i) => frame.paths.steps[i]));
    const distance = median(columns.filter((_, j) => frame.paths.mature[own[j]]).map((column) => along(searched, "distance", arm, column, this.longest)));
    return [
      ["mature", `${there} of ${columns.length}`],
      ["median steps", steps == null ? "–" : number(steps)],
      ["median distance", short(distance)],
    ];
  }

  /** How many searches are mature, short … in each arm, for tests and for words. */
  get counts() {
    const { searched, searches } = this;
    if (!searched) return null;
    const frame = searched.share < 0.5 ? searched.a : searched.b;
    return this.panels.map((_, arm) => {
      const counts = Object.fromEntries(searches.outcomes.map((word) => [word, 0]));
      for (const column of searches.columns(this.chosen)) counts[searches.outcomes[frame.outcome[arm * frame.dims.b + column]]] += 1;
      return counts;
    });
  }

  // -- frames --

  paint() {
    this.drag.search();
    const keyed = `${Boolean(this.searches)} ${this.chosen} ${this.run.key}`;
    if (this.keyed !== keyed) {
      this.keyed = keyed;
      this.key.replaceChildren(...this.makeKey());
    }
    super.paint();
    this.drag.place();
    this.paintCharts();
    this.drawnKey = this.searched?.fresh ? this.searches.key : null;
    if (this.spokenKey !== this.searches?.key && this.started && !this.searches?.live) {
      this.spokenKey = this.searches?.key;
      this.announce();
    }
  }

  paintCharts() {
    const there = Boolean(this.searched) && !this.plain;
    if (this.chartBox.hidden === there) {
      this.chartBox.hidden = !there;
      this.layoutCharts();
    }
    if (!there) return;
    this.chartGrid.dataset.fresh = String(this.searched.fresh);
    const count = this.searches.columns(this.chosen).length;
    const one = "Each line is one search; a diamond marks its end, filled where it is mature.";
    setText(this.chartNote, count > 1 ? `Lines: the median of ${count} searches; bands: 80 % of them.` : one);
    this.charts.forEach((chart) => chart.paint());
  }

  layout() {
    super.layout();
    this.layoutCharts();
  }

  layoutCharts() {
    if (!this.panels.length || !this.width) return;
    this.letter = clamp(10.5 + this.width / 170, 14, 24);
    const ratio = this.panels[0].ratio;
    const mark = [this.width, ratio, this.chartBox.hidden].join();
    if (mark === this.chartMark) return;
    this.chartMark = mark;
    this.charts.forEach((chart) => chart.resize(ratio));
    this.invalidate();
  }

  // -- what the person does --

  takeOver(following) {
    super.takeOver(following);
    this.newest = false;
  }

  act(key, on, shift) {
    const onEpochs = on === this.epochs.slider.input && !shift;
    if (this.plain?.asking && /^Arrow/.test(key) && on === this.grid) return super.act(key, on, true); // moves the cursor
    if (key.startsWith("Page") || (onEpochs && /^(Arrow|Home|End)/.test(key))) return this.epochs.act(key, on);
    if (key === "[" || key === "]") this.epochs.step(key === "]" ? 1 : -1);
    else if (key.toLowerCase() === "n" || key.toLowerCase() === "p") this.next(key.toLowerCase() === "n" ? 1 : -1);
    else if (key === "Escape" && this.selected != null) this.leave();
    else return super.act(key, on, shift);
    return true;
  }

  press(where, panel, event) {
    const hit = panel.hit(where, event.pointerType === "touch" || event.pointerType === "pen");
    if (hit == null || this.plain?.asking) this.choose(where);
    else this.select(hit === this.selected ? null : hit);
  }

  select(factual) {
    this.selected = this.searches.count > 1 ? factual : null;
    this.settle();
    this.invalidate();
  }

  leave() {
    this.hovered = null;
    if (this.selected != null) this.select(null);
    this.invalidate();
  }

  next(by) {
    if (!this.searches) return;
    const { count } = this.searches;
    this.select(this.selected == null ? (by > 0 ? 0 : count - 1) : (this.selected + by + count) % count);
  }

  /** Asks for the searches from a place: told at once, and marked until they come. */
  choose(where) {
    if (!this.bridge.tell || !this.setup.places) return;
    this.asked = where;
    this.hovered = null;
    clearTimeout(this.patience);
    this.patience = setTimeout(() => {
      this.asked = null;
      this.drag.giveUp();
      this.settle();
      this.invalidate();
    }, PATIENCE_MS);
    this.bridge.tell("at", this.told(where));
    this.invalidate();
  }

  /** A place as it is told, in data units. */
  told(where) {
    return this.toData(where).map((value) => Number(value.toPrecision(5)));
  }

  // -- telling others --

  state() {
    const { probe, epoch, ...state } = super.state();
    const { position } = this.steps;
    const step = position === Infinity ? null : Math.round(Math.min(position, this.longest));
    return { ...state, epoch: this.newest ? null : epoch, step, selected: this.selected };
  }

  /** A report while a click is being answered would have it answered twice. */
  get busy() {
    return super.busy || this.asked != null || this.drag.active;
  }

  words() {
    if (!this.searched) return this.plain ? this.plainWords() : super.words();
    const arms = this.panels.map((panel) => {
      const parts = this.captions(panel, this.frame).map(([term, value]) => phrase(term, value));
      for (const { text, kind } of this.marksOf(panel.arm)) if (text && kind !== "start") parts.push(text);
      return `${this.run.scene.arms[panel.arm].title}: ${parts.join(", ")}.`;
    });
    return [`Epoch ${this.epoch}, step ${Math.round(this.walk)} of ${this.longest}.`, ...arms];
  }

  /** What is pointed out, where nothing is searched yet. */
  plainWords() {
    const told = (arm) => this.marksOf(arm).map(({ text, at }) => `${text} at ${at.map((value, i) => written(this.run.scene, i, value)).join(", ")}`);
    return [this.plain.hint, ...this.run.scene.arms.map(({ title }, arm) => `${title}: ${told(arm).join("; ") || "the data"}.`)];
  }

  describe() {
    super.describe();
    if (this.shown) this.charts.forEach((chart) => chart.canvas.setAttribute("aria-label", chart.words()));
  }

  get facts() {
    const key = this.searches?.key ?? "";
    const drawnTrace = this.searched?.fresh ? key : "";
    return { ...super.facts, step: Math.round(this.walk), steps: this.longest, selected: this.selected, trace: key, drawnTrace };
  }

  meter() {
    super.meter();
    const paths = this;
    expose("__ctvizPaths", this, {
      get step() { return Math.round(paths.walk); },
      get steps() { return paths.longest; },
      get walk() { return paths.walk; },
      get epoch() { return paths.epoch; },
      get selected() { return paths.selected; },
      get factuals() { return paths.searches?.count ?? 0; },
      get traceKey() { return paths.searches?.key ?? null; },
      get epochs() { return paths.searches?.epochs ?? []; },
      get drawn() { return paths.drawnKey ?? null; },
      get counts() { return paths.counts; },
      get playing() { return paths.steps.playing; },
      get asked() { return paths.asked; },
      get dragged() { return paths.drag.drawn ? paths.drag.start : null; },
      get draggable() { return paths.drag.possible && paths.drag.shown; },
      get searching() { return { count: paths.drag.count, ms: paths.drag.spent }; },
      get marks() { return paths.panels.flatMap(({ arm }) => paths.marksOf(arm).map(({ text }) => text)).filter(Boolean); },
      get resting() { return !paths.moving && !paths.busy && paths.steps.peeked == null; },
      at: (name, arm, factual, step) => along(paths.searched, name, arm, paths.searches.columns(factual)[0], step),
      place(arm, factual, step) {
        const { line } = paths.panels[arm].lines(paths.searched)[paths.searches.columns(factual)[0]];
        return line[Math.min(step, line.length - 1)];
      },
    });
  }

  // -- picture --

  get heading() {
    return `Step ${Math.round(this.walk)} of ${this.longest}, epoch ${this.epoch} of ${this.total}`;
  }

  get place() {
    return `epoch-${this.epoch}-step-${Math.round(this.walk)}`;
  }

  get moreHeight() {
    return this.searched ? 200 : 0;
  }

  composeMore(context, left, top, width) {
    if (!this.searched) return;
    const each = (width - 2 * 28) / 3;
    this.charts.forEach((chart, i) => {
      const x = left + i * (each + 28);
      context.font = `650 15px ${this.theme.font}`;
      write(context, [chart.title], x, top + 16, 0, this.theme.set.ink);
      chart.draw(context, x, top + 24, each, 140);
    });
  }
}

/** A number along a path between two steps. */
function valueOf(searched, name, arm, column, step) {
  const i = Math.floor(step), share = step - i;
  return along(searched, name, arm, column, i) * (1 - share) + (share ? share * along(searched, name, arm, column, i + 1) : 0);
}
