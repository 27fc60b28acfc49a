// The energy of a class: its scale, its colours, its legend and its words. Levels are described in energy.py.

import { element, entry, svg } from "./elements.js";
import { failedKey } from "./key.js";
import { clamp } from "./numbers.js";
import { css, mix } from "./theme.js";

const STEPS = [1, 1.5, 2, 3, 5, 7, 10];
/** Energies at which a line is drawn and the legend has a number. */
const LINES = [0, 1, 3, 10, 30, 100, 300];
/** The words at the ends of the scale. */
const LOW = "Low: looks like data of this class";
const HIGH = "high: does not";

/** The next number outwards that is round, so that a growing run seldom changes its scale. */
function outwards(value, sign) {
  const size = Math.max(sign * value, 0);
  if (!size) return 0;
  const power = 10 ** Math.floor(Math.log10(size));
  return sign * power * STEPS.find((step) => step * power >= size * (1 - 1e-9));
}

/** One scale for all panels and epochs: energies as levels, levels as shares of the colours, and back. */
export class Scale {
  constructor([low, high], limit) {
    this.limit = limit;
    this.low = outwards(low, -1);
    this.high = outwards(high, 1);
    if (this.high <= this.low) this.high = this.low + 1;
    this.from = this.level(this.low);
    this.to = this.level(this.high);
  }

  level(energy) {
    return 127.5 * (1 + Math.asinh(clamp(energy, -this.limit, this.limit)) / Math.asinh(this.limit));
  }

  energy(level) {
    return Math.sinh((level / 127.5 - 1) * Math.asinh(this.limit));
  }

  /** Where a level lies among the colours, from 0 (low) to 1. */
  share(level) {
    return clamp((level - this.from) / (this.to - this.from), 0, 1);
  }

  /** Round energies inside the scale, ascending. */
  get lines() {
    return [...LINES.slice(1).map((line) => -line).reverse(), ...LINES].filter((line) => line > this.low && line < this.high);
  }

  get mark() {
    return `${this.low} ${this.high}`;
  }
}

/** The colour of a share of the scale: low is strong, high fades into the ground; lightness alone tells them apart. */
function colourAt({ ground, energy, dark }, share) {
  return mix(energy, ground, (dark ? 0.12 : 0.06) + (dark ? 0.88 : 0.94) * share);
}

/** Colour of each of 1,021 quarters of a level. */
export function energyTable(theme, scale) {
  const table = new Uint32Array(1021);
  for (let i = 0; i < 1021; i++) {
    const [r, g, b] = colourAt(theme, scale.share(i / 4));
    table[i] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return table;
}

/** A number with one decimal, as the page writes it. */
export const energyText = (value) => (value == null ? "–" : value.toFixed(1).replace(/^-(?=0\.0$)/, "").replace("-", "−"));

/** How far the mean energies at counterfactuals and at real samples lie apart, of the numbers that are shown. */
export function gapText(real, ends) {
  if (real == null || ends == null) return "–";
  const gap = Number(ends.toFixed(1)) - Number(real.toFixed(1));
  return Math.abs(gap) < 0.05 ? "the same" : `${Math.abs(gap).toFixed(1)} ${gap > 0 ? "higher" : "lower"}`;
}

/** The two means and their difference, for an arm, in a sentence. */
export function energySentence(name, { real, ends }) {
  const words = `Energy of “${name}”: real samples ${energyText(real)}, `;
  if (ends == null) return `${words}no counterfactual matured.`;
  return `${words}counterfactuals ${energyText(ends)}${real == null ? "" : `: ${gapText(real, ends)}`}.`;
}

/** The parts of the legend: the words at either end, between them the colours with their numbers. */
export function scaleLegend(theme, scale, name) {
  const stops = Array.from({ length: 9 }, (_, i) => css(colourAt(theme, i / 8)));
  const bar = element("span", "ctv-scale-bar");
  bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  const place = (energy) => `${100 * scale.share(scale.level(energy))}%`;
  const numbers = crowded([scale.low, ...scale.lines, scale.high], scale);
  const ticks = numbers.map((energy) => {
    const tick = element("span", "ctv-scale-tick", whole(energy));
    tick.style.left = place(energy);
    return tick;
  });
  const graded = element("span", "ctv-scale-graded", bar, ...ticks);
  graded.setAttribute("role", "img");
  graded.setAttribute("aria-label", `Scale of the energy, the same for all models and epochs, from ${whole(scale.low)} to ${whole(scale.high)}`);
  return [element("span", "", `Energy of “${name}”. ${LOW}`), graded, element("span", "", HIGH)];
}

/** What is said of a real sample of a class on the field of its energy. */
export const realText = (name) => `real sample of “${name}”: counterfactual training pulls the energy down here`;

/** The key of lines of equal energy. */
export const equalKey = (theme) => entry(svg(26, 18, ["path", { d: "M2 9H24", stroke: css(theme.ink), "stroke-width": 1, opacity: 0.55 }]), "equal energy");

/** What lies on the field: what pulls it down, what pushes it up, and its lines. */
export function energyMarks(theme, colour, icon, name) {
  const end = svg(18, 18, ["path", { d: "M9 2.5l6.5 6.5-6.5 6.5-6.5-6.5z", fill: colour, stroke: css(theme.ink), "stroke-width": 1.2 }]);
  return [
    entry(icon, realText(name)),
    entry(end, "end of a counterfactual: and pushes it up here"),
    failedKey(theme, "immature: does not count"),
    equalKey(theme),
  ];
}

/** A whole number with a real minus sign, or one with a decimal where it needs one. */
const whole = (value) => String(Number(value.toPrecision(3))).replace("-", "−");

/** The numbers that fit below the scale, both ends among them. */
function crowded(numbers, scale) {
  const at = (energy) => scale.share(scale.level(energy));
  const kept = [numbers[0]];
  for (const energy of numbers.slice(1, -1)) {
    if (at(energy) - at(kept[kept.length - 1]) > 0.09 && 1 - at(energy) > 0.09) kept.push(energy);
  }
  return [...kept, numbers[numbers.length - 1]];
}

/** Draws the scale into a picture. */
export function drawScale(context, theme, scale, name, x, y, width) {
  const gradient = context.createLinearGradient(x, 0, x + width, 0);
  for (let i = 0; i <= 8; i++) gradient.addColorStop(i / 8, css(colourAt(theme, i / 8)));
  context.fillStyle = gradient;
  context.fillRect(x, y - 10, width, 10);
  context.strokeStyle = css(theme.ink, 0.3);
  context.lineWidth = 1;
  context.strokeRect(x, y - 10, width, 10);
  context.fillStyle = theme.set.muted;
  context.font = `400 13px ${theme.font}`;
  const words = `Energy of “${name}” from ${whole(scale.low)} (${LOW.toLowerCase()}) to ${whole(scale.high)} (${HIGH})`;
  context.fillText(words, x + width + 12, y);
}
