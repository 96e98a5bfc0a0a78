// The lesson's state: a small channel, a line, λ, where one stands; what changes it, and what of it Python is told.

import { valuesOf } from "./closed_form.js";
import { clamp } from "./drawing.js";
import { EXERCISES } from "./exercises.js";
import { said } from "./saying.js";

const SIDE = 9;
const PAUSE = 150; // milliseconds of rest after which Python is told: a held key changes things many times

export class Lesson {
  // `given` changes with the language alone: scenes, presets, sentences, colours. `link` reaches Python.
  constructor(given, link) {
    Object.assign(this, { ...given, text: given.words, link, photo: null, trail: [], told: {}, sent: 0, held: false, parked: null });
    this.solved = new Set();
    this.asked = null; // the exercise that is open, {name, verdict, wrong}
    this.state = { scene: 0, w: 0, b: 0, stops: [[0.1, "0.1"]], stop: 0, e_lambda: 0.1, brush: 3, lecture: "" };
    this.take(Object.keys(this.presets)[0]);
    this.drawn = () => {};
    this.arrived = () => {};
    this.commit = this.commit.bind(this);
    this.pick = this.pick.bind(this);
    this.pickOfPhoto = this.pickOfPhoto.bind(this);
  }

  get scene() {
    return this.scenes[this.state.scene];
  }

  get ofPhoto() {
    return this.scene.name === "photo" && this.photo?.channel;
  }

  get spike() {
    return this.presets.spike.target;
  }

  // Everything that is known of the neuron in hand; worked out once for each change.
  get values() {
    return (this.known ??= valuesOf(this.ofPhoto ? this.photo : this.state));
  }

  say(sentence, places = this.values) {
    return sentence.replace(/\{(\w+)\}/g, (_, name) =>
      typeof places[name] === "number" ? said(places[name], this.digits[name] ?? 4) : places[name],
    );
  }

  // Something moved: draw it with the next frame.
  change(changes) {
    Object.assign(this.state, changes);
    this.known = undefined;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.drawn(this.values);
    });
  }

  take(preset, edits = "", at = "") {
    const { values, target } = this.presets[preset];
    const channel = [...values];
    const edited = new Map();
    for (const [row, column, value] of edits
      .split(";")
      .filter(Boolean)
      .map((edit) => edit.split(",").map(Number))) {
      edited.set(SIDE * row + column, value);
      channel[SIDE * row + column] = value;
    }
    const [row, column] = at.split(",").map(Number);
    this.change({ preset, channel, edited, target: at ? SIDE * row + column : target });
    this.reshaped?.();
  }

  setValue(index, value) {
    const rounded = clamp(Math.round(value * 10) / 10, -5, 5) + 0;
    this.state.channel[index] = rounded;
    this.state.edited.set(index, rounded);
    this.change({});
  }

  pick(index) {
    this.change({ target: index });
  }

  pickOfPhoto(index) {
    this.photo.target = index;
    this.change({});
  }

  cell() {
    const { target, channel } = this.state;
    return { row: Math.floor(target / SIDE), column: target % SIDE, value: channel[target], weight: this.values.weight };
  }

  cellOfPhoto() {
    const { target, columns, channel } = this.photo;
    return { row: Math.floor(target / columns), column: target % columns, value: channel[target], weight: this.values.weight };
  }

  lambdaNear(value) {
    const off = this.state.stops.map(([stop]) => Math.abs(Math.log(stop / value)));
    this.lambdaAt(off.indexOf(Math.min(...off)));
  }

  lambdaStep(by) {
    this.lambdaAt(clamp(this.state.stop + by, 0, this.state.stops.length - 1));
  }

  lambdaAt(stop) {
    this.change({ stop, e_lambda: this.state.stops[stop][0] });
  }

  go(scene) {
    if (scene < 0 || scene >= this.scenes.length || scene === this.state.scene) return;
    this.asked = null;
    this.trail = [];
    this.change({ scene });
    this.arrived();
    this.commit();
  }

  // The point of the bowl rolls to its bottom, as water would: straight down the slope of the energy, in small steps.
  drop(still) {
    const { w_best, b_best, spread_t, mu_t, t } = this.values;
    let [w, b] = [this.state.w, this.state.b];
    const steep = spread_t + mu_t ** 2 + t ** 2 + 2;
    this.trail = [[w, b]];
    for (let step = 0; step < 4000 && Math.hypot(w - w_best, b - b_best) > 1e-3; step++) {
      const [dw, db] = [w - w_best, b - b_best];
      w -= ((steep - 2) * dw + (mu_t + t) * db) / steep;
      b -= ((mu_t + t) * dw + 2 * db) / steep;
      this.trail.push([w, b]);
    }
    this.trail.push([w_best, b_best]);
    const way = this.trail;
    const end = () => this.change({ w: w_best, b: b_best });
    if (still) return end();
    const begun = performance.now();
    const roll = () => {
      const share = (performance.now() - begun) / 900;
      if (share >= 1 || this.held || this.trail !== way) return share >= 1 ? end() : undefined;
      const [w, b] = way[Math.floor(share ** 2 * (way.length - 1))];
      this.change({ w, b });
      requestAnimationFrame(roll);
    };
    roll();
  }

  begin(name) {
    this.asked = { name, verdict: "", wrong: 0 };
    EXERCISES[name].setUp(this);
    this.arrived();
    this.commit();
  }

  judge() {
    const verdict = EXERCISES[this.asked.name].judge(this.values, this);
    this.asked.verdict = verdict;
    if (verdict === "right") this.solved.add(this.asked.name);
    else this.asked.wrong += 1;
    this.commit();
    return verdict;
  }

  leave() {
    this.asked = null;
    this.arrived();
  }

  // Where one stands, in the words of the address.
  get view() {
    const { scene, lecture, preset, edited, target, stops, stop } = this.state;
    const edits = [...edited].map(([index, value]) => `${Math.floor(index / SIDE)},${index % SIDE},${value}`).join(";");
    const { target: first } = this.presets[preset];
    const view = {
      scene: this.scenes[scene].name,
      lecture,
      toy: preset,
      edits,
      at: target === first ? "" : `${Math.floor(target / SIDE)},${target % SIDE}`,
      lambda: stops[stop][1],
      solved: [...this.solved].sort().join(","),
    };
    if (this.photo?.channel) {
      const { block, number, columns, target: place } = this.photo;
      Object.assign(view, { block, channel: String(number), row: String(Math.floor(place / columns)), column: String(place % columns) });
    }
    return view;
  }

  // What has changed since Python last said or heard it.
  changes() {
    return Object.fromEntries(Object.entries(this.view).filter(([name, text]) => this.told[name] !== text));
  }

  commit() {
    if (!this.ready) return;
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.tell(), PAUSE);
  }

  tell(more = {}) {
    this.waiting = clearTimeout(this.waiting);
    const entries = { ...this.changes(), ...more };
    if (!Object.keys(entries).length) return this.hold(this.held);
    Object.assign(this.told, entries);
    this.unheard = { ...this.unheard, ...entries };
    this.sent = Math.max(Date.now(), this.sent + 1); // grows, also when the page is made anew
    this.link.send({ number: this.sent, entries: this.unheard });
  }

  // What Python says now. While something is held it waits; what is older than what it was told is of no use.
  hear(now) {
    if (this.held || this.waiting) {
      this.parked = now;
      return;
    }
    this.parked = null;
    if (now.heard < this.sent) return;
    this.unheard = {};
    const { state } = this;
    const { view } = this;
    const scene = Math.max(
      0,
      this.scenes.findIndex((one) => one.name === now.scene),
    );
    const elsewhere = scene !== state.scene;
    now.solved.forEach((name) => this.solved.add(name));
    this.change({ stops: now.stops, stop: now.stop, e_lambda: now.stops[now.stop][0], scene });
    if (now.toy !== view.toy || now.edits !== view.edits || (now.at || "") !== view.at) this.take(now.toy, now.edits, now.at);
    if (elsewhere) {
      this.asked = null;
      this.trail = [];
    }
    state.lecture = now.lecture;
    this.told = { ...this.view };
    if (elsewhere || !this.ready) this.arrived();
    this.ready = true;
    this.lectured?.();
    this.change({});
  }

  // Go on where another lesson, in another language, has come to.
  takeOver(other) {
    if (other.waiting) other.tell();
    const { state, trail, photo, told, unheard, sent, solved, asked, ready } = other;
    Object.assign(this, { state, trail, photo, told, unheard, sent, solved, asked, ready });
    this.arrived();
    this.lectured?.();
    this.change({});
  }

  hearPhoto(photo) {
    const kept = this.photo;
    this.photo = photo;
    this.known = undefined;
    if (photo.channel)
      Object.assign(this.told, { block: photo.block, channel: String(photo.number), row: String(photo.row), column: String(photo.column) });
    const redraw = ["picture", "rows", "block", "number", "note", "sentence"].some((name) => kept?.[name] !== photo[name]);
    if (this.scene.name === "photo") {
      if (redraw) this.arrived();
      this.change({});
    }
  }

  hold(held) {
    this.held = held;
    if (!held && this.parked) setTimeout(() => this.parked && !this.held && this.hear(this.parked));
  }
}
