// The network as a map: the photo, every block with its live picture, the answer; λ above them.
import { nearest, strongest, valueAt } from "./film.js";
import { element, filled, LambdaRow, onceAFrame } from "./lambda.js";
import { paint } from "./paint.js";

const FOLDED_ABOVE = 12; // more blocks than this are shown by stage
const SPEAK = 400; // milliseconds that λ rests before a screen reader hears of it

/** A share as a percentage that is never a false zero. */
export function percent(share) {
  return share >= 0.0005 ? `${(100 * share).toFixed(1)}%` : "<0.1%";
}

/** A number in four digits. */
export function short(value) {
  return String(Number(value.toPrecision(4)));
}

/** Three digits, or as many as tell both ends of a range apart. */
export function span(low, high) {
  for (let digits = 3; digits < 8; digits += 1) {
    const ends = [low, high].map((end) => String(Number(end.toPrecision(digits))));
    if (ends[0] !== ends[1] || digits === 7) return ends;
  }
  return [];
}

export class NetworkMap {
  constructor(root, say, words, tables) {
    this.later = onceAFrame(() => this.draw());
    Object.assign(this, { root, say, words, tables, film: null, data: null, look: "weights", asked: null, open: new Set() });
    this.tiles = [];
    this.build();
  }

  build() {
    this.lambda = new LambdaRow(
      () => this.later(),
      (move) => this.say("moved", move),
    );
    this.hand = this.lambda.hand;
    this.looks = ["weights", "cams"].map((look) => {
      const button = element("button", { type: "button", role: "radio", "data-look": look });
      button.addEventListener("click", () => this.choose(look));
      button.addEventListener("keydown", (event) => this.turn(event));
      return button;
    });
    this.scale = element("div", { class: "scale", role: "img" });
    this.note = element("p", { class: "note" });
    this.choice = element("div", { class: "looks", role: "radiogroup" }, ...this.looks);
    const bar = element("div", { class: "bar" }, this.choice, this.scale, this.note);
    this.photo = element("canvas", { role: "img" });
    this.cross = element("i", { class: "cell" });
    this.blocks = element("ol", { class: "blocks" });
    this.said = element("p", { class: "said" });
    this.answers = element("ol", { class: "answers" });
    this.here = element("p", { class: "here" });
    this.spoken = element("p", { class: "spoken", role: "status" });
    this.caption = element("figcaption");
    const seen = element("div", { class: "picture" }, this.photo, this.cross);
    this.box = element(
      "section",
      { class: "film", "data-testid": "film", "data-ready": "false" },
      this.lambda.row,
      this.lambda.help,
      bar,
      element(
        "div",
        { class: "map" },
        element("figure", { class: "photo" }, seen, this.caption),
        this.blocks,
        element("div", { class: "answer" }, this.said, this.answers, this.here),
      ),
      this.spoken,
    );
    this.root.append(this.box);
    for (const place of [this.blocks, seen]) {
      place.addEventListener("pointermove", (event) => this.point(event));
      place.addEventListener("pointerleave", () => this.point(null));
    }
    this.named(this.words);
  }

  /** What is written on it, in the language of the page. */
  named(words) {
    if (words.spoken !== this.words.spoken) this.spoken.textContent = ""; // what was said, was said in another language
    this.words = words;
    this.lambda.named(words);
    for (const button of this.looks) button.textContent = words[button.dataset.look];
    for (const [place, name] of [
      [this.box, words.map],
      [this.blocks, words.blocks],
      [this.choice, words.look],
    ])
      place.setAttribute("aria-label", name);
    this.caption.textContent = words.photo;
    this.later();
  }

  /** What Python says: stops, where λ is, what is shown. */
  told(data) {
    this.data = data;
    // What was chosen here stays until Python has heard of it.
    if (this.asked === null || this.asked === data.look) Object.assign(this, { look: data.look, asked: null });
    this.lambda.told(data);
    this.later();
  }

  /** A film, or more of one. */
  shows(film) {
    if (this.data && film.key !== this.data.film) return;
    const anew = !this.film || this.film.key !== film.key || this.film.header.blocks.length !== film.header.blocks.length;
    const photo = !this.film || this.film.key !== film.key;
    this.film = film;
    if (anew) this.layOut();
    if (photo) this.drawPhoto();
    this.later();
  }

  /** One tile a block, or a stage where there are many. */
  layOut() {
    const blocks = this.film.header.blocks;
    const stages = Map.groupBy(blocks.keys(), (index) => blocks[index].stage);
    const fold = blocks.length > FOLDED_ABOVE;
    this.tiles = [];
    this.blocks.replaceChildren();
    for (const [stage, members] of stages) {
      const folded = fold && members.length > 1 && !this.open.has(stage);
      for (const index of folded ? members.slice(-1) : members) this.tile(index);
      if (fold && members.length > 1) this.blocks.lastChild.append(this.folder(stage, members, folded));
    }
    this.blocks.style.setProperty("--across", String(this.across(this.tiles.length)));
  }

  across(count) {
    return count <= 4 ? count : Math.min(6, Math.max(3, Math.ceil(count / 2)));
  }

  folder(stage, members, folded) {
    const words = this.words;
    const named = { first: this.film.header.blocks[members[0]].name, count: members.length };
    const button = element("button", { type: "button", class: "fold", "aria-expanded": String(!folded) });
    button.textContent = filled(folded ? words.unfold : words.fold, named);
    button.addEventListener("click", () => {
      if (folded) this.open.add(stage);
      else this.open.delete(stage);
      this.layOut();
      this.draw();
    });
    return button;
  }

  tile(index) {
    const block = this.film.header.blocks[index];
    const canvas = element("canvas", { "data-block": block.name, role: "img" });
    const cell = element("i", { class: "cell" });
    const go = element("button", { type: "button", class: "picture" }, canvas, cell);
    const number = element("span", { class: "number" });
    const notes = [block.shape.join(" × "), this.words.kinds[block.kind], block.hypothetical ? this.words.would : ""];
    const size = notes.filter(Boolean).join(this.words.comma);
    const caption = element("p", {}, element("b", {}, block.name), number, element("small", {}, size));
    go.addEventListener("click", (event) => this.go(index, event));
    this.blocks.append(element("li", { class: block.hypothetical ? "would" : null }, go, caption));
    this.tiles.push({ index, block, canvas, cell, go, number });
  }

  drawPhoto() {
    const { film, photo } = this;
    photo.width = film.width;
    photo.height = film.height;
    photo.setAttribute("aria-label", this.data?.alt || this.words.photo);
    const drawn = new Blob([film.photo], { type: "image/jpeg" });
    createImageBitmap(drawn).then(
      (picture) => film === this.film && photo.getContext("2d").drawImage(picture, 0, 0),
      () => {},
    );
  }

  /** The stop that is shown: of λ, or the nearest that is there. */
  now() {
    return nearest(this.film, this.lambda.order, this.hand.last, (stop) => stop[this.look].length > 0);
  }

  draw() {
    if (!this.film || !this.data || this.film.key !== this.data.film) return;
    const stop = this.now();
    const { classes } = this.film.header;
    const label = this.lambda.draw();
    this.stop = stop;
    for (const tile of this.tiles) this.drawTile(tile, stop);
    const target = classes[stop.target];
    const told = [];
    if (this.look === "cams") told.push(filled(this.data.free ? this.words.predicted : this.words.chosen, { target }));
    if (stop.key !== this.lambda.at) told.push(filled(this.words.nearest, { shown: this.lambda.label(stop.key) }));
    this.note.textContent = told.join(" ");
    this.drawAnswers(stop, classes);
    this.drawScale();
    this.box.dataset.ready = String(this.data.ready && this.data.look === this.look && this.film.stops.size > 1);
    this.box.dataset.shown = stop.key;
    this.box.dataset.film = this.film.key;
    this.box.dataset.look = this.look;
    for (const button of this.looks) {
      const chosen = button.dataset.look === this.look;
      button.setAttribute("aria-checked", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    }
    clearTimeout(this.speech);
    this.speech = setTimeout(() => this.speak(stop, label, classes), SPEAK);
  }

  drawTile(tile, stop) {
    const { index, block, canvas, go, number } = tile;
    const map = stop[this.look][index];
    const scale = this.scaleOf(index, stop);
    const named = { block: block.name, target: this.film.header.classes[stop.target] };
    if (!map) {
      // Grad-CAM has not come of any stop: the photo alone.
      paint(canvas, this.film, stop.weights[index], { low: 0, high: 1 }, this.tables.weights, 0);
      canvas.setAttribute("aria-label", this.words.photo);
      number.textContent = "…";
    } else if (this.look === "cams" && stop.maxima[index] === 0) {
      paint(canvas, this.film, map, { low: 0, high: 1 }, this.tables.cams);
      canvas.setAttribute("aria-label", filled(this.words.zero, named));
      number.textContent = this.words.allZero;
    } else {
      paint(canvas, this.film, map, scale, this.tables[this.look]);
      const [low, high] = span(map.low, map.high);
      canvas.setAttribute("aria-label", filled(this.look === "cams" ? this.words.camAlt : this.words.weightAlt, { ...named, low, high }));
      number.textContent = this.look === "cams" ? "" : `≤ ${high}`;
    }
    go.setAttribute("title", this.words.open);
  }

  scaleOf(index, stop) {
    if (this.look === "cams") return { low: 0, high: 1 };
    const map = stop.weights[index];
    if (this.data.own_range) return { low: map.low, high: map.high > map.low ? map.high : map.low + 1e-6 };
    if (this.film.header.blocks[index].kind === "simam") return this.data.simam;
    return { low: Math.min(0, map.low), high: Math.max(1, map.high) };
  }

  drawScale() {
    const table = this.tables[this.look];
    const colours = Array.from({ length: 17 }, (_, index) => {
      const level = Math.min(255, index * 16);
      return `rgb(${table.slice(3 * level, 3 * level + 3).join(",")})`;
    });
    const kinds = new Set(this.film.header.blocks.map((block) => block.kind));
    let ends = ["0", "1"];
    let words = this.words.camScale;
    if (this.look === "weights") {
      words = this.data.own_range ? this.words.ownScale : this.words.commonScale;
      if (this.data.own_range || kinds.size > 1) ends = [this.words.low, this.words.high];
      else if (kinds.has("simam")) ends = span(this.data.simam.low, this.data.simam.high);
    }
    const said = `${words}|${ends}|${this.look}`;
    if (this.scaled === said) return;
    this.scaled = said;
    this.scale.setAttribute("aria-label", filled(this.words.scaleAlt, { what: words, low: ends[0], high: ends[1] }));
    const ramp = element("span", { class: "ramp", style: `background:linear-gradient(to right,${colours})` });
    this.scale.replaceChildren(element("span", {}, ends[0]), ramp, element("span", {}, ends[1]), element("span", {}, words));
  }

  drawAnswers(stop, classes) {
    const chances = this.film.header.chances;
    const [first, share] = stop.answers[0];
    const told = (value) => (chances ? percent(value) : short(value));
    this.said.textContent = filled(this.words.says, { name: classes[first], share: told(share) });
    while (this.answers.children.length > stop.answers.length) this.answers.lastChild.remove();
    stop.answers.forEach(([index, value], place) => {
      let row = this.answers.children[place];
      if (!row) {
        row = element("li", {}, element("span"), element("b"), element("i"));
        this.answers.append(row);
      }
      const [name, number, bar] = row.children;
      name.textContent = classes[index];
      number.textContent = told(value);
      bar.style.width = chances ? `${100 * value}%` : "0";
      row.classList.toggle("target", index === stop.target);
    });
  }

  speak(stop, label, classes) {
    const [first, share] = stop.answers[0];
    const tops = stop.weights.map((map) => map.high);
    const block = this.film.header.blocks[tops.indexOf(Math.max(...tops))].name;
    const named = { at: label, name: classes[first], share: this.film.header.chances ? percent(share) : short(share), block };
    this.spoken.textContent = filled(this.words.spoken, named);
  }

  choose(look) {
    if (look !== this.look) {
      this.asked = look;
      this.say("look", look);
    }
    this.look = look;
    this.draw();
    this.looks.find((button) => button.dataset.look === look).focus();
  }

  turn(event) {
    if (!["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(event.key)) return;
    event.preventDefault();
    this.choose(this.look === "weights" ? "cams" : "weights");
  }

  /** A cross where the pointer is, on the photo and on every block, with the values there. */
  point(event) {
    const canvas = event?.target.closest(".picture")?.querySelector("canvas");
    this.box.classList.toggle("pointed", Boolean(canvas && this.stop));
    if (!canvas || !this.stop) {
      for (const tile of this.tiles) delete tile.number.dataset.here;
      this.here.textContent = "";
      return;
    }
    const box = canvas.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width;
    const y = (event.clientY - box.top) / box.height;
    this.cross.style.cssText = `left:${100 * x}%;top:${100 * y}%`;
    for (const tile of this.tiles) {
      const map = this.stop[this.look][tile.index];
      if (!map) continue;
      const { row, column, value } = valueAt(map, x, y);
      tile.cell.style.cssText =
        `left:${(100 * column) / map.columns}%;top:${(100 * row) / map.rows}%;` + `width:${100 / map.columns}%;height:${100 / map.rows}%`;
      tile.number.dataset.here = value.toFixed(3);
    }
    this.here.textContent = filled(this.words.here, { x: Math.floor(x * this.film.width), y: Math.floor(y * this.film.height) });
  }

  /** To the neuron that was clicked; by a key, to the block's strongest. */
  go(index, event) {
    const map = this.stop.weights[index];
    const tile = this.tiles.find((one) => one.index === index);
    const box = tile.canvas.getBoundingClientRect();
    const pointed = event.detail > 0;
    const place = pointed ? valueAt(map, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height) : strongest(map);
    this.say("neuron", { block: tile.block.name, row: place.row, column: place.column });
  }
}
