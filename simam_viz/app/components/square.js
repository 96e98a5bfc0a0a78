// The photo with the square that the network sees: drag it, pull its corners, pinch, turn the wheel, or use the keyboard.
//
// All numbers are the photo's own pixels. What the person does is drawn at once and told once, when they let go; an answer to
// an earlier move never moves the square under the finger: each move has a number, and older answers count for nothing.

const PAUSE = 400; // ms after the last key or turn of the wheel
const EDGE = 8; // px around the stage in which handles are still seen, as in square.css
const stages = new WeakMap();

/** The nearest square, in whole pixels, that cuts the photo or holds all of it, in each direction. */
export function clamped([left, top, side], [width, height], smallest) {
  side = Math.round(Math.min(Math.max(side, Math.min(smallest, width, height)), Math.max(width, height)));
  const within = (start, length) => {
    const [low, high] = [Math.min(0, length - side), Math.max(0, length - side)];
    return Math.round(Math.min(Math.max(start, low), high)) + 0; // no −0
  };
  return [within(left, width), within(top, height), side];
}

/** The same square larger or smaller, its middle where it was. */
export function grown([left, top, side], factor) {
  const larger = side * factor;
  return [left + (side - larger) / 2, top + (side - larger) / 2, larger];
}

/** Where a stage of this size shows photo and square: pixels of the stage for one of the photo, and where its corner lies. */
export function fitted([left, top, side], [width, height], [across, down]) {
  const low = [Math.min(0, left), Math.min(0, top)];
  const size = [Math.max(width, left + side) - low[0], Math.max(height, top + side) - low[1]];
  const scale = Math.min(across / size[0], down / size[1]);
  return {
    scale,
    x: (across - size[0] * scale) / 2 - low[0] * scale,
    y: (down - size[1] * scale) / 2 - low[1] * scale,
  };
}

const same = (one, other) => one.every((number, index) => number === other[index]);
const number = (value) => typeof value === "number" && Number.isFinite(value);

/** What Python sends, or nothing where it is not what it should be. */
export function checked(data) {
  const squares = [data?.square, data?.whole, data?.usual];
  const right =
    squares.every((square) => Array.isArray(square) && square.length === 3 && square.every(number)) &&
    [data.width, data.height, data.smallest, data.revision].every(number) &&
    Math.min(data.width, data.height) >= 1 &&
    data.photo.startsWith("data:image/jpeg;base64,") &&
    data.words &&
    ["alt", "name", "keys", "whole", "usual", "told"].every((word) => typeof data.words[word] === "string");
  return right ? data : null;
}

function element(parent, tag, attributes = {}) {
  const made = parent.appendChild(document.createElement(tag));
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

class Stage {
  constructor(parent) {
    this.root = element(parent, "div", { class: "square", "data-testid": "square" });
    this.stage = element(this.root, "div", { class: "square-stage" });
    const sight = element(this.stage, "div", { class: "square-sight" });
    this.ground = element(sight, "div");
    this.photo = element(sight, "img", { draggable: "false" });
    this.frame = element(sight, "div", { class: "square-frame", role: "application", tabindex: "0" });
    for (const [x, y] of [
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ]) {
      const handle = element(this.frame, "div", { class: "square-handle", "data-corner": `${x}${y}` });
      handle.style.left = `${100 * x}%`;
      handle.style.top = `${100 * y}%`;
      handle.style.cursor = x === y ? "nwse-resize" : "nesw-resize";
      handle.dataset.across = x ? 1 : -1;
      handle.dataset.down = y ? 1 : -1;
    }
    this.buttons = element(this.root, "div", { class: "square-buttons" });
    this.whole = element(this.buttons, "button", { type: "button" });
    this.usual = element(this.buttons, "button", { type: "button" });
    this.told = element(this.root, "div", { class: "square-told", role: "status" });
    this.pointers = new Map();
    this.listen();
    new ResizeObserver(() => this.data && this.draw()).observe(this.stage);
  }

  update(data, tell) {
    this.tell = tell;
    const fresh = !this.data || this.data.photo !== data.photo;
    this.data = data;
    const { words } = data;
    if (fresh) {
      this.photo.src = data.photo;
      this.revision = data.revision;
      this.drop();
    }
    this.photo.alt = words.alt;
    this.frame.setAttribute("aria-label", `${words.name}. ${words.keys}`);
    this.whole.textContent = words.whole;
    this.usual.textContent = words.usual;
    this.stage.style.aspectRatio = Math.min(Math.max(data.width / data.height, 3 / 4), 5 / 2);
    this.ground.style.background = data.colour;
    // Neither what is held now nor what was told and not yet heard is undone by an older answer.
    if (fresh || (!this.pointers.size && !this.waiting && data.revision >= this.revision)) {
      this.square = data.square;
      this.last = null;
    }
    this.root.setAttribute("data-ready", "");
    this.draw();
  }

  get size() {
    return [this.data.width, this.data.height];
  }

  draw() {
    const room = [this.stage.clientWidth, this.stage.clientHeight];
    if (!room[0] || !room[1]) return;
    const { scale, x, y } = (this.view = fitted(this.square, this.size, room));
    const [left, top, side] = this.square;
    const place = (what, across, down, width, height) => {
      what.style.left = `${EDGE + x + across * scale}px`;
      what.style.top = `${EDGE + y + down * scale}px`;
      what.style.width = `${width * scale}px`;
      what.style.height = `${height * scale}px`;
    };
    place(this.ground, left, top, side, side);
    place(this.photo, 0, 0, ...this.size);
    place(this.frame, left, top, side, side);
    this.whole.setAttribute("aria-pressed", same(this.square, this.data.whole));
    this.usual.setAttribute("aria-pressed", same(this.square, this.data.usual));
    this.frame.dataset.square = this.square.join(",");
  }

  move(square) {
    this.square = clamped(square, this.size, this.data.smallest);
    this.draw();
  }

  /** Tell Python where the square is now, once. */
  send() {
    clearTimeout(this.waiting);
    this.waiting = null;
    const [left, top, side] = this.square;
    const said = { left, top, side };
    this.told.textContent = this.data.words.told.replace(/\{(left|top|side)\}/g, (_all, name) => said[name]);
    if (same(this.square, this.last ?? this.data.square)) return;
    this.last = this.square;
    this.revision += 1;
    this.tell("moved", { square: this.square, revision: this.revision });
  }

  later() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.send(), PAUSE);
  }

  drop() {
    clearTimeout(this.waiting);
    this.waiting = this.last = null;
    this.pointers.clear();
  }

  /** From now on the fingers move the square from where it is, whatever was before. */
  begin(handle) {
    const places = [...this.pointers.values()];
    this.start = { square: this.square, scale: this.view.scale, places: places.map((place) => [...place]), handle };
  }

  follow() {
    const { square, scale, places, handle } = this.start;
    const [left, top, side] = square;
    const now = [...this.pointers.values()];
    if (now.length > 1) {
      const apart = ([one, other]) => Math.hypot(one[0] - other[0], one[1] - other[1]) || 1;
      this.move(grown(square, apart(now) / apart(places)));
      return;
    }
    const [across, down] = [0, 1].map((axis) => (now[0][axis] - places[0][axis]) / scale);
    if (!handle) {
      this.move([left + across, top + down, side]);
      return;
    }
    // The opposite corner stays, as far as the photo lets it.
    const [x, y] = [Number(handle.dataset.across), Number(handle.dataset.down)];
    const longest = Math.max(...this.size);
    const larger = Math.min(Math.max(side + (across * x + down * y) / 2, this.data.smallest), longest);
    this.move([x < 0 ? left + side - larger : left, y < 0 ? top + side - larger : top, larger]);
  }

  listen() {
    const { frame } = this;
    frame.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
      if (this.pointers.size === 1) this.before = this.square;
      frame.setPointerCapture(event.pointerId);
      if (event.pointerType === "mouse") event.preventDefault(); // no selection, no dragging of the picture
      // A finger chooses the square when it has let go: chosen sooner, the page could not be scrolled by it.
      if (event.pointerType !== "touch") frame.focus({ preventScroll: true });
      this.begin(this.pointers.size > 1 ? null : event.target.closest(".square-handle"));
    });
    frame.addEventListener("pointermove", (event) => {
      if (!this.pointers.has(event.pointerId)) return;
      this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
      this.follow();
    });
    const end = (kept) => (event) => {
      if (!this.pointers.delete(event.pointerId)) return;
      if (kept) frame.focus({ preventScroll: true });
      else this.move(this.before); // the browser took the finger to scroll the page
      if (this.pointers.size) this.begin(null);
      else this.send();
    };
    frame.addEventListener("pointerup", end(true));
    frame.addEventListener("pointercancel", end(false));
    frame.addEventListener("lostpointercapture", end(true));
    frame.addEventListener("keydown", (event) => this.press(event));
    frame.addEventListener("blur", () => this.waiting && this.send());
    frame.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey && document.activeElement !== frame) return; // the page scrolls
        event.preventDefault();
        this.move(grown(this.square, Math.exp(event.deltaY * (event.ctrlKey ? 0.01 : 0.001))));
        this.later();
      },
      { passive: false },
    );
    for (const name of ["whole", "usual"])
      this[name].addEventListener("click", () => {
        this.square = this.data[name];
        this.draw();
        this.send();
      });
  }

  press(event) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const [left, top, side] = this.square;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (ways[event.key]) {
      const step = Math.max(1, Math.round(Math.max(...this.size) / (event.shiftKey ? 20 : 100)));
      this.move([left + ways[event.key][0] * step, top + ways[event.key][1] * step, side]);
    } else if ("+=".includes(event.key)) this.move(grown(this.square, Math.max(1.05, 1 + 2 / side)));
    else if ("-_".includes(event.key)) this.move(grown(this.square, Math.min(1 / 1.05, 1 - 2 / side)));
    else return;
    event.preventDefault();
    this.later();
  }
}

export default function ({ parentElement, data: [data], setTriggerValue }) {
  try {
    const right = checked(data);
    if (!stages.has(parentElement)) stages.set(parentElement, new Stage(parentElement));
    const stage = stages.get(parentElement);
    if (right) stage.update(right, setTriggerValue);
    else stage.root.removeAttribute("data-ready"); // the plain picture, and the numbers below it, stand in
  } catch (error) {
    console.warn("The square cannot be drawn; its numbers stand in.", error);
    stages.get(parentElement)?.root.removeAttribute("data-ready");
  }
}
