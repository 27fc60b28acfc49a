// Charts along the steps of the searches.

import { diamond, shape } from "./drawing.js";
import { element } from "./elements.js";
import { clamp, number, plural } from "./numbers.js";
import { css } from "./theme.js";

const DASHES = { solid: [], dash: [7, 4], dot: [1.5, 3.5], dashdot: [7, 3.5, 1.5, 3.5], longdash: [12, 4], longdashdot: [12, 4, 1.5, 4] };
/** What is drawn along the steps, and how it is headed. */
export const CHARTS = [
  ["probability", "Probability of the target"],
  ["energy", "Energy E(x′, y⁺)"],
  ["distance", "Distance from the factual, ℓ₁"],
];

/** A number along the searches, one line per arm, with the step as a line across. */
export class Chart {
  constructor(paths, name, title) {
    Object.assign(this, { paths, name, title });
    this.canvas = element("canvas", "ctv-chart-canvas");
    this.canvas.setAttribute("role", "img");
    this.heading = element("h4", "ctv-chart-title", title);
    this.root = element("figure", "ctv-chart", this.heading, this.canvas);
    this.listen();
  }

  listen() {
    const { canvas, paths } = this;
    const step = (event) => {
      const box = canvas.getBoundingClientRect();
      const { left, width } = this.frame;
      return (clamp((event.clientX - box.left - left) / width, 0, 1) * paths.longest);
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      paths.steps.scrub(step(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) paths.steps.scrub(step(event));
      else if (event.pointerType === "mouse") paths.steps.peek(step(event));
    });
    const release = () => paths.steps.endScrub();
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", () => paths.steps.peek(null));
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
    const { paths } = this;
    const series = paths.series(this.name);
    if (!series) return;
    const { theme } = paths;
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
    const x = (step) => plot.left + (paths.longest ? step / paths.longest : 0) * plot.width;
    const y = (value) => plot.top + (1 - (value - low) / (high - low || 1)) * plot.height;
    this.drawAxes(context, plot, ticks, x, y);
    for (const one of series) this.drawBand(context, one, x, y);
    for (const one of series) this.drawLine(context, one, x, y, plot);
    this.drawNames(context, series, names, y, plot);
    this.drawCursor(context, series, x, y, plot);
    context.restore();
  }

  get small() {
    return clamp(Math.round(this.paths.letter * 0.8), 11, 17);
  }

  /** Bounds and ticks, the same at all epochs that were searched. */
  scale(series, height) {
    if (this.name === "probability") {
      const { tau } = this.paths.setup;
      const free = [0, 0.5, 1].filter((value) => Math.abs(value - tau) > 0.15);
      return [0, 1, [...free.map((value) => [value, String(value)]), [tau, `τ = ${number(tau)}`]]];
    }
    let [low, high] = this.paths.bounds(this.name, series);
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
    const { paths } = this;
    const { theme } = paths;
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
    context.fillText(plural(paths.longest, "step"), plot.left + plot.width + 3, bottom);
    context.textAlign = "left";
  }

  colour({ arm }) {
    const { theme, run } = this.paths;
    return run.scene.arms[arm].role === "counterfactual" ? theme.set.accent : theme.set.conventional;
  }

  drawBand(context, one, x, y) {
    if (!one.low) return;
    context.beginPath();
    one.low.forEach((value, t) => context[t ? "lineTo" : "moveTo"](x(t), y(value)));
    for (let t = one.high.length - 1; t >= 0; t--) context.lineTo(x(t), y(one.high[t]));
    context.closePath();
    context.globalAlpha = this.paths.panels.length > 4 ? 0.07 : 0.13;
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
    context.setLineDash(DASHES[this.paths.setup.lines[arm].dash] ?? []);
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
    context.fillStyle = one.mature ? this.colour(one) : css(this.paths.theme.ground);
    context.fill();
    context.lineWidth = 1.4;
    context.stroke();
  }

  namesOf(series) {
    return series.map(({ arm }) => this.paths.setup.lines[arm].short);
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
    const { walk, theme } = this.paths;
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
    const { paths } = this;
    const series = paths.series(this.name);
    if (!series) return `${this.title}: nothing searched.`;
    const what = series[0].low ? `median of ${paths.searches.columns(paths.chosen).length} searches` : "the chosen search";
    const step = Math.round(paths.walk);
    const names = this.namesOf(series);
    const parts = series.map(({ values, end }, i) => {
      const [first, last, now] = [0, end, Math.min(step, end)].map((t) => number(valueAt(values, t)));
      return `${names[i]} from ${first} to ${last}, now ${now}`;
    });
    return `${this.title} over the search steps, ${what}, at step ${step} of ${paths.longest}: ${parts.join("; ")}.`;
  }
}

function valueAt(values, step) {
  const i = Math.floor(step), j = Math.min(i + 1, values.length - 1);
  return values[i] + (step - i) * (values[j] - values[i]);
}
