// The stage: decision boundaries seen learning, one panel per arm, in lockstep.
//
// Nothing here makes a request, and words that come with the data reach the page as text, never as markup.

import { Component, NARROW } from "./component.js";
import { shape, wrap, write } from "./drawing.js";
import { button, element, group, pressed, setText } from "./elements.js";
import { drawScale, energyMarks, energySentence, energyTable, energyText, gapText, Scale, scaleLegend } from "./energy.js";
import { boundaryKey, classKey, markIcon, sureKey, swingKey, walkKey } from "./key.js";
import { inflate, sections } from "./message.js";
import { conceal, expose } from "./meter.js";
import { clamp, phrase, written } from "./numbers.js";
import { CAPTIONS, Panel } from "./panel.js";
import { Player } from "./player.js";
import { heldRun, Run, STEP } from "./runs.js";
import { css } from "./theme.js";

const LAYERS = ["points", "paths", "contours"];
/** Pixels between columns of panels, and those that figures take beside a plot. */
const GAP = 24;
const BESIDE = 128;
/** Ratio of the extents of two features from which on they are drawn on scales of their own. */
const UNLIKE = 2.5;
/** Pixels between two rows of the legend in a picture that is taken away. */
const ROW = 22;
/** Pixels of a canvas for one of the page where it is printed. */
const PRINT_RATIO = 3;

function sentence(title, metrics, arm) {
  const facts = CAPTIONS.map(([name, words, format]) => [metrics[name]?.[arm], words, format])
    .filter(([value]) => value != null)
    .map(([value, words, format]) => `${words} ${format(value)}`);
  return `${title}: ${facts.join(", ") || "no figures"}.`;
}

/** The player of the epochs: its frames are those of the run, its slider counts epochs. */
class Epochs extends Player {
  get last() {
    return this.host.run.frames.length - 1;
  }

  /** A run takes about ten seconds, whatever its length. */
  get pace() {
    return clamp(this.host.run.frames.length / 10, 2, 12);
  }

  /** The last stretch of a run that has ended may still be on its way. */
  get growing() {
    return !this.host.complete;
  }

  get told() {
    const { epoch, exactEpoch, run, total } = this.host;
    return {
      count: ["Epoch ", epoch, ` of ${total}`], letters: String(total).length + 11,
      value: exactEpoch, loaded: run.last, max: total, words: `epoch ${epoch} of ${total}`,
    };
  }

  locate(value) {
    const { run } = this.host;
    const epoch = Math.min(value, run.last);
    const index = run.index(epoch);
    const [from, to] = [run.frames[index].epoch, run.frames[Math.min(index + 1, this.last)].epoch];
    return index + (to > from ? clamp((epoch - from) / (to - from), 0, 1) : 0);
  }

  /** The newest epoch of a live run is followed from there on. */
  taken(frame) {
    this.host.takeOver(this.host.live && frame >= this.last);
  }
}

/** All panels of one run in lockstep. */
export class Stage extends Component {
  build() {
    this.run = new Run("");
    this.panels = [];
    this.pendingEpoch = null; // asked for, not loaded yet
    this.following = this.live = this.complete = false;
    this.total = 0;
    this.layers = new Set(LAYERS);
    this.layer = "probability"; // what colours the plane
    this.offer = null; // of energies: the usual class; null where none can be had
    this.energyClass = null;
    this.scale = this.energyTable = null;
    this.pinned = this.hovered = null; // points of the unit square
    this.stamps = [];
    this.frameCount = 0;
    this.epochs = new Epochs(this, "Epoch", ...this.epochButtons);
    this.grid = element("div", "ctv-panels");
    this.transport = element("div", "ctv-transport", ...this.controls());
    this.legend = element("p", "ctv-scale");
    this.legend.hidden = true;
    this.root.append(this.note, this.grid, this.legend, this.transport, this.status, this.key, this.spoken);
    this.root.setAttribute("aria-label", this.label);
    this.root.tabIndex = -1;
    this.grid.tabIndex = 0;
    this.grid.setAttribute("role", "group");
    this.grid.setAttribute("aria-label", "Panels; shift and an arrow key move the probe");
    this.grid.hidden = this.transport.hidden = true;
    this.say("Waiting for the first epoch …");
  }

  watch() {
    super.watch();
    this.meter();
  }

  destroy() {
    super.destroy();
    conceal(this);
  }

  // -- what a stage of another kind has of its own --

  get label() {
    return "Decision boundaries over the epochs. Space plays, arrow keys step, shift and an arrow key move the probe, enter pins it, E shows the energy.";
  }

  get hint() {
    return "Point at a panel to read the same place in all of them; click to pin it.";
  }

  get layerHelp() {
    return { points: "Show the data points", paths: "Show this epoch's counterfactuals", contours: "Show the lines of 25 % and 75 % probability, or of equal energy" };
  }

  /** Share of the window's height that the panels may take, and how strongly the data points are drawn. */
  get share() {
    return 0.54;
  }

  get faintness() {
    return 0.9;
  }

  /** Panels that may stand side by side, and the least height of one, as a share of its width. */
  get mostColumns() {
    return 4;
  }

  get flattest() {
    return 0.6;
  }

  /** What the buttons are called that step through the epochs, where not as in every player. */
  get epochButtons() {
    return [];
  }

  makePanel(arm) {
    return new Panel(this, arm);
  }

  /** The inline key: what the marks are. */
  makeKey() {
    const { theme, run } = this;
    const ink = css(theme.ink);
    if (this.scale) {
      const { energyClass: kind, energyName: name } = this, colour = css(theme.marks[kind % theme.marks.length]);
      return [...energyMarks(theme, colour, markIcon(kind, colour), name), boundaryKey(ink)];
    }
    const searched = run.frames[0]?.paths ? [...walkKey(theme), swingKey(ink)] : [];
    return [...classKey(this), ...searched, boundaryKey(ink), sureKey(this)];
  }

  /** Rows of controls. */
  controls() {
    const { epochs } = this;
    this.way = element("div", "ctv-row ctv-main", epochs.moves, epochs.slider.root, epochs.count.root, this.makeFollow());
    return [this.way, this.makeExtras()];
  }

  makeFollow() {
    this.follow = button("ctv-follow", "Follow the newest epoch", "Follow");
    this.follow.addEventListener("click", () => this.epochs.go(this.epochs.last));
    return this.follow;
  }

  /** Layers, and what belongs to the player of what moves: speed, loop; and the picture. */
  makeExtras() {
    const { speedGroup, loopButton } = this.players[0];
    this.layerButtons = LAYERS.map((layer) => button("ctv-layer", "", layer[0].toUpperCase() + layer.slice(1)));
    this.layerButtons.forEach((node, i) => {
      node.title = this.layerHelp[LAYERS[i]];
      node.addEventListener("click", () => this.toggleLayer(LAYERS[i]));
    });
    this.colours = ["probability", "energy"].map((layer) => {
      const node = button("ctv-colour", "", layer[0].toUpperCase() + layer.slice(1));
      node.addEventListener("click", () => this.colourBy(layer));
      return node;
    });
    this.colours[0].title = "Colour the plane by the predicted probability";
    this.colours[1].title = "Colour the plane by the energy of a class: low where the model finds that a point looks like it (E)";
    this.colourGroup = group("Colour of the plane", "ctv-segments ctv-colours", ...this.colours);
    this.classGroup = group("Class whose energy is shown", "ctv-segments");
    this.colourGroup.hidden = this.classGroup.hidden = true;
    const picture = button("ctv-picture", "Download as PNG", "PNG", "picture");
    picture.addEventListener("click", () => this.download());
    return element("div", "ctv-row ctv-more", group("Show", "ctv-segments", ...this.layerButtons), this.colourGroup, this.classGroup, speedGroup, loopButton, picture);
  }

  get players() {
    return [this.epochs];
  }

  // -- data --

  async take(header, payload) {
    const cut = payload.length - (header.trace?.bytes ?? 0) - (header.models?.bytes ?? 0);
    const energies = header.energy?.stretch, end = cut - (energies?.bytes ?? 0);
    const run = heldRun(header.key);
    if (header.recording) run.append(header.recording, sections(header.recording, await inflate(payload.subarray(0, end))));
    if (energies) run.appendEnergies(energies, new Uint8Array(await inflate(payload.subarray(end, cut))));
    await this.receiveMore(header, payload.subarray(cut));
    this.takeRun(header, run);
  }

  /** Takes what lies behind the recording in a message. */
  async receiveMore() {}

  /** The same once it is its turn. */
  takeMore() {}

  takeRun(header, run) {
    const changed = this.run.key !== header.key;
    const grown = run.frames.length;
    this.palette = header.palette;
    this.total = Math.max(header.total, run.last);
    this.live = header.live;
    this.complete = !header.live && !header.more && run.last >= header.last;
    this.run = run;
    this.offer = header.energy;
    if (changed) this.begin(header.initial);
    this.pinnedWalks = header.pinned ?? null;
    this.takeMore(header);
    const lacking = this.lackingEnergies;
    if (run.last < header.last || header.more || lacking) this.missing.ask({ key: run.key, from: run.last + 1, ...lacking });
    else this.missing.stop();
    if (!grown || !run.scene) return this.empty();
    if (this.furnished !== run.key) this.furnish();
    else {
      const waited = !this.scale;
      this.repaint();
      if (waited && this.scale) this.announce(); // the energies that were asked for
    }
    this.proceed();
  }

  begin(initial) {
    this.beginPlayers(initial);
    this.layers = new Set(initial.layers);
    this.layer = (this.offer && initial.layer) || "probability";
    this.energyClass = initial.energy_class ?? this.offer?.usual ?? null;
    this.wantedProbe = initial.probe;
    this.pinned = this.hovered = null;
    this.following = this.live && initial.epoch == null;
    this.pendingEpoch = initial.epoch ?? (this.following ? null : this.epochs.playing ? 0 : Infinity);
    this.reported = null;
    this.started = false;
  }

  beginPlayers(initial) {
    this.epochs.begin({ ...initial, position: 0 });
  }

  /** Moves on to what has been waited for, now that more is loaded. */
  proceed() {
    const { epochs } = this;
    if (this.pendingEpoch != null) {
      epochs.position = this.run.index(this.pendingEpoch);
      if (this.run.last >= this.pendingEpoch || this.complete) this.pendingEpoch = null;
    } else if (this.following && !this.started) epochs.position = epochs.last;
    else if (this.following && !epochs.playing) epochs.glide(epochs.last);
    if (this.complete) this.following = false; // a run that has ended may still be arriving
    if (!this.started) {
      this.started = true;
      this.reported = JSON.stringify(this.state());
      this.announce();
    }
    this.invalidate();
  }

  empty() {
    this.furnished = null;
    this.panels = []; // those of the run before: a frame that was asked for already must not draw them
    this.grid.hidden = this.transport.hidden = this.legend.hidden = true;
    this.say(this.live ? "Waiting for the first epoch …" : "Loading …");
  }

  /** Makes the panels of a run. */
  furnish() {
    const { scene } = this.run;
    this.furnished = this.run.key;
    this.panels = scene.arms.map((_, arm) => this.makePanel(arm));
    this.makeClasses();
    this.grid.replaceChildren(...this.panels.map((panel) => panel.root));
    this.note.hidden = true;
    this.grid.hidden = this.transport.hidden = false;
    if (!this.run.frames[0].field) this.say("No probability field was recorded for this run.");
    this.pinned = this.wantedProbe && this.holds(this.wantedProbe) ? this.toUnit(this.wantedProbe) : null;
    this.width = 0;
    this.repaint();
    this.layout();
  }

  repaint() {
    if (!this.run.scene) return;
    this.takeScale();
    super.repaint();
  }

  get dressedFor() {
    return [this.run.key, Boolean(this.run.frames[0]?.paths), this.scale && [this.energyClass, this.scale.mark]];
  }

  dress() {
    this.energyTable = this.scale && energyTable(this.theme, this.scale);
    this.panels.forEach((panel) => panel.dress(this.run.scene, this.theme));
    this.key.replaceChildren(...this.makeKey());
    this.legend.hidden = !this.scale;
    if (this.scale) this.legend.replaceChildren(...scaleLegend(this.theme, this.scale, this.energyName));
    this.marks = null;
  }

  // -- layout --

  layout() {
    const width = this.root.clientWidth;
    const ratio = this.printing ? PRINT_RATIO : this.hurried ? 1 : Math.min(devicePixelRatio || 1, 2);
    if (!width || !this.panels.length || !this.run.scene) return;
    this.root.dataset.fill = String(this.fills);
    const { columns, beside, plot } = this.printing ? onPaper(this.panels.length) : arrange(this.panels.length, width, this.room, this.shape, this.mostColumns, this.flattest);
    this.root.style.setProperty("--ctv-columns", String(columns));
    this.root.style.setProperty("--ctv-plot", `${plot}px`);
    this.root.style.setProperty("--ctv-shape", String(1 / this.shape));
    this.root.dataset.beside = String(beside);
    const size = clamp(10.5 + width / 170, 14, 24);
    this.root.style.setProperty("--ctv-size", `${size}px`);
    this.root.style.setProperty("--ctv-panel-size", `${clamp(width / columns / 22, 12, size)}px`);
    this.root.dataset.narrow = String(width < NARROW);
    const inner = this.panels[0].plot.clientWidth;
    if (!inner) return; // no room yet: what has no size cannot be drawn
    const height = Math.round(inner * this.shape);
    const signature = `${inner} ${height} ${ratio}`;
    if (signature === this.signature && width === this.width) return;
    this.signature = signature;
    this.width = width;
    this.panels.forEach((panel) => panel.resize(inner, height, ratio));
    this.radius = clamp(Math.sqrt(inner * height) / 115, 2.3, 5);
    this.marks = null;
    if (this.shown) this.paint();
    this.invalidate();
  }

  freeze(printing) {
    this.panels.forEach((panel) => panel.freeze(printing));
  }

  /** Height of a panel over its width: one unit of each feature is as long as one of the other, unless they are hardly of one kind. */
  get shape() {
    const { lower, upper } = this.run.scene;
    const tall = (upper[1] - lower[1]) / (upper[0] - lower[0]);
    return tall >= 1 / UNLIKE && tall <= UNLIKE ? tall : 0.8;
  }

  /** Height that a row of panels may take, and that of the figures where they stand below it. */
  get room() {
    const figures = 3.4 * parseFloat(getComputedStyle(this.root).fontSize);
    // A stage far down the page is scrolled to.
    if (!this.fills || this.fromTop > innerHeight / 2) return { rows: (n) => (this.share * innerHeight) / n - (n > 1 ? 70 : 0), figures: 0 };
    const [{ plot, caption }] = this.panels;
    const tall = plot.offsetHeight;
    const rows = tall ? Math.round((this.grid.offsetHeight || tall) / tall) || 1 : 1;
    const own = this.root.dataset.beside === "true" ? 0 : rows * caption.offsetHeight;
    const rest = this.root.offsetHeight - rows * tall - own - this.below;
    const left = innerHeight - this.fromTop - rest - 12;
    return { rows: (n) => left / n, figures };
  }

  /** Pixels below the legend, which may lie below the fold. */
  get below() {
    return 0;
  }

  /** The data points, the same in all panels, drawn once. */
  drawMarks() {
    const { width, height, ratio } = this.panels[0];
    const { points, labels } = this.run.scene;
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.globalAlpha = this.faintness;
    context.lineWidth = 0.9;
    context.strokeStyle = css(this.theme.ground);
    for (let i = 0; i < labels.length; i++) {
      if (this.scale && labels[i] !== this.energyClass) continue;
      context.beginPath();
      shape(context, labels[i], (points[2 * i] / STEP) * width, height - (points[2 * i + 1] / STEP) * height, 0.82 * this.radius);
      context.fillStyle = css(this.theme.marks[labels[i] % this.theme.marks.length]);
      context.stroke();
      context.fill();
    }
    return canvas;
  }

  // -- frames --

  get drawable() {
    return this.panels.length > 0 && this.width > 0;
  }

  advance(seconds, now) {
    super.advance(seconds);
    this.hurry();
    this.countFrames(now);
  }

  /** Where drawing is slow, fine pixels wait until the picture rests. */
  hurry() {
    const slow = this.moving && (this.hurried || (this.stamps.length > 12 && this.fps < 40));
    if (slow === Boolean(this.hurried)) return;
    this.hurried = slow;
    if (devicePixelRatio > 1) this.layout();
  }

  paint() {
    const { frames } = this.run;
    const where = this.epochs.place;
    const exact = this.still.matches ? Math.round(where) : where;
    const a = frames[Math.floor(exact)];
    const b = frames[Math.min(Math.floor(exact) + 1, frames.length - 1)];
    const share = exact - Math.floor(exact);
    this.shown = { a, b, share };
    const nearest = frames[Math.round(exact)];
    this.marks ??= this.drawMarks();
    for (const panel of this.panels) {
      panel.draw(a, b, share, this.marks);
      this.captions(panel, nearest).forEach(([term, value], i) => {
        setText(panel.terms[i], term);
        setText(panel.values[i], value);
        panel.figures[i].hidden = value === "–" && this.lacking(i);
      });
    }
    this.status.textContent = this.whereabouts;
    this.drawnEpoch = share === 0 ? nearest.epoch : null; // null: in between
    this.refresh();
    this.publish(this.facts);
  }

  /** Whether a page leaves out the figure at a place of the captions. */
  lacking(i) {
    const values = this.captions === Stage.prototype.captions ? this.run.frames.map(({ metrics }) => metrics[CAPTIONS[i][0]]) : [];
    return values.length > 0 && values.every((value) => value?.every((one) => one == null));
  }

  /** Brings every control in line with what is shown. */
  refresh() {
    const { players, live, following, layers, layer } = this;
    this.colourGroup.hidden = !this.offer;
    this.classGroup.hidden = !this.offer || layer !== "energy";
    this.colours.forEach((node, i) => pressed(node, layer === ["probability", "energy"][i]));
    [...this.classGroup.children].forEach((node, i) => {
      pressed(node, i === this.energyClass);
      node.hidden = !this.bridge.need && !this.run.energies.has(i); // a page alone has nobody to ask
    });
    for (const player of players) player.refresh();
    this.follow.hidden = !live;
    pressed(this.follow, following);
    this.follow.lastChild.textContent = following ? "Live" : "Follow";
    this.layerButtons.forEach((node, i) => pressed(node, layers.has(LAYERS[i])));
    // Of a run that kept its last epoch alone there is nothing to play.
    const { speedGroup, loopButton } = this.epochs;
    if (this.way) this.way.hidden = speedGroup.hidden = loopButton.hidden = !live && this.run.frames.length === 1;
  }

  /** What stands under a panel: pairs of words and a figure. */
  captions({ arm }, { metrics, epoch }) {
    const means = this.meansAt(epoch)?.[arm];
    if (means) {
      return [
        ["energy at real data", energyText(means.real)], ["at counterfactuals", energyText(means.ends)],
        [means.ends == null ? "none matured" : "than at real data", gapText(means.real, means.ends)],
      ];
    }
    return CAPTIONS.map(([name, words, format]) => [words, format(metrics[name]?.[arm])]);
  }

  get frame() {
    return this.run.frames[this.epochs.frame];
  }

  get epoch() {
    return this.frame?.epoch ?? 0;
  }

  /** The epoch with its fraction, for the scrubber. */
  get exactEpoch() {
    const { a, b, share } = this.shown;
    return a.epoch + share * (b.epoch - a.epoch);
  }

  // -- what the person does --

  /** The person has taken over the epochs: nothing is waited for any more. */
  takeOver(following) {
    this.pendingEpoch = null;
    this.following = following;
  }

  /** Colours the plane by the probability or by the energy. */
  colourBy(layer) {
    if (!this.offer || this.layer === layer) return;
    this.layer = layer;
    this.recolour();
  }

  showEnergyOf(kind) {
    this.energyClass = kind;
    this.recolour();
  }

  recolour() {
    this.repaint();
    this.settle();
    this.invalidate();
  }

  toggleLayer(layer) {
    if (!this.layers.delete(layer)) this.layers.add(layer);
    this.settle();
    this.invalidate();
  }

  act(key, on, shift) {
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
    if (arrow && shift) this.nudge(arrow);
    else if (key === "Enter" && !on.matches?.("button") && this.hovered) this.choose(this.hovered);
    else if (key === "Escape" && this.probed) this.leave();
    else if (key.toLowerCase() === "e" && this.offer) this.colourBy(this.layer === "energy" ? "probability" : "energy");
    else return super.act(key, on);
    return true;
  }

  // -- the probe --

  get probed() {
    return this.hovered ?? this.pinned;
  }

  hover(where) {
    this.hovered = where;
    this.invalidate();
  }

  nudge([dx, dy]) {
    const [u, v] = this.probed ?? [0.5, 0.5];
    this.hovered = [clamp(u + 0.02 * dx, 0, 1), clamp(v + 0.02 * dy, 0, 1)];
    this.announce();
    this.invalidate();
  }

  /** The person has clicked in a panel. */
  press(where) {
    this.pin(where, true);
  }

  /** Enter, at the place of the probe. */
  choose(where) {
    this.pin(where, false);
  }

  /** Pins the probe; at the place where it is pinned already, takes it away. */
  pin(where, byPointer) {
    const again = this.pinned && Math.hypot(where[0] - this.pinned[0], where[1] - this.pinned[1]) < 0.02;
    if (byPointer && again) return this.leave();
    this.pinned = where;
    this.hovered = null;
    this.settle();
    this.invalidate();
  }

  leave() {
    this.pinned = this.hovered = null;
    this.settle();
    this.invalidate();
  }

  /** Whether a point lies in the picture. */
  holds(point) {
    const { lower, upper } = this.run.scene;
    return point.every((value, i) => value >= lower[i] && value <= upper[i]);
  }

  toUnit(point) {
    const { lower, upper } = this.run.scene;
    return point.map((value, i) => clamp((value - lower[i]) / (upper[i] - lower[i]), 0, 1));
  }

  toData(unit) {
    const { lower, upper } = this.run.scene;
    return unit.map((value, i) => lower[i] + value * (upper[i] - lower[i]));
  }

  /** Two classes: the probability of the second; more: the two most probable. */
  readingOf(panel) {
    const { classes } = this.run.scene;
    const values = panel.probabilities(this.probed);
    const word = (i) => `P(${classes[i]}) = ${values[i].toFixed(2)}`;
    const energy = panel.levels ? [`E(${this.energyName}) = ${energyText(panel.energyAt(this.probed))}`] : [];
    if (classes.length === 2) return [...energy, word(1)];
    return [...energy, ...values.map((_, i) => i).sort((i, j) => values[j] - values[i]).slice(0, 2).map(word)];
  }

  get whereabouts() {
    if (this.layer === "energy" && !this.scale) return "Computing the energies …";
    if (!this.probed) return this.hint;
    const { scene } = this.run;
    const plain = (value) => value.toFixed(2).replace("-", "−");
    const data = this.toData(this.probed).map((value, i) => `${scene.features[i]} = ${written(scene, i, value, plain)}`);
    return `${this.hovered ? "Probe" : "Pinned"} at ${data.join(", ")}`;
  }

  // -- the energy of a class --

  /** What is held of the energies that are to be shown. */
  get energies() {
    return this.layer === "energy" ? this.run.energies.get(this.energyClass) : null;
  }

  get energyName() {
    return this.run.scene.classes[this.energyClass];
  }

  /** The epochs whose energies are to be shown and not held, as a wish. */
  get lackingEnergies() {
    if (this.layer !== "energy" || !this.offer || !this.run.frames.length) return null;
    const last = this.energies?.last ?? -1;
    return last < this.run.last ? { energy: [this.energyClass, last + 1] } : null;
  }

  /** The levels of two frames, if they are to be shown and held. */
  energiesOf(a, b) {
    const frames = this.scale && this.energies?.frames;
    const [from, to] = [frames?.get(a.epoch), frames?.get(b.epoch)];
    return from ? [from.levels, (to ?? from).levels] : null;
  }

  /** Of each arm, the mean energies at an epoch, if they are shown. */
  meansAt(epoch) {
    return (this.scale && this.energies?.frames.get(epoch)?.means) ?? null;
  }

  /** One scale for all panels and all epochs held: it widens as a run grows, for the epochs before it too. */
  takeScale() {
    const { energies } = this;
    this.scale = energies ? new Scale(energies.span, energies.limit) : null;
  }

  makeClasses() {
    const nodes = this.run.scene.classes.map((name, kind) => {
      const node = button("ctv-class", "", name);
      node.addEventListener("click", () => this.showEnergyOf(kind));
      return node;
    });
    this.classGroup.replaceChildren(...nodes);
  }

  // -- telling others --

  state() {
    const { playing, speed, loop } = this.players[0];
    const epoch = this.following || this.pendingEpoch === Infinity ? null : this.epoch;
    const { layer, energyClass, offer } = this;
    const chosen = { layer, energy_class: energyClass === offer?.usual ? null : energyClass };
    const probe = this.pinned ? this.toData(this.pinned).map((value) => Number(value.toPrecision(5))) : null;
    return { key: this.run.key, epoch, playing, speed, loop, layers: LAYERS.filter((name) => this.layers.has(name)), probe, ...chosen };
  }

  get busy() {
    return super.busy || !this.run.scene;
  }

  inWords() {
    const { arms } = this.run.scene;
    const words = this.words();
    if (this.probed && this.shown) {
      words.push(`${this.whereabouts}.`, ...this.panels.filter((p) => p.planes).map((p) => `${arms[p.arm].title}: ${this.readingOf(p).join(", ")}.`));
    }
    return words.join(" ");
  }

  describe() {
    const [head, ...words] = this.words();
    this.panels.forEach((panel) => panel.canvas.setAttribute("aria-label", `${head} ${words[panel.arm]}`));
  }

  /** The state in sentences: one for all, then one for each arm. */
  words() {
    const { epoch, metrics } = this.frame;
    const means = this.meansAt(epoch);
    const energy = (arm) => (means ? ` ${energySentence(this.energyName, means[arm])}` : "");
    return [`Epoch ${epoch}.`, ...this.run.scene.arms.map(({ title }, arm) => sentence(title, metrics, arm) + energy(arm))];
  }

  countFrames(now) {
    this.frameCount += 1;
    if (!this.moving) this.stamps.length = 0;
    this.stamps.push(now);
    while (now - this.stamps[0] > 1000) this.stamps.shift();
  }

  get fps() {
    const { stamps } = this;
    return stamps.length < 2 ? 0 : (1000 * (stamps.length - 1)) / (stamps[stamps.length - 1] - stamps[0]);
  }

  /** What tests and the benchmark read. */
  meter() {
    const stage = this;
    expose("__ctvizStage", this, {
      get fps() { return stage.fps; },
      get frames() { return stage.frameCount; },
      get epoch() { return stage.epoch; },
      get epochs() { return stage.run.frames.length; },
      get drawn() { return stage.drawnEpoch; },
      get playing() { return stage.players[0].playing; },
      get resting() { return !stage.moving && !stage.epochs.scrubbing; },
      get following() { return stage.following; },
      get live() { return stage.live; },
      get key() { return stage.run.key; },
      get layer() { return stage.scale ? "energy" : "probability"; },
      get scale() { return stage.scale && [stage.scale.low, stage.scale.high]; },
    });
  }

  /** What styles and tests read. */
  get facts() {
    return { epoch: this.epoch, epochs: this.run.frames.length, playing: this.players[0].playing, following: this.following, key: this.run.key };
  }

  // -- picture --

  /** All panels with headings, figures and the epoch as a PNG, twice as fine as on a plain screen. */
  async download() {
    const { ratio, width, height } = this.panels[0];
    const legend = await legendOf(this.key);
    this.redraw(width, height, 2);
    const picture = compose(this, legend);
    this.redraw(width, height, ratio);
    picture.toBlob((blob) => {
      const link = element("a");
      link.href = URL.createObjectURL(blob);
      link.download = `ctviz-${this.run.key.split(".")[0]}-${this.place}.png`; // without the attempt
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    }, "image/png");
  }

  /** Room below the panels of the picture for what else a stage shows, and the drawing of it. */
  get moreHeight() {
    return 0;
  }

  composeMore() {}

  /** Where the picture was taken, in words and in its name. */
  get heading() {
    return `Epoch ${this.epoch} of ${this.total}`;
  }

  get place() {
    return `epoch-${this.epoch}`;
  }

  redraw(width, height, ratio) {
    this.panels.forEach((panel) => panel.resize(width, height, ratio));
    this.marks = null;
    this.paint();
  }
}

/**
 * Columns of the panels, the width of each plot, and whether its figures stand beside it: side by side where there is
 * room, and the controls still in view. `shape` is the height of a plot over its width.
 */
function arrange(m, width, { rows, figures }, shape, most, flattest) {
  let columns = width < NARROW ? (m <= 2 ? 1 : 2) : Math.min(m, most);
  while (columns > 2 && width / columns < 230) columns -= 1;
  if (m > columns) columns = Math.ceil(m / Math.ceil(m / columns)); // rows of like length
  const each = (width - GAP * (columns - 1)) / columns;
  if (columns === 1 && width < NARROW) return { columns, beside: false, plot: Math.floor(each) };
  const high = rows(Math.ceil(m / columns));
  const below = clamp((high - figures) / shape, (m > columns && flattest >= 0.6 ? 0.8 : flattest) * each, each);
  const beside = clamp(high / shape, 0, each - BESIDE);
  const aside = beside > 0.94 * below;
  return { columns, beside: aside, plot: Math.floor((aside ? beside : below) / 4) * 4 };
}

/** On paper up to four panels stand side by side, as wide as there is room. */
const onPaper = (m) => ({ columns: m <= 4 ? m : Math.ceil(m / Math.ceil(m / 4)), beside: false, plot: 4000 });

/** The picture for the download: panels in the page's columns, each under its title and over its figures. */
function compose(stage, legend) {
  const { panels, theme, run } = stage;
  const gap = 28, head = 64, foot = 56;
  const columns = Number(stage.root.style.getPropertyValue("--ctv-columns"));
  const rows = Math.ceil(panels.length / columns);
  const { width, height } = panels[0];
  const canvas = document.createElement("canvas");
  canvas.width = 2 * (columns * (width + gap) + gap);
  const scaleHeight = stage.scale ? 30 : 0;
  const context = canvas.getContext("2d");
  context.font = `400 13px ${theme.font}`;
  const { placed, deep } = flow(context, legend, canvas.width / 2 - 2 * gap);
  canvas.height = 2 * (rows * (head + height + foot) + stage.moreHeight + scaleHeight + 72 + deep);
  context.scale(2, 2);
  context.fillStyle = css(theme.ground);
  context.fillRect(0, 0, canvas.width, canvas.height);
  panels.forEach((panel, i) => {
    const x = gap + (i % columns) * (width + gap);
    const y = head + Math.floor(i / columns) * (head + height + foot);
    const { title, role } = run.scene.arms[i];
    const means = stage.meansAt(stage.epoch)?.[panel.arm];
    const captions = panel.terms.flatMap((term, j) => (panel.figures[j].hidden ? [] : phrase(term.textContent, panel.values[j].textContent)));
    const figures = means ? [energySentence(stage.energyName, means)] : captions;
    if (stage.probed && panel.planes) figures.push(...stage.readingOf(panel));
    const lines = wrap(context, title, width, `650 18px ${theme.font}`);
    write(context, lines, x, y - 10 - 21 * (lines.length - 1), 21, role === "counterfactual" ? theme.set.accent : theme.set.ink);
    context.drawImage(panel.canvas, x, y, width, height);
    write(context, wrap(context, figures.join(", "), width, `400 13px ${theme.font}`), x, y + height + 20, 18, theme.set.muted);
  });
  stage.composeMore(context, gap, rows * (head + height + foot) + 24, canvas.width / 2 - 2 * gap);
  if (stage.scale) drawScale(context, theme, stage.scale, stage.energyName, gap, canvas.height / 2 - 34 - deep - scaleHeight, 180);
  composeFoot(context, stage, gap, canvas.height / 2 - 34 - deep, placed);
  return canvas;
}

/** Epoch and, where it is pinned, the probe's place; below them the legend. */
function composeFoot(context, { theme, heading, probed, whereabouts }, left, y, placed) {
  context.font = `650 17px ${theme.font}`;
  write(context, [heading], left, y, 0, theme.set.ink);
  const beside = left + context.measureText(heading).width + 30;
  context.font = `400 13px ${theme.font}`;
  if (probed) write(context, [whereabouts], beside, y, 0, theme.set.muted);
  for (const { icon, wide, words, x, row } of placed) {
    const foot = y + 28 + ROW * row;
    context.drawImage(icon, left + x, foot - 14, wide, 18);
    write(context, [words], left + x + wide + 6, foot, 0, theme.set.muted);
  }
}

/** The entries of a legend on the page as pictures with their words. */
function legendOf(key) {
  return Promise.all([...key.children].map(async ({ firstChild, textContent }) => {
    if (firstChild instanceof HTMLCanvasElement) return { icon: firstChild, wide: 18, words: textContent };
    const icon = new Image();
    const text = new XMLSerializer().serializeToString(firstChild);
    icon.src = `data:image/svg+xml,${encodeURIComponent(text)}`;
    await icon.decode();
    return { icon, wide: Number(firstChild.getAttribute("width")), words: textContent };
  }));
}

/** Entries one after the other, in rows no wider than `width`; and how deep they are together. */
function flow(context, entries, width) {
  let x = 0, row = 0;
  const placed = entries.map((entry) => {
    const wide = entry.wide + 6 + context.measureText(entry.words).width;
    if (x && x + wide > width) [x, row] = [0, row + 1];
    x += wide + 24;
    return { ...entry, x: x - wide - 24, row };
  });
  return { placed, deep: entries.length ? ROW * (row + 1) + 6 : 0 };
}
