// λ in a row: its name, the slider, where it stands, the way back, and what it is.
import { Hand } from "./slider.js";

/** An element with attributes, and children or text in it. */
export function element(tag, attributes = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined) made.setAttribute(name, value);
  made.append(...inside);
  return made;
}

/** A sentence with its {placeholders} filled. */
export function filled(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Something to do with the next frame, once however often it is asked for. */
export function onceAFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

export class LambdaRow {
  /**
   * @param drawn called at every step
   * @param sent called with {n, at} when a move has come to rest
   */
  constructor(drawn, sent) {
    this.data = null;
    this.order = [];
    this.input = element("input", { type: "range", min: 0, step: 1, max: 0, value: 0 });
    this.value = element("span", { class: "value" });
    this.back = element("button", { type: "button", class: "back" });
    this.about = element("button", { type: "button", class: "about", "aria-expanded": "false" }, "?");
    this.help = element("p", { class: "help", hidden: "" });
    this.title = element("span", { class: "title" });
    this.row = element("div", { class: "lambda" }, this.title, this.input, this.value, this.back, this.about);
    this.hand = new Hand(this.input, drawn, (index, number) => sent({ n: number, at: this.order[index] }));
    this.back.addEventListener("click", () => this.hand.jump(this.order.indexOf(this.data.own)));
    this.about.addEventListener("click", () => {
      this.help.hidden = !this.help.hidden;
      this.about.setAttribute("aria-expanded", String(!this.help.hidden));
    });
  }

  /** What is written on it, in the language of the page; the rest comes with the stops. */
  named(words) {
    this.about.setAttribute("aria-label", words.about);
  }

  /** What Python says: stops, and where λ is. */
  told(data) {
    const first = this.data === null;
    this.data = data;
    this.order = data.stops.map((stop) => stop.key);
    const index = this.order.indexOf(data.at);
    this.row.hidden = this.order.length < 2;
    this.input.max = String(Math.max(0, this.order.length - 1));
    this.input.setAttribute("aria-label", data.title);
    this.title.textContent = data.title;
    this.back.textContent = data.back;
    this.help.textContent = data.help;
    if (first) this.hand.show(index);
    else this.hand.answer(index, data.heard);
  }

  /** The name of the stop where it stands. */
  get at() {
    return this.order[this.hand.last];
  }

  /** What a stop is called on screen. */
  label(key) {
    return this.data.stops.find((stop) => stop.key === key)?.label ?? key;
  }

  /** Show where it stands; returns what that is called. */
  draw() {
    const label = this.data.stops[this.hand.last]?.label ?? "";
    this.value.textContent = label;
    this.input.setAttribute("aria-valuetext", label);
    this.back.disabled = this.at === this.data.own;
    return label;
  }
}
