// The player: a position among frames that plays, steps and is scrubbed, with its buttons, its slider and its keys.

import { button, element, group, iconOf, keepsSpace, pressed, range } from "./elements.js";
import { clamp } from "./numbers.js";

const SPEEDS = [0.5, 1, 2, 4];

/** A track with a thumb, over which lies a slider of the browser's own: it is dragged, and moved by assistive technology. */
class Slider {
  constructor(label, player) {
    this.loaded = element("div", "ctv-loaded");
    this.done = element("div", "ctv-done");
    this.thumb = element("div", "ctv-thumb");
    this.input = range(label, 0);
    this.root = element("div", "ctv-slider", element("div", "ctv-track", this.loaded, this.done), this.thumb, this.input);
    this.listen(player);
  }

  listen(player) {
    const { input } = this;
    let held = false;
    input.addEventListener("pointerdown", () => {
      held = true;
      input.step = player.smooth ? "any" : "1";
    });
    input.addEventListener("input", () => {
      if (held) player.scrub(Number(input.value));
      else player.go(Math.round(player.locate(Number(input.value))));
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture", "change"]) {
      input.addEventListener(end, () => {
        held = false;
        input.step = "1";
        player.endScrub();
      });
    }
  }

  /** `value` and `loaded` out of `max`, and the value in words. */
  refresh({ value, loaded, max, words }) {
    const share = (part) => (max > 0 ? clamp(part / max, 0, 1) : 1);
    this.loaded.style.transform = `scaleX(${share(loaded ?? max)})`;
    this.done.style.transform = `scaleX(${share(value)})`;
    this.thumb.style.left = `${100 * share(value)}%`;
    this.input.max = String(max);
    this.input.value = String(value);
    this.input.setAttribute("aria-valuetext", words);
  }
}

/** “Epoch 12 of 100”. */
class Count {
  constructor() {
    this.parts = [element("span", "ctv-word"), element("strong"), element("span")];
    this.root = element("output", "ctv-epoch", ...this.parts);
  }

  refresh(texts, letters) {
    this.parts.forEach((part, i) => (part.textContent = texts[i]));
    this.root.style.minWidth = `${letters}ch`;
  }
}

/**
 * A position among the frames of a component, its host, which draws and reports.
 *
 * A kind of player says which frame is the `last`, how many pass in a second (`pace`) and what is `told` of the
 * position; where its slider does not count frames, also how a value becomes a position (`locate`), and where frames do
 * not last alike, how far it gets in a time (`ahead`).
 */
export class Player {
  constructor(host, label, back = "Step back (left arrow)", forward = "Step forward (right arrow)") {
    this.host = host;
    this.position = 0; // in frames, with a fraction while something moves; Infinity: the end, wherever that will be
    this.goal = null; // frame that the position glides to
    this.peeked = null; // position that is looked at for as long as the pointer is there
    this.playing = this.scrubbing = this.loop = false;
    this.speed = 1;
    this.build(label, back, forward);
  }

  build(label, back, forward) {
    this.play = button("ctv-play", "Play (space)", "", "play");
    this.back = button("ctv-back", back, "", "back");
    this.forward = button("ctv-forward", forward, "", "forward");
    this.moves = element("div", "ctv-moves", this.back, this.play, this.forward);
    this.slider = new Slider(label, this);
    this.count = new Count();
    this.speeds = SPEEDS.map((speed) => button("ctv-speed", `Speed ${speed} times`, `${speed === 0.5 ? "½" : speed}×`));
    this.speedGroup = group("Speed", "ctv-segments", ...this.speeds);
    this.loopButton = button("ctv-loop", "Loop (L)", "Loop", "loop");
    this.play.addEventListener("click", () => this.toggle());
    this.back.addEventListener("click", () => this.step(-1));
    this.forward.addEventListener("click", () => this.step(1));
    this.speeds.forEach((node, i) => node.addEventListener("click", () => this.set({ speed: SPEEDS[i] })));
    this.loopButton.addEventListener("click", () => this.set({ loop: !this.loop }));
  }

  // -- what kinds of players have of their own --

  /** Whether there is something to see between two frames. */
  get smooth() {
    return true;
  }

  /** Whether who is at the end stays there when the end moves. */
  get sticky() {
    return false;
  }

  /** Whether more frames may come. */
  get growing() {
    return false;
  }

  locate(value) {
    return clamp(value, 0, this.last);
  }

  /** Where it is, so many seconds of its film after it was at a position. */
  ahead(at, seconds) {
    return at + seconds * this.pace;
  }

  /** The person has taken over, on the way to a frame if one is given. */
  taken() {}

  // -- where it is --

  get place() {
    const at = clamp(this.peeked ?? this.position, 0, this.last);
    return this.smooth ? at : Math.floor(at);
  }

  get frame() {
    return Math.round(this.place);
  }

  get moving() {
    return this.playing || this.goal != null;
  }

  get busy() {
    return this.scrubbing || this.goal != null;
  }

  begin({ position, playing = false, speed = 1, loop = false }) {
    this.position = position;
    this.playing = playing && !this.host.still.matches;
    this.speed = SPEEDS.includes(speed) ? speed : 1;
    this.loop = loop;
    this.goal = this.peeked = null;
  }

  /** Stays at the end from now on, if it is there. */
  keep() {
    if (this.position >= this.last) this.position = Infinity;
  }

  // -- what the person does --

  toggle() {
    if (this.host.still.matches) return this.step(1);
    this.taken();
    this.goal = null;
    this.playing = !this.playing && (this.last > 0 || this.growing);
    if (this.playing && !this.growing && this.place >= this.last) this.position = 0;
    if (!this.playing) this.glide(this.frame);
    this.host.settle();
    this.host.invalidate();
  }

  step(by) {
    this.go((this.goal ?? (by > 0 ? Math.floor(this.place) : Math.ceil(this.place))) + by);
  }

  go(frame) {
    const goal = clamp(frame, 0, this.last);
    this.taken(goal);
    this.playing = false;
    this.peeked = null;
    this.glide(goal);
  }

  glide(frame) {
    if (this.smooth && this.place !== frame) this.goal = frame;
    else this.arrive(frame);
    this.host.invalidate();
  }

  arrive(frame) {
    this.goal = null;
    this.position = this.sticky && frame >= this.last ? Infinity : frame;
    this.host.settle();
  }

  /** Follows the slider to a value of its own. */
  scrub(value) {
    this.taken();
    this.playing = false;
    this.goal = this.peeked = null;
    this.scrubbing = true;
    this.position = this.locate(value);
    this.host.invalidate();
  }

  endScrub() {
    if (!this.scrubbing) return;
    this.scrubbing = false;
    this.go(this.frame);
  }

  /** Looks at a position; back from there for null. */
  peek(position) {
    if (this.playing || this.scrubbing) return;
    this.peeked = position;
    this.host.invalidate();
  }

  /** Takes another speed, or loops or not. */
  set(settings) {
    Object.assign(this, settings);
    this.host.settle();
    this.host.invalidate();
  }

  /** Does what a key asks for; false where it asks for nothing. */
  act(key, on) {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[key];
    if (by && (on === this.slider.input || !/Up|Down/.test(key) || key.startsWith("Page"))) this.step(by);
    else if (key === "Home") this.go(0);
    else if (key === "End") this.go(this.last);
    else if (key === " " && on !== this.play && !keepsSpace(on)) this.toggle();
    else if (key.toLowerCase() === "l" && this.loopButton.parentNode) this.set({ loop: !this.loop });
    else return false;
    return true;
  }

  // -- frames --

  advance(seconds) {
    if (this.playing) this.roll(seconds);
    else if (this.goal != null) this.approach(seconds);
  }

  roll(seconds) {
    const { last, pace } = this;
    this.position = this.ahead(Math.min(this.position, last + pace), seconds * this.speed);
    if (this.position < last) return;
    if (this.growing) this.position = last;
    else if (!this.loop) {
      this.playing = false;
      this.arrive(last);
    } else if (this.position >= last + pace) this.position = 0; // after a second at the end
  }

  approach(seconds) {
    const from = clamp(this.position, 0, this.last);
    const way = this.goal - from;
    const stride = Math.max(Math.abs(way) * 9, 4) * seconds;
    if (Math.abs(way) > stride && !this.host.still.matches) this.position = from + Math.sign(way) * stride;
    else this.arrive(this.goal);
  }

  /** Brings the controls in line with the position. */
  refresh() {
    const { told, place, last } = this;
    this.count.refresh(told.count, told.letters);
    this.slider.refresh(told);
    const [label, icon] = this.playing ? ["Pause (space)", "pause"] : ["Play (space)", "play"];
    if (this.play.getAttribute("aria-label") !== label) {
      this.play.setAttribute("aria-label", label);
      this.play.title = label;
      this.play.replaceChildren(iconOf(icon));
    }
    this.play.disabled = last <= 0 && !this.growing;
    this.back.disabled = place <= 0;
    this.forward.disabled = place >= last;
    pressed(this.loopButton, this.loop);
    this.speeds.forEach((node, i) => pressed(node, SPEEDS[i] === this.speed));
  }
}
