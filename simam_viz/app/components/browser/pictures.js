// Pictures that Python draws at rest, and the browser while λ is dragged: canvases over them, from films of channels.
import { difference } from "./film.js";
import { element, filled, LambdaRow, onceAFrame } from "./lambda.js";
import { cellsOf, paint } from "./paint.js";

const FRAME = "rgb(230 30 40)"; // as simam_viz/draw/render.py frames a neuron
const PATIENCE = 2000; // milliseconds within which tiles take over the picture that Python has sent
const SAID = '[class*="st-key-said-"]';
const COVER = "position:absolute;pointer-events:none;z-index:1;";

export class LivePictures {
  constructor(root, say, words, tables) {
    this.later = onceAFrame(() => this.draw());
    Object.assign(this, { root, say, words, tables, data: null, standing: null, films: new Map(), covers: new Map() });
    this.lambda = new LambdaRow(
      () => this.later(),
      (move) => this.say("moved", move),
    );
    this.note = element("p", { class: "note" });
    const inside = [this.lambda.row, this.lambda.help, this.note];
    this.box = element("section", { class: "film", "data-testid": "live", "data-ready": "false" }, ...inside);
    this.root.append(this.box);
    this.named(words);
  }

  /** What is written on it, in the language of the page. */
  named(words) {
    this.words = words;
    this.lambda.named(words);
    this.box.setAttribute("aria-label", words.live);
    this.later();
  }

  /** What Python says of λ. */
  told(data) {
    this.data = data;
    this.lambda.told(data);
    this.later();
  }

  /** A film has come. */
  shows(film) {
    this.films.set(film.key, film);
    this.later();
  }

  /** Which pictures of Python's stand on the page, at which λ, and from which films they can be drawn. */
  stands(standing) {
    this.standing = standing;
    const wanted = new Set(standing?.pictures.map((picture) => picture.film));
    for (const key of this.films.keys()) if (standing && !wanted.has(key)) this.films.delete(key);
    this.later();
  }

  draw() {
    if (!this.data) return;
    this.lambda.draw();
    const pictures = this.standing?.pictures ?? [];
    const told = new Map();
    const covering = [];
    for (const picture of pictures) {
      const film = this.films.get(picture.film);
      const stop = film ? this.nearest(film) : null;
      const under = stop && this.under(picture);
      // Every place is read before any canvas is touched: to ask for one after that has the whole page laid out each time.
      if (under) covering.push([picture, film, stop, under, placed(under)]);
      else if (!stop) this.uncover(picture);
      const shown = film && (stop?.key ?? this.standing.at);
      if (shown && shown !== this.lambda.at) told.set(picture.how === "tiles", shown);
    }
    for (const cover of covering) this.cover(...cover);
    const sentence = ([tiles, shown]) => filled(tiles ? this.words.nearestTiles : this.words.nearest, { shown: this.lambda.label(shown) });
    this.note.textContent = [...told].map(sentence).join(" ");
    this.box.dataset.ready = String(pictures.length > 0 && pictures.every((picture) => this.films.has(picture.film)));
    this.box.dataset.at = this.standing?.at ?? "";
    // Until Python has answered, its numbers beside the pictures are those of another λ: they fade (style.css).
    const ahead = this.covers.size > 0 && this.lambda.at !== this.standing?.at;
    for (const said of document.querySelectorAll(ahead ? SAID : "[data-ahead]")) said.toggleAttribute("data-ahead", ahead);
  }

  /** The stop that is nearest to λ; null where that is the one that stands on the page. */
  nearest(film) {
    const { order, hand } = this.lambda;
    for (let away = 0; away < order.length; away += 1)
      for (const place of [hand.last - away, hand.last + away]) {
        if (order[place] === this.standing.at) return null;
        if (film.stops.has(order[place])) return film.stops.get(order[place]);
      }
    return null;
  }

  cover(picture, film, stop, under, place) {
    let canvas = this.covers.get(picture.name);
    if (canvas?.parentElement !== under.parent) {
      canvas?.remove();
      canvas = element("canvas", { "aria-hidden": "true", "data-live": picture.name });
      under.parent.append(canvas);
      this.covers.set(picture.name, canvas);
    }
    canvas.wanted = true;
    canvas.dataset.shown = stop.key;
    const table = this.tables[picture.look];
    if (picture.how === "tiles") {
      const maps = picture.channels.map((channel) => stop.channels[channel]);
      drawTiles(canvas, under, place, cellsOf(maps, picture.scale, table), maps, picture.gap);
    } else {
      canvas.style.cssText = place;
      if (picture.how === "over") drawOver(canvas, film, stop, picture, table);
      else drawCells(canvas, under.picture, cellsOf(stop.channels, picture.scale, table), stop.channels[0], picture.mark);
    }
  }

  /** Python's picture again, as soon as it is drawn. */
  async uncover(picture) {
    const canvas = this.covers.get(picture.name);
    if (!canvas?.wanted) return;
    canvas.wanted = false;
    const under = this.under(picture);
    if (picture.how === "tiles") await taken(under);
    else await under?.picture.decode().catch(() => {});
    if (canvas.wanted) return;
    canvas.remove();
    if (this.covers.get(picture.name) === canvas) this.covers.delete(picture.name);
    if (under?.tiles) delete under.tiles.dataset.live;
  }

  /** Where a picture of Python's stands: the image, or the grid of buttons that took its place. */
  under({ how, name }) {
    const picture = document.querySelector(`.st-key-picture-${name.replaceAll(".", "-")} img`);
    if (how !== "tiles") return picture && { picture, parent: picture.parentElement };
    const tiles = document.querySelector(`.st-key-channels-${name} .tiles[data-ready]`);
    const grid = tiles?.querySelector(".tiles-grid");
    return grid && { picture, tiles, parent: grid };
  }
}

/** Where a cover lies: over a picture, its style; over tiles, how wide these are together. */
function placed({ picture, tiles, parent }) {
  if (tiles) return parent.clientWidth;
  const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = picture;
  const { borderRadius } = getComputedStyle(picture);
  return `${COVER}border-radius:${borderRadius};left:${offsetLeft}px;top:${offsetTop}px;width:${offsetWidth}px;height:${offsetHeight}px`;
}

/** Once tiles show the picture that Python has sent, or after a while. */
async function taken(under) {
  const end = performance.now() + PATIENCE;
  while (under?.picture && under.tiles.shows !== under.picture.src && performance.now() < end)
    await new Promise((next) => requestAnimationFrame(next));
}

/** A map over the photo: of a channel, a heat map, or the difference of two; the grey photo alone where a heat map is all zero. */
function drawOver(canvas, film, stop, { maps, scale, opacity }, table) {
  const found = maps.length ? maps.map((index) => stop.maps[index]) : [stop.channels[0]];
  const nothing = maps.length > 0 && found.some(({ low, high }) => low === 0 && high === 0);
  const map = found.length > 1 ? difference(...found) : found[0];
  paint(canvas, film, map, scale, table, nothing ? 0 : opacity);
}

/** One map as simam_viz/draw/render.py draws it: one square a neuron, one of them framed. */
function drawCells(canvas, picture, small, { rows, columns }, [row, column]) {
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  const line = Math.max(2, Math.floor(canvas.height / 160));
  const [down, across] = [canvas.height / rows, canvas.width / columns];
  const around = Math.min(down, across) < 6 * line ? line : 0;
  context.strokeStyle = FRAME;
  context.lineWidth = line;
  const [left, top] = [column * across - around + line / 2, row * down - around + line / 2];
  context.strokeRect(left, top, across + 2 * around - line, down + 2 * around - line);
}

/** Maps over the buttons, in their places. */
function drawTiles(canvas, { tiles, parent }, width, small, maps, gap) {
  const across = Number.parseInt(parent.style.gridTemplateColumns.replace("repeat(", ""), 10) || 1;
  const side = Math.max(1, Math.round((width / across) * Math.min(2, devicePixelRatio)));
  const edge = Math.max(1, Math.round((side * gap) / 2));
  canvas.width = across * side;
  canvas.height = Math.ceil(maps.length / across) * side;
  canvas.style.cssText = "position:absolute;inset:0;width:100%;pointer-events:none;z-index:1";
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  maps.forEach(({ rows, columns }, index) => {
    const [left, top] = [(index % across) * side, Math.floor(index / across) * side];
    context.drawImage(small, 0, index * rows, columns, rows, left + edge, top + edge, side - 2 * edge, side - 2 * edge);
  });
  tiles.dataset.live = "";
}
