// The stage: decision boundaries seen learning, one panel per arm, in lockstep.
//
// A plain ES module without dependencies. The Streamlit component gets `mounting(Stage)` as its default export, added
// where it is registered; the standalone page calls `standalone`; tracks.js, appended to this file, shows searches
// with the same parts. Messages are described in film.py. Nothing here makes a request, and words that come with
// the data reach the page as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const SPEEDS = [0.5, 1, 2, 4];
const LAYERS = ["points", "paths", "contours"];
const SETTLE_MS = 150;
const ANNOUNCE_MS = 4000;
const NARROW = 540; // pixels: a phone
const HINT = "Point at a panel to read the same place in all of them; click to pin it.";
const STEP = 65535; // positions are steps of 1/65535 of the extent

// ---- messages -----------------------------------------------------------------------------------------------

/** Header and still deflated payload of a message. */
function parse(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (String.fromCharCode(...bytes.subarray(0, 4)) !== "CTV1") throw new Error("These bytes are not a film of the stage.");
  const length = view.getUint32(4, true);
  return { header: JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))), payload: bytes.subarray(8 + length) };
}

async function inflate(payload) {
  const stream = new Blob([payload]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

const KINDS = { float32: Float32Array, uint16: Uint16Array, uint8: Uint8Array };

/** The payload's arrays by name. */
function sections(film, buffer) {
  const arrays = {};
  let at = 0;
  for (const [name, type, length] of film.sections) {
    arrays[name] = new KINDS[type](buffer, at, length);
    at += arrays[name].byteLength;
  }
  return arrays;
}

// ---- runs ---------------------------------------------------------------------------------------------------

/** What the page holds of one run: its scene, and one frame for each snapshot, ascending in epoch. */
class Run {
  constructor(key) {
    this.key = key;
    this.scene = null;
    this.frames = [];
  }

  get last() {
    return this.frames.length ? this.frames[this.frames.length - 1].epoch : -1;
  }

  /** Takes a stretch that continues what is held; leaves one with a gap before it. */
  append(film, arrays) {
    if (film.after > this.last || (film.after >= 0 && !this.scene)) return;
    if (film.scene && !this.scene) {
      const { points, factuals, labels, targets, starts } = arrays;
      this.scene = { ...film.scene, points, factuals, labels, targets, starts };
    }
    const held = this.last;
    for (const frame of frames(film, arrays)) if (frame.epoch > held) this.frames.push(frame);
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

function frames(film, arrays) {
  const { m, c, g, b } = film.dims;
  const cells = m * c * g * g;
  const out = [];
  let start = 0; // of the next path, in points
  film.epochs.forEach((epoch, e) => {
    const frame = { epoch, dims: film.dims, metrics: {}, field: null, paths: null };
    for (const name in film.metrics) frame.metrics[name] = film.metrics[name][e];
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
function startsOf(steps, start) {
  const starts = new Uint32Array(steps.length);
  for (let i = 0; i < steps.length; i++) {
    starts[i] = start;
    start += steps[i] + 1;
  }
  return [starts, start];
}

/** Runs survive a change of page; the least recently used of more than four is let go. */
const RUNS = (globalThis.__ctvizRuns ??= new Map());

function heldRun(key) {
  const run = RUNS.get(key) ?? new Run(key);
  RUNS.delete(key);
  RUNS.set(key, run);
  if (RUNS.size > 4) RUNS.delete(RUNS.keys().next().value);
  return run;
}

// ---- words --------------------------------------------------------------------------------------------------

/** 100 % is said only of what is complete. */
const percent = (value) => (value == null ? "–" : `${Math.min(Math.round(100 * value), value < 1 ? 99 : 100)} %`);

/** Two significant digits, without an exponent. */
function short(value) {
  if (value == null) return "–";
  if (value === 0) return "0";
  const digits = Math.max(0, 1 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6)).replace("-", "−");
}

const CAPTIONS = [
  ["validation_accuracy", "accuracy", percent],
  ["validity", "change the decision", percent],
  ["ip", "distance to real data", short],
];

/** A figure with its words; a figure that is itself a word comes first. */
const phrase = (words, figure) => (/^[A-Z]/.test(figure) ? `${figure} ${words}` : `${words} ${figure}`);

function sentence(title, metrics, arm) {
  const facts = CAPTIONS.map(([name, words, format]) => [metrics[name]?.[arm], words, format])
    .filter(([value]) => value != null)
    .map(([value, words, format]) => `${words} ${format(value)}`);
  return `${title}: ${facts.join(", ") || "no figures"}.`;
}

// ---- colours ------------------------------------------------------------------------------------------------

const probe2d = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** Any CSS colour as [r, g, b]. */
function rgb(colour) {
  probe2d.clearRect(0, 0, 1, 1);
  probe2d.fillStyle = "#000";
  probe2d.fillStyle = colour;
  probe2d.fillRect(0, 0, 1, 1);
  return [...probe2d.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
}

const luminance = ([r, g, b]) => (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
const css = ([r, g, b], alpha = 1) => `rgb(${r} ${g} ${b} / ${alpha})`;
const mix = (from, to, share) => from.map((v, i) => Math.round(v + (to[i] - v) * share));

/** The colours in force: the page's ground decides between the light and the dark set. */
function themeOf(root, palette) {
  const style = getComputedStyle(root);
  const ground = style.getPropertyValue("--st-background-color").trim();
  const dark = ground ? luminance(rgb(ground)) < 0.45 : matchMedia("(prefers-color-scheme: dark)").matches;
  const set = dark ? palette.dark : palette.light;
  const theme = { dark, set, font: style.fontFamily, ground: rgb(ground || set.ground), ink: rgb(set.ink), muted: rgb(set.muted) };
  theme.classes = palette.classes.map(rgb);
  // Marks are drawn lighter on dark ground, where the full colours sink in.
  theme.marks = theme.classes.map((colour) => (dark ? mix(colour, [255, 255, 255], 0.28) : colour));
  theme.tint = dark ? 0.42 : 0.34;
  theme.table = theme.classes.length >= 2 ? binaryTable(theme) : null;
  return theme;
}

/** Colour of each of 1,021 probabilities of class 1: tints of the two classes, meeting in the ground. */
function binaryTable({ classes, ground, tint }) {
  const table = new Uint32Array(1021);
  for (let i = 0; i < 1021; i++) {
    const sure = Math.abs(2 * (i / 1020) - 1);
    const [r, g, b] = mix(ground, classes[i > 510 ? 1 : 0], tint * sure ** 0.75);
    table[i] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return table;
}

// ---- drawing ------------------------------------------------------------------------------------------------

/** A plane blurred by a cell or two, so that neither its 256 levels nor its cells show as steps in a line. */
function steady(plane, g, [rows, out]) {
  const at = (k) => clamp(k, 0, g - 1);
  for (let i = 0; i < g; i++) {
    const a = at(i - 2), b = at(i - 1), c = at(i + 1), d = at(i + 2);
    for (let j = 0, row = 0; j < g; j++, row += g) {
      rows[row + i] = (plane[row + a] + plane[row + d] + 4 * (plane[row + b] + plane[row + c]) + 6 * plane[row + i]) / 16;
    }
  }
  for (let j = 0; j < g; j++) {
    const a = at(j - 2) * g, b = at(j - 1) * g, c = at(j + 1) * g, d = at(j + 2) * g, row = j * g;
    for (let i = 0; i < g; i++) out[row + i] = (rows[a + i] + rows[d + i] + 4 * (rows[b + i] + rows[c + i]) + 6 * rows[row + i]) / 16;
  }
  return out;
}

/** Adds the line f = level to the context's path, for f given on the nodes of a g × g grid (row 0 lowest). */
function contour(context, f, g, level, width, height) {
  const dx = width / (g - 1);
  const dy = height / (g - 1);
  for (let j = 0; j + 1 < g; j++) {
    for (let i = 0, at = j * g; i + 1 < g; i++, at++) {
      const a = f[at] - level, b = f[at + 1] - level, c = f[at + g + 1] - level, d = f[at + g] - level;
      const kind = (a > 0) | ((b > 0) << 1) | ((c > 0) << 2) | ((d > 0) << 3);
      if (kind === 0 || kind === 15) continue;
      const south = [(i + a / (a - b)) * dx, height - j * dy];
      const east = [(i + 1) * dx, height - (j + b / (b - c)) * dy];
      const north = [(i + d / (d - c)) * dx, height - (j + 1) * dy];
      const west = [i * dx, height - (j + a / (a - d)) * dy];
      for (const [from, to] of crossings(kind, a + b + c + d > 0, south, east, north, west)) {
        context.moveTo(from[0], from[1]);
        context.lineTo(to[0], to[1]);
      }
    }
  }
}

/** Which edges of a cell the line joins; the mean decides the two saddles. */
function crossings(kind, high, south, east, north, west) {
  switch (kind) {
    case 1: case 14: return [[south, west]];
    case 2: case 13: return [[south, east]];
    case 4: case 11: return [[east, north]];
    case 8: case 7: return [[north, west]];
    case 3: case 12: return [[west, east]];
    case 6: case 9: return [[south, north]];
    default: return (kind === 5) === high ? [[south, east], [north, west]] : [[south, west], [east, north]];
  }
}

/** Adds the outline of a class's mark: a shape of its own for each class. */
function shape(context, kind, x, y, r) {
  const polygon = (corners, turn, radius) => {
    for (let i = 0; i < corners; i++) {
      const angle = turn + (2 * Math.PI * i) / corners;
      context[i ? "lineTo" : "moveTo"](x + radius * Math.cos(angle), y + radius * Math.sin(angle));
    }
    context.closePath();
  };
  switch (kind % 8) {
    case 0: context.moveTo(x + r, y); context.arc(x, y, r, 0, 2 * Math.PI); break;
    case 1: context.rect(x - 0.88 * r, y - 0.88 * r, 1.76 * r, 1.76 * r); break;
    case 2: polygon(3, -Math.PI / 2, 1.3 * r); break;
    case 3: polygon(3, Math.PI / 2, 1.3 * r); break;
    case 4: plus(context, x, y, r); break;
    case 5: polygon(5, -Math.PI / 2, 1.15 * r); break;
    case 6: context.rect(x - 1.25 * r, y - 0.55 * r, 2.5 * r, 1.1 * r); break;
    default: context.rect(x - 0.55 * r, y - 1.25 * r, 1.1 * r, 2.5 * r);
  }
}

function plus(context, x, y, r) {
  const a = 1.2 * r, b = 0.42 * r;
  const corners = [[-b, -a], [b, -a], [b, -b], [a, -b], [a, b], [b, b], [b, a], [-b, a], [-b, b], [-a, b], [-a, -b], [-b, -b]];
  corners.forEach(([u, v], i) => context[i ? "lineTo" : "moveTo"](x + u, y + v));
  context.closePath();
}

function diamond(context, x, y, r) {
  context.moveTo(x, y - r);
  context.lineTo(x + r, y);
  context.lineTo(x, y + r);
  context.lineTo(x - r, y);
  context.closePath();
}

/** One arm's picture: a canvas, its heading, its figures, and the probe's reading. */
class Panel {
  constructor(stage, arm) {
    this.stage = stage;
    this.arm = arm;
    this.image = document.createElement("canvas");
    this.title = element("h3", "ctv-title");
    this.canvas = element("canvas", "ctv-canvas");
    this.reading = element("div", "ctv-reading");
    this.axisX = element("span", "ctv-axis ctv-axis-x");
    this.axisY = element("span", "ctv-axis ctv-axis-y");
    this.plot = element("div", "ctv-plot", this.canvas, this.axisX, this.axisY, this.reading);
    this.values = CAPTIONS.map(() => element("dd", "ctv-value"));
    this.terms = CAPTIONS.map(([, words]) => element("dt", "", words));
    this.caption = element("dl", "ctv-caption", ...this.terms.map((term, i) => element("div", "", term, this.values[i])));
    this.root = element("section", "ctv-panel", this.title, this.plot, this.caption);
    this.canvas.setAttribute("role", "img");
    this.listen();
  }

  listen() {
    const at = (event) => {
      const box = this.plot.getBoundingClientRect();
      return [clamp((event.clientX - box.left) / box.width, 0, 1), clamp(1 - (event.clientY - box.top) / box.height, 0, 1)];
    };
    this.plot.addEventListener("pointermove", (event) => event.pointerType === "mouse" && this.stage.hover(at(event)));
    this.plot.addEventListener("pointerleave", () => this.stage.hover(null));
    this.plot.addEventListener("click", (event) => this.stage.press(at(event), this, event));
  }

  /** Takes the words of a run. */
  dress(scene, theme) {
    const { title, role } = scene.arms[this.arm];
    this.title.textContent = title;
    this.root.dataset.role = role;
    this.root.style.setProperty("--ctv-role", role === "counterfactual" ? theme.set.accent : theme.set.conventional);
    this.axisX.textContent = `${scene.features[0]} →`;
    this.axisY.textContent = `${scene.features[1]} →`;
  }

  resize(width, height, ratio) {
    this.width = width;
    this.height = height;
    this.plot.style.height = `${height}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.ratio = ratio;
  }

  /** Draws the state between two frames, `share` of the way from `a` to `b`. */
  draw(a, b, share, marks) {
    const context = this.canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.planes = a.field ? this.blend(a, b, share) : null;
    this.drawGround(context, a.dims, marks);
    if (this.stage.layers.has("paths") && a.paths && b.paths) this.drawPaths(context, a, b, share);
    this.drawProbe(context);
  }

  /** All that lies under the paths: field, lines, data points. */
  drawGround(context, dims, marks) {
    const { theme, layers } = this.stage;
    context.fillStyle = css(theme.ground);
    context.fillRect(0, 0, this.width, this.height);
    if (this.planes) {
      this.drawField(context, dims);
      this.drawLines(context, dims, layers.has("contours"));
    }
    if (layers.has("points") && marks) context.drawImage(marks, 0, 0, this.width, this.height);
  }

  /** This arm's planes (c g g) between two frames, in 0 to 255. */
  blend(a, b, share) {
    const { c, g } = a.dims;
    const size = c * g * g;
    if (this.mixed?.length !== size) this.mixed = new Float32Array(size);
    const from = a.field.subarray(this.arm * size, (this.arm + 1) * size);
    const to = (b.field ?? a.field).subarray(this.arm * size, (this.arm + 1) * size);
    const mixed = this.mixed;
    for (let i = 0; i < size; i++) mixed[i] = from[i] + share * (to[i] - from[i]);
    return mixed;
  }

  drawField(context, { c, g }) {
    if (this.image.width !== g) {
      this.image.width = this.image.height = g;
      this.pixels = new ImageData(g, g);
      this.words = new Uint32Array(this.pixels.data.buffer);
    }
    (c === 1 ? paintTwo : paintMany)(this.words, this.planes, c, g, this.stage.theme);
    const own = this.image.getContext("2d");
    own.putImageData(this.pixels, 0, 0);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "low"; // more is for shrinking, and costs four times as much
    // The outermost nodes lie on the edge, so the outer halves of their cells fall outside.
    const dx = this.width / (g - 1), dy = this.height / (g - 1);
    context.drawImage(this.image, -dx / 2, -dy / 2, this.width + dx, this.height + dy);
  }

  drawLines(context, { c, g }, contours) {
    const { theme } = this.stage;
    const { width, height, planes } = this;
    if (this.spare?.[0].length !== g * g) this.spare = [new Float32Array(g * g), new Float32Array(g * g)];
    const calm = (plane) => steady(plane, g, this.spare);
    context.lineCap = context.lineJoin = "round";
    if (contours) {
      context.beginPath();
      for (let plane = 0; plane < c; plane++) {
        const values = calm(planes.subarray(plane * g * g, (plane + 1) * g * g));
        for (const level of c === 1 ? [0.25, 0.75] : [0.75]) contour(context, values, g, 255 * level, width, height);
      }
      context.lineWidth = 1;
      context.strokeStyle = css(theme.ink, 0.34);
      context.stroke();
    }
    context.beginPath();
    if (c === 1) contour(context, calm(planes), g, 127.5, width, height);
    else for (let plane = 0; plane < c; plane++) contour(context, calm(this.margin(plane, c, g)), g, 0, width, height);
    context.lineWidth = 5;
    context.strokeStyle = css(theme.ground, 0.75);
    context.stroke();
    context.lineWidth = 2.2;
    context.strokeStyle = css(theme.ink);
    context.stroke();
  }

  /** How far a class is ahead of the best other one, on the grid: zero where the decision changes. */
  margin(plane, c, g) {
    const size = g * g;
    if (this.ahead?.length !== size) this.ahead = new Float32Array(size);
    for (let i = 0; i < size; i++) {
      let best = 0;
      for (let other = 0; other < c; other++) if (other !== plane) best = Math.max(best, this.planes[other * size + i]);
      this.ahead[i] = this.planes[plane * size + i] - best;
    }
    return this.ahead;
  }

  drawPaths(context, a, b, share) {
    const walks = this.walks(a, b, share);
    const { theme } = this.stage;
    const scene = this.stage.run.scene;
    const r = this.stage.radius;
    this.drawWalks(context, walks);
    context.lineWidth = 1.2;
    context.strokeStyle = css(theme.ink);
    for (const { line, index } of walks) {
      context.beginPath();
      shape(context, scene.starts[index], ...line[0], 1.05 * r);
      context.fillStyle = css(theme.marks[scene.starts[index]]);
      context.fill();
      context.stroke();
    }
    context.beginPath();
    for (const { nascent: [x, y], line: [[u, v]] } of walks) if (Math.hypot(x - u, y - v) > 1.2 * r) shape(context, 0, x, y, 0.62 * r);
    context.fillStyle = css(theme.ground);
    context.fill();
    context.stroke();
    for (const walk of walks) this.drawEnd(context, walk, theme.marks[scene.targets[walk.index]], r);
  }

  /** Whether a search swings to and fro: it goes a long way and gets nowhere. */
  swings(line) {
    const panel = Math.sqrt(this.width * this.height);
    const length = travelled(line);
    return length > 2 * panel || (length > 0.4 * panel && length > 3 * travelled([line[0], line[line.length - 1]]));
  }

  /** The lines. Of a search that swings to and fro only the chord is drawn: the rest would hide everything. */
  drawWalks(context, walks) {
    const { ink, ground } = this.stage.theme;
    const wild = new Set();
    let calm = 0;
    for (const { line } of walks) {
      if (this.swings(line)) wild.add(line);
      else calm += travelled(line);
    }
    // The more ink, the lighter: what lies beneath must stay readable.
    const shade = clamp((10 * Math.sqrt(this.width * this.height)) / (calm || 1), 0.3, 0.75);
    const strokes = [["calm", 3, css(ground, 0.6 * shade)], ["chord", 1, css(ink, 0.4)], ["calm", 1.2, css(ink, shade)]];
    context.lineCap = context.lineJoin = "round";
    for (const [kind, width, colour] of strokes) {
      context.beginPath();
      for (const { line } of walks) {
        if ((kind === "calm") === wild.has(line)) continue;
        const drawn = kind === "chord" ? [line[0], line[line.length - 1]] : line;
        drawn.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](x, y));
      }
      context.setLineDash(kind === "chord" ? [2, 4] : []);
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.stroke();
    }
    context.setLineDash([]);
  }

  /** A filled diamond in the target's colour for a mature counterfactual, an open crossed one for a failed one. */
  drawEnd(context, { line, mature }, colour, r) {
    const inside = (value, size) => clamp(value, 1.7 * r, size - 1.7 * r); // whole even where the path ends on the edge
    const [x, y] = [inside(line[line.length - 1][0], this.width), inside(line[line.length - 1][1], this.height)];
    const { theme } = this.stage;
    context.beginPath();
    diamond(context, x, y, 1.6 * r);
    context.fillStyle = css(theme.ground);
    context.fill();
    context.globalAlpha = mature;
    context.fillStyle = css(colour);
    context.fill();
    context.globalAlpha = 1;
    context.stroke();
    if (mature >= 0.5) return;
    const arm = 0.75 * r;
    context.beginPath();
    context.moveTo(x - arm, y - arm);
    context.lineTo(x + arm, y + arm);
    context.moveTo(x - arm, y + arm);
    context.lineTo(x + arm, y - arm);
    context.stroke();
  }

  /** This arm's paths between two frames, in pixels. */
  walks(a, b, share) {
    const { width, height, arm } = this;
    const point = (paths, i, step) => 2 * (paths.starts[i] + Math.min(step, paths.steps[i]));
    const place = (i, fromStep, toStep) => {
      const p = point(a.paths, i, fromStep), q = point(b.paths, i, toStep);
      const u = a.paths.points[p] + share * (b.paths.points[q] - a.paths.points[p]);
      const v = a.paths.points[p + 1] + share * (b.paths.points[q + 1] - a.paths.points[p + 1]);
      return [(u / STEP) * width, height - (v / STEP) * height];
    };
    const out = [];
    const count = Math.min(a.dims.b, b.dims.b);
    for (let index = 0; index < count; index++) {
      const i = arm * a.dims.b + index;
      const line = [];
      for (let step = 0, last = Math.max(a.paths.steps[i], b.paths.steps[i]); step <= last; step++) line.push(place(i, step, step));
      const mature = a.paths.mature[i] + share * (b.paths.mature[i] - a.paths.mature[i]);
      out.push({ index, line, mature, nascent: place(i, a.paths.nascent[i], b.paths.nascent[i]) });
    }
    return out;
  }

  drawProbe(context) {
    const where = this.stage.probed;
    this.reading.hidden = !where || !this.planes;
    if (!where) return;
    const x = where[0] * this.width, y = (1 - where[1]) * this.height;
    const { theme } = this.stage;
    for (const [width, colour] of [[3, css(theme.ground, 0.7)], [1, css(theme.ink, 0.9)]]) {
      context.beginPath();
      context.moveTo(0, y);
      context.lineTo(x - 6, y);
      context.moveTo(x + 6, y);
      context.lineTo(this.width, y);
      context.moveTo(x, 0);
      context.lineTo(x, y - 6);
      context.moveTo(x, y + 6);
      context.lineTo(x, this.height);
      context.moveTo(x + 6, y);
      context.arc(x, y, 6, 0, 2 * Math.PI);
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.stroke();
    }
    if (!this.planes) return;
    setText(this.reading, this.stage.readingOf(this).join("\n"));
    // Beside the cross where there is room, and never outside the panel.
    const { offsetWidth: wide, offsetHeight: high } = this.reading;
    const left = clamp(where[0] > 0.5 ? x - wide - 10 : x + 10, 3, this.width - wide - 3);
    const top = clamp(where[1] > 0.75 ? y + 10 : y - high - 10, 3, this.height - high - 3);
    this.reading.style.transform = `translate(${left}px, ${top}px)`;
  }

  /** Probability of each class at a point of the unit square, between the nodes of the grid. */
  probabilities([u, v]) {
    const { c, g } = this.stage.shown.a.dims;
    const x = u * (g - 1), y = v * (g - 1);
    const i = Math.min(Math.floor(x), g - 2), j = Math.min(Math.floor(y), g - 2);
    const s = x - i, t = y - j;
    const values = [];
    for (let plane = 0; plane < c; plane++) {
      const at = plane * g * g + j * g + i, p = this.planes;
      values.push(((1 - t) * ((1 - s) * p[at] + s * p[at + 1]) + t * ((1 - s) * p[at + g] + s * p[at + g + 1])) / 255);
    }
    return c === 1 ? [1 - values[0], values[0]] : values;
  }
}

/** Length of a line in pixels. */
function travelled(line) {
  let sum = 0;
  for (let i = 1; i < line.length; i++) sum += Math.hypot(line[i][0] - line[i - 1][0], line[i][1] - line[i - 1][1]);
  return sum;
}

/** Rows run from the lowest x2 upwards in the field and from the top down in a picture. */
function paintTwo(words, plane, c, g, { table }) {
  for (let j = 0; j < g; j++) {
    const out = (g - 1 - j) * g;
    for (let i = 0; i < g; i++) words[out + i] = table[(4 * plane[j * g + i] + 0.5) | 0];
  }
}

function paintMany(words, planes, c, g, { classes, ground, tint }) {
  const size = g * g;
  for (let j = 0; j < g; j++) {
    for (let i = 0; i < g; i++) {
      const at = j * g + i;
      let best = 0, sum = 0, red = 0, green = 0, blue = 0;
      for (let plane = 0; plane < c; plane++) {
        const p = planes[plane * size + at];
        const colour = classes[plane % classes.length];
        if (p > best) best = p;
        // Squared, so that a leading class keeps its own hue.
        sum += p * p;
        red += p * p * colour[0];
        green += p * p * colour[1];
        blue += p * p * colour[2];
      }
      const sure = tint * Math.max(0, (best / 255 - 1 / c) / (1 - 1 / c)) ** 0.75;
      const tone = (from, total) => from + sure * (total / sum - from);
      words[(g - 1 - j) * g + i] = (255 << 24) | (tone(ground[2], blue) << 16) | (tone(ground[1], green) << 8) | tone(ground[0], red);
    }
  }
}

// ---- elements -----------------------------------------------------------------------------------------------

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function element(tag, name, ...children) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  node.append(...children);
  return node;
}

function svg(width, height, ...parts) {
  const node = document.createElementNS(SVG, "svg");
  node.setAttribute("viewBox", `0 0 ${width} ${height}`);
  node.setAttribute("width", width);
  node.setAttribute("height", height);
  node.setAttribute("aria-hidden", "true");
  for (const [tag, attributes] of parts) {
    const part = document.createElementNS(SVG, tag);
    for (const name in attributes) part.setAttribute(name, attributes[name]);
    node.append(part);
  }
  return node;
}

const line = (d) => ["path", { d, fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-linecap": "round", "stroke-linejoin": "round" }];
const solid = (d) => ["path", { d, fill: "currentColor" }];
const ICONS = {
  play: [solid("M7 4.5v15l12-7.5z")],
  pause: [solid("M6 4.5h4v15H6zM14 4.5h4v15h-4z")],
  back: [line("M15 5l-8 7 8 7"), line("M19 5v14")],
  forward: [line("M9 5l8 7-8 7"), line("M5 5v14")],
  loop: [line("M4 11V9a3 3 0 0 1 3-3h12l-3-3M20 13v2a3 3 0 0 1-3 3H5l3 3")],
  picture: [line("M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14")],
};

function button(name, label, text, icon) {
  const node = element("button", `ctv-button ${name}`);
  node.type = "button";
  if (icon) node.append(svg(24, 24, ...ICONS[icon]));
  if (text) node.append(element("span", "", text));
  if (label) {
    node.setAttribute("aria-label", label);
    node.title = label;
  }
  return node;
}

const pressed = (node, on) => node.setAttribute("aria-pressed", String(on));

// ---- transport ----------------------------------------------------------------------------------------------

/** A track with a thumb: dragged or clicked here, moved by keys by whoever owns it. */
class Slider {
  constructor(label, scrub, release) {
    this.loaded = element("div", "ctv-loaded");
    this.done = element("div", "ctv-done");
    this.thumb = element("div", "ctv-thumb");
    this.root = element("div", "ctv-slider", element("div", "ctv-track", this.loaded, this.done), this.thumb);
    this.root.tabIndex = 0;
    this.root.setAttribute("role", "slider");
    this.root.setAttribute("aria-label", label);
    this.listen(scrub, release);
  }

  listen(scrub, release) {
    const { root } = this;
    const share = (event) => {
      const box = root.getBoundingClientRect();
      return clamp((event.clientX - box.left) / box.width, 0, 1);
    };
    root.addEventListener("pointerdown", (event) => {
      root.setPointerCapture(event.pointerId);
      scrub(share(event));
    });
    root.addEventListener("pointermove", (event) => root.hasPointerCapture(event.pointerId) && scrub(share(event)));
    root.addEventListener("pointerup", release);
    root.addEventListener("pointercancel", release);
  }

  /** `place` and `loaded` are shares of the way; the rest is for those who listen. */
  refresh(place, loaded, max, now, text) {
    this.loaded.style.transform = `scaleX(${clamp(loaded, 0, 1)})`;
    this.done.style.transform = `scaleX(${place})`;
    this.thumb.style.left = `${100 * place}%`;
    const values = { min: 0, max, now, text };
    for (const name in values) this.root.setAttribute(`aria-value${name}`, String(values[name]));
  }
}

/** “Epoch 12 of 100”. */
class Count {
  constructor(word) {
    this.number = element("strong", "", "0");
    this.of = element("span", "", "");
    this.root = element("output", "ctv-epoch", element("span", "ctv-word", `${word} `), this.number, this.of);
    this.letters = word.length;
  }

  refresh(now, total) {
    this.number.textContent = String(now);
    this.of.textContent = ` of ${total}`;
    this.root.style.minWidth = `${String(total).length + this.letters + 6}ch`;
  }
}

/** Play, step, scrub, speed, loop, layers, picture. */
class Transport {
  constructor(stage) {
    this.stage = stage;
    this.play = button("ctv-play", "Play (space)", "", "play");
    this.back = button("ctv-back", "Step back (left arrow)", "", "back");
    this.forward = button("ctv-forward", "Step forward (right arrow)", "", "forward");
    this.follow = button("ctv-follow", "Follow the newest epoch", "Follow");
    this.loop = button("ctv-loop", "Loop (L)", "Loop", "loop");
    this.picture = button("ctv-picture", "Download as PNG", "PNG", "picture");
    this.speeds = SPEEDS.map((speed) => button("ctv-speed", `Speed ${speed} times`, `${speed === 0.5 ? "½" : speed}×`));
    this.layers = LAYERS.map((layer) => button("ctv-layer", "", layer[0].toUpperCase() + layer.slice(1)));
    this.layers.forEach((node, i) => (node.title = stage.layerHelp[LAYERS[i]]));
    this.epoch = new Count("Epoch");
    this.slider = new Slider("Epoch", (share) => stage.scrub(share), () => stage.endScrub());
    this.root = element("div", "ctv-transport", ...this.rows());
    this.listen();
  }

  rows() {
    this.way = element("div", "ctv-row ctv-main", this.moves(), this.slider.root, this.epoch.root, this.follow);
    return [this.way, element("div", "ctv-row ctv-more", ...this.extras())];
  }

  moves() {
    return element("div", "ctv-moves", this.back, this.play, this.forward);
  }

  extras() {
    this.pace = group("Speed", "ctv-segments", ...this.speeds);
    return [group("Show", "ctv-segments", ...this.layers), this.pace, this.loop, this.picture];
  }

  listen() {
    const { stage } = this;
    this.play.addEventListener("click", () => stage.toggle());
    this.back.addEventListener("click", () => stage.step(-1));
    this.forward.addEventListener("click", () => stage.step(1));
    this.follow.addEventListener("click", () => stage.startFollowing());
    this.loop.addEventListener("click", () => stage.setLoop(!stage.loop));
    this.picture.addEventListener("click", () => stage.download());
    this.speeds.forEach((node, i) => node.addEventListener("click", () => stage.setSpeed(SPEEDS[i])));
    this.layers.forEach((node, i) => node.addEventListener("click", () => stage.toggleLayer(LAYERS[i])));
  }

  /** Brings every control in line with the stage. */
  refresh() {
    const { stage } = this;
    this.refreshEpoch();
    this.refreshMoves(stage.position <= 0, stage.position >= stage.run.frames.length - 1);
    pressed(this.loop, stage.loop);
    this.speeds.forEach((node, i) => pressed(node, SPEEDS[i] === stage.speed));
    this.layers.forEach((node, i) => pressed(node, stage.layers.has(LAYERS[i])));
    // Of a run that kept its last epoch alone there is nothing to play.
    if (this.way) this.way.hidden = this.pace.hidden = this.loop.hidden = !stage.live && stage.run.frames.length === 1;
  }

  refreshEpoch() {
    const { epoch, total, exactEpoch, run, live, following } = this.stage;
    this.epoch.refresh(epoch, total);
    const share = (value) => (total ? clamp(value / total, 0, 1) : 0);
    this.slider.refresh(share(exactEpoch), share(run.last), total, epoch, `epoch ${epoch} of ${total}`);
    this.follow.hidden = !live;
    pressed(this.follow, following);
    this.follow.lastChild.textContent = following ? "Live" : "Follow";
  }

  refreshMoves(atStart, atEnd) {
    const [label, icon] = this.stage.playing ? ["Pause (space)", "pause"] : ["Play (space)", "play"];
    if (this.play.getAttribute("aria-label") !== label) {
      this.play.setAttribute("aria-label", label);
      this.play.title = label;
      this.play.replaceChildren(svg(24, 24, ...ICONS[icon]));
    }
    this.back.disabled = atStart;
    this.forward.disabled = atEnd;
  }
}

function group(label, name, ...children) {
  const node = element("div", name, ...children);
  node.setAttribute("role", "group");
  node.setAttribute("aria-label", label);
  return node;
}

const entry = (icon, words) => element("li", "", icon, element("span", "", words));
const WALK = "from a point, past its nascent stage, to its counterfactual";
const FAILED = "immature: the model stays unsure";

/** The inline key of the classes' marks. */
function classKey({ run, theme }) {
  return run.scene.classes.map((name, i) => entry(markIcon(i, css(theme.marks[i % theme.marks.length])), name));
}

/** How a search is drawn. */
function walkKey({ ink, ground, muted }) {
  const walk = svg(58, 18, ["path", { d: "M8 9H50", stroke: css(ink), "stroke-width": 1.4 }],
    ["circle", { cx: 8, cy: 9, r: 4.4, fill: css(muted), stroke: css(ink) }],
    ["circle", { cx: 24, cy: 9, r: 3, fill: css(ground), stroke: css(ink) }],
    ["path", { d: "M50 2.5l6.5 6.5-6.5 6.5-6.5-6.5z", fill: css(muted), stroke: css(ink) }]);
  const failed = svg(18, 18, ["path", { d: "M9 2l7 7-7 7-7-7zM6 6l6 6M6 12l6-6", fill: css(ground), stroke: css(ink), "stroke-width": 1.2 }]);
  return [entry(walk, WALK), entry(failed, FAILED)];
}

const boundaryKey = (ink) => entry(svg(26, 18, ["path", { d: "M2 9H24", stroke: ink, "stroke-width": 2.6, "stroke-linecap": "round" }]), "decision boundary");

const swingKey = (ink) => entry(svg(26, 18, ["path", { d: "M2 9H24", stroke: ink, "stroke-width": 1.4, "stroke-dasharray": "2 4" }]), "a search that swings to and fro");

/** The inline key: what the marks are. */
function key(stage) {
  const { theme } = stage;
  const ink = css(theme.ink);
  const entries = classKey(stage);
  if (stage.run.frames[0]?.paths) {
    entries.push(...walkKey(theme), swingKey(ink));
  }
  entries.push(boundaryKey(ink));
  return entries;
}

/** A class's mark as a small picture, drawn by the same code as on the canvas. */
function markIcon(kind, colour) {
  const canvas = element("canvas", "ctv-mark");
  canvas.width = canvas.height = 36;
  const context = canvas.getContext("2d");
  context.beginPath();
  shape(context, kind, 18, 18, 10);
  context.fillStyle = colour;
  context.fill();
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}

// ---- the stage ----------------------------------------------------------------------------------------------

/** All panels of one run in lockstep. `bridge` takes what the outside may want: `report(state)`, `need({key, from})`. */
export class Stage {
  constructor(parent, bridge) {
    this.bridge = bridge;
    this.run = new Run("");
    this.panels = [];
    this.position = 0; // in frames, with a fraction while something moves
    this.goal = null; // frame that the position glides to
    this.pendingEpoch = null; // asked for, not loaded yet
    this.playing = this.following = this.loop = this.live = this.scrubbing = false;
    this.speed = 1;
    this.total = 0;
    this.layers = new Set(LAYERS);
    this.pinned = this.hovered = null; // points of the unit square
    this.queue = Promise.resolve();
    this.stamps = [];
    this.frameCount = 0;
    this.visible = true;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.prepare();
    this.build(parent);
    this.watch();
  }

  // -- what a stage of another kind has of its own --

  /** Before anything is built. */
  prepare() {}

  get label() {
    return "Decision boundaries over the epochs. Space plays, arrow keys step, shift and an arrow key move the probe, enter pins it.";
  }

  get hint() {
    return HINT;
  }

  get layerHelp() {
    return { points: "Show the data points", paths: "Show this epoch's counterfactuals", contours: "Show the lines of 25 % and 75 % probability" };
  }

  /** Share of the window's height that the panels may take, and how strongly the data points are drawn. */
  get share() {
    return 0.54;
  }

  get faintness() {
    return 0.9;
  }

  makeTransport() {
    return new Transport(this);
  }

  makePanel(arm) {
    return new Panel(this, arm);
  }

  makeKey() {
    return key(this);
  }

  /** Adds what else a stage shows to its parts. */
  makeMore() {}

  build(parent) {
    this.transport = this.makeTransport();
    this.grid = element("div", "ctv-panels");
    this.note = element("p", "ctv-note", "Waiting for the first epoch …");
    this.key = element("ul", "ctv-key");
    this.status = element("p", "ctv-status");
    this.spoken = element("p", "ctv-spoken");
    this.spoken.setAttribute("aria-live", "polite");
    this.makeMore();
    this.root = element("div", "ctv-stage", this.note, this.grid, this.transport.root, this.status, this.key, this.spoken);
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", this.label);
    this.root.tabIndex = -1;
    this.grid.tabIndex = 0;
    this.grid.setAttribute("role", "group");
    this.grid.setAttribute("aria-label", "Panels; shift and an arrow key move the probe");
    this.grid.hidden = this.transport.root.hidden = true;
    parent.append(this.root);
  }

  watch() {
    this.abort = new AbortController();
    const { signal } = this.abort;
    this.root.addEventListener("keydown", (event) => this.onKey(event), { signal });
    document.addEventListener("visibilitychange", () => this.invalidate(), { signal });
    this.still.addEventListener("change", () => this.onMotion(), { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.repaint(), { signal });
    this.sizes = new ResizeObserver(() => this.layout());
    this.sizes.observe(this.root);
    this.sight = new IntersectionObserver((entries) => {
      this.visible = entries[entries.length - 1].isIntersecting;
      if (this.visible) this.invalidate();
    });
    this.sight.observe(this.root);
    this.meter();
  }

  destroy() {
    this.abort.abort();
    this.sizes.disconnect();
    this.sight.disconnect();
    cancelAnimationFrame(this.request);
    clearTimeout(this.settling);
    clearTimeout(this.asking);
    this.root.remove();
  }

  // -- data --

  /** Takes a message; its film is unpacked in the order of arrival. */
  receive(bytes) {
    const { header, payload } = parse(bytes);
    const cut = payload.length - (header.trace?.bytes ?? 0);
    this.queue = this.queue.then(async () => {
      const run = heldRun(header.key);
      if (header.film) run.append(header.film, sections(header.film, await inflate(payload.subarray(0, cut))));
      await this.receiveMore(header, payload.subarray(cut));
      this.take(header, run);
    }).catch((error) => {
      console.error(error);
      this.say(`The stage cannot read its data: ${error.message}`);
    });
    return this.queue;
  }

  /** Takes what lies behind the film in a message. */
  async receiveMore() {}

  /** The same once it is its turn. */
  takeMore() {}

  take(header, run) {
    const changed = this.run.key !== header.key;
    const grown = run.frames.length;
    this.palette = header.palette;
    this.total = Math.max(header.total, run.last);
    this.live = header.live;
    this.complete = !header.live && !header.more && run.last >= header.last;
    this.run = run;
    if (changed) this.begin(header.initial);
    this.takeMore(header);
    this.lacking = run.last < header.last || header.more;
    if (this.lacking) this.ask(run);
    if (!grown || !run.scene) return this.empty();
    if (this.dressed !== run.key) this.dress();
    else this.repaint();
    this.advance();
  }

  begin(initial) {
    this.speed = SPEEDS.includes(initial.speed) ? initial.speed : 1;
    this.loop = initial.loop;
    this.layers = new Set(initial.layers);
    this.playing = initial.playing && !this.still.matches;
    this.wantedProbe = initial.probe;
    this.pinned = this.hovered = this.goal = null;
    this.following = this.live && initial.epoch == null;
    this.pendingEpoch = initial.epoch ?? (this.following ? null : this.rolling ? 0 : Infinity);
    this.position = 0;
    this.reported = null;
    this.started = false;
  }

  /** Moves on to what has been waited for, now that more is loaded. */
  advance() {
    const last = this.run.frames.length - 1;
    if (this.pendingEpoch != null) {
      this.position = this.run.index(this.pendingEpoch);
      if (this.run.last >= this.pendingEpoch || this.complete) this.pendingEpoch = null;
    } else if (this.following && !this.started) this.position = last;
    else if (this.following && !this.rolling) this.glide(last);
    if (this.complete) this.following = false; // a run that has ended may still be arriving
    if (!this.started) {
      this.started = true;
      this.reported = JSON.stringify(this.state());
      this.announce();
    }
    this.invalidate();
  }

  /** Asks for what is missing: never while mounting, not twice for the same within three seconds, and again until it is there. */
  ask(run) {
    clearTimeout(this.asking);
    this.asking = setTimeout(() => this.lacking && this.run === run && this.root.isConnected && this.ask(run), 3200);
    const wish = `${run.key} ${run.last}`;
    if (this.wish === wish && performance.now() - this.wishedAt < 3000) return;
    this.wish = wish;
    this.wishedAt = performance.now();
    setTimeout(() => this.bridge.need?.({ key: run.key, from: run.last + 1 }), 0);
  }

  empty() {
    this.dressed = null;
    this.panels = []; // those of the run before: a frame that was asked for already must not draw them
    this.grid.hidden = this.transport.root.hidden = true;
    this.note.hidden = false;
    this.note.textContent = this.live ? "Waiting for the first epoch …" : "Loading …";
  }

  say(text) {
    this.note.hidden = false;
    this.note.textContent = text;
  }

  dress() {
    const { scene } = this.run;
    this.dressed = this.run.key;
    this.panels = scene.arms.map((_, arm) => this.makePanel(arm));
    this.grid.replaceChildren(...this.panels.map((panel) => panel.root));
    this.note.hidden = true;
    this.grid.hidden = this.transport.root.hidden = false;
    if (!this.run.frames[0].field) this.say("No probability field was recorded for this run.");
    if (this.wantedProbe) this.pinned = this.toUnit(this.wantedProbe);
    this.width = 0;
    this.repaint();
    this.layout();
  }

  /** Takes the theme anew. */
  repaint() {
    if (!this.run.scene) return;
    const theme = themeOf(this.root, this.palette);
    const mark = JSON.stringify([theme.set, theme.ground, this.run.key, Boolean(this.run.frames[0]?.paths)]);
    if (mark === this.painted) return;
    this.painted = mark;
    this.theme = theme;
    for (const name of ["ink", "muted", "rule", "accent"]) this.root.style.setProperty(`--ctv-${name}`, theme.set[name]);
    this.root.style.setProperty("--ctv-ground", css(theme.ground));
    this.root.dataset.theme = theme.dark ? "dark" : "light";
    this.panels.forEach((panel) => panel.dress(this.run.scene, theme));
    this.key.replaceChildren(...this.makeKey());
    this.marks = null;
    this.invalidate();
  }

  // -- layout --

  layout() {
    const width = this.root.clientWidth;
    const ratio = this.hurried ? 1 : Math.min(devicePixelRatio || 1, 2);
    if (!width || !this.panels.length) return;
    const { columns, height } = arrange(this.panels.length, width, this.share * innerHeight);
    this.root.style.setProperty("--ctv-columns", String(columns));
    const size = clamp(10.5 + width / 170, 14, 24);
    this.root.style.setProperty("--ctv-size", `${size}px`);
    this.root.style.setProperty("--ctv-panel-size", `${clamp(width / columns / 22, 12, size)}px`);
    this.root.dataset.narrow = String(width < NARROW);
    const inner = this.panels[0].plot.clientWidth;
    if (!inner) return; // no room yet: what has no size cannot be drawn
    const signature = `${inner} ${height} ${ratio}`;
    if (signature === this.signature && width === this.width) return;
    this.signature = signature;
    this.width = width;
    this.panels.forEach((panel) => panel.resize(inner, height, ratio));
    this.radius = clamp(Math.sqrt(inner * height) / 115, 2.3, 5);
    this.marks = null;
    if (this.shown) this.paint();
    this.invalidate();
  }

  /** The data points, the same in all panels, drawn once. */
  drawMarks() {
    const { width, height, ratio } = this.panels[0];
    const { points, labels } = this.run.scene;
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.globalAlpha = this.faintness;
    context.lineWidth = 0.9;
    context.strokeStyle = css(this.theme.ground);
    for (let i = 0; i < labels.length; i++) {
      context.beginPath();
      shape(context, labels[i], (points[2 * i] / STEP) * width, height - (points[2 * i + 1] / STEP) * height, 0.82 * this.radius);
      context.fillStyle = css(this.theme.marks[labels[i] % this.theme.marks.length]);
      context.stroke();
      context.fill();
    }
    return canvas;
  }

  // -- frames --

  invalidate() {
    if (this.request || document.hidden || !this.visible || !this.run.frames.length) return;
    this.request = requestAnimationFrame((now) => this.tick(now));
  }

  /** Whether the epochs are playing. */
  get rolling() {
    return this.playing;
  }

  get moving() {
    return this.rolling || this.goal != null;
  }

  tick(now) {
    this.request = 0;
    if (!this.root.isConnected || !this.panels.length || !this.width) return;
    const passed = this.before && now - this.before < 250 ? (now - this.before) / 1000 : 1 / 60;
    this.before = this.moving ? now : 0;
    if (this.moving) this.move(passed);
    this.hurry();
    this.count(now);
    this.paint();
    if (this.moving) this.invalidate();
  }

  /** Where drawing is slow, fine pixels wait until the picture rests. */
  hurry() {
    const slow = this.moving && (this.hurried || (this.stamps.length > 12 && this.fps < 40));
    if (slow === Boolean(this.hurried)) return;
    this.hurried = slow;
    if (devicePixelRatio > 1) this.layout();
  }

  /** Frames a second at speed 1: a run takes about ten seconds, whatever its length. */
  get pace() {
    return clamp(this.run.frames.length / 10, 2, 12);
  }

  move(seconds) {
    if (this.rolling) this.roll(seconds);
    else if (this.goal != null) this.glideOn(seconds);
  }

  glideOn(seconds) {
    this.position = this.nearer(this.position, this.goal, seconds);
    if (this.position !== this.goal) return;
    this.goal = null;
    this.settle();
  }

  /** The place on the way to a goal after some seconds: the goal itself once it is near. */
  nearer(from, goal, seconds) {
    const way = goal - from;
    const stride = Math.max(Math.abs(way) * 9, 4) * seconds;
    return Math.abs(way) > stride && !this.still.matches ? from + Math.sign(way) * stride : goal;
  }

  roll(seconds) {
    const last = this.run.frames.length - 1;
    this.position += seconds * this.pace * this.speed;
    if (this.position < last) return;
    if (this.live) this.position = last;
    else if (this.loop && this.position >= last + this.pace) this.position = 0; // after a second at the end
    else if (!this.loop) {
      this.position = last;
      this.playing = false;
      this.settle();
    }
  }

  paint() {
    const { frames } = this.run;
    const where = clamp(this.position, 0, frames.length - 1);
    const exact = this.still.matches ? Math.round(where) : where;
    const a = frames[Math.floor(exact)];
    const b = frames[Math.min(Math.floor(exact) + 1, frames.length - 1)];
    const share = exact - Math.floor(exact);
    this.shown = { a, b, share };
    const nearest = frames[Math.round(exact)];
    this.marks ??= this.drawMarks();
    for (const panel of this.panels) {
      panel.draw(a, b, share, this.marks);
      this.captions(panel, nearest).forEach(([term, value], i) => {
        setText(panel.terms[i], term);
        setText(panel.values[i], value);
      });
    }
    this.status.textContent = this.whereabouts;
    this.drawnEpoch = share === 0 ? nearest.epoch : null; // null: in between
    this.transport.refresh();
    this.publish();
    if (this.playing) this.announce(ANNOUNCE_MS);
  }

  /** What stands under a panel: pairs of words and a figure. */
  captions({ arm }, { metrics }) {
    return CAPTIONS.map(([name, words, format]) => [words, format(metrics[name]?.[arm])]);
  }

  get frame() {
    return this.run.frames[clamp(Math.round(this.position), 0, this.run.frames.length - 1)];
  }

  get epoch() {
    return this.frame?.epoch ?? 0;
  }

  /** The epoch with its fraction, for the scrubber. */
  get exactEpoch() {
    const { a, b, share } = this.shown;
    return a.epoch + share * (b.epoch - a.epoch);
  }

  // -- what the person does --

  /** The person has taken over: stops following and waiting. */
  touch() {
    this.pendingEpoch = this.goal = null;
    this.following = false;
  }

  /** Ends what a move of the epoch ends. */
  halt() {
    this.playing = false;
  }

  toggle() {
    if (this.still.matches) return this.step(1);
    this.touch();
    this.playing = !this.playing;
    if (this.playing && !this.live && this.position >= this.run.frames.length - 1) this.position = 0;
    if (!this.playing) this.glide(Math.round(clamp(this.position, 0, this.run.frames.length - 1)));
    this.settle();
    this.invalidate();
  }

  step(by) {
    const from = this.goal ?? (by > 0 ? Math.floor(this.position) : Math.ceil(this.position));
    this.go(from + by);
  }

  /** Goes to a frame; the newest of a live run is followed from there on. */
  go(frame) {
    const last = this.run.frames.length - 1;
    this.touch();
    this.halt();
    this.following = this.live && frame >= last;
    this.glide(clamp(frame, 0, last));
  }

  glide(frame) {
    if (this.position === frame) return this.settle();
    this.goal = frame;
    this.invalidate();
  }

  startFollowing() {
    this.go(this.run.frames.length - 1);
  }

  scrub(share) {
    this.touch();
    this.halt();
    this.scrubbing = true;
    const { frames } = this.run;
    const epoch = Math.min(share * this.total, this.run.last);
    const index = this.run.index(epoch);
    const next = frames[Math.min(index + 1, frames.length - 1)].epoch;
    const step = next - frames[index].epoch;
    this.position = index + (step > 0 ? clamp((epoch - frames[index].epoch) / step, 0, 1) : 0);
    this.invalidate();
  }

  endScrub() {
    if (!this.scrubbing) return;
    this.scrubbing = false;
    this.go(Math.round(this.position));
  }

  setSpeed(speed) {
    this.speed = speed;
    this.settle();
    this.invalidate();
  }

  setLoop(loop) {
    this.loop = loop;
    this.settle();
    this.invalidate();
  }

  toggleLayer(layer) {
    if (!this.layers.delete(layer)) this.layers.add(layer);
    this.settle();
    this.invalidate();
  }

  onMotion() {
    if (this.still.matches) this.playing = false;
    this.invalidate();
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.panels.length) return;
    const on = event.target;
    if (on.matches?.("input, textarea, select")) return;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!this.act(event.key, on, arrow, event.shiftKey)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Does what a key asks for; false where it asks for nothing. */
  act(key, on, arrow, shift) {
    const isButton = on.matches?.("button");
    if (arrow && shift) this.nudge(arrow);
    else if (arrow && (arrow[0] || on === this.transport.slider.root)) this.step(arrow[0] || arrow[1]);
    else if (key === "Home") this.go(0);
    else if (key === "End") this.go(this.run.frames.length - 1);
    else if (key === "PageUp") this.step(10);
    else if (key === "PageDown") this.step(-10);
    else if (key === " " && !isButton) this.toggle();
    else if (key.toLowerCase() === "l") this.setLoop(!this.loop);
    else if (key === "Enter" && !isButton && this.hovered) this.pin(this.hovered, false);
    else if (key === "Escape" && this.probed) this.unpin();
    else return false;
    return true;
  }

  // -- the probe --

  get probed() {
    return this.hovered ?? this.pinned;
  }

  hover(where) {
    this.hovered = where;
    this.invalidate();
  }

  nudge([dx, dy]) {
    const [u, v] = this.probed ?? [0.5, 0.5];
    this.hovered = [clamp(u + 0.02 * dx, 0, 1), clamp(v + 0.02 * dy, 0, 1)];
    this.announce();
    this.invalidate();
  }

  /** The person has clicked in a panel. */
  press(where) {
    this.pin(where, true);
  }

  /** Pins the probe; at the place where it is pinned already, takes it away. */
  pin(where, byPointer) {
    const again = this.pinned && Math.hypot(where[0] - this.pinned[0], where[1] - this.pinned[1]) < 0.02;
    if (byPointer && again) return this.unpin();
    this.pinned = where;
    this.hovered = null;
    this.settle();
    this.invalidate();
  }

  unpin() {
    this.pinned = this.hovered = null;
    this.settle();
    this.invalidate();
  }

  toUnit(point) {
    const { lower, upper } = this.run.scene;
    return point.map((value, i) => clamp((value - lower[i]) / (upper[i] - lower[i]), 0, 1));
  }

  toData(unit) {
    const { lower, upper } = this.run.scene;
    return unit.map((value, i) => lower[i] + value * (upper[i] - lower[i]));
  }

  /** Two classes: the probability of the second; more: the two most probable. */
  readingOf(panel) {
    const { classes } = this.run.scene;
    const values = panel.probabilities(this.probed);
    const word = (i) => `P(${classes[i]}) = ${values[i].toFixed(2)}`;
    if (classes.length === 2) return [word(1)];
    return values.map((_, i) => i).sort((i, j) => values[j] - values[i]).slice(0, 2).map(word);
  }

  get whereabouts() {
    if (!this.probed) return this.hint;
    const { features } = this.run.scene;
    const data = this.toData(this.probed).map((value, i) => `${features[i]} = ${value.toFixed(2).replace("-", "−")}`);
    return `${this.hovered ? "Probe" : "Pinned"} at ${data.join(", ")}`;
  }

  // -- telling others --

  state() {
    const { playing, speed, loop } = this;
    const epoch = this.following || this.pendingEpoch === Infinity ? null : this.epoch;
    const probe = this.pinned ? this.toData(this.pinned).map((value) => Number(value.toPrecision(5))) : null;
    return { key: this.run.key, epoch, playing, speed, loop, layers: LAYERS.filter((layer) => this.layers.has(layer)), probe };
  }

  /** Whether the person has not come to rest. */
  get busy() {
    return this.scrubbing || this.goal != null;
  }

  /** Reports and announces what the person has come to rest on. */
  settle() {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      if (!this.run.scene || this.busy) return;
      const state = this.state();
      const text = JSON.stringify(state);
      if (text !== this.reported) this.bridge.report?.(state);
      this.reported = text;
      this.announce();
    }, SETTLE_MS);
  }

  /** The state in words, at most once in `pause` milliseconds. */
  announce(pause = 0) {
    if (pause && performance.now() - (this.announcedAt ?? 0) < pause) return;
    this.announcedAt = performance.now();
    const { arms } = this.run.scene;
    const [head, ...words] = this.words();
    this.panels.forEach((panel) => panel.canvas.setAttribute("aria-label", `${head} ${words[panel.arm]}`));
    if (this.probed && this.shown) {
      words.push(`${this.whereabouts}.`, ...this.panels.filter((p) => p.planes).map((p) => `${arms[p.arm].title}: ${this.readingOf(p).join(", ")}.`));
    }
    setText(this.spoken, [head, ...words].join(" "));
  }

  /** The state in sentences: one for all, then one for each arm. */
  words() {
    const { epoch, metrics } = this.frame;
    return [`Epoch ${epoch}.`, ...this.run.scene.arms.map(({ title }, arm) => sentence(title, metrics, arm))];
  }

  count(now) {
    this.frameCount += 1;
    if (!this.moving) this.stamps.length = 0;
    this.stamps.push(now);
    while (now - this.stamps[0] > 1000) this.stamps.shift();
  }

  get fps() {
    const { stamps } = this;
    return stamps.length < 2 ? 0 : (1000 * (stamps.length - 1)) / (stamps[stamps.length - 1] - stamps[0]);
  }

  /** What tests and the benchmark read. */
  meter() {
    const stage = this;
    globalThis.__ctvizStage = {
      get fps() { return stage.fps; },
      get frames() { return stage.frameCount; },
      get epoch() { return stage.epoch; },
      get epochs() { return stage.run.frames.length; },
      get drawn() { return stage.drawnEpoch; },
      get playing() { return stage.playing; },
      get resting() { return !stage.moving && !stage.scrubbing; },
      get following() { return stage.following; },
      get live() { return stage.live; },
      get key() { return stage.run.key; },
    };
  }

  publish() {
    const { dataset } = this.root;
    const state = { epoch: this.epoch, epochs: this.run.frames.length, playing: this.playing, following: this.following, key: this.run.key };
    for (const name in state) if (dataset[name] !== String(state[name])) dataset[name] = String(state[name]);
  }

  // -- picture --

  /** All panels with headings, figures and the epoch as a PNG, twice as fine as on a plain screen. */
  download() {
    const { ratio, width, height } = this.panels[0];
    this.redraw(width, height, 2);
    const picture = compose(this);
    this.redraw(width, height, ratio);
    picture.toBlob((blob) => {
      const link = element("a");
      link.href = URL.createObjectURL(blob);
      link.download = `ctviz-${this.run.key.split(".")[0]}-${this.place}.png`; // without the attempt
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    }, "image/png");
  }

  /** Room below the panels of the picture for what else a stage shows, and the drawing of it. */
  get moreHeight() {
    return 0;
  }

  composeMore() {}

  /** Where the picture was taken, in words and in its name. */
  get heading() {
    return `Epoch ${this.epoch} of ${this.total}`;
  }

  get place() {
    return `epoch-${this.epoch}`;
  }

  redraw(width, height, ratio) {
    this.panels.forEach((panel) => panel.resize(width, height, ratio));
    this.marks = null;
    this.paint();
  }
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Columns and height of the panels: side by side where there is room, and the controls still in view. */
function arrange(m, width, available) {
  let columns = width < NARROW ? (m <= 2 ? 1 : 2) : Math.min(m, 4);
  while (columns > 2 && width / columns < 230) columns -= 1;
  if (m > columns) columns = Math.ceil(m / Math.ceil(m / columns)); // rows of like length
  const rows = Math.ceil(m / columns);
  const each = width / columns - 24;
  const budget = available / rows - (rows > 1 ? 70 : 0);
  return { columns, height: Math.round(clamp(budget, 0.6 * each, each)) };
}

/** The picture for the download: panels in the page's columns, each under its title and over its figures. */
function compose(stage) {
  const { panels, theme, run } = stage;
  const gap = 28, head = 64, foot = 56;
  const columns = Number(stage.root.style.getPropertyValue("--ctv-columns"));
  const rows = Math.ceil(panels.length / columns);
  const { width, height } = panels[0];
  const canvas = document.createElement("canvas");
  canvas.width = 2 * (columns * (width + gap) + gap);
  canvas.height = 2 * (rows * (head + height + foot) + stage.moreHeight + 72);
  const context = canvas.getContext("2d");
  context.scale(2, 2);
  context.fillStyle = css(theme.ground);
  context.fillRect(0, 0, canvas.width, canvas.height);
  panels.forEach((panel, i) => {
    const x = gap + (i % columns) * (width + gap);
    const y = head + Math.floor(i / columns) * (head + height + foot);
    const { title, role } = run.scene.arms[i];
    const figures = panel.terms.map((term, j) => phrase(term.textContent, panel.values[j].textContent));
    if (stage.probed && panel.planes) figures.push(...stage.readingOf(panel));
    const lines = wrap(context, title, width, `650 18px ${theme.font}`);
    write(context, lines, x, y - 10 - 21 * (lines.length - 1), 21, role === "counterfactual" ? theme.set.accent : theme.set.ink);
    context.drawImage(panel.canvas, x, y, width, height);
    write(context, wrap(context, figures.join(", "), width, `400 13px ${theme.font}`), x, y + height + 20, 18, theme.set.muted);
  });
  stage.composeMore(context, gap, rows * (head + height + foot) + 24, canvas.width / 2 - 2 * gap);
  composeFoot(context, stage, gap, canvas.height / 2 - 34);
  return canvas;
}

/** Epoch, classes and, where it is pinned, the probe's place. */
function composeFoot(context, { theme, run, heading, probed, whereabouts }, left, y) {
  context.font = `650 17px ${theme.font}`;
  const words = heading;
  write(context, [words], left, y, 0, theme.set.ink);
  let x = left + context.measureText(words).width + 30;
  context.font = `400 13px ${theme.font}`;
  run.scene.classes.forEach((name, i) => {
    context.beginPath();
    shape(context, i, x, y - 5, 5);
    context.fillStyle = css(theme.marks[i % theme.marks.length]);
    context.fill();
    write(context, [name], x + 12, y, 0, theme.set.muted);
    x += 34 + context.measureText(name).width;
  });
  if (probed) write(context, [whereabouts], x, y, 0, theme.set.muted);
}

function write(context, lines, x, y, leading, colour) {
  context.fillStyle = colour;
  lines.forEach((text, i) => context.fillText(text, x, y + i * leading));
}

/** Text in lines no wider than `width`, broken at spaces; leaves the font set. */
function wrap(context, text, width, font) {
  context.font = font;
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines[lines.length - 1]} ${word}`.trim();
    if (context.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.filter(Boolean);
}

// ---- the two ways in ----------------------------------------------------------------------------------------

const MOUNTED = new WeakMap();

/** Streamlit component of a kind of stage: called again on the same element whenever data or theme change. */
export const mounting = (Kind) => ({ data, parentElement, setStateValue, setTriggerValue }) => {
  const bridge = {
    report: (state) => setStateValue("view", state),
    need: (wish) => setTriggerValue("need", wish),
    tell: (name, value) => setTriggerValue(name, value),
  };
  let entry = MOUNTED.get(parentElement);
  if (!entry) MOUNTED.set(parentElement, (entry = { stage: new Kind(parentElement, bridge), calls: 0 }));
  entry.stage.bridge = bridge;
  entry.stage.repaint();
  const call = ++entry.calls;
  if (data) entry.stage.receive(data);
  // A call that a later one has overtaken is cleaned up too, while the element lives on.
  return () => setTimeout(() => {
    if (call !== entry.calls || entry.stage.root.isConnected) return;
    entry.stage.destroy();
    MOUNTED.delete(parentElement);
  }, 0);
};

/** Standalone page: the film lies in the page, in base64. */
export function standalone(parent, text) {
  const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  return new Stage(parent, {}).receive(bytes);
}
