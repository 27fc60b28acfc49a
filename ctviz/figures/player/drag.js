// The start of a single search as a handle: dragged, or moved by arrow keys, while the browser searches from it.

import { element } from "./elements.js";
import { inflate, kept } from "./message.js";
import { clamp, written } from "./numbers.js";
import { STEP } from "./runs.js";
import { masked, Models, search } from "./search.js";

/** Pixels that a pointer must go before a press becomes a drag. */
const SLACK = 3;
/** After the last arrow key the start is taken as dropped. */
const REST_MS = 700;
/** Share of the panel that an arrow key moves the start, and with shift. */
const STRIDE = [0.01, 0.05];

const OUTCOMES = ["mature", "already", "short", "stuck"];
/** Of the extent: what moves less in the end is stuck, as in outcome.py. */
const REST_SHARE = 1e-3;

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** Models survive a change of page. */
const MODELS = kept("__ctvizModels", 4);

/** What follows a start that is dragged over the panels of `paths`. */
export class Drag {
  /** `make` turns a header and arrays, as trace.py describes them, into searches. */
  constructor(paths, make) {
    Object.assign(this, { paths, make });
    this.header = null; // the field `models` of the last message
    this.active = this.shown = false;
    this.where = null; // unit point of the start
    this.searched = this.searchedAt = null; // unit point and epoch that were searched last
    this.handles = [];
    this.count = this.spent = 0;
  }

  // -- data --

  async receive(meta, bytes) {
    if (meta?.bytes) MODELS.set(meta.key, new Models(meta, new Float32Array(await inflate(bytes))));
  }

  take(meta) {
    this.header = meta ?? null;
    // The browser may have lost what the server believes it holds.
    if (meta && !this.models) this.paths.missingModels.ask({ models: meta.key });
    else this.paths.missingModels.stop();
  }

  get models() {
    return this.header && MODELS.get(this.header.key);
  }

  /** Whether there is one start, and all that its searches need. */
  get possible() {
    const { paths } = this;
    return Boolean(paths.bridge.tell && paths.setup?.places && this.models && paths.searched && paths.chosen != null);
  }

  // -- the handles --

  /** Gives a panel its handle. Only the first takes part in the order of focus: all move the same start. */
  equip(panel) {
    const node = element("div", "ctv-start");
    node.setAttribute("role", "application");
    node.setAttribute("aria-roledescription", "movable point");
    node.tabIndex = panel.arm === 0 ? 0 : -1;
    node.hidden = true;
    panel.plot.append(node);
    if (panel.arm === 0) this.handles = [];
    this.handles.push({ node, panel });
    this.listen(node, panel);
    return panel;
  }

  listen(node, panel) {
    let pressed = null; // pointer, its place, and how far it lies from the start
    const at = ({ clientX, clientY }) => {
      const box = panel.plot.getBoundingClientRect();
      const [x, y] = [clientX - box.left + pressed.offset[0], clientY - box.top + pressed.offset[1]];
      return [clamp(x / box.width, 0, 1), clamp(1 - y / box.height, 0, 1)];
    };
    node.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || pressed || !this.possible) return;
      this.pulled = false;
      const box = panel.plot.getBoundingClientRect(), [u, v] = this.start;
      const offset = [u * box.width - (event.clientX - box.left), (1 - v) * box.height - (event.clientY - box.top)];
      pressed = { id: event.pointerId, from: [event.clientX, event.clientY], offset, dragged: false };
      node.setPointerCapture(event.pointerId);
    });
    node.addEventListener("pointermove", (event) => {
      event.stopPropagation(); // the probe would cover the start
      this.paths.hover(null);
      if (pressed?.id !== event.pointerId) return;
      const [x, y] = pressed.from;
      if (!pressed.dragged && Math.hypot(event.clientX - x, event.clientY - y) < SLACK) return;
      pressed.dragged = true;
      this.move(at(event));
    });
    const release = (end) => (event) => {
      if (pressed?.id !== event.pointerId) return;
      this.pulled = pressed.dragged;
      pressed = null;
      if (this.pulled) end();
    };
    node.addEventListener("pointerup", release(() => this.drop()));
    node.addEventListener("pointercancel", release(() => this.cancel()));
    node.addEventListener("click", (event) => {
      if (this.pulled) event.stopPropagation();
      this.pulled = false;
    });
    node.addEventListener("keydown", (event) => this.onKey(event));
    node.addEventListener("blur", () => this.keyed && this.drop());
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    const known = arrow || (this.active && (event.key === "Enter" || event.key === "Escape"));
    if (!known) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Enter") return this.drop();
    if (event.key === "Escape") return this.cancel();
    const [u, v] = this.start, stride = STRIDE[Number(event.shiftKey)];
    this.move([clamp(u + stride * arrow[0], 0, 1), clamp(v + stride * arrow[1], 0, 1)]);
    this.keyed = setTimeout(() => this.drop(), REST_MS);
  }

  /** Where the start is. */
  get start() {
    if (this.active) return this.where;
    const { searches, chosen } = this.paths;
    const column = searches.columns(chosen)[0];
    return [searches.factuals[2 * column] / STEP, searches.factuals[2 * column + 1] / STEP];
  }

  /** Puts the handles where the start is. */
  place() {
    const there = this.shown = this.active || this.possible;
    for (const { node, panel } of this.handles) {
      node.hidden = !there;
      if (!there) continue;
      const [u, v] = this.start;
      node.style.transform = `translate(${u * panel.width}px, ${(1 - v) * panel.height}px)`;
      node.dataset.dragged = String(this.active);
      node.setAttribute("aria-label", `${this.words}. Drag it, or move it with the arrow keys: the searches follow.`);
    }
  }

  get words() {
    const { paths } = this;
    const { scene } = paths.run;
    const places = paths.toData(this.start).map((value, i) => `${scene.features[i]} = ${written(scene, i, value)}`);
    return `Start at ${places.join(", ")}`;
  }

  /** What is said of the picture while the start is dragged. */
  get hint() {
    const { epoch } = this.paths;
    const own = this.models.nearest(epoch);
    return own === epoch ? this.words : `${this.words}; searched with the models of epoch ${own}`;
  }

  // -- dragging --

  begin() {
    const { paths } = this;
    this.active = true;
    this.before = { searches: paths.searches, selected: paths.selected };
    this.latest = paths.searches.live ? this.latest : paths.searches.key;
    clearTimeout(paths.patience);
    clearTimeout(paths.settling);
    paths.asked = null;
    for (const player of paths.players) {
      player.playing = false;
      player.goal = player.peeked = null;
    }
    paths.steps.position = Infinity;
    paths.epochs.position = paths.epochs.frame;
  }

  move(where) {
    clearTimeout(this.keyed);
    this.keyed = null;
    if (!this.active) {
      if (!this.possible) return;
      this.begin();
    }
    this.where = where;
    this.paths.invalidate();
  }

  /** Whether what is drawn are the searches from where the start is held. */
  get drawn() {
    return this.active && this.searched === this.where && this.paths.drawnKey === this.paths.searches.key;
  }

  /** Searches from where the start has come to: once in each frame, before it is drawn. */
  search() {
    const { paths, where } = this;
    if (!this.active || !where || !this.models || (this.searched === where && this.searchedAt === paths.epoch)) return;
    const begun = performance.now();
    this.searched = where;
    this.searchedAt = paths.epoch;
    paths.selected = null;
    paths.searches = this.make(...this.traced(where));
    paths.searches.live = true;
    this.spent = performance.now() - begun;
  }

  /** The searches of all arms from a place, as those of a trace. */
  traced(where) {
    const { paths, models } = this;
    const { search: rules } = this.header;
    const { scene } = paths.run;
    const start = Float64Array.from(paths.told(where), Math.fround); // as the server will get it
    const nets = models.at(models.nearest(paths.epoch));
    const first = models.at(models.nearest(rules.epoch))[0];
    const target = rules.target ?? (first.predict(start) + 1) % scene.classes.length;
    const found = nets.map((net, arm) => search(net, start, target, rules, arm));
    const points = found.flatMap((one) => one.points);
    const ends = found.map((one) => one.points[one.steps]);
    const all = (name) => found.flatMap((one) => one[name]);
    const each = (name) => found.map((one) => one[name]);
    const none = new Float32Array(found.length);
    const real = this.placesOf(ends.map((end) => this.nearest(end, target) ?? end));
    const neighbour = rules.neighbours[target];
    const shielded = found.map(({ mature }, arm) => (mature ? masked(neighbour, ends[arm], rules.masks, arm) : neighbour));
    const meta = {
      key: `dragged ${++this.count}`, epochs: [paths.epoch], dims: { m: nets.length, b: 1 }, groups: 1, outcomes: OUTCOMES,
    };
    return [meta, {
      factuals: this.placesOf([start]), group: Uint16Array.of(0), targets: Uint8Array.of(target),
      points: this.placesOf(points), nearest: real,
      neighbours: this.placesOf(found.map(() => neighbour)), shielded: this.placesOf(shielded),
      steps: Uint16Array.from(each("steps")), nascent: Uint16Array.from(each("nascent")), mature: Uint8Array.from(each("mature")),
      probability: Uint16Array.from(all("probability"), (p) => Math.round(STEP * p)),
      energy: Float32Array.from(all("energy")), distance: Float32Array.from(all("distance")),
      outcome: Uint8Array.from(found, (one) => this.outcome(one)), predicted: Uint8Array.from(nets, (net) => net.predict(start)),
      divergence: none, reachable: none,
    }];
  }

  /** Points of the plane as steps of 1/65535 of the extent. */
  placesOf(points) {
    return Uint16Array.from(points.flatMap((point) => this.paths.toUnit([...point]).map((share) => Math.round(STEP * share))));
  }

  /** The real sample of a class that lies nearest to a point, in data units; null where the class has none. */
  nearest(end, target) {
    const { points, labels, lower, upper } = this.paths.run.scene;
    const size = [0, 1].map((j) => (upper[j] - lower[j]) / STEP);
    let best = null, least = Infinity;
    for (let i = 0; i < labels.length; i++) {
      if (labels[i] !== target) continue;
      const real = [lower[0] + size[0] * points[2 * i], lower[1] + size[1] * points[2 * i + 1]];
      const apart = (real[0] - end[0]) ** 2 + (real[1] - end[1]) ** 2;
      if (apart < least) [best, least] = [real, apart];
    }
    return best;
  }

  /** As in outcome.py; that no counterfactual exists is left to the server. */
  outcome({ mature, steps, points }) {
    if (mature) return steps ? 0 : 1;
    const { lower, upper } = this.paths.run.scene;
    const since = [points[Math.max(0, steps - 1)], points[Math.floor((3 * steps) / 4)]];
    const moved = since.flatMap((point) => [0, 1].map((j) => Math.abs(points[steps][j] - point[j]) / (upper[j] - lower[j])));
    return Math.max(...moved) < REST_SHARE ? 3 : 2;
  }

  /** The place is the server's from here on: it searches at all epochs. */
  drop() {
    clearTimeout(this.keyed);
    this.keyed = null;
    if (!this.active) return;
    this.search();
    this.active = false;
    this.paths.choose(this.where);
  }

  /** Back to what was searched before. */
  cancel() {
    clearTimeout(this.keyed);
    this.keyed = null;
    if (!this.active) return;
    const { paths } = this;
    this.active = false;
    this.searched = null;
    paths.searches = this.before.searches;
    paths.selected = this.before.selected;
    paths.takeSearches(this.latest);
    paths.invalidate();
  }

  /** Whether searches that arrive must wait: those from before, while a start is dragged or the server has not answered. */
  holds(key) {
    if (this.active) this.latest = key;
    return this.active || Boolean(this.paths.searches?.live && this.paths.asked && key === this.latest);
  }

  /** The server has not answered. */
  giveUp() {
    if (this.paths.searches?.live) this.paths.takeSearches(this.latest);
  }

  leave() {
    clearTimeout(this.keyed);
    this.keyed = null;
    this.active = false;
    this.searched = this.where = null;
  }
}
