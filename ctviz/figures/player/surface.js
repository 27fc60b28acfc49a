// What is drawn on: the drawing pad, the mask painter and the painting pad have it in common.

import { element } from "./elements.js";

const REST_MS = 250;

export function base64(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** A kind of component with a canvas that is drawn on, by pointer and by keys, and told about at rest. */
export const drawing = (Kind) => class extends Kind {
  /** The canvas and who draws on it. */
  surface(name, label) {
    const canvas = element("canvas", name);
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-label", label);
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      event.preventDefault();
      canvas.focus({ focusVisible: false });
      canvas.setPointerCapture(event.pointerId);
      this.held = true;
      this.cursor = null;
      this.start(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) for (const each of event.getCoalescedEvents?.() ?? []) this.move(each);
      if (canvas.hasPointerCapture(event.pointerId)) this.move(event);
    });
    for (const name_ of ["pointerup", "pointercancel"]) canvas.addEventListener(name_, () => this.lift());
    canvas.addEventListener("keydown", (event) => this.onKey(event));
    canvas.addEventListener("blur", () => this.leave());
    return canvas;
  }

  lift() {
    if (!this.held) return;
    this.held = false;
    this.settle();
    this.invalidate();
  }

  leave() {
    this.cursor = null;
    this.invalidate();
  }

  get busy() {
    return Boolean(this.held);
  }

  get settleTime() {
    return REST_MS;
  }

  rest() {
    super.rest();
    this.root.dataset.rests = String(Number(this.root.dataset.rests ?? 0) + 1);
  }

  /** What was done is said when it is done. */
  announce() {}
};
