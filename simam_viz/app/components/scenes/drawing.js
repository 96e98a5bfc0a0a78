// SVG by hand: elements, scales, axes, and things that are dragged by pointer or keys.

const NAMESPACE = "http://www.w3.org/2000/svg";

export function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS(NAMESPACE, name);
  set(node, attributes);
  node.append(...children);
  return node;
}

export function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null) node.removeAttribute(name);
    else node.setAttribute(name, value);
  }
  return node;
}

export function html(name, attributes = {}, ...children) {
  const node = set(document.createElement(name), attributes);
  node.append(...children);
  return node;
}

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// A linear scale from [a, b] to [from, to], and back.
export function scale([a, b], [from, to]) {
  const along = (value) => from + ((value - a) / (b - a)) * (to - from);
  along.back = (place) => a + ((place - from) / (to - from)) * (b - a);
  along.ends = [a, b];
  return along;
}

export const path = (points) => points.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

export const steps = (low, high, count) => Array.from({ length: count }, (_, index) => low + ((high - low) * index) / (count - 1));

// An empty plot with two named axes: {node, x, y, layer}. `ticks` are pairs of value and text.
export function plot({ width, height, big }, { x, y, xName, yName, xTicks, yTicks, place = [0, 0] }) {
  const [left, top] = place;
  const margin = big ? { left: 58, right: 16, top: 34, bottom: 60 } : { left: 40, right: 10, top: 24, bottom: 38 };
  const box = [left + margin.left, top + margin.top, left + width - margin.right, top + height - margin.bottom];
  const along = scale(x, [box[0], box[2]]);
  const up = scale(y, [box[3], box[1]]);
  const layer = svg("g");
  const axes = svg("g", { class: "axes", "aria-hidden": "true" });
  for (const [value, text] of xTicks) {
    axes.append(svg("line", { x1: along(value), x2: along(value), y1: box[1], y2: box[3], class: "grid" }));
    axes.append(svg("text", { x: along(value), y: box[3] + (big ? 24 : 15), "text-anchor": "middle" }, text));
  }
  for (const [value, text] of yTicks) {
    axes.append(svg("line", { x1: box[0], x2: box[2], y1: up(value), y2: up(value), class: "grid" }));
    axes.append(svg("text", { x: box[0] - 6, y: up(value) + 4, "text-anchor": "end" }, text));
  }
  axes.append(svg("text", { x: (box[0] + box[2]) / 2, y: top + height - 5, "text-anchor": "middle", class: "name" }, xName));
  axes.append(svg("text", { x: left + 4, y: top + (big ? 18 : 12), class: "name" }, yName));
  const node = svg("g", {}, axes, layer);
  return { node, x: along, y: up, layer, box };
}

export function canvas({ width, height }, label, ...children) {
  const node = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label });
  node.append(...children);
  return node;
}

// A pointer that goes down on a node and holds it until it is lifted, wherever it goes.
export function held(node, { begun, moved, ended }) {
  let down = false;
  const done = () => {
    if (down) ended();
    down = false;
  };
  node.addEventListener("pointerdown", (event) => {
    down = true;
    node.setPointerCapture(event.pointerId);
    node.focus();
    event.preventDefault();
    event.stopPropagation();
    begun?.(event);
  });
  node.addEventListener("pointermove", (event) => down && moved(event));
  for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) node.addEventListener(kind, done);
}

// A circle (or another shape) that is dragged. `moved([x, y])` gets where the pointer is, in pixels of the drawing;
// `stepped([across, up], big)` gets arrow keys; `told()` gives what a reader of the screen hears: {now, low, high, text}.
export function draggable(node, { label, moved, stepped, told, ended }) {
  set(node, { role: "slider", tabindex: "0", "aria-label": label, class: `${node.getAttribute("class") ?? ""} handle` });
  const at = (event) => {
    const box = node.ownerSVGElement.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  held(node, { moved: (event) => moved(at(event)), ended });
  node.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    stepped(way, event.shiftKey ? 10 : 1);
    ended();
  });
  return () => {
    const { now, low, high, text } = told();
    set(node, { "aria-valuenow": now, "aria-valuemin": low, "aria-valuemax": high, "aria-valuetext": text });
  };
}
