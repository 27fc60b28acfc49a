// What everything that is shown has in common: an element with a theme and a size, what it is told, what it tells.

import { element, keepsSpace, setText } from "./elements.js";
import { bytesOf, parse } from "./message.js";
import { css, themeOf } from "./theme.js";

/** Pixels: a phone. */
export const NARROW = 540;
const SETTLE_MS = 150;
const ANNOUNCE_MS = 4000;

const PAGE = '[data-testid="stMainBlockContainer"]';
const SCROLLS = '[data-testid="stMain"]';

/** Leaves nothing of a key to the browser. */
function taken(event, on) {
  event.preventDefault();
  if (event.key === " ") on.addEventListener("keyup", (up) => up.preventDefault(), { once: true }); // when Firefox presses a button
}

/** Asks the outside for what is missing: never while mounting, not twice for the same within three seconds, and again until it comes. */
export class Need {
  constructor(component) {
    this.component = component;
  }

  ask(wish) {
    clearTimeout(this.again);
    this.again = setTimeout(() => this.component.root.isConnected && this.ask(wish), 3200);
    const text = JSON.stringify(wish);
    if (this.text === text && performance.now() - this.at < 3000) return;
    this.text = text;
    this.at = performance.now();
    setTimeout(() => this.component.bridge.need?.(wish), 0);
  }

  stop() {
    clearTimeout(this.again);
  }
}

/** `bridge` takes what the outside may want: `report(state)`, `need(wish)`, `tell(name, value)`. */
export class Component {
  constructor(parent, bridge, name = "") {
    this.bridge = bridge;
    this.note = element("p", "ctv-note");
    this.status = element("p", "ctv-status");
    this.key = element("ul", "ctv-key");
    this.spoken = element("p", "ctv-spoken");
    this.spoken.setAttribute("aria-live", "polite");
    this.note.hidden = true;
    this.root = element("div", `ctv-stage ${name}`.trim());
    this.root.setAttribute("role", "group");
    this.queue = Promise.resolve();
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.visible = true;
    this.missing = new Need(this);
    this.build();
    parent.append(this.root);
    this.watch();
  }

  watch() {
    this.abort = new AbortController();
    const { signal } = this.abort;
    this.root.addEventListener("keydown", (event) => this.onKey(event), { signal });
    document.addEventListener("visibilitychange", () => this.invalidate(), { signal });
    this.still.addEventListener("change", () => this.onMotion(), { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.repaint(), { signal });
    this.sizes = new ResizeObserver(() => this.layout());
    this.sizes.observe(this.root);
    this.followRoom(signal);
    this.printed(signal);
    document.addEventListener("keydown", (event) => this.onPageKey(event), { signal });
    this.sight = new IntersectionObserver((entries) => {
      this.visible = entries[entries.length - 1].isIntersecting;
      this.invalidate();
    });
    this.sight.observe(this.root);
  }

  /** On a large screen the height counts too: that of the window, and of what stands above. */
  followRoom(signal) {
    const again = () => requestAnimationFrame(() => this.root.isConnected && this.fills && this.layout());
    addEventListener("resize", again, { signal });
    const page = this.outside(PAGE);
    if (!page) return;
    this.pageSize = new ResizeObserver(again);
    this.pageSize.observe(page);
  }

  /** An element of the page around this one. */
  outside(selector) {
    const root = this.root.getRootNode();
    return (root.host ?? this.root).closest?.(selector) ?? null;
  }

  /** Whether the picture is to fill the window: the page sets it where it is projected. */
  get fills() {
    return getComputedStyle(this.root).getPropertyValue("--ctv-fill").trim() === "1";
  }

  /** Pixels from the top of the page, wherever it is scrolled to. */
  get fromTop() {
    return this.root.getBoundingClientRect().top + (this.outside(SCROLLS)?.scrollTop ?? scrollY);
  }

  /** Printed in light colours and finely, whatever the screen shows. */
  printed(signal) {
    const turn = (printing) => {
      if (!this.theme || this.printing === printing) return;
      this.printing = printing;
      this.repaint();
      this.layout();
      if (this.drawable) this.paint();
      this.freeze?.(printing);
    };
    addEventListener("beforeprint", () => turn(true), { signal });
    addEventListener("afterprint", () => turn(false), { signal });
  }

  destroy() {
    this.abort.abort();
    this.pageSize?.disconnect();
    this.sizes.disconnect();
    this.sight.disconnect();
    cancelAnimationFrame(this.request);
    clearTimeout(this.settling);
    this.missing.stop();
    this.root.remove();
  }

  // -- what is shown --

  /** Takes a message; in the order of arrival, since unpacking may take a while. */
  receive(bytes) {
    const { header, payload } = parse(bytes);
    this.queue = this.queue.then(() => this.take(header, payload)).catch((error) => {
      console.error(error);
      this.say(`The picture cannot be drawn: ${error.message}`);
    });
    return this.queue;
  }

  /** Takes the theme anew. */
  repaint() {
    if (!this.palette) return;
    const theme = themeOf(this.root, this.palette, this.printing);
    const mark = JSON.stringify([theme.set, theme.ground, this.dressedFor]);
    if (mark === this.painted) return;
    this.painted = mark;
    this.theme = theme;
    for (const name of ["ink", "muted", "rule", "accent", "conventional"]) this.root.style.setProperty(`--ctv-${name}`, theme.set[name]);
    this.root.style.setProperty("--ctv-ground", css(theme.ground));
    this.root.dataset.theme = theme.dark ? "dark" : "light";
    this.dress();
    this.invalidate();
  }

  /** What besides the theme decides how the parts are dressed. */
  get dressedFor() {
    return null;
  }

  /** Gives the parts the colours of the theme. */
  dress() {}

  /** Brings sizes in line with the room. */
  layout() {}

  /** Whether there is something to draw, and room for it. */
  get drawable() {
    return true;
  }

  // -- frames --

  /** The players of what moves; keys go to the first. */
  get players() {
    return [];
  }

  get moving() {
    return this.players.some((player) => player.moving);
  }

  invalidate() {
    if (this.request || document.hidden || !this.visible || !this.theme) return;
    this.request = requestAnimationFrame((now) => {
      this.request = 0;
      if (this.root.isConnected && this.drawable) this.tick(now);
    });
  }

  tick(now) {
    const passed = this.before && now - this.before < 250 ? (now - this.before) / 1000 : 1 / 60;
    this.before = this.moving ? now : 0;
    this.advance(passed, now);
    this.paint();
    if (this.players.some(({ playing }) => playing)) this.announce(ANNOUNCE_MS);
    if (this.moving) this.invalidate();
  }

  advance(seconds) {
    for (const player of this.players) player.advance(seconds);
  }

  /** Whoever wants no motion gets none, from that moment on. */
  onMotion() {
    if (this.still.matches) for (const player of this.players) player.playing = false;
    this.invalidate();
  }

  // -- what the person does --

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.drawable) return;
    const on = event.target;
    if (on.matches?.("input:not([type=range]), textarea, select")) return;
    if (!this.act(event.key, on, event.shiftKey)) return;
    taken(event, on);
    event.stopPropagation();
  }

  /** Whether at least half of this is in the window, or half of the window is filled by it. */
  get inSight() {
    const { top, bottom, height } = this.root.getBoundingClientRect();
    return Math.min(bottom, innerHeight) - Math.max(top, 0) >= 0.5 * Math.min(height, innerHeight);
  }

  /** Space plays and stops wherever the focus is, while this is in sight, and scrolls the page otherwise; who types or has come to a control with the keyboard keeps it. */
  onPageKey(event) {
    if (event.key !== " " || event.defaultPrevented || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
    const [on] = event.composedPath();
    if (!this.inSight || !this.drawable || this.root.contains(on) || keepsSpace(on)) return;
    if (this.act(" ", on)) taken(event, on);
  }

  /** Does what a key asks for; false where it asks for nothing. */
  act(key, on) {
    return this.players.length > 0 && this.players[0].act(key, on);
  }

  // -- what is told --

  /** Shows a note in place of the picture, or above it. */
  say(text) {
    this.note.hidden = false;
    this.note.textContent = text;
  }

  /** Has a text read out. */
  speak(text) {
    setText(this.spoken, text);
  }

  /** Makes facts readable from outside, for styles and tests. */
  publish(facts) {
    const { dataset } = this.root;
    for (const name in facts) if (dataset[name] !== String(facts[name])) dataset[name] = String(facts[name]);
  }

  /** Whether the person has not come to rest. */
  get busy() {
    return this.players.some((player) => player.busy);
  }

  get settleTime() {
    return SETTLE_MS;
  }

  /** Reports and announces what the person has come to rest on, a little later. */
  settle() {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => !this.busy && this.rest(), this.settleTime);
  }

  rest() {
    const state = this.state();
    const text = JSON.stringify(state);
    if (text !== this.reported) this.bridge.report?.(state);
    this.reported = text;
    this.announce();
  }

  /** The state in words, at most once in `pause` milliseconds. */
  announce(pause = 0) {
    if (pause && performance.now() - (this.announcedAt ?? 0) < pause) return;
    this.announcedAt = performance.now();
    this.speak(this.inWords());
    this.describe();
  }

  /** Brings the text alternatives of the pictures up to date. */
  describe() {}
}

// ---- the two ways in ----------------------------------------------------------------------------------------

const MOUNTED = new WeakMap();

/** Milliseconds for which a page that was gone to is waited for. */
const LEAVING_MS = 10000;
let left = -Infinity; // when a link to another page was followed last
globalThis.document?.addEventListener("click", (event) => {
  const link = event.composedPath().find((node) => node.matches?.("a[href]"));
  const elsewhere = link && link.origin === location.origin && link.pathname !== location.pathname;
  if (elsewhere && !link.target && !event.ctrlKey && !event.metaKey && !event.shiftKey) left = performance.now();
}, true);

/** Whether the person has followed a link to another page, which may not be there yet. */
const leaving = () => performance.now() - left < LEAVING_MS;

/** Streamlit component of a kind: called again on the same element whenever data or theme change. */
export const mounting = (Kind) => ({ data, parentElement, setStateValue, setTriggerValue }) => {
  // Who goes to another page is told of nothing here any more: Streamlit would run a fragment in place of that page.
  const here = (say) => (...told) => location.pathname === entry.path && !leaving() && say(...told);
  const bridge = {
    report: here((state) => setStateValue("view", state)),
    need: here((wish) => setTriggerValue("need", wish)),
    tell: here((name, value) => setTriggerValue(name, value)),
  };
  let entry = MOUNTED.get(parentElement);
  if (!entry) MOUNTED.set(parentElement, (entry = { component: new Kind(parentElement, bridge), calls: 0 }));
  const { component } = entry;
  component.bridge = bridge;
  if (entry.path !== location.pathname) left = -Infinity; // it has come
  entry.path = location.pathname;
  component.repaint();
  const call = ++entry.calls;
  if (data) component.receive(data);
  // A call that a later one has overtaken is cleaned up too, while the element lives on.
  return () => setTimeout(() => {
    if (call !== entry.calls || component.root.isConnected) return;
    component.destroy();
    MOUNTED.delete(parentElement);
  }, 0);
};

/** Standalone page: the message lies in the page, in base64. */
export function open(Kind) {
  const message = bytesOf(document.getElementById("data").textContent.trim());
  return new Kind(document.getElementById("figure"), {}).receive(message);
}
