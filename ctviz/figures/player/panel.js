// A panel: one arm's boundary, data points and paths.

import { contour, diamond, shape, steady } from "./drawing.js";
import { element, setText } from "./elements.js";
import { axisWords, clamp, percent, short } from "./numbers.js";
import { STEP } from "./runs.js";
import { css } from "./theme.js";

/** What stands under a panel: a metric, what it is called, and how its number is written. */
export const CAPTIONS = [
  ["validation_accuracy", "accuracy", percent],
  ["validity", "change the decision", percent],
  ["ip", "distance to real data", short],
];

/** One arm's picture: a canvas, its heading, its figures, and the probe's reading. */
export class Panel {
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
    this.figures = this.terms.map((term, i) => element("div", "", term, this.values[i]));
    this.caption = element("dl", "ctv-caption", ...this.figures);
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
    this.axisX.textContent = axisWords(scene, 0);
    this.axisY.textContent = axisWords(scene, 1);
  }

  resize(width, height, ratio) {
    this.width = width;
    this.height = height;
    this.plot.style.height = `${height}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.ratio = ratio;
  }

  /** Puts a picture in place of the canvas while the page is printed: Chromium leaves strips of a canvas blank on paper. */
  freeze(printing) {
    this.picture?.remove();
    this.canvas.hidden = printing;
    if (!printing) return;
    this.picture = element("img", "ctv-canvas");
    this.picture.alt = this.canvas.getAttribute("aria-label") ?? "";
    this.picture.src = this.canvas.toDataURL();
    this.canvas.after(this.picture);
  }

  /** Draws the state between two frames, `share` of the way from `a` to `b`. */
  draw(a, b, share, marks) {
    const context = this.canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.takeFields(a, b, share);
    this.drawGround(context, a.dims, marks);
    if (this.stage.layers.has("paths") && a.paths && b.paths) this.drawPaths(context, a, b, share);
    this.drawProbe(context);
    if (this.stage.pinnedWalks?.epoch === a.epoch && share === 0) this.drawPinned(context, this.stage.pinnedWalks);
  }

  /** All that lies under the paths: field, lines, data points. */
  drawGround(context, dims, marks) {
    const { theme, layers } = this.stage;
    context.fillStyle = css(theme.ground);
    context.fillRect(0, 0, this.width, this.height);
    if (this.levels) this.drawField(context, { ...dims, c: 1 }, this.levels, this.stage.energyTable);
    else if (this.planes) this.drawField(context, dims, this.planes);
    if (this.planes) this.drawLines(context, dims, layers.has("contours"));
    if (layers.has("points") && marks) context.drawImage(marks, 0, 0, this.width, this.height);
  }

  /** This arm's planes (c g g) between two frames, in 0 to 255, and where they are shown the levels of energy (g g). */
  takeFields(a, b, share) {
    const { c, g } = a.dims;
    const energies = this.stage.energiesOf(a, b);
    this.planes = a.field ? (this.mixed = this.blend(this.mixed, a.field, b.field ?? a.field, share, c * g * g)) : null;
    this.levels = energies ? (this.mixedLevels = this.blend(this.mixedLevels, ...energies, share, g * g)) : null;
  }

  /** This arm's part of two arrays, mixed into one that may serve again. */
  blend(spare, a, b, share, size) {
    const mixed = spare?.length === size ? spare : new Float32Array(size);
    const from = a.subarray(this.arm * size, (this.arm + 1) * size);
    const to = b.subarray(this.arm * size, (this.arm + 1) * size);
    for (let i = 0; i < size; i++) mixed[i] = from[i] + share * (to[i] - from[i]);
    return mixed;
  }

  /** Colours the plane; by ``table`` where one plane has other colours than those of two classes. */
  drawField(context, { c, g }, planes, table = this.stage.theme.table) {
    if (this.image.width !== g) {
      this.image.width = this.image.height = g;
      this.pixels = new ImageData(g, g);
      this.words = new Uint32Array(this.pixels.data.buffer);
    }
    if (c === 1) paintOne(this.words, planes, g, table);
    else paintMany(this.words, planes, c, g, this.stage.theme);
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
    if (contours && this.levels) this.drawEqual(context, g, calm(this.levels));
    else if (contours) {
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

  /** Lines of equal energy. */
  drawEqual(context, g, levels) {
    const { theme, scale } = this.stage;
    context.beginPath();
    for (const line of scale.lines) contour(context, levels, g, scale.level(line), this.width, this.height);
    context.lineWidth = 1;
    context.strokeStyle = css(theme.ink, 0.45);
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
    const { theme, energyClass } = this.stage;
    const scene = this.stage.run.scene;
    const r = this.stage.radius;
    // Over the energy of a class, the searches that were to reach it.
    const walks = this.walks(a, b, share).filter(({ index }) => !this.levels || scene.targets[index] === energyClass);
    context.globalAlpha = this.levels ? 0.4 : 1; // what counts there is where they end
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
    context.globalAlpha = 1;
    for (const walk of walks) this.drawEnd(context, walk, theme.marks[scene.targets[walk.index]], r);
  }

  /** The search from the place that is pinned, over the others. */
  drawPinned(context, { lines, nascent, mature, target }) {
    const { theme, radius } = this.stage;
    const line = lines[this.arm].map(([u, v]) => [(u / STEP) * this.width, (1 - v / STEP) * this.height]);
    context.lineCap = context.lineJoin = "round";
    for (const [width, colour] of [[6, css(theme.ground, 0.9)], [2.8, css(theme.ink)]]) {
      context.beginPath();
      line.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](x, y));
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.stroke();
    }
    context.lineWidth = 1.6;
    context.beginPath();
    const [x, y] = line[nascent[this.arm]], [u, v] = line[0];
    if (Math.hypot(x - u, y - v) > 1.2 * radius) shape(context, 0, x, y, 0.8 * radius);
    context.fillStyle = css(theme.ground);
    context.fill();
    context.stroke();
    if (line.length > 1) this.drawEnd(context, { line, mature: Number(mature[this.arm]) }, theme.marks[target % theme.marks.length], 1.5 * radius);
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
    if (this.levels) this.halo(context);
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

  /** Sets the outline that has just been drawn off from a strong ground. */
  halo(context) {
    context.save();
    context.lineWidth = 4;
    context.strokeStyle = css(this.stage.theme.ground);
    context.stroke();
    context.restore();
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

  /** Probability of each class at a point of the unit square. */
  probabilities(where) {
    const { c, g } = this.stage.shown.a.dims;
    const values = Array.from({ length: c }, (_, plane) => between(this.planes, plane * g * g, g, where) / 255);
    return c === 1 ? [1 - values[0], values[0]] : values;
  }

  /** Energy at a point of the unit square. */
  energyAt(where) {
    return this.stage.scale.energy(between(this.levels, 0, this.stage.shown.a.dims.g, where));
  }
}

/** The value of a plane at a point of the unit square, between the nodes of its grid; the plane begins at ``from``. */
function between(planes, from, g, [u, v]) {
  const x = u * (g - 1), y = v * (g - 1);
  const i = Math.min(Math.floor(x), g - 2), j = Math.min(Math.floor(y), g - 2);
  const s = x - i, t = y - j;
  const at = from + j * g + i;
  return (1 - t) * ((1 - s) * planes[at] + s * planes[at + 1]) + t * ((1 - s) * planes[at + g] + s * planes[at + g + 1]);
}

/** Length of a line in pixels. */
function travelled(line) {
  let sum = 0;
  for (let i = 1; i < line.length; i++) sum += Math.hypot(line[i][0] - line[i - 1][0], line[i][1] - line[i - 1][1]);
  return sum;
}

/** Rows run from the lowest x2 upwards in the field and from the top down in a picture. */
function paintOne(words, plane, g, table) {
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
