// The image grid: digits in rows and columns that move in step along a search, a training or an attack.
//
// Messages are described in image_grid.py.

import { NARROW } from "./component.js";
import { element, entry, range, setText, svg } from "./elements.js";
import { inflate, kept, sections } from "./message.js";
import { capital, clamp, short } from "./numbers.js";
import { Player } from "./player.js";
import { css } from "./theme.js";
import { borders, mixer, painted, pixelAt, Plate, strokeBorders, Tiles } from "./tiles.js";

const DASHED = { dash: "6 4", dot: "2 3", dashdot: "6 3 2 3", longdash: "10 4", longdashdot: "10 3 2 3" };
const SMALLEST = 56; // pixels a side: below, the grid scrolls
const LARGEST = 480;
const LEGIBLE = 118; // pixels a side: in less, a model's name has no room above its picture
const PROJECTED = 1500; // pixels: a grid so wide is looked at from afar
const ASIDE = 220; // pixels: room for the slider beside the pictures
const TRANSPORT = 110; // pixels: height of the sliders above the pictures
const RIM = 6; // pixels around the pictures, for the rings of those that are chosen and focused

// ---- contents -------------------------------------------------------------------------------------------------

/** Contents survive a change of page. */
const CONTENTS = kept("__ctvizGrids", 8);

async function unpacked(meta, payload) {
  const arrays = sections(meta, await inflate(payload));
  const { r, c, h, w } = meta.dims;
  for (const name of ["images", "overlays"]) if (arrays[name]) restore(arrays[name], r * c, h * w);
  if (arrays.overlays) arrays.overlays = new Int8Array(arrays.overlays.buffer, arrays.overlays.byteOffset, arrays.overlays.length);
  return { ...meta, ...arrays };
}

/** Frames are stored as differences to the one before, modulo 256. */
function restore(array, cells, size) {
  const length = array.length / cells;
  for (let cell = 0; cell < cells; cell++) {
    for (let i = cell * length + size; i < (cell + 1) * length; i++) array[i] += array[i - size];
  }
}

/** What a colour stands for, in two significant digits. */
function worth(level, { limit, signed, clipped, ends }) {
  if (clipped && Math.abs(level) === 127) return ends[level < 0 ? 0 : 1];
  const value = (level / 127) * limit;
  return signed && value > 0 ? `+${short(value)}` : short(value);
}

// ---- one picture ----------------------------------------------------------------------------------------------

/** One picture with its caption. */
class Cell {
  constructor(grid, row, column) {
    this.grid = grid;
    this.row = row;
    this.column = column;
    this.canvas = element("canvas", "ctv-tile");
    this.frame = element("div", "ctv-tile-frame", this.canvas);
    this.words = element("span", "ctv-tile-words");
    this.mark = element("span", "ctv-tile-mark");
    this.tick = svg(18, 18, ["path", { d: "M3 9.5l4 4 8-9", fill: "none", stroke: "currentColor", "stroke-width": 2.8 }]);
    this.tick.classList.add("ctv-tick");
    this.frame.append(this.tick);
    this.root = element("div", "ctv-cell", this.frame, this.words, this.mark);
    this.canvas.tabIndex = -1;
    this.listen();
  }

  listen() {
    const { canvas, grid } = this;
    const where = (event) => pixelAt(event, canvas, grid.content.dims.w, grid.content.dims.h);
    canvas.addEventListener("pointermove", (event) => event.pointerType !== "touch" && grid.point(this, where(event)));
    canvas.addEventListener("pointerdown", (event) => event.pointerType === "touch" && grid.point(this, where(event)));
    canvas.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && grid.point(null));
    canvas.addEventListener("click", () => grid.press(this));
    canvas.addEventListener("focus", () => grid.rove(this));
    canvas.addEventListener("blur", () => grid.point(null));
    canvas.addEventListener("keydown", (event) => this.onKey(event));
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const { grid } = this;
    if (arrow && event.shiftKey) grid.neighbour(this, arrow);
    else if (arrow) grid.nudge(this, arrow);
    else if (event.key === "Enter" || event.key === " ") grid.press(this);
    else if (event.key === "Escape") grid.point(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  resize(shown, fine) {
    this.frame.style.width = this.frame.style.height = `${shown}px`;
    this.root.style.width = `${shown}px`;
    this.canvas.width = this.canvas.height = fine;
  }

  /** Brightness and overlay of a frame. */
  pixels(frame) {
    const { images, overlays, dims, plain } = this.grid.content;
    const size = dims.h * dims.w;
    const of = (array) => {
      if (!array) return null;
      const frames = array.length / (dims.r * dims.c * size);
      const start = ((this.row * dims.c + this.column) * frames + Math.min(frame, frames - 1)) * size;
      return array.subarray(start, start + size);
    };
    return { image: of(images), overlay: plain[this.row][this.column] ? null : of(overlays) };
  }

  draw(frame, mixes, plate) {
    const { grid, canvas } = this;
    const { h, w } = grid.content.dims;
    const context = canvas.getContext("2d");
    const { image, overlay } = this.pixels(frame);
    painted(image, overlay, h * w, overlay ? mixes.laid : mixes.plain, plate.data.data);
    plate.draw(context, 0, 0, canvas.width, canvas.height);
    const pixel = canvas.width / w;
    const line = Math.max(1, canvas.width / 150);
    if (grid.outlines) strokeBorders(context, grid.outlines[this.row], { pixel, w, h, line });
    const at = grid.pointed;
    if (at && at.column === this.column) {
      for (const [colour, grown] of [["#101820", 2 * line], ["#ffffff", line]]) {
        context.strokeStyle = colour;
        context.lineWidth = line;
        context.strokeRect(at.x * pixel - grown / 2, at.y * pixel - grown / 2, pixel + grown, pixel + grown);
      }
    }
    this.caption(frame);
  }

  caption(frame) {
    const { grid } = this;
    const words = grid.text("captions", this, frame);
    const mark = grid.text("marks", this, frame);
    setText(this.words, words);
    if (this.marked !== mark) {
      this.marked = mark;
      this.mark.replaceChildren(...markOf(mark), mark);
      this.mark.dataset.mark = mark;
    }
    const { columns, clickable } = grid.content;
    const special = grid.special(this) ? (clickable ? "chosen" : "highlighted") : "";
    const name = grid.text("names", this, frame);
    const known = name ? [grid.rowName(this.row), name] : [grid.rowName(this.row), columns[this.column].title, words];
    const told = [...known, mark, grid.frameName(frame)].filter(Boolean);
    if (!told.length) told.push(`Picture ${this.row * columns.length + this.column + 1}`);
    const label = [...told, special].filter(Boolean).join(", ");
    if (this.canvas.getAttribute("aria-label") !== label) this.canvas.setAttribute("aria-label", label);
  }
}

const MARKS = {
  mature: [["path", { d: "M9 1.5l7.5 7.5L9 16.5 1.5 9z", fill: "currentColor" }]],
  failed: [["path", { d: "M9 1.5l7.5 7.5L9 16.5 1.5 9zM5.5 5.5l7 7M5.5 12.5l7-7", fill: "none", stroke: "currentColor", "stroke-width": 1.6 }]],
  right: [["path", { d: "M2.5 9.5l4.5 4.5 8.5-10", fill: "none", stroke: "currentColor", "stroke-width": 2.4 }]],
  wrong: [["path", { d: "M3 3l12 12M15 3L3 15", fill: "none", stroke: "currentColor", "stroke-width": 2.4 }]],
  searching: [["circle", { cx: 9, cy: 9, r: 5.5, fill: "none", stroke: "currentColor", "stroke-width": 1.6 }]],
};

/** The shape that stands before a word about a cell's state, if it has one. */
const markOf = (mark) => (Object.hasOwn(MARKS, mark) ? [svg(18, 18, ...MARKS[mark])] : []);

// ---- the grid -------------------------------------------------------------------------------------------------

/** The player of the frames: whole ones, and who is at the end stays there when another content comes. */
class Frames extends Player {
  get last() {
    return this.host.content ? this.host.content.dims.f - 1 : 0;
  }

  /** All frames take about four seconds, and each can be seen. */
  get pace() {
    return clamp((this.last + 1) / 4, 2, 10);
  }

  get smooth() {
    return false;
  }

  get sticky() {
    return true;
  }

  get told() {
    const { frame, last } = this;
    const name = this.host.frameName(frame);
    const letters = Math.max(...this.host.content.frames.map((words) => words.length)) + 1;
    return { count: ["", capital(name), ""], letters, value: frame, max: last, words: name };
  }

  locate(value) {
    return Math.round(super.locate(value));
  }
}

/** All pictures in step. */
export class ImageGrid extends Tiles {
  constructor(parent, bridge) {
    super(parent, bridge, "ctv-grid");
  }

  build() {
    this.cells = [];
    this.content = null;
    this.strength = 0;
    this.dragging = false;
    this.sheet = element("div", "ctv-grid-cells");
    this.scroller = element("div", "ctv-grid-scroll", this.sheet);
    this.scroller.addEventListener("scroll", () => this.sideways(), { passive: true });
    this.aside = element("p", "ctv-sideways", "Scroll sideways: there is more of it.");
    this.aside.hidden = true;
    this.root.append(this.note, this.scroller, this.aside, this.makeTransport(), this.status, this.key, this.spoken);
    this.scroller.hidden = this.transport.hidden = true;
    this.say("Loading …");
  }

  makeTransport() {
    const player = (this.player = new Frames(this, "Frame"));
    this.way = element("div", "ctv-row ctv-main", player.moves, player.slider.root, player.count.root);
    this.strengthSlider = range("Strength of the overlay in per cent", 100);
    this.strengthWords = element("output", "ctv-strength-words");
    this.strengthName = element("span", "ctv-strength-name");
    this.overlay = element("label", "ctv-row ctv-strength", this.strengthName, this.strengthSlider, this.strengthWords);
    this.transport = element("div", "ctv-transport", this.way, this.overlay);
    this.listen();
    return this.transport;
  }

  listen() {
    const slider = this.strengthSlider;
    slider.addEventListener("input", () => {
      this.strength = Number(slider.value);
      this.settle();
      this.invalidate();
    });
    slider.addEventListener("pointerdown", () => (this.dragging = true));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture", "change"]) slider.addEventListener(end, () => this.drop());
  }

  get players() {
    return [this.player];
  }

  get frame() {
    return this.player.frame;
  }

  get last() {
    return this.player.last;
  }

  // -- data --

  async take(header, payload) {
    const content = header.content ? await unpacked(header.content, payload) : CONTENTS.get(header.key);
    if (!content) return this.missing.ask({ key: header.key });
    this.missing.stop();
    CONTENTS.set(header.key, content);
    const before = this.content;
    if (header.key !== this.contentKey) this.show(content, header.key);
    if (!before || before.axis !== content.axis) this.begin(header.initial);
    else if (JSON.stringify(this.state()) !== this.reported) this.settle();
    this.colour(header);
    this.invalidate();
  }

  begin({ frame, strength, playing }) {
    this.strength = strength;
    const plays = playing && this.last > 0 && !this.still.matches;
    this.player.begin({ position: frame ?? (plays ? 0 : Infinity), playing: plays });
    this.player.keep();
    this.reported = JSON.stringify(this.state());
  }

  show(content, key) {
    const shape = ({ rows, columns, present, clickable, dims }) => JSON.stringify([rows, columns, present, clickable, dims.h, dims.w]);
    const same = this.content && shape(this.content) === shape(content);
    this.content = content;
    this.contentKey = key;
    const { h, w, r } = content.dims;
    this.outlines = content.outline && Array.from({ length: r }, (_, i) => borders(content.outline.subarray(i * h * w, (i + 1) * h * w), h, w));
    this.root.setAttribute("aria-label", content.alt);
    this.player.keep();
    this.player.slider.input.setAttribute("aria-label", content.axis);
    this.way.hidden = this.last < 1;
    this.overlay.hidden = !(content.overlays && content.images);
    this.strengthName.textContent = content.scale ? capital(content.scale.name) : "";
    this.note.hidden = true;
    this.scroller.hidden = this.transport.hidden = false;
    this.transport.hidden = this.way.hidden && this.overlay.hidden;
    if (!same) this.furnish();
    for (const cell of this.cells) cell.marked = null;
    if (this.theme) this.dressParts();
    this.signature = null;
    this.layout();
  }

  /** Makes the elements of a content of another shape. */
  furnish() {
    const { dims, present, clickable } = this.content;
    this.pointed = null;
    this.plate = new Plate(dims.w, dims.h);
    this.cells = [];
    for (let row = 0; row < dims.r; row++) {
      for (let column = 0; column < dims.c; column++) {
        if (!present[row][column]) continue;
        const cell = new Cell(this, row, column);
        cell.canvas.setAttribute("role", clickable ? "button" : "img");
        if (clickable) cell.canvas.title = clickable;
        this.cells.push(cell);
      }
    }
    if (this.cells.length) this.cells[0].canvas.tabIndex = 0;
    this.arrangement = null;
  }

  text(kind, { row, column }, frame) {
    const texts = this.content[kind];
    const cell = texts.length ? texts[row][column] : "";
    return typeof cell === "string" ? cell : cell[frame];
  }

  // -- layout --

  frameName(frame) {
    return this.last ? this.content.frames[frame] : "";
  }

  /** What a row is called where its heading is not in sight: with its note, if another row has the same title. */
  rowName(row) {
    const { rows } = this.content;
    const { title, note } = rows[row];
    return title && note && rows.filter((other) => other.title === title).length > 1 ? `${title}, ${note}` : title;
  }

  /** Whether a cell is one of those that are pointed out. */
  special(cell) {
    return this.content.highlight.some(([r, c]) => r === cell.row && c === cell.column);
  }

  layout() {
    const width = this.root.clientWidth;
    if (!width || !this.content) return;
    const ratio = clamp(devicePixelRatio || 1, 1, 3);
    const signature = `${width} ${ratio} ${innerHeight}`;
    if (signature === this.signature) return;
    this.signature = signature;
    const far = width >= PROJECTED;
    const size = clamp(10.5 + width / 170, 14, far ? 24 : 19);
    this.root.style.setProperty("--ctv-size", `${size}px`);
    this.root.dataset.narrow = String(width < NARROW);
    const plan = this.plan(width);
    const { shown, fine } = crisp(plan.cell, this.content.dims.w, ratio);
    this.root.style.setProperty("--ctv-cell", `${shown}px`);
    this.root.style.setProperty("--ctv-gap", `${plan.gap}px`);
    this.root.style.setProperty("--ctv-label", `${plan.label}px`);
    this.root.style.setProperty("--ctv-tile-size", `${far ? clamp(11 + shown / 24, 17, 26) : clamp(8.4 + shown / 24, 11, 17)}px`);
    this.root.dataset.tight = String(shown < 200);
    const arrangement = `${plan.kind} ${plan.per}`;
    if (this.arrangement !== arrangement) this.arrange(plan);
    this.arrangement = arrangement;
    this.cells.forEach((cell) => cell.resize(shown, fine));
    const lines = plan.kind === "turned" ? Math.ceil(this.content.dims.r / plan.per) : 1;
    this.settleTransport(lines < 2 ? "below" : width - 2 * RIM - plan.per * (plan.cell + plan.gap) >= ASIDE ? "aside" : "above");
    this.sideways();
    this.invalidate();
  }

  /** Below the pictures; where these take several lines, beside or above them, so as to be in sight together. */
  settleTransport(place) {
    if (this.root.dataset.transport === place) return;
    this.root.dataset.transport = place;
    if (place === "above") this.scroller.before(this.transport);
    else this.aside.after(this.transport);
  }

  /** Says where there is more to see at a side than fits. */
  sideways() {
    const { scrollLeft, scrollWidth, clientWidth } = this.scroller;
    const beyond = scrollWidth - clientWidth;
    this.aside.hidden = beyond < RIM;
    this.scroller.dataset.more = [beyond - scrollLeft >= RIM && "right", beyond >= RIM && scrollLeft >= RIM && "left"].filter(Boolean).join(" ");
  }

  /** Models of a single digit stand side by side; otherwise they are rows, headed at the left or, in little room, above. */
  plan(width) {
    const { r, c } = this.content.dims;
    const turned = c === 1;
    const headed = this.content.rows.some(({ title }) => title);
    const gap = (width < NARROW ? 5 : clamp(width / 110, 6, 14)) * (turned ? 2.2 : 1);
    const beside = !turned && headed && width >= 760;
    const label = beside ? clamp(width * 0.13, 104, 240) : 0;
    const room = width - 2 * RIM - label;
    const side = (across, down, least) => {
      const fit = (room - gap * (across - (beside ? 0 : 1))) / across;
      const sized = (height) => Math.floor(Math.max(SMALLEST, Math.min(fit, Math.max(height / down - 64, least), LARGEST)));
      const cell = sized(0.66 * innerHeight);
      // Several lines of a single digit share the height with the slider, unless it has room beside them.
      return turned && down > 1 && room - across * (cell + gap) < ASIDE ? sized(0.66 * innerHeight - TRANSPORT) : cell;
    };
    if (turned) return { kind: "turned", gap, label, ...this.wrapped(r, (across, down) => side(across, down, LEGIBLE)) };
    return { kind: beside ? "beside" : headed ? "above" : "unheaded", gap, label, per: c, cell: side(c, r, 84) };
  }

  /** Pictures side by side: in one line, unless more lines make them a good deal larger, or names legible. */
  wrapped(count, side) {
    let best = { per: count, cell: side(count, 1) };
    for (let lines = 2; lines <= count; lines++) {
      const per = Math.ceil(count / lines);
      const cell = side(per, lines);
      if (best.cell < LEGIBLE ? cell > best.cell : per > 1 && cell > 1.25 * best.cell) best = { per, cell };
    }
    return best;
  }

  arrange({ kind, per }) {
    const { rows, columns } = this.content;
    this.root.dataset.kind = kind;
    const parts = [];
    const place = (node, row, column, span = 1) => {
      node.style.gridArea = `${row} / ${column} / auto / span ${span}`;
      parts.push(node);
    };
    this.headings = [];
    const offset = kind === "beside" ? 2 : 1;
    const lines = kind === "above" ? 2 : 1;
    if (kind === "turned") {
      rows.forEach((label, row) => place(this.heading(label, "ctv-row-title"), 2 + 2 * Math.floor(row / per), (row % per) + 1));
      if (columns[0].title) place(this.heading(columns[0], "ctv-column-title ctv-only"), 1, 1, per);
    } else {
      columns.forEach((label, column) => label.title && place(this.heading(label, "ctv-column-title"), 1, column + offset));
      if (kind !== "unheaded") rows.forEach((label, row) => place(this.heading(label, "ctv-row-title"), 2 + row * lines, 1, kind === "above" ? columns.length : 1));
    }
    for (const cell of this.cells) {
      if (kind === "turned") place(cell.root, 3 + 2 * Math.floor(cell.row / per), (cell.row % per) + 1);
      else place(cell.root, 2 + cell.row * lines + lines - 1, cell.column + offset);
    }
    this.sheet.replaceChildren(...parts);
    this.sheet.style.gridTemplateColumns = `${kind === "beside" ? "var(--ctv-label) " : ""}repeat(${per}, var(--ctv-cell))`;
    this.per = per;
  }

  heading(label, name) {
    const node = element("div", name);
    if (label.role) {
      node.append(svg(28, 10, ["path", { d: "M1 5H27", stroke: "currentColor", "stroke-width": 3, "stroke-dasharray": DASHED[label.dash] ?? "none" }]));
      node.dataset.role = label.role;
    }
    node.append(element("span", "ctv-heading-words", element("b", "", label.title), ...(label.note ? [element("small", "", label.note)] : [])));
    return node;
  }

  dress() {
    super.dress();
    if (this.content) this.dressParts();
  }

  /** The key: the scale with its numbers, the outline, the highlight. */
  dressParts() {
    const { scale, images, overlays, outline, outlined, clickable } = this.content;
    const entries = [];
    this.root.style.setProperty("--ctv-paper", css(images ? this.inks.paper : this.inks.bare));
    if (scale && overlays) entries.push(scaleKey(scale));
    if (outline?.some(Boolean)) {
      const rim = { x: 2, y: 2, width: 24, height: 14, "stroke-width": 1.6 };
      const box = ["rect", { ...rim, fill: css(this.inks.paper), stroke: "#101820" }];
      const dashes = ["rect", { ...rim, fill: "none", stroke: "#ffffff", "stroke-dasharray": "4 4" }];
      entries.push(entry(svg(28, 18, box, dashes), outlined));
    }
    for (const cell of this.cells) {
      const special = this.special(cell);
      cell.root.dataset.highlight = String(special);
      if (clickable) cell.canvas.setAttribute("aria-pressed", String(special));
    }
    this.key.replaceChildren(...entries);
    this.key.hidden = !entries.length;
  }

  // -- frames --

  get drawable() {
    return Boolean(this.content && this.root.clientWidth);
  }

  paint() {
    const { frame, content } = this;
    const strength = content.images ? this.strength : 100;
    const drawn = `${frame} ${strength} ${this.contentKey} ${this.painted} ${this.signature} ${JSON.stringify(this.pointed)}`;
    if (drawn !== this.drawn) {
      const laid = mixer(this.inks, strength, { overlaid: true, signed: content.scale?.signed, bare: !content.images });
      const mixes = { laid, plain: mixer(this.inks, 0, {}) };
      for (const cell of this.cells) cell.draw(frame, mixes, this.plate);
      this.drawn = drawn;
    }
    this.refresh();
  }

  refresh() {
    const { frame } = this;
    this.player.refresh();
    this.strengthSlider.value = String(this.strength);
    this.strengthSlider.style.setProperty("--ctv-share", `${this.strength}%`);
    setText(this.strengthWords, `${this.strength} %`);
    setText(this.status, this.pointed ? this.reading() : this.hint);
    this.publish({ frame, strength: this.strength, playing: this.player.playing, key: this.contentKey });
  }

  // -- what the person does --

  /** Space plays anywhere; the other keys are those of the player's controls, since pictures scroll and are pointed at. */
  act(key, on) {
    const own = key === " " || this.way.contains(on);
    return this.last > 0 && own && super.act(key, on);
  }

  drop() {
    if (!this.dragging) return;
    this.dragging = false;
    this.settle();
  }

  press(cell) {
    if (this.content.clickable) this.bridge.tell?.("cell", [cell.row, cell.column]);
  }

  get hint() {
    return this.content.clickable || "Point at a pixel to read it in every model.";
  }

  /** Points at a pixel of a cell, and so at the same one in all models; at none without a cell. */
  point(cell, at) {
    this.pointed = cell ? { row: cell.row, column: cell.column, x: at[0], y: at[1] } : null;
    this.invalidate();
  }

  nudge(cell, [dx, dy]) {
    const { h, w } = this.content.dims;
    const at = this.pointed ?? { x: w >> 1, y: h >> 1 };
    const moved = this.pointed ? [clamp(at.x + dx, 0, w - 1), clamp(at.y + dy, 0, h - 1)] : [at.x, at.y];
    this.point(cell, moved);
    this.speak(this.reading());
  }

  /** The one cell that is reached by the tab key. */
  rove(cell) {
    for (const other of this.cells) other.canvas.tabIndex = other === cell ? 0 : -1;
  }

  neighbour(cell, [dx, dy]) {
    if (this.content.dims.c === 1) return this.cells.find((other) => other.row === cell.row + dx + dy * this.per)?.canvas.focus();
    const [across, down] = [dx, dy];
    const next = this.cells.filter((other) => (across ? other.row === cell.row : other.column === cell.column))
      .filter((other) => Math.sign(other.column - cell.column) === across && Math.sign(other.row - cell.row) === down)
      .sort((a, b) => Math.abs(a.row - cell.row) + Math.abs(a.column - cell.column) - Math.abs(b.row - cell.row) - Math.abs(b.column - cell.column))[0];
    next?.canvas.focus();
  }

  /** The pixel that is pointed at, in every model. */
  reading() {
    const { row, column, x, y } = this.pointed;
    const { dims, scale, outline } = this.content;
    const at = y * dims.w + x;
    const locked = outline?.[row * dims.h * dims.w + at] ? " (locked)" : "";
    const facts = this.cells.filter((cell) => cell.column === column).map((cell) => {
      const { image, overlay } = cell.pixels(this.frame);
      const parts = [];
      if (image) parts.push(`brightness ${Math.round(image[at] / 2.55)} %`);
      if (overlay) parts.push(`${scale.name} ${worth(overlay[at], scale)}`);
      return [this.rowName(cell.row), parts.join(", ")].filter(Boolean).join(": ");
    });
    return `Row ${y + 1}, column ${x + 1}${locked}. ${facts.join(" · ")}`;
  }

  // -- telling others --

  state() {
    return { axis: this.content.axis, frame: this.frame >= this.last ? null : this.frame, strength: this.strength, playing: false };
  }

  get busy() {
    return super.busy || !this.content || this.dragging || this.player.playing;
  }

  inWords() {
    return [capital(this.frameName(this.frame)), ...this.cells.slice(0, 24).map((cell) => this.told(cell))].filter(Boolean).join(". ");
  }

  told(cell) {
    const words = ["captions", "marks"].map((kind) => this.text(kind, cell, this.frame)).filter(Boolean);
    const { columns } = this.content;
    return words.length ? `${[this.rowName(cell.row), columns[cell.column].title].filter(Boolean).join(", ")}: ${words.join(", ")}` : "";
  }
}

/** A side that a pixel divides evenly where that costs little room; else drawn finer, and scaled down by the browser. */
function crisp(cell, w, ratio) {
  const whole = Math.floor((cell * ratio) / w);
  const even = (whole * w) / ratio;
  if (whole > 1 && even > 0.9 * cell) return { shown: even, fine: whole * w };
  return { shown: cell, fine: Math.ceil((cell * ratio) / w) * w };
}

function scaleKey({ ends, name, low, high, signed: both }) {
  const bar = element("span", "ctv-scale-bar");
  bar.dataset.signed = String(both);
  const end = (value, words) => element("span", "", element("b", "", value), words ? ` ${words}` : "");
  const parts = [end(ends[0], low), bar, end(ends[1], high)];
  return element("li", "ctv-scale", element("span", "", `${capital(name)}:`), element("span", "ctv-scale-ends", ...parts));
}
