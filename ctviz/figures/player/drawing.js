// Shapes, lines and words on a canvas.

import { clamp } from "./numbers.js";

/** A plane blurred by a cell or two, so that neither its 256 levels nor its cells show as steps in a line. */
export function steady(plane, g, [rows, out]) {
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
export function contour(context, f, g, level, width, height) {
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
export function shape(context, kind, x, y, r) {
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

export function diamond(context, x, y, r) {
  context.moveTo(x, y - r);
  context.lineTo(x + r, y);
  context.lineTo(x, y + r);
  context.lineTo(x - r, y);
  context.closePath();
}

/** Lines of text, the first with its foot at `y`. */
export function write(context, lines, x, y, leading, colour) {
  context.fillStyle = colour;
  lines.forEach((text, i) => context.fillText(text, x, y + i * leading));
}

/** Text in lines no wider than `width`, broken at spaces; leaves the font set. */
export function wrap(context, text, width, font) {
  context.font = font;
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines[lines.length - 1]} ${word}`.trim();
    if (context.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.filter(Boolean);
}
