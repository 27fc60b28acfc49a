// The key under a picture: what its marks are.

import { shape } from "./drawing.js";
import { element, entry, svg } from "./elements.js";
import { css } from "./theme.js";

const WALK = "from a point, past its nascent stage, to its counterfactual";
const FAILED = "immature: the model stays unsure";

/** The inline key of the classes' marks. */
export function classKey({ run, theme }) {
  return run.scene.classes.map((name, i) => entry(markIcon(i, css(theme.marks[i % theme.marks.length])), name));
}

/** How a search is drawn. */
export function walkKey({ ink, ground, muted }) {
  const walk = svg(58, 18, ["path", { d: "M8 9H50", stroke: css(ink), "stroke-width": 1.4 }],
    ["circle", { cx: 8, cy: 9, r: 4.4, fill: css(muted), stroke: css(ink) }],
    ["circle", { cx: 24, cy: 9, r: 3, fill: css(ground), stroke: css(ink) }],
    ["path", { d: "M50 2.5l6.5 6.5-6.5 6.5-6.5-6.5z", fill: css(muted), stroke: css(ink) }]);
  return [entry(walk, WALK), failedKey({ ink, ground }, FAILED)];
}

/** How the end of an immature search is drawn. */
export function failedKey({ ink, ground }, words) {
  return entry(svg(18, 18, ["path", { d: "M9 2l7 7-7 7-7-7zM6 6l6 6M6 12l6-6", fill: css(ground), stroke: css(ink), "stroke-width": 1.2 }]), words);
}

/** The thin lines beside the boundary: how sure the model is there. */
export function sureKey({ run, theme }) {
  const levels = run.scene.classes.length === 2 ? "25 % and 75 %" : "75 %";
  return entry(svg(26, 18, ["path", { d: "M2 9H24", stroke: css(theme.ink), "stroke-width": 1, opacity: 0.5 }]), `${levels} probability`);
}

export const boundaryKey = (ink) => entry(svg(26, 18, ["path", { d: "M2 9H24", stroke: ink, "stroke-width": 2.6, "stroke-linecap": "round" }]), "decision boundary");

export const swingKey = (ink) => entry(svg(26, 18, ["path", { d: "M2 9H24", stroke: ink, "stroke-width": 1.4, "stroke-dasharray": "2 4" }]), "a search that swings to and fro");

/** A class's mark as a small picture, drawn by the same code as on the canvas. */
export function markIcon(kind, colour) {
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
