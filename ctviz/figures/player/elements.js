// Elements of the page: made here, with their classes, icons and labels.

const SVG = "http://www.w3.org/2000/svg";

export function element(tag, name, ...children) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  node.append(...children);
  return node;
}

export function svg(width, height, ...parts) {
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

export const line = (d) => ["path", { d, fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-linecap": "round", "stroke-linejoin": "round" }];
const solid = (d) => ["path", { d, fill: "currentColor" }];
const ICONS = {
  play: [solid("M7 4.5v15l12-7.5z")],
  pause: [solid("M6 4.5h4v15H6zM14 4.5h4v15h-4z")],
  back: [line("M15 5l-8 7 8 7"), line("M19 5v14")],
  forward: [line("M9 5l8 7-8 7"), line("M5 5v14")],
  loop: [line("M4 11V9a3 3 0 0 1 3-3h12l-3-3M20 13v2a3 3 0 0 1-3 3H5l3 3")],
  picture: [line("M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14")],
};

/** One of the icons, such as that of “play”. */
export const iconOf = (name) => svg(24, 24, ...ICONS[name]);

export function button(name, label, text, icon) {
  const node = element("button", `ctv-button ${name}`);
  node.type = "button";
  if (icon) node.append(iconOf(icon));
  if (text) node.append(element("span", "", text));
  if (label) {
    node.setAttribute("aria-label", label);
    node.title = label;
  }
  return node;
}

export const pressed = (node, on) => node.setAttribute("aria-pressed", String(on));

/** Children that belong together, under a label. */
export function group(label, name, ...children) {
  const node = element("div", name, ...children);
  node.setAttribute("role", "group");
  node.setAttribute("aria-label", label);
  return node;
}

/** A slider of the browser's own, from 0 to `max` in whole numbers. */
export function range(label, max) {
  const node = element("input", "ctv-range");
  node.type = "range";
  node.min = "0";
  node.max = String(max);
  node.step = "1";
  node.setAttribute("aria-label", label);
  return node;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** What the space bar presses. */
const PRESSED = "button, input:not([type=range]), summary, " + ["button", "checkbox", "combobox", "menuitem", "option", "radio", "switch", "tab"].map((role) => `[role=${role}]`).join();

/** What was pointed at last, unless the focus has been moved with the keyboard since. */
let pointed = new WeakSet();
addEventListener("pointerdown", (event) => (pointed = new WeakSet(event.composedPath())), true);
addEventListener("keydown", (event) => event.key === "Tab" && (pointed = new WeakSet()), true);

/** Whether an element wants the space bar for itself: text, always; another control, where it was reached with the keyboard. */
export function keepsSpace(node) {
  if (!node.matches) return false;
  if (node.isContentEditable || node.matches("textarea, select, input:not([type=range], [type=checkbox], [type=radio], [type=button])")) return true;
  return node.matches(PRESSED) && !pointed.has(node);
}

/** An entry of a key: a small picture and what it means. */
export const entry = (icon, words) => element("li", "", icon, element("span", "", words));
