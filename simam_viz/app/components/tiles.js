// Tiles of one picture as buttons, as many in a row as a thumb or a mouse can tell apart. The picture is the one that Python drew
// beside them, so it travels once; a click is answered here at once, and told to Python.

const THUMB = 44; // px, the least side of a tile for fingers, as WCAG 2.5.5 has it
const MOUSE = 24; // and for a mouse, as 2.5.8 has it
const PATIENCE = 3000; // ms for which an answer to an earlier click does not move the frame
const grids = new WeakMap();

const whole = (number, low) => Number.isInteger(number) && number >= low;

/** What Python sends, or nothing where it is not what it should be. */
export function checked(data) {
  const right =
    data &&
    whole(data.columns, 1) &&
    whole(data.gap, 0) &&
    Array.isArray(data.labels) &&
    data.labels.length &&
    data.labels.every((label) => typeof label === "string") &&
    (data.chosen === null || whole(data.chosen, 0)) &&
    typeof data.name === "string";
  return right ? data : null;
}

/** How many tiles stand in a row: as many as in the picture, or as fit. */
export function columnsIn(width, columns, least) {
  return Math.max(1, Math.min(columns, Math.floor(width / least)));
}

/**
 * Where a tile, without the gap around it, lies in a picture of this size: the size and the place of a background, and how far it
 * stays from the edges of its button, which touch each other, so that the gaps between tiles are those of the picture.
 */
export function sprite(index, columns, gap, [across, down]) {
  const step = (across - gap) / columns;
  const side = step - gap;
  const part = (offset, length) => (length === side ? 0 : (100 * offset) / (length - side));
  const [x, y] = [index % columns, Math.floor(index / columns)].map((place) => place * step + gap);
  return {
    size: `${(100 * across) / side}% ${(100 * down) / side}%`,
    place: `${part(x, across)}% ${part(y, down)}%`,
    inset: `${(50 * gap) / step}%`,
  };
}

class Grid {
  constructor(parent) {
    this.root = parent.appendChild(document.createElement("div"));
    this.root.className = "tiles";
    this.root.dataset.testid = "tiles";
    this.grid = this.root.appendChild(document.createElement("div"));
    this.grid.className = "tiles-grid";
    this.grid.setAttribute("role", "group");
    this.pointed = this.root.appendChild(document.createElement("div"));
    this.pointed.className = "tiles-pointed";
    this.place = parent.closest('[class*="st-key-channels-"]');
    this.buttons = [];
    this.listen();
    new ResizeObserver(() => this.lay()).observe(this.root);
    new MutationObserver(() => this.look()).observe(this.place, {
      subtree: true,
      childList: true,
      attributeFilter: ["src"],
    });
  }

  update(data, tell) {
    this.tell = tell;
    const other = !this.data || JSON.stringify(data.labels) !== JSON.stringify(this.data.labels);
    this.data = data;
    this.grid.setAttribute("aria-label", data.name);
    if (other) {
      this.grid.replaceChildren(
        ...data.labels.map((label, index) => {
          const button = document.createElement("button");
          button.type = "button";
          button.dataset.tile = index;
          button.setAttribute("aria-label", label);
          button.tabIndex = -1;
          return button;
        }),
      );
      this.buttons = [...this.grid.children];
      this.drawn = this.laid = null;
    }
    if (!(this.awaited && performance.now() - this.awaited.since < PATIENCE && this.awaited.tile !== data.chosen)) {
      this.awaited = null;
      this.frame(data.chosen);
    }
    this.lay();
    this.look();
  }

  frame(chosen) {
    this.buttons.forEach((button, index) => {
      if (index === chosen) button.setAttribute("aria-current", "true");
      else if (button.hasAttribute("aria-current")) button.removeAttribute("aria-current");
    });
    this.reach(this.buttons[chosen] ?? this.buttons[0]);
  }

  /** The one tile that the tab key stops at. */
  reach(button) {
    if (this.stop) this.stop.tabIndex = -1;
    this.stop = button;
    button.tabIndex = 0;
  }

  lay() {
    if (!this.data) return;
    const least = matchMedia("(pointer: coarse)").matches ? THUMB : MOUSE;
    this.columns = columnsIn(this.root.clientWidth, this.data.columns, least);
    this.grid.style.gridTemplateColumns = `repeat(${this.columns}, 1fr)`;
  }

  /** Take over the picture as it is now, once the browser can draw it. */
  async look() {
    const source = this.place.querySelector('[class*="st-key-picture-"] img')?.src;
    if (!source || !this.data || (this.drawn === source && this.asked === source)) return;
    this.asked = source;
    const address = URL.createObjectURL(await (await fetch(source)).blob());
    const image = new Image();
    image.src = address;
    try {
      await image.decode();
    } catch {
      URL.revokeObjectURL(address);
      return;
    }
    if (this.asked !== source) {
      URL.revokeObjectURL(address); // there is a newer one
      return;
    }
    const { columns, gap } = this.data;
    const laid = [columns, gap, image.naturalWidth, image.naturalHeight, this.buttons.length].join();
    // Another picture of the same size, as every λ gives, moves no tile.
    if (this.laid !== laid)
      this.buttons.forEach((button, index) => {
        const { size, place, inset } = sprite(index, columns, gap, [image.naturalWidth, image.naturalHeight]);
        Object.assign(button.style, { padding: inset, backgroundSize: size, backgroundPosition: place });
      });
    this.laid = laid;
    this.grid.style.setProperty("--tiles", `url("${address}")`);
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = address;
    this.drawn = this.root.shows = source;
    this.root.setAttribute("data-ready", "");
  }

  listen() {
    const tile = (event) => event.target.closest("button");
    this.grid.addEventListener("click", (event) => {
      const button = tile(event);
      if (!button) return;
      const index = Number(button.dataset.tile);
      this.awaited = { tile: index, since: performance.now() };
      this.frame(index);
      this.tell("picked", index);
    });
    for (const name of ["pointerover", "focusin"])
      this.grid.addEventListener(name, (event) => {
        this.pointed.textContent = tile(event)?.getAttribute("aria-label") ?? "";
      });
    this.grid.addEventListener("pointerleave", () => (this.pointed.textContent = ""));
    this.grid.addEventListener("keydown", (event) => {
      const at = this.buttons.indexOf(tile(event));
      const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns };
      const ends = { Home: 0, End: this.buttons.length - 1 };
      const to = event.key in ends ? ends[event.key] : at + steps[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey || !this.buttons[to]) return;
      event.preventDefault();
      this.reach(this.buttons[to]);
      this.buttons[to].focus();
    });
  }
}

export default function ({ parentElement, data: [data], setTriggerValue }) {
  try {
    const right = checked(data);
    if (!right) return;
    if (!grids.has(parentElement)) grids.set(parentElement, new Grid(parentElement));
    grids.get(parentElement).update(right, setTriggerValue);
  } catch (error) {
    console.warn("Tiles cannot be drawn; their picture stands in.", error);
  }
}
