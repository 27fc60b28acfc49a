
// ==== tracks: the searches themselves ==========================================================================
//
// Appended to stage.js, whose parts it uses. Many factuals at one epoch, or one factual at all of them; every arm's
// paths are walked step by step, beside three charts along the same steps. What arrives is described in trace.py.

const TRACK_HINT = "Click anywhere to search from there; click a path to follow it alone.";
const PATIENCE_MS = 6000;
const TRACES = (globalThis.__ctvizTraces ??= new Map());
const MOST_TRACES = 4;
const DASHES = { solid: [], dash: [7, 4], dot: [1.5, 3.5], dashdot: [7, 3.5, 1.5, 3.5], longdash: [12, 4], longdashdot: [12, 4, 1.5, 4] };
const number = (value) => short(value).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
/** Nothing is certain, and what arrives here has been rounded. */
const chance = (value) => (value > 0.99 ? "> 0.99" : value < 0.01 ? "< 0.01" : number(value));
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

/** Median and the shares around it of sorted numbers. */
function quantile(sorted, share) {
  const at = share * (sorted.length - 1), i = Math.floor(at);
  return sorted[i] + (at - i) * ((sorted[i + 1] ?? sorted[i]) - sorted[i]);
}

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
      const frame = { epoch, dims: meta.dims, paths, neighbours: part("neighbours", 2), shielded: part("shielded", 2) };
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
class TrackPanel extends Panel {
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
      axis.replaceChildren(...icons, `${scene.features[feature]}${words ? ` ${words}` : ""} →`);
    });
  }

  get locks() {
    return this.stage.tracks?.locks[this.arm] ?? [];
  }

  draw(a, b, share, marks) {
    const context = this.canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.layDown(a, b, share, marks);
    const { searched } = this.stage;
    this.veil(context, 1);
    if (searched) this.drawSearches(context, searched);
    if (this.stage.asked) this.drawAsked(context, this.stage.asked);
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
    this.planes = a.field ? this.blend(a, b, share) : null;
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
    const { theme, walk } = this.stage;
    const [x, y] = walks[0].line[0];
    this.drawBox(context, x, y);
    this.drawReach(context, x, y);
    this.trace(context, walks.map(({ line }) => line), 1.2, css(theme.ink, 0.22));
    const taken = walks.map(({ line }) => upTo(line, walk));
    this.trace(context, taken, 5, css(theme.ground, 0.8));
    this.trace(context, taken, 2.2, css(theme.ink));
    context.beginPath();
    for (const { line } of walks) {
      if (line.length < 80) for (let t = 1; t < line.length - 1 && t <= walk; t++) shape(context, 0, ...line[t], 0.42 * r);
    }
    context.fillStyle = css(theme.ink);
    context.fill();
    if (walks.length === 1) this.drawNeighbour(context, walks[0], searched, r);
    this.drawStations(context, walks, searched, r);
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
    const { theme, searches, walk } = this.stage;
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
      if (walk >= step && Math.hypot(x - line[0][0], y - line[0][1]) > 1.3 * r) shape(context, 0, x, y, 0.66 * r);
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
    const { run, theme, tracks } = this.stage;
    const { lower, upper } = run.scene;
    const dx = (tracks.epsilon / (upper[0] - lower[0])) * this.width;
    const dy = (tracks.epsilon / (upper[1] - lower[1])) * this.height;
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
    const at = 2 * (this.arm * a.dims.b + index);
    const place = (values) => this.pixel([values[at] / STEP, values[at + 1] / STEP]);
    const drawn = place(a.neighbours), own = place(a.shielded);
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

// ---- charts -------------------------------------------------------------------------------------------------

const CHARTS = [
  ["probability", "Probability of the target"],
  ["energy", "Energy E(x′, y⁺)"],
  ["distance", "Distance from the factual, ℓ₁"],
];

/** A number along the searches, one line per arm, with the step as a line across. */
class Chart {
  constructor(tracks, name, title) {
    Object.assign(this, { tracks, name, title });
    this.canvas = element("canvas", "ctv-chart-canvas");
    this.canvas.setAttribute("role", "img");
    this.heading = element("h4", "ctv-chart-title", title);
    this.root = element("figure", "ctv-chart", this.heading, this.canvas);
    this.listen();
  }

  listen() {
    const { canvas, tracks } = this;
    const step = (event) => {
      const box = canvas.getBoundingClientRect();
      const { left, width } = this.frame;
      return (clamp((event.clientX - box.left - left) / width, 0, 1) * tracks.longest);
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      tracks.scrubStep(step(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) tracks.scrubStep(step(event));
      else if (event.pointerType === "mouse") tracks.peek(step(event));
    });
    const release = () => tracks.endScrubStep();
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", () => tracks.peek(null));
  }

  resize(ratio) {
    this.width = this.root.clientWidth;
    this.height = clamp(Math.round(0.36 * this.width), 104, 150);
    this.ratio = ratio;
    this.canvas.style.height = `${this.height}px`;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
  }

  paint() {
    if (!this.width) return;
    const context = this.canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    this.draw(context, 0, 0, this.width, this.height);
  }

  /** Draws into a rectangle of any context: that of the page, or that of the download. */
  draw(context, left, top, width, height) {
    const { tracks } = this;
    const series = tracks.series(this.name);
    if (!series) return;
    const { theme } = tracks;
    const small = `${this.small}px ${theme.font}`;
    const [low, high, ticks] = this.scale(series, height);
    context.save();
    context.translate(left, top);
    context.font = small;
    const names = this.namesOf(series);
    const wide = (words) => Math.max(...words.map((text) => context.measureText(text).width), 0);
    const margin = { left: wide(ticks.map(([, text]) => text)) + 10, right: Math.min(wide(names) + 16, (names.length > 2 ? 0.5 : 0.42) * width), top: 8, bottom: 20 };
    const plot = { left: margin.left, right: margin.right, width: width - margin.left - margin.right, top: margin.top, height: height - margin.top - margin.bottom };
    if (left === 0 && top === 0) this.frame = plot;
    const x = (step) => plot.left + (tracks.longest ? step / tracks.longest : 0) * plot.width;
    const y = (value) => plot.top + (1 - (value - low) / (high - low || 1)) * plot.height;
    this.drawAxes(context, plot, ticks, x, y);
    for (const one of series) this.drawBand(context, one, x, y);
    for (const one of series) this.drawLine(context, one, x, y, plot);
    this.drawNames(context, series, names, y, plot);
    this.drawCursor(context, series, x, y, plot);
    context.restore();
  }

  get small() {
    return clamp(Math.round(this.tracks.letter * 0.8), 11, 17);
  }

  /** Bounds and ticks, the same at all epochs that were searched. */
  scale(series, height) {
    if (this.name === "probability") {
      const { tau } = this.tracks.tracks;
      const free = [0, 0.5, 1].filter((value) => Math.abs(value - tau) > 0.15);
      return [0, 1, [...free.map((value) => [value, String(value)]), [tau, `τ = ${number(tau)}`]]];
    }
    let [low, high] = this.tracks.bounds(this.name, series);
    if (this.name === "distance") low = 0;
    if (!(high > low)) [low, high] = [low - 0.5 * (this.name !== "distance"), high + 0.5];
    const raw = (high - low) / clamp(Math.floor(height / 34), 2, 5);
    const size = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].find((times) => times * size >= raw) * size;
    const ticks = [];
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    const text = (value) => value.toFixed(Math.min(digits, 6)).replace("-", "−").replace(/^−0$/, "0");
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) ticks.push([i * step, text(i * step)]);
    return [low, high, ticks];
  }

  drawAxes(context, plot, ticks, x, y) {
    const { tracks } = this;
    const { theme } = tracks;
    context.lineWidth = 1;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const [value, text] of ticks) {
      const threshold = text.startsWith("τ");
      context.beginPath();
      context.setLineDash(threshold ? [3, 3] : []);
      context.moveTo(plot.left, y(value));
      context.lineTo(plot.left + plot.width, y(value));
      context.strokeStyle = css(theme.ink, threshold ? 0.75 : 0.12);
      context.stroke();
      context.fillStyle = css(threshold ? theme.ink : theme.muted);
      context.fillText(text, plot.left - 6, y(value));
    }
    context.setLineDash([]);
    context.fillStyle = css(theme.muted);
    context.textBaseline = "alphabetic";
    const bottom = plot.top + plot.height + 15;
    context.textAlign = "left";
    context.fillText("0", plot.left - 3, bottom);
    context.textAlign = "right";
    context.fillText(plural(tracks.longest, "step"), plot.left + plot.width + 3, bottom);
    context.textAlign = "left";
  }

  colour({ arm }) {
    const { theme, run } = this.tracks;
    return run.scene.arms[arm].role === "counterfactual" ? theme.set.accent : theme.set.conventional;
  }

  drawBand(context, one, x, y) {
    if (!one.low) return;
    context.beginPath();
    one.low.forEach((value, t) => context[t ? "lineTo" : "moveTo"](x(t), y(value)));
    for (let t = one.high.length - 1; t >= 0; t--) context.lineTo(x(t), y(one.high[t]));
    context.closePath();
    context.globalAlpha = this.tracks.panels.length > 4 ? 0.07 : 0.13;
    context.fillStyle = this.colour(one);
    context.fill();
    context.globalAlpha = 1;
  }

  /** The line to its end, and from there on a hair that leads to its name. */
  drawLine(context, one, x, y, plot) {
    const { values, end, arm } = one;
    context.strokeStyle = this.colour(one);
    context.lineJoin = context.lineCap = "round";
    context.lineWidth = 2;
    context.setLineDash(DASHES[this.tracks.tracks.lines[arm].dash] ?? []);
    context.beginPath();
    for (let t = 0; t <= end; t++) context[t ? "lineTo" : "moveTo"](x(t), y(values[t]));
    context.stroke();
    context.setLineDash([]);
    context.lineWidth = 1;
    context.globalAlpha = 0.45;
    context.beginPath();
    context.moveTo(x(end), y(values[end]));
    context.lineTo(plot.left + plot.width + 2, y(values[end]));
    context.stroke();
    context.globalAlpha = 1;
    if (one.mature != null) this.drawEnding(context, one, x(end), y(values[end]));
  }

  drawEnding(context, one, x, y) {
    context.beginPath();
    diamond(context, x, y, 4.5);
    context.fillStyle = one.mature ? this.colour(one) : css(this.tracks.theme.ground);
    context.fill();
    context.lineWidth = 1.4;
    context.stroke();
  }

  namesOf(series) {
    return series.map(({ arm }) => this.tracks.tracks.lines[arm].short);
  }

  /** Names at the ends of their lines, moved apart; those without room are left to the panels. */
  drawNames(context, series, names, y, plot) {
    const leading = this.small + 2;
    const most = Math.max(1, Math.floor((plot.height + 12) / leading));
    const labels = series.map((one, i) => ({ one, text: names[i], at: y(one.values[one.end]) })).sort((a, b) => a.at - b.at).slice(0, most);
    for (let i = 1; i < labels.length; i++) labels[i].at = Math.max(labels[i].at, labels[i - 1].at + leading);
    const floor = plot.top + plot.height + 4;
    for (let i = labels.length - 1, limit = floor; i >= 0; i--, limit -= leading) labels[i].at = Math.min(labels[i].at, limit);
    context.textBaseline = "middle";
    const edge = plot.left + plot.width, { right } = plot;
    for (const { one, text, at } of labels) {
      context.fillStyle = context.strokeStyle = this.colour(one);
      context.globalAlpha = 0.45;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(edge + 2, y(one.values[one.end]));
      context.lineTo(edge + 10, at);
      context.stroke();
      context.globalAlpha = 1;
      context.fillText(text, edge + 13, at, right - 13);
    }
    context.textBaseline = "alphabetic";
  }

  drawCursor(context, series, x, y, plot) {
    const { walk, theme } = this.tracks;
    context.beginPath();
    context.moveTo(x(walk), plot.top - 4);
    context.lineTo(x(walk), plot.top + plot.height);
    context.lineWidth = 1.2;
    context.strokeStyle = css(theme.ink, 0.8);
    context.stroke();
    for (const one of series) {
      const value = valueAt(one.values, Math.min(walk, one.end));
      context.beginPath();
      shape(context, 0, x(walk), y(value), 3.4);
      context.fillStyle = this.colour(one);
      context.fill();
      context.lineWidth = 1.2;
      context.strokeStyle = css(theme.ground);
      context.stroke();
    }
  }

  /** The chart in a sentence. */
  words() {
    const { tracks } = this;
    const series = tracks.series(this.name);
    if (!series) return `${this.title}: nothing searched.`;
    const what = series[0].low ? `median of ${tracks.searches.columns(tracks.chosen).length} searches` : "the chosen search";
    const step = Math.round(tracks.walk);
    const names = this.namesOf(series);
    const parts = series.map(({ values, end }, i) => {
      const [first, last, now] = [0, end, Math.min(step, end)].map((t) => number(valueAt(values, t)));
      return `${names[i]} from ${first} to ${last}, now ${now}`;
    });
    return `${this.title} over the search steps, ${what}, at step ${step} of ${tracks.longest}: ${parts.join("; ")}.`;
  }
}

function valueAt(values, step) {
  const i = Math.floor(step), j = Math.min(i + 1, values.length - 1);
  return values[i] + (step - i) * (values[j] - values[i]);
}

// ---- transport ----------------------------------------------------------------------------------------------

/** Two scrubbers: the steps of the searches, which play, and the epochs of the training. */
class TrackTransport extends Transport {
  rows() {
    const { stage } = this;
    this.step = new Count("Step");
    this.steps = new Slider("Search step", (share) => stage.scrubStep(share * stage.longest), () => stage.endScrubStep());
    this.earlier = button("ctv-back", "Epoch before ([)", "", "back");
    this.later = button("ctv-forward", "Epoch after (])", "", "forward");
    this.earlier.addEventListener("click", () => stage.stepEpoch(-1));
    this.later.addEventListener("click", () => stage.stepEpoch(1));
    return [
      element("div", "ctv-row ctv-main", this.moves(), this.steps.root, this.step.root),
      element("div", "ctv-row ctv-main ctv-epochs", element("div", "ctv-moves", this.earlier, this.later), this.slider.root, this.epoch.root, this.follow),
      element("div", "ctv-row ctv-more", ...this.extras()),
    ];
  }

  refreshEpoch() {
    super.refreshEpoch();
    const { stage } = this;
    this.earlier.disabled = stage.position <= 0;
    this.later.disabled = stage.position >= stage.run.frames.length - 1;
  }

  refreshMoves() {
    const { walk, longest } = this.stage;
    const now = Math.round(walk);
    super.refreshMoves(walk <= 0, walk >= longest);
    this.play.disabled = longest === 0;
    this.step.refresh(now, longest);
    this.steps.refresh(longest ? walk / longest : 1, 1, longest, now, `step ${now} of ${longest}`);
  }
}

// ---- the stage of searches ----------------------------------------------------------------------------------

export class Tracks extends Stage {
  prepare() {
    this.tracks = null; // what the header says of them
    this.searches = null;
    this.walked = null; // step, with a fraction while it moves; null: the end
    this.walkGoal = this.peeked = null;
    this.selected = null; // index of a factual
    this.asked = null; // unit point of a click that has not been answered
    this.keyed = undefined; // what the key was made for
  }

  get label() {
    return "Searches for counterfactuals. Space plays the steps, arrow keys step, square brackets change the epoch, shift and an arrow key move the cursor, enter searches from it, N and P choose a factual, escape shows all.";
  }

  get hint() {
    if (this.asked) return "Searching …";
    const { searched, searches } = this;
    if (searched && !searched.fresh) return `Dimmed: searches by the models of epoch ${searched.a.epoch}.`;
    if (!searches) return this.tracks?.places ? "Click anywhere to search from there." : "";
    if (this.selected != null && searches.count > 1) return `Factual ${this.selected + 1} of ${searches.count}; escape shows all.`;
    return TRACK_HINT;
  }

  get layerHelp() {
    return { ...super.layerHelp, paths: "Show the lines that the searches take" };
  }

  get share() {
    return this.root.clientWidth < NARROW ? 0.62 : 0.44;
  }

  get faintness() {
    return 0.34;
  }

  makeTransport() {
    return new TrackTransport(this);
  }

  makePanel(arm) {
    return new TrackPanel(this, arm);
  }

  makeMore() {
    this.charts = CHARTS.map(([name, title]) => new Chart(this, name, title));
    this.chartNote = element("p", "ctv-chart-note");
    this.chartGrid = element("div", "ctv-charts", ...this.charts.map((chart) => chart.root));
    this.chartBox = element("div", "ctv-chart-box", this.chartGrid, this.chartNote);
    this.chartBox.hidden = true;
    this.transport.root.classList.add("ctv-twofold");
    // The scrubbers belong to the panels and stay in sight; the charts follow them.
    this.transport.root.querySelector(".ctv-more").before(this.chartBox);
  }

  makeKey() {
    const { theme } = this;
    const ink = css(theme.ink);
    const entries = [...classKey(this), ...(this.searches ? [...walkKey(theme), swingKey(ink)] : [])];
    if (this.chosen != null) {
      const box = svg(18, 18, ["rect", { x: 2, y: 2, width: 14, height: 14, fill: "none", stroke: ink, "stroke-width": 1.2, "stroke-dasharray": "3 2" }]);
      const star = svg(18, 18, ["path", { d: "M9 1.5l2.2 4.9 5.3.6-4 3.6 1.1 5.3L9 13.2l-4.6 2.7 1.1-5.3-4-3.6 5.3-.6z", fill: css(theme.ground), stroke: ink, "stroke-width": 1.2 }]);
      entries.push(entry(box, "ε-box: the nascent point is the last one inside"), entry(star, "neighbour x⁺, a real sample of the target class"));
    }
    return [...entries, boundaryKey(ink)];
  }

  // -- data --

  async receiveMore(header, bytes) {
    const meta = header.trace;
    if (!meta?.bytes) return;
    TRACES.delete(meta.key);
    TRACES.set(meta.key, new Searches(meta, sections(meta, await inflate(bytes))));
    if (TRACES.size > MOST_TRACES) TRACES.delete(TRACES.keys().next().value);
  }

  begin(initial) {
    super.begin(initial);
    this.walked = initial.playing && !this.still.matches ? 0 : initial.step;
    this.walkGoal = this.peeked = this.asked = null;
    this.selected = initial.selected;
    this.searches = null;
    this.newest = initial.epoch == null; // until the person goes to an epoch
  }

  touch() {
    super.touch();
    this.newest = false;
  }

  takeMore(header) {
    const locks = JSON.stringify(header.tracks.locks);
    const changed = this.tracks && JSON.stringify(this.tracks.locks) !== locks;
    this.tracks = header.tracks;
    if (changed && this.run.scene) this.panels.forEach((panel) => panel.dressLocks(this.run.scene));
    this.takeSearches(header.trace?.key ?? null);
    this.invalidate();
  }

  takeSearches(key) {
    const found = key == null ? null : TRACES.get(key);
    clearTimeout(this.lacked);
    if (key != null && !found) return this.askFor(key);
    if (found === this.searches) return;
    if (found) {
      TRACES.delete(key);
      TRACES.set(key, found);
    }
    if (this.searches && !(found && found.sameFactuals(this.searches))) this.selected = null;
    if (this.selected >= (found?.count ?? 0)) this.selected = null;
    this.searches = found;
    this.asked = null;
    if (this.started) this.settle();
  }

  /** The browser has lost what the server believes it holds. */
  askFor(key) {
    this.lacked = setTimeout(() => {
      if (!this.root.isConnected) return;
      this.bridge.need?.({ trace: key });
      this.askFor(key);
    }, this.lackedKey === key ? 3200 : 0);
    this.lackedKey = key;
  }

  destroy() {
    super.destroy();
    clearTimeout(this.lacked);
    clearTimeout(this.patience);
  }

  // -- what is seen --

  /** The traces of the shown epoch or, dimmed, the nearest ones. */
  get searched() {
    const { searches, shown } = this;
    if (!searches || !shown || searches.dims.m !== this.panels.length) return null;
    const a = searches.at(shown.a.epoch), b = shown.share ? searches.at(shown.b.epoch) : a;
    if (a && b) return { a, b, share: shown.share, fresh: !this.asked };
    const nearest = searches.nearest(this.epoch);
    return { a: nearest, b: nearest, share: 0, fresh: false };
  }

  /** Steps of the longest search at the shown epoch. */
  get longest() {
    const { searched } = this;
    return searched ? (searched.share < 0.5 ? searched.a : searched.b).longest : 0;
  }

  get walk() {
    return Math.min(this.peeked ?? this.walked ?? Infinity, this.longest);
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
    return [told[word] ?? [after, word], ["probability", chance(now("probability"))], ["distance", short(now("distance"))]];
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

  get rolling() {
    return false; // the steps play, not the epochs
  }

  get moving() {
    return super.moving || this.playing || this.walkGoal != null;
  }

  /** A move of the epoch leaves the steps as they are. */
  halt() {}

  move(seconds) {
    super.move(seconds);
    if (this.playing) this.play(seconds);
    else if (this.walkGoal != null) this.walkOn(seconds);
  }

  /** Steps a second at speed 1: a search takes some four seconds, whatever its length. */
  get stride() {
    return clamp(this.longest / 4, 2, 14);
  }

  play(seconds) {
    const { longest } = this;
    const from = Math.min(this.walked ?? 0, longest + this.stride);
    this.walked = from + seconds * this.stride * this.speed;
    if (this.walked < longest) return;
    if (this.loop) {
      if (this.walked >= longest + this.stride) this.walked = 0; // after a second at the end
      return;
    }
    this.walked = null;
    this.playing = false;
    this.settle();
  }

  walkOn(seconds) {
    this.walked = this.nearer(this.walked ?? this.longest, this.walkGoal, seconds);
    if (this.walked !== this.walkGoal) return;
    this.walkGoal = null;
    if (this.walked >= this.longest) this.walked = null;
    this.settle();
  }

  paint() {
    const keyed = `${Boolean(this.searches)} ${this.chosen}`;
    if (this.keyed !== keyed) {
      this.keyed = keyed;
      this.key.replaceChildren(...this.makeKey());
    }
    super.paint();
    this.paintCharts();
    this.drawnKey = this.searched?.fresh ? this.searches.key : null;
    if (this.spokenKey !== this.searches?.key && this.started) {
      this.spokenKey = this.searches?.key;
      this.announce();
    }
  }

  paintCharts() {
    const there = Boolean(this.searched);
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

  toggle() {
    if (this.still.matches) return this.step(1);
    this.walkGoal = null;
    this.playing = !this.playing && this.longest > 0;
    if (this.playing && this.walk >= this.longest) this.walked = 0;
    if (!this.playing && this.walked != null) this.walkTo(Math.round(this.walk));
    this.settle();
    this.invalidate();
  }

  step(by) {
    const from = this.walkGoal ?? (by > 0 ? Math.floor(this.walk) : Math.ceil(this.walk));
    this.walkTo(from + by);
  }

  walkTo(step) {
    this.playing = false;
    this.peeked = null;
    this.walkGoal = clamp(step, 0, this.longest);
    this.invalidate();
  }

  stepEpoch(by) {
    super.step(by);
  }

  scrubStep(step) {
    this.playing = false;
    this.walkGoal = this.peeked = null;
    this.walking = true;
    this.walked = clamp(step, 0, this.longest);
    this.invalidate();
  }

  endScrubStep() {
    if (!this.walking) return;
    this.walking = false;
    this.walkTo(Math.round(this.walked));
  }

  /** Looks at a step for as long as the mouse is there. */
  peek(step) {
    if (this.playing || this.walking) return;
    this.peeked = step;
    this.invalidate();
  }

  act(key, on, arrow, shift) {
    const onEpochs = on === this.transport.slider.root;
    const isButton = on.matches?.("button");
    const last = this.run.frames.length - 1;
    if (arrow && shift) this.nudge(arrow);
    else if (arrow && onEpochs) this.stepEpoch(arrow[0] || arrow[1]);
    else if (arrow && (arrow[0] || on === this.transport.steps.root)) this.step(arrow[0] || arrow[1]);
    else if (key === "Home") onEpochs ? this.go(0) : this.walkTo(0);
    else if (key === "End") onEpochs ? this.go(last) : this.walkTo(this.longest);
    else if (key === "PageUp" || key === "PageDown") this.stepEpoch(key === "PageUp" ? 10 : -10);
    else if (key === "[" || key === "]") this.stepEpoch(key === "]" ? 1 : -1);
    else if (key === " " && !isButton) this.toggle();
    else if (key.toLowerCase() === "l") this.setLoop(!this.loop);
    else if (key.toLowerCase() === "n" || key.toLowerCase() === "p") this.next(key.toLowerCase() === "n" ? 1 : -1);
    else if (key === "Enter" && !isButton && this.hovered) this.choose(this.hovered);
    else if (key === "Escape" && (this.selected != null || this.hovered)) this.leave();
    else return false;
    return true;
  }

  press(where, panel, event) {
    const hit = panel.hit(where, event.pointerType === "touch" || event.pointerType === "pen");
    if (hit == null) this.choose(where);
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
    if (!this.bridge.tell || !this.tracks.places) return;
    this.asked = where;
    this.hovered = null;
    clearTimeout(this.patience);
    this.patience = setTimeout(() => {
      this.asked = null;
      this.settle();
      this.invalidate();
    }, PATIENCE_MS);
    this.bridge.tell("at", this.toData(where).map((value) => Number(value.toPrecision(5))));
    this.invalidate();
  }

  // -- telling others --

  state() {
    const { probe, epoch, ...state } = super.state();
    const step = this.walked == null ? null : Math.round(Math.min(this.walked, this.longest));
    return { ...state, epoch: this.newest ? null : epoch, step, selected: this.selected };
  }

  /** A report while a click is being answered would have it answered twice. */
  get busy() {
    return super.busy || this.walkGoal != null || this.walking || this.asked != null;
  }

  words() {
    if (!this.searched) return super.words();
    const arms = this.panels.map((panel) => {
      const parts = this.captions(panel, this.frame).map(([term, value]) => phrase(term, value));
      return `${this.run.scene.arms[panel.arm].title}: ${parts.join(", ")}.`;
    });
    return [`Epoch ${this.epoch}, step ${Math.round(this.walk)} of ${this.longest}.`, ...arms];
  }

  announce(pause = 0) {
    super.announce(pause);
    if (this.shown) this.charts.forEach((chart) => chart.canvas.setAttribute("aria-label", chart.words()));
  }

  publish() {
    super.publish();
    const { dataset } = this.root;
    const key = this.searches?.key ?? "";
    const drawnTrace = this.searched?.fresh ? key : "";
    const state = { step: Math.round(this.walk), steps: this.longest, selected: this.selected, trace: key, drawnTrace };
    for (const name in state) if (dataset[name] !== String(state[name])) dataset[name] = String(state[name]);
  }

  meter() {
    super.meter();
    const tracks = this;
    globalThis.__ctvizTracks = {
      get step() { return Math.round(tracks.walk); },
      get steps() { return tracks.longest; },
      get walk() { return tracks.walk; },
      get epoch() { return tracks.epoch; },
      get selected() { return tracks.selected; },
      get factuals() { return tracks.searches?.count ?? 0; },
      get traceKey() { return tracks.searches?.key ?? null; },
      get epochs() { return tracks.searches?.epochs ?? []; },
      get drawn() { return tracks.drawnKey ?? null; },
      get counts() { return tracks.counts; },
      get playing() { return tracks.playing; },
      get asked() { return tracks.asked; },
      get resting() { return !tracks.moving && !tracks.busy && tracks.peeked == null; },
      at: (name, arm, factual, step) => along(tracks.searched, name, arm, tracks.searches.columns(factual)[0], step),
      place(arm, factual, step) {
        const { line } = tracks.panels[arm].lines(tracks.searched)[tracks.searches.columns(factual)[0]];
        return line[Math.min(step, line.length - 1)];
      },
    };
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
