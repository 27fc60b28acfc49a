// The painting pad: points of several classes on a square. Messages are described in painting.py.

import { Component } from "./component.js";
import { shape } from "./drawing.js";
import { button, element, group, pressed, setText } from "./elements.js";
import { markIcon } from "./key.js";
import { kept } from "./message.js";
import { capital, clamp, plural } from "./numbers.js";
import { ARROWS, base64, drawing } from "./surface.js";
import { css } from "./theme.js";

const LAST = 255; // the last place along each side
const BRUSHES = [["Small", 7], ["Medium", 16], ["Large", 32]]; // radius in places
const DAB = 3; // points when the brush comes down
const SPRAY_MS = 80;
const MOST_UNDONE = 200;

/** What was painted survives a change of page. */
const PAINTED = kept("__ctvizPainted", Infinity);

/** Points as [class, x, y]; y grows upwards. */
export class PointPainter extends drawing(Component) {
  constructor(parent, bridge) {
    super(parent, bridge, "ctv-point-painter");
  }

  build() {
    this.points = [];
    this.history = []; // what the points were, for undo
    this.kind = 0;
    this.radius = 1;
    this.erasing = false;
    this.sheet = this.surface(
      "ctv-square",
      "Painting area. Arrow keys move the brush, space paints, 1 to 4 choose the class, E erases, plus and minus change the brush, control Z takes the last stroke back.",
    );
    this.sheet.addEventListener("pointermove", (event) => this.hover(event));
    this.sheet.addEventListener("pointerleave", () => this.hover(null));
    this.invite = element("span", "ctv-invite", "Paint points here");
    this.kinds = group("Class to paint", "ctv-segments ctv-kinds");
    this.eraser = button("ctv-eraser", "Erase points (E)", "Erase");
    this.eraser.addEventListener("click", () => this.set({ erasing: !this.erasing }));
    this.brushes = BRUSHES.map(([word, radius], i) => {
      const node = button("ctv-brush", `${word} brush (plus and minus)`);
      node.append(element("i", ""));
      node.firstChild.style.setProperty("--ctv-dot", `${4 + radius / 2}px`);
      node.addEventListener("click", () => this.set({ radius: i }));
      return node;
    });
    this.undo = button("", "Take the last stroke back (control Z)", "Undo");
    this.clear = button("", "Erase all points (delete)", "Clear");
    this.undo.addEventListener("click", () => this.takeBack());
    this.clear.addEventListener("click", () => this.change([]));
    const tools = group("Tools", "ctv-segments", this.eraser, this.undo, this.clear);
    this.frame = element("div", "ctv-square-frame", this.sheet, this.invite);
    this.root.setAttribute("aria-label", "Paint points of your own");
    this.root.append(this.kinds, this.frame, element("div", "ctv-row ctv-more", group("Brush", "ctv-segments", ...this.brushes), tools), this.status, this.spoken);
  }

  take(header, payload) {
    this.palette = header.palette;
    this.limit = header.most;
    this.names = header.names;
    if (this.pad !== header.key) {
      this.pad = header.key;
      this.furnish(header.names.length);
      const own = PAINTED.get(header.key);
      this.base = own?.base;
      if (own) Object.assign(this, { points: own.points, history: own.history });
      // What cannot be used yet is told again, after a change of page or where the app was started anew.
      if (own && !header.held && own.base === header.mark) this.settle();
    }
    if (header.mark !== this.base && !header.own) {
      if (this.base !== undefined && this.points.length) this.remember();
      this.points = Array.from({ length: payload.length / 3 }, (_, i) => [...payload.subarray(3 * i, 3 * i + 3)]);
      this.reported = JSON.stringify(this.state());
    }
    this.base = header.mark;
    this.keep();
    this.notes = header.notes;
    this.warning = "";
    this.root.dataset.bad = String(header.bad);
    if (header.bad && header.notes !== this.said) this.speak(header.notes);
    this.said = header.notes;
    this.repaint();
    this.layout();
  }

  /** One button for each class, with its mark and the number of its points. */
  furnish(classes) {
    this.kindNodes = Array.from({ length: classes }, (_, c) => {
      const node = button("ctv-kind", "");
      node.append(element("span", "ctv-kind-mark"), element("span", "ctv-count", "0"));
      node.addEventListener("click", () => this.set({ kind: c, erasing: false }));
      return node;
    });
    this.kinds.replaceChildren(...this.kindNodes);
    this.painted = null; // they have no colours yet
  }

  dress() {
    this.kindNodes?.forEach((node, c) => node.firstChild.replaceChildren(markIcon(c, css(this.theme.marks[c]))));
  }

  get drawable() {
    return Boolean(this.theme && this.pad);
  }

  layout() {
    const width = this.sheet.clientWidth;
    if (!width) return;
    const side = Math.round(width * Math.min(devicePixelRatio || 1, 2));
    if (this.sheet.width !== side) this.sheet.width = this.sheet.height = side;
    this.invalidate();
  }

  // -- painting --

  set(settings) {
    Object.assign(this, settings);
    if ("kind" in settings) this.speak(`${capital(this.names[this.kind])}.`);
    if ("erasing" in settings && this.erasing) this.speak("Eraser.");
    this.invalidate();
  }

  get reach() {
    return BRUSHES[this.radius][1];
  }

  at(event) {
    const box = this.sheet.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * LAST, (1 - (event.clientY - box.top) / box.height) * LAST];
  }

  hover(event) {
    this.over = event && event.pointerType !== "touch" ? this.at(event) : null;
    this.invalidate();
  }

  start(event) {
    this.remember();
    this.from = this.at(event);
    this.touch(this.from, DAB);
    // A brush that is held goes on spraying.
    this.spraying = setInterval(() => this.touch(this.from, 1), SPRAY_MS);
  }

  move(event) {
    const to = this.at(event), [x, y] = this.from;
    const apart = Math.hypot(to[0] - x, to[1] - y), stride = this.erasing ? 3 : Math.max(4, this.reach / 2);
    const steps = Math.floor(apart / stride);
    for (let i = 1; i <= steps; i++) this.touch([x + ((to[0] - x) * i) / steps, y + ((to[1] - y) * i) / steps], 1);
    if (steps) this.from = to;
  }

  lift() {
    clearInterval(this.spraying);
    if (this.held && this.history.at(-1) === this.points) this.history.pop(); // nothing came of it
    super.lift();
  }

  destroy() {
    clearInterval(this.spraying);
    super.destroy();
  }

  /** Puts points around a place, or erases those there. */
  touch([x, y], count) {
    if (this.erasing) {
      const left = this.points.filter(([, u, v]) => Math.hypot(u - x, v - y) > this.reach);
      if (left.length < this.points.length) this.points = left;
    } else {
      const added = [];
      for (let i = 0; i < count && this.points.length + added.length < this.limit; i++) {
        const angle = 2 * Math.PI * Math.random(), away = this.reach * Math.sqrt(Math.random());
        const place = [x + away * Math.cos(angle), y + away * Math.sin(angle)].map((value) => clamp(Math.round(value), 0, LAST));
        added.push([this.kind, ...place]);
      }
      if (added.length) this.points = [...this.points, ...added];
      this.warning = added.length < count ? `${this.limit.toLocaleString("en")} points are the most there can be. Erase some to paint others.` : "";
    }
    this.invalidate();
  }

  remember() {
    this.history = [...this.history.slice(-MOST_UNDONE), this.points];
  }

  takeBack() {
    if (!this.history.length) return;
    this.points = this.history.at(-1);
    this.history = this.history.slice(0, -1);
    this.told();
  }

  change(points) {
    if (points.length === this.points.length) return;
    this.remember();
    this.points = points;
    this.told();
  }

  told() {
    this.warning = "";
    this.speak(this.count());
    this.settle();
    this.invalidate();
  }

  onKey(event) {
    const { key, target } = event;
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey, on = target === this.sheet, arrow = ARROWS[key];
    if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === "z") this.takeBack();
    else if (!plain) return;
    else if (/^[1-9]$/.test(key) && Number(key) <= this.kindNodes.length) this.set({ kind: Number(key) - 1, erasing: false });
    else if (key.toLowerCase() === "e") this.set({ erasing: !this.erasing });
    else if (key === "+" || key === "=") this.set({ radius: Math.min(this.radius + 1, BRUSHES.length - 1) });
    else if (key === "-") this.set({ radius: Math.max(this.radius - 1, 0) });
    else if (on && arrow) this.steer(arrow, event.shiftKey ? 2 : 10);
    else if (on && (key === " " || key === "Enter")) this.stamp();
    else if (on && (key === "Delete" || key === "Backspace")) this.change([]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Moves the brush by keys. */
  steer([dx, dy], by) {
    const [x, y] = this.cursor ?? [LAST / 2, LAST / 2];
    this.cursor = [clamp(x + by * dx, 0, LAST), clamp(y - by * dy, 0, LAST)];
    this.invalidate();
  }

  /** Paints where the keys have moved the brush. */
  stamp() {
    this.cursor ??= [LAST / 2, LAST / 2];
    const before = this.points;
    this.remember();
    this.touch(this.cursor, DAB);
    if (this.points === before) this.history.pop();
    else {
      this.speak(this.count());
      this.settle();
    }
  }

  // -- what is shown and told --

  counts() {
    const counts = this.kindNodes.map(() => 0);
    for (const [c] of this.points) counts[c] += 1;
    return counts;
  }

  count() {
    return this.counts().map((n, c) => `${plural(n, "point")} of ${this.names[c]}`).filter((_, c) => c < 2 || this.counts()[c]).join(", ") + ".";
  }

  paint() {
    const { sheet, theme } = this, side = sheet.width, unit = side / LAST, context = sheet.getContext("2d");
    const place = ([x, y]) => [x * unit, side - y * unit];
    context.fillStyle = css(theme.ground);
    context.fillRect(0, 0, side, side);
    context.strokeStyle = css(theme.ink, 0.09);
    context.lineWidth = Math.max(1, side / 500);
    context.beginPath();
    for (let i = 1; i < 6; i++) {
      context.moveTo((i * side) / 6, 0);
      context.lineTo((i * side) / 6, side);
      context.moveTo(0, (i * side) / 6);
      context.lineTo(side, (i * side) / 6);
    }
    context.stroke();
    const r = Math.max(2.4 * Math.min(devicePixelRatio || 1, 2), side / 130);
    this.kindNodes.forEach((_, c) => {
      context.beginPath();
      for (const point of this.points) if (point[0] === c) shape(context, c, ...place([point[1], point[2]]), r);
      context.fillStyle = css(theme.marks[c], 0.85);
      context.fill();
    });
    const brush = this.cursor ?? this.over;
    if (brush) {
      context.beginPath();
      context.arc(...place(brush), this.reach * unit, 0, 2 * Math.PI);
      context.lineWidth = Math.max(1.5, side / 260);
      context.setLineDash(this.erasing ? [side / 60, side / 90] : []);
      context.strokeStyle = this.erasing ? css(theme.ink) : css(theme.marks[this.kind]);
      context.stroke();
      context.setLineDash([]);
    }
    this.tell();
  }

  /** Brings the buttons and the words up to date. */
  tell() {
    const counts = this.counts();
    this.kindNodes.forEach((node, c) => {
      pressed(node, !this.erasing && c === this.kind);
      const words = `Paint ${this.names[c]} (key ${c + 1}): ${plural(counts[c], "point")}`;
      node.setAttribute("aria-label", words);
      node.title = words;
      setText(node.lastChild, String(counts[c]));
    });
    this.brushes.forEach((node, i) => pressed(node, i === this.radius));
    pressed(this.eraser, this.erasing);
    this.undo.disabled = !this.history.length;
    this.clear.disabled = !this.points.length;
    this.invite.hidden = this.points.length > 0 || Boolean(this.cursor);
    setText(this.status, this.warning || this.notes || this.count());
    this.publish({ points: this.points.length, counts: counts.join(" "), class: this.kind, erasing: this.erasing });
  }

  keep() {
    PAINTED.set(this.pad, { base: this.base, points: this.points, history: this.history });
  }

  /** The points as bytes (class, x, y) in base64. */
  state() {
    if (this.pad) this.keep();
    return { points: base64(Uint8Array.from(this.points.flat())) };
  }
}
