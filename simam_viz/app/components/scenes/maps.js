// A channel as a map of coloured cells, each of which can be tapped or painted.

import { clamp, held, html, set, svg } from "./drawing.js";

const shade = (colours, low, high, value) => colours[Math.round(clamp((value - low) / (high - low), 0, 1) * (colours.length - 1))];

const luminance = (colour) => {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return 0.299 * red + 0.587 * green + 0.114 * blue;
};

// `picked(index)` where cells can be chosen, `painted(index)` where they can be painted while the pointer goes over them,
// `raised(sign)` where + and − change the chosen one; `told()` what a reader of the screen hears of the chosen cell.
export function cellMap({ side, rows, columns, label, colours, low, high, written, picked, painted, raised, told, ended }) {
  const cell = Math.max(1, Math.floor(side / Math.max(rows, columns)));
  const [width, height] = [cell * columns, cell * rows];
  const cells = html("canvas", { width: columns, height: rows, "aria-hidden": "true" });
  const frame = svg("rect", { width: cell, height: cell, class: "frame", "data-part": "t" });
  const over = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  const texts = [];
  if (written && cell >= 24) {
    for (let index = 0; index < rows * columns; index++) {
      const x = ((index % columns) + 0.5) * cell;
      const y = (Math.floor(index / columns) + 0.5) * cell + cell * 0.12;
      texts.push(svg("text", { x, y, "text-anchor": "middle", "font-size": cell * 0.34, class: "cell" }));
    }
  }
  over.append(...texts, frame);
  const node = html("div", { class: "map", style: `width:${width}px;height:${height}px` }, cells, over);
  let target = 0;
  if (picked) {
    set(node, { role: "slider", tabindex: "0", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": rows * columns - 1 });
    node.classList.add("handle");
    const at = (event) => {
      const box = node.getBoundingClientRect();
      const column = clamp(Math.floor(((event.clientX - box.left) / box.width) * columns), 0, columns - 1);
      const row = clamp(Math.floor(((event.clientY - box.top) / box.height) * rows), 0, rows - 1);
      return row * columns + column;
    };
    const act = (event) => (painted ?? picked)(at(event));
    held(node, { begun: act, moved: act, ended });
    node.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      const sign = { "+": 1, "=": 1, "-": -1, "−": -1 }[event.key];
      if (step) {
        const row = clamp(Math.floor(target / columns) + step[0], 0, rows - 1);
        picked(row * columns + clamp((target % columns) + step[1], 0, columns - 1));
      } else if (sign && raised) raised(sign);
      else if (painted && (event.key === "Enter" || event.key === " ")) painted(target);
      else return;
      event.preventDefault();
      event.stopPropagation();
      ended();
    });
  } else set(node, { role: "img", "aria-label": label });

  const context = cells.getContext("2d");
  const pixels = context.createImageData(columns, rows);
  const bytes = colours.map((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
  const last = colours.length - 1;

  function update(values, chosen, say) {
    target = chosen;
    for (let index = 0; index < values.length; index++) {
      const [red, green, blue] = bytes[Math.round(clamp((values[index] - low) / (high - low), 0, 1) * last)];
      pixels.data.set([red, green, blue, 255], 4 * index);
    }
    context.putImageData(pixels, 0, 0);
    texts.forEach((text, index) => {
      // What stays as it is is left alone: laying out text is what takes the time of a frame.
      const [words, fill] = [say(values[index]), luminance(shade(colours, low, high, values[index])) > 140 ? "#000000" : "#ffffff"];
      if (text.textContent !== words) text.textContent = words;
      if (text.getAttribute("fill") !== fill) set(text, { fill });
    });
    set(frame, { x: (chosen % columns) * cell, y: Math.floor(chosen / columns) * cell });
    if (picked) set(node, { "aria-valuenow": chosen, "aria-valuetext": told() });
  }
  return { node, update, cell };
}
