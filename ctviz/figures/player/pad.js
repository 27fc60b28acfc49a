// The drawing pad and the mask painter. Messages are described in pad.py.

import { button, element, group, pressed, setText } from "./elements.js";
import { bytesOf, kept } from "./message.js";
import { clamp, plural } from "./numbers.js";
import { ARROWS, base64, drawing } from "./surface.js";
import { css } from "./theme.js";
import { borders, mixer, painted, Plate, strokeBorders, Tiles } from "./tiles.js";

const BRUSH = 22; // of a drawing of 280 pixels a side: about as thick as the digits that the models know

/** Strokes survive a change of page. */
const PADS = kept("__ctvizPads", Infinity);

class Drawing extends drawing(Tiles) {}

// ---- the pad --------------------------------------------------------------------------------------------------

/** A place to draw a digit, and beside it the digit as the models see it. */
export class Pad extends Drawing {
  constructor(parent, bridge) {
    super(parent, bridge, "ctv-pad");
  }

  build() {
    this.strokes = [];
    this.paper = this.surface("ctv-paper", "Drawing area. Arrow keys move the pen, space lowers and lifts it, control Z takes the last stroke back.");
    this.seen = element("canvas", "ctv-seen");
    this.seen.setAttribute("role", "img");
    this.undo = button("", "Take the last stroke back (control Z)", "Undo");
    this.clear = button("", "Start again (delete)", "Clear");
    this.undo.addEventListener("click", () => this.change(this.strokes.slice(0, -1)));
    this.clear.addEventListener("click", () => this.change([]));
    this.given = false;
    const tools = group("Drawing", "ctv-segments", this.undo, this.clear);
    this.invite = element("span", "ctv-invite", "Draw a digit here");
    const drawing = element("div", "ctv-sheet", element("b", "", "Your drawing"), element("div", "ctv-sheet-frame", this.paper, this.invite), tools);
    this.words = element("p", "ctv-seen-words");
    const view = element("div", "ctv-sheet", element("b", "", "As the models see it"), element("div", "ctv-sheet-frame", this.seen), this.words);
    this.root.setAttribute("aria-label", "Draw a digit of your own");
    this.root.append(element("div", "ctv-sheets", drawing, view), this.spoken);
  }

  take(header, payload) {
    if (this.name !== header.key) {
      this.name = header.key;
      this.strokes = PADS.get(header.key) ?? [];
      this.size = header.size;
      this.side = header.side;
      this.plate = new Plate(header.side, header.side);
    }
    // A drawing from elsewhere is shown until somebody draws, or clears it, here.
    this.given = header.given && !PADS.has(header.key);
    this.pixels = payload.length && (this.given || !header.given) ? payload.slice() : null;
    const words = header.notes.join(" ");
    setText(this.words, words || (this.pixels ? "" : "28 × 28 pixels, centred and scaled as the digits that the models learnt from."));
    this.root.dataset.bad = String(header.bad);
    if (header.bad) this.speak(words);
    // What was drawn before a change of page, or before the app was started anew, is told again.
    if (this.strokes.length && !header.held) this.settle();
    this.root.dataset.seen = String(Boolean(this.pixels));
    this.colour(header);
    this.layout();
  }

  layout() {
    if (!this.size) return;
    const width = this.root.clientWidth;
    this.root.dataset.narrow = String(width < 600);
    for (const canvas of [this.paper, this.seen]) if (canvas.width !== 2 * this.size) canvas.width = canvas.height = 2 * this.size;
    this.invalidate();
  }

  // -- drawing --

  at(event) {
    const box = this.paper.getBoundingClientRect();
    const round = (value) => Math.round(10 * value) / 10;
    return [round(((event.clientX - box.left) / box.width) * this.size), round(((event.clientY - box.top) / box.height) * this.size)];
  }

  start(event) {
    this.given = false;
    this.strokes = [...this.strokes, [this.at(event)]];
    this.invalidate();
  }

  move(event) {
    const stroke = this.strokes[this.strokes.length - 1];
    const [x, y] = this.at(event);
    const [u, v] = stroke[stroke.length - 1];
    if (Math.hypot(x - u, y - v) < 1.5) return;
    stroke.push([x, y]);
    this.invalidate();
  }

  change(strokes) {
    this.given = false;
    this.strokes = strokes;
    this.down = false;
    this.settle();
    this.invalidate();
  }

  leave() {
    this.down = false;
    super.leave();
  }

  onKey(event) {
    const arrow = ARROWS[event.key];
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") this.change(this.strokes.slice(0, -1));
    else if (plain && arrow) this.steer(arrow, event.shiftKey ? 2 : 8);
    else if (plain && event.key === " ") this.lower();
    else if (plain && event.key === "Escape" && this.down) this.lower();
    else if (plain && (event.key === "Delete" || event.key === "Backspace")) this.change([]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Moves the pen by keys. */
  steer([dx, dy], by) {
    const [x, y] = this.cursor ?? [this.size / 2, this.size / 2];
    this.cursor = [clamp(x + by * dx, 0, this.size), clamp(y + by * dy, 0, this.size)];
    if (this.down) {
      this.strokes[this.strokes.length - 1].push(this.cursor);
      this.settle();
    }
    this.invalidate();
  }

  lower() {
    this.cursor ??= [this.size / 2, this.size / 2];
    this.down = !this.down;
    this.given = false;
    if (this.down) this.strokes = [...this.strokes, [this.cursor]];
    this.settle();
    this.speak(this.down ? "Pen down." : "Pen up.");
    this.invalidate();
  }

  ink(context, scale) {
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = BRUSH * scale;
    context.strokeStyle = "#ffffff";
    for (const stroke of this.strokes) {
      context.beginPath();
      context.moveTo(stroke[0][0] * scale, stroke[0][1] * scale);
      // Through the middles between points, so that a quick hand draws curves.
      for (let i = 1; i + 1 < stroke.length; i++) {
        const [x, y] = stroke[i], [u, v] = stroke[i + 1];
        context.quadraticCurveTo(x * scale, y * scale, ((x + u) / 2) * scale, ((y + v) / 2) * scale);
      }
      const [x, y] = stroke[stroke.length - 1];
      context.lineTo(x * scale, y * scale);
      context.stroke();
    }
  }

  paint() {
    const { paper, seen, size } = this;
    const context = paper.getContext("2d");
    context.fillStyle = "#000000";
    context.fillRect(0, 0, paper.width, paper.height);
    const plate = () => painted(this.pixels, null, this.side ** 2, mixer(this.inks, 0, {}), this.plate.data.data);
    if (this.given) {
      plate();
      this.plate.draw(context, 0, 0, paper.width, paper.height);
    }
    this.ink(context, 2);
    if (this.cursor) {
      context.beginPath();
      context.arc(2 * this.cursor[0], 2 * this.cursor[1], BRUSH, 0, 2 * Math.PI);
      context.lineWidth = 3;
      context.strokeStyle = this.down ? css(this.inkSets.dark.speaks_for) : "#9aa6b4";
      context.stroke();
    }
    this.undo.disabled = !this.strokes.length;
    this.clear.disabled = !this.strokes.length && !this.given;
    this.invite.hidden = this.strokes.length > 0 || Boolean(this.cursor);
    setText(this.invite, this.given ? "Draw here to start anew." : "Draw a digit here");
    this.root.dataset.given = String(this.given);
    const view = seen.getContext("2d");
    view.fillStyle = "#000000";
    view.fillRect(0, 0, 2 * size, 2 * size);
    if (this.pixels) {
      plate();
      this.plate.draw(view, 0, 0, 2 * size, 2 * size);
    }
    seen.setAttribute("aria-label", this.pixels ? `The drawing as the models see it, ${this.side} × ${this.side} pixels` : "Nothing is drawn yet");
    this.root.dataset.strokes = String(this.strokes.length);
  }

  /** The drawing as brightness, size × size in base64; null where nothing is drawn. */
  state() {
    PADS.set(this.name, this.strokes);
    if (!this.strokes.length) return { ink: null };
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = this.size;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "#000000";
    context.fillRect(0, 0, this.size, this.size);
    this.ink(context, 1);
    const { data } = context.getImageData(0, 0, this.size, this.size);
    const bytes = new Uint8Array(this.size ** 2);
    for (let i = 0; i < bytes.length; i++) bytes[i] = data[4 * i];
    return { ink: base64(bytes) };
  }
}

// ---- the mask painter -----------------------------------------------------------------------------------------

const EDGE = 26; // room for the numbers of rows and columns, in pixels of which a picture's pixel has TILE
const TILE = 14;

/** The pixels that a reference "mask …" stands for, as 0 and 1. */
function maskOf(ref, size) {
  const bytes = bytesOf(ref.slice(5).replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from({ length: size }, (_, i) => (bytes[i >> 3] >> (7 - (i & 7))) & 1);
}

function refOf(mask) {
  const bytes = new Uint8Array(Math.ceil(mask.length / 8));
  mask.forEach((on, i) => (bytes[i >> 3] |= on << (7 - (i & 7))));
  return `mask ${base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
}

/** Pixels to lock, painted over a digit. */
export class MaskPainter extends Drawing {
  constructor(parent, bridge) {
    super(parent, bridge, "ctv-painter");
  }

  build() {
    this.mask = new Uint8Array(0);
    this.locking = true;
    this.brush = 1;
    this.board = this.surface("ctv-board", "Pixels to lock. Arrow keys move, space locks or unlocks, R does so with a row, C with a column; with shift, arrow keys paint.");
    this.board.addEventListener("pointermove", (event) => this.hover(event));
    this.board.addEventListener("pointerleave", () => this.hover(null));
    this.modes = ["Lock", "Unlock"].map((word) => button("ctv-mode", "", word));
    this.brushes = [1, 2, 4].map((size) => button("ctv-brush", `Brush of ${size} × ${size} pixels`, `${size}×${size}`));
    this.modes.forEach((node, i) => node.addEventListener("click", () => this.set({ locking: i === 0 })));
    this.brushes.forEach((node, i) => node.addEventListener("click", () => this.set({ brush: [1, 2, 4][i] })));
    this.presets = element("div", "ctv-presets");
    this.presets.setAttribute("role", "group");
    this.presets.setAttribute("aria-label", "Masks");
    const tools = element("div", "ctv-row ctv-more", group("Paint", "ctv-segments", ...this.modes), group("Brush", "ctv-segments", ...this.brushes));
    this.root.setAttribute("aria-label", "Pixels that may not change");
    this.root.append(this.presets, this.board, tools, this.status, this.spoken);
  }

  set(settings) {
    Object.assign(this, settings);
    this.invalidate();
  }

  take(header, payload) {
    [this.h, this.w] = header.grid;
    const size = this.h * this.w;
    this.under = payload.slice();
    this.plate ??= new Plate(this.w, this.h);
    if (header.ref !== this.base) {
      const own = this.base != null && header.ref === refOf(this.mask);
      this.base = header.ref;
      if (!own) this.mask = maskOf(header.ref, size);
      this.reported = JSON.stringify(this.state());
    }
    if (!this.presets.childElementCount) this.furnish(header.presets);
    this.board.width = 2 * (EDGE + this.w * TILE + 2);
    this.board.height = 2 * (EDGE + this.h * TILE + 2);
    this.board.style.aspectRatio = `${this.board.width} / ${this.board.height}`;
    this.colour(header);
    this.invalidate();
  }

  /** The masks that are a click away. */
  furnish(presets) {
    const ends = (rows) => this.mask.map((_, i) => Number(Math.floor(i / this.w) < rows || Math.floor(i / this.w) >= this.h - rows));
    const add = (title, make) => {
      const node = button("ctv-preset", "", title);
      node.addEventListener("click", () => this.change(make()));
      this.presets.append(node);
    };
    for (const { title, rows } of presets) add(title, () => ends(rows));
    add("Invert", () => this.mask.map((on) => 1 - on));
  }

  layout() {
    this.invalidate();
  }

  change(mask) {
    this.mask = mask;
    this.settle();
    this.speak(this.count());
    this.invalidate();
  }

  // -- painting --

  /** Row and column of a pointer; −1 among the numbers at the edge. */
  at(event) {
    const box = this.board.getBoundingClientRect();
    const scale = this.board.width / 2 / box.width;
    const of = (value, most) => (value < EDGE ? -1 : clamp(Math.floor((value - EDGE) / TILE), 0, most - 1));
    return [of((event.clientY - box.top) * scale, this.h), of((event.clientX - box.left) * scale, this.w)];
  }

  hover(event) {
    this.over = event && event.pointerType !== "touch" ? this.at(event) : null;
    this.invalidate();
  }

  start(event) {
    const [row, column] = this.at(event);
    this.line = row < 0 || column < 0;
    this.from = [row, column];
    if (!this.line) return this.touch(row, column);
    if (row < 0 && column < 0) return;
    const cells = this.lineOf(row, column);
    this.turn(cells);
  }

  move(event) {
    if (this.line) return;
    const [row, column] = this.at(event).map((value) => Math.max(value, 0));
    // A quick hand skips pixels; those between are meant too.
    const steps = Math.max(Math.abs(row - this.from[0]), Math.abs(column - this.from[1]), 1);
    for (let i = 1; i <= steps; i++) {
      this.touch(Math.round(this.from[0] + ((row - this.from[0]) * i) / steps), Math.round(this.from[1] + ((column - this.from[1]) * i) / steps));
    }
    this.from = [row, column];
  }

  touch(row, column) {
    const near = Math.floor((this.brush - 1) / 2);
    for (let y = row - near; y < row - near + this.brush; y++) {
      for (let x = column - near; x < column - near + this.brush; x++) {
        if (y >= 0 && x >= 0 && y < this.h && x < this.w) this.mask[y * this.w + x] = Number(this.locking);
      }
    }
    this.invalidate();
  }

  /** Indices of a whole row (column < 0) or column. */
  lineOf(row, column) {
    if (column < 0) return Array.from({ length: this.w }, (_, x) => row * this.w + x);
    return Array.from({ length: this.h }, (_, y) => y * this.w + column);
  }

  /** Locks pixels, or unlocks them if all are locked. */
  turn(cells) {
    const value = Number(!cells.every((i) => this.mask[i]));
    for (const i of cells) this.mask[i] = value;
    this.speak(this.count());
    this.invalidate();
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    const [row, column] = this.cursor ?? [this.h >> 1, this.w >> 1];
    if (arrow) {
      this.cursor = this.cursor ? [clamp(row + arrow[1], 0, this.h - 1), clamp(column + arrow[0], 0, this.w - 1)] : [row, column];
      if (event.shiftKey) this.touch(...this.cursor);
      const locked = this.mask[this.cursor[0] * this.w + this.cursor[1]] ? "locked" : "free";
      this.speak(`Row ${this.cursor[0] + 1}, column ${this.cursor[1] + 1}, ${locked}.`);
    } else if (event.key === " ") this.turn([row * this.w + column]);
    else if (event.key.toLowerCase() === "r") this.turn(this.lineOf(row, -1));
    else if (event.key.toLowerCase() === "c") this.turn(this.lineOf(-1, column));
    else return;
    this.cursor ??= [row, column];
    if (!arrow || event.shiftKey) this.settle();
    this.invalidate();
    event.preventDefault();
    event.stopPropagation();
  }

  // -- the picture --

  count() {
    const locked = this.mask.reduce((sum, on) => sum + on, 0);
    if (locked === this.mask.length) return `All ${locked} pixels are locked: nothing may change.`;
    return `${plural(locked, "pixel")} of ${this.mask.length} locked${locked ? ` (${Math.round((100 * locked) / this.mask.length) || "under 1"} %)` : ""}.`;
  }

  paint() {
    if (!this.h) return;
    const context = this.board.getContext("2d");
    context.setTransform(2, 0, 0, 2, 0, 0);
    context.clearRect(0, 0, this.board.width, this.board.height);
    painted(this.under, null, this.mask.length, mixer(this.inks, 0, {}), this.plate.data.data);
    this.plate.draw(context, EDGE, EDGE, this.w * TILE, this.h * TILE);
    this.paintLocked(context);
    this.paintLines(context);
    this.paintNumbers(context);
    const at = this.cursor ?? (this.over && Math.min(...this.over) >= 0 ? this.over : null);
    if (at) this.paintCursor(context, at);
    this.modes.forEach((node, i) => pressed(node, this.locking === (i === 0)));
    this.brushes.forEach((node, i) => pressed(node, this.brush === [1, 2, 4][i]));
    setText(this.status, this.count());
    this.root.dataset.locked = String(this.mask.reduce((sum, on) => sum + on, 0));
  }

  /** Locked pixels: greyed and hatched, within an outline. */
  paintLocked(context) {
    context.save();
    context.beginPath();
    this.mask.forEach((on, i) => on && context.rect(EDGE + (i % this.w) * TILE, EDGE + Math.floor(i / this.w) * TILE, TILE, TILE));
    context.clip();
    context.fillStyle = "rgb(132 146 163 / 0.62)";
    context.fillRect(EDGE, EDGE, this.w * TILE, this.h * TILE);
    context.strokeStyle = "rgb(16 24 32 / 0.55)";
    context.lineWidth = 1.4;
    context.beginPath();
    const span = (this.w + this.h) * TILE;
    for (let at = 0; at < span; at += TILE / 2) {
      context.moveTo(EDGE + at, EDGE);
      context.lineTo(EDGE + at - this.h * TILE, EDGE + this.h * TILE);
    }
    context.stroke();
    context.restore();
    strokeBorders(context, borders(this.mask, this.h, this.w), { x: EDGE, y: EDGE, pixel: TILE, w: this.w, h: this.h, line: 1.4 });
  }

  paintLines(context) {
    context.strokeStyle = "rgb(255 255 255 / 0.09)";
    context.lineWidth = 1;
    context.beginPath();
    for (let i = 1; i < this.w; i++) context.moveTo(EDGE + i * TILE, EDGE), context.lineTo(EDGE + i * TILE, EDGE + this.h * TILE);
    for (let i = 1; i < this.h; i++) context.moveTo(EDGE, EDGE + i * TILE), context.lineTo(EDGE + this.w * TILE, EDGE + i * TILE);
    context.stroke();
  }

  /** Numbers of rows and columns; a click on one takes the whole line. */
  paintNumbers(context) {
    const { theme } = this;
    const [row, column] = this.cursor ?? this.over ?? [-1, -1];
    context.textBaseline = "middle";
    // At least 11 pixels high on the screen, however small the board; then not every number has room.
    const shown = (2 * this.board.clientWidth) / this.board.width || 1;
    const size = clamp(11 / shown, 10.5, 18);
    const [down, across] = [Math.ceil((1.1 * size) / TILE), Math.ceil((1.35 * size) / TILE)];
    const crowded = (i, here, step) => i !== here && (i % step || (here >= 0 && Math.abs(i - here) < step));
    const write_ = (number, here, x, y, align) => {
      context.font = `${here ? 700 : 400} ${size}px ${theme.font}`;
      context.fillStyle = here ? css(theme.ink) : css(theme.muted);
      context.textAlign = align;
      context.fillText(String(number), x, y);
    };
    this.root.dataset.numbers = `${Math.round(10 * size * shown) / 10} px, every ${down} and ${across}`;
    for (let i = 0; i < this.h; i++) if (!crowded(i, row, down)) write_(i + 1, i === row, EDGE - 4, EDGE + (i + 0.5) * TILE, "right");
    for (let i = 0; i < this.w; i++) if (!crowded(i, column, across)) write_(i + 1, i === column, EDGE + (i + 0.5) * TILE, EDGE - 9, "center");
  }

  paintCursor(context, [row, column]) {
    const near = this.cursor ? 0 : Math.floor((this.brush - 1) / 2);
    const side = this.cursor ? 1 : this.brush;
    for (const [colour, grown] of [["#101820", 3], ["#ffffff", 0]]) {
      context.strokeStyle = colour;
      context.lineWidth = 2;
      context.strokeRect(EDGE + (column - near) * TILE - grown / 2, EDGE + (row - near) * TILE - grown / 2, side * TILE + grown, side * TILE + grown);
    }
  }

  state() {
    return { from: this.base, ref: refOf(this.mask) };
  }
}
