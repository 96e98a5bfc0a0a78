// What the server's elements find on the page: one place for films and words, and whatever draws them.
import { decoded, joined } from "./film.js";
import { NetworkMap } from "./map.js";
import { colourTable } from "./paint.js";
import { LivePictures } from "./pictures.js";

const CSS = "{{css}}";
const MOST_FILMS = 4;

/** Films and words of this page, and those who draw them. */
class Page {
  constructor() {
    this.films = new Map(); // by their key, the newest last
    this.standing = null;
    this.words = {};
    this.tables = {};
    this.parts = new WeakMap(); // by the place of their element
    this.drawn = new Set();
  }

  /** Words and colours in the person's language. */
  told({ words, colours }) {
    this.words = words;
    for (const place of this.drawn) this.parts.get(place).named(words);
    this.tables = Object.fromEntries(Object.entries(colours).map(([look, text]) => [look, colourTable(text)]));
  }

  /** A film has come. */
  keep(bytes) {
    const found = decoded(bytes);
    const film = joined(this.films.get(found.key), found);
    this.films.delete(film.key);
    this.films.set(film.key, film);
    while (this.films.size > MOST_FILMS) this.films.delete(this.films.keys().next().value);
    for (const place of this.drawn) this.parts.get(place).shows(film);
  }

  /** Which of Python's pictures stand on the page. */
  stands(data) {
    this.standing = data;
    for (const place of this.drawn) this.parts.get(place).stands?.(data);
  }

  /** An element is there, or has new data. */
  draw(component) {
    const {
      parentElement: place,
      data: [told],
    } = component;
    if (!place.isConnected) return; // the page was left before the library came
    let part = this.parts.get(place);
    if (!part) {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(CSS);
      place.adoptedStyleSheets = [...place.adoptedStyleSheets, sheet];
      const Part = told.only === "lambda" ? LivePictures : NetworkMap;
      part = new Part(place, null, this.words, this.tables);
      this.parts.set(place, part);
    } else part.named(this.words);
    this.drawn.add(place);
    document.documentElement.dataset.film = "here";
    part.say = (name, value) => component[name === "neuron" ? "setTriggerValue" : "setStateValue"](name, value);
    part.told(told);
    for (const film of this.films.values()) part.shows(film);
    part.stands?.(this.standing);
  }

  /** An element may be gone: Streamlit says so also of one that it has just given new data. */
  forget() {
    for (const place of this.drawn) if (!place.isConnected) this.drawn.delete(place);
    if (!this.drawn.size) delete document.documentElement.dataset.film;
  }
}

export default function (component) {
  try {
    globalThis.simamViz ??= new Page();
    globalThis.simamViz.told(component.data[0]);
    globalThis.dispatchEvent(new Event("simam-viz"));
  } catch (error) {
    // What is thrown here would stand on the page for good; without it, what is plain stays.
    console.warn("The live pictures cannot be drawn.", error);
  }
}
