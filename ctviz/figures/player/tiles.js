// Small pictures of pixels, and what everything that shows them has in common. Colours are mixed as in pictures.py.

import { Component } from "./component.js";
import { clamp } from "./numbers.js";
import { css } from "./theme.js";

// ---- colours and pixels ---------------------------------------------------------------------------------------

/** How far black and white have given way at a strength of 0 to 100. */
const clearing = (strength) => 1 - (1 - strength / 100) ** 2;

/** Colours of one strength: of each brightness, and of the overlay's two ends. */
export function mixer(inks, strength, { overlaid = false, signed = true, bare = false }) {
  const share = overlaid ? clearing(strength) : 0;
  const end = (from, to) => from + (to - from) * share;
  const low = (bare ? inks.bare : inks.paper).map((v) => end(0, v));
  const high = inks.chalk.map((v) => end(255, v));
  const base = new Float64Array(256 * 3);
  for (let i = 0; i < 256; i++) for (let j = 0; j < 3; j++) base[3 * i + j] = low[j] + (high[j] - low[j]) * (i / 255);
  const ends = signed ? [inks.speaks_for, inks.against] : [inks.much, inks.much];
  return { base, ends, opacity: share };
}

/** Pixels (brightness, overlay, either may be absent) as RGBA. */
export function painted(image, overlay, size, { base, ends, opacity }, out) {
  for (let i = 0; i < size; i++) {
    const at = 3 * (image ? image[i] : 0);
    const over = overlay ? overlay[i] / 127 : 0;
    const end = ends[over < 0 ? 1 : 0];
    const alpha = opacity * Math.abs(over);
    for (let j = 0; j < 3; j++) out[4 * i + j] = Math.floor(base[at + j] + (end[j] - base[at + j]) * alpha + 0.5);
    out[4 * i + 3] = 255;
  }
}

/** Draws pixels crisply over a whole canvas. */
export class Plate {
  constructor(width, height) {
    this.canvas = document.createElement("canvas");
    this.canvas.width = width;
    this.canvas.height = height;
    this.context = this.canvas.getContext("2d");
    this.data = this.context.createImageData(width, height);
  }

  draw(context, x, y, width, height) {
    this.context.putImageData(this.data, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.canvas, x, y, width, height);
  }
}

/** Border of a mask as lines [x1, y1, x2, y2] between corners of pixels, joined where they go on straight. */
export function borders(mask, h, w) {
  const inside = (y, x) => y >= 0 && x >= 0 && y < h && x < w && Boolean(mask[y * w + x]);
  const lines = [];
  for (let y = 0; y <= h; y++) runs(w, (x) => inside(y, x) !== inside(y - 1, x), (a, b) => lines.push([a, y, b, y]));
  for (let x = 0; x <= w; x++) runs(h, (y) => inside(y, x) !== inside(y, x - 1), (a, b) => lines.push([x, a, x, b]));
  return lines;
}

function runs(length, holds, take) {
  for (let i = 0, start = -1; i <= length; i++) {
    const on = i < length && holds(i);
    if (on && start < 0) start = i;
    else if (!on && start >= 0) {
      take(start, i);
      start = -1;
    }
  }
}

/** Strokes border lines, dark and light by turns, so that they show on any ground; those at the edge are moved inside. */
export function strokeBorders(context, lines, { x = 0, y = 0, pixel, w, h, line }) {
  const [right, bottom, half] = [x + w * pixel, y + h * pixel, line / 2];
  context.lineCap = "butt";
  context.lineWidth = line;
  for (const [colour, dash] of [["#101820", []], ["#ffffff", [3 * line, 3 * line]]]) {
    context.strokeStyle = colour;
    context.setLineDash(dash);
    context.beginPath();
    for (const [a, b, c, d] of lines) {
      context.moveTo(clamp(x + a * pixel, x + half, right - half), clamp(y + b * pixel, y + half, bottom - half));
      context.lineTo(clamp(x + c * pixel, x + half, right - half), clamp(y + d * pixel, y + half, bottom - half));
    }
    context.stroke();
  }
  context.setLineDash([]);
}

/** Where in a canvas of w × h pixels a pointer is: [x, y] in whole pixels. */
export function pixelAt(event, canvas, w, h) {
  const box = canvas.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * w);
  const y = Math.floor(((event.clientY - box.top) / box.height) * h);
  return [clamp(x, 0, w - 1), clamp(y, 0, h - 1)];
}

// ---- what shows them ------------------------------------------------------------------------------------------

/** A component with the colours of pixels besides those of its theme. */
export class Tiles extends Component {
  /** Takes the colours of a message. */
  colour({ palette, inks }) {
    this.palette = palette;
    this.inkSets = inks;
    this.painted = null;
    this.repaint();
  }

  dress() {
    this.inks = this.inkSets[this.theme.dark ? "dark" : "light"];
    for (const name in this.inks) this.root.style.setProperty(`--ctv-${name}`, css(this.inks[name]));
  }
}
