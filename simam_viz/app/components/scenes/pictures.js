// The pictures of the scenes. Each is built once for a size, (lesson, size) → {node, update}, and updated while something moves.

import { bestLine, energyAt, weightAt } from "./closed_form.js";
import { canvas, clamp, draggable, html, path, plot, scale, set, steps, svg } from "./drawing.js";
import { channel, channelMap, FLOOR, photo } from "./whole_channels.js";
import { said } from "./saying.js";

const VALUES = [-5, 5];
const VALUE_TICKS = [-4, -2, 0, 2, 4].map((value) => [value, said(value)]);

const dot = (part, radius, name = "") => svg("circle", { r: radius, class: `${part} ${name}`, "data-part": part });

// One dot for every neuron but the target.
function crowd(lesson, radius) {
  const dots = lesson.state.channel.map(() => dot("others", radius));
  const place = (at) => {
    const { channel, target } = lesson.state;
    channel.forEach((value, index) => {
      const [cx, cy] = at(value, index);
      set(dots[index], { cx: cx.toFixed(1), cy: cy.toFixed(1), visibility: index === target ? "hidden" : null });
    });
  };
  return { dots, place };
}

// The target as a handle whose value is dragged along one direction of the drawing.
function targetHandle(lesson, radius, valueAt, sign) {
  const handle = dot("t", radius);
  const { state, text } = lesson;
  const speak = draggable(handle, {
    label: text.target,
    moved: (at) => lesson.setValue(state.target, valueAt(at)),
    stepped: ([across, up], size) => lesson.setValue(state.target, state.channel[state.target] + (across + up) * sign * 0.1 * size),
    told: () => ({ now: lesson.values.t, low: VALUES[0], high: VALUES[1], text: lesson.say(text.target_is) }),
    ended: lesson.commit,
  });
  return { handle, speak };
}

export function standOut(lesson, size) {
  const side = Math.min(size.height, size.width * 0.6);
  const map = channelMap(lesson, side);
  const width = Math.min(size.width - map.cell * 9 - 8, 260);
  const strip = plot({ ...size, width }, { x: [0, 1], y: VALUES, xName: "", yName: lesson.text.value, xTicks: [], yTicks: VALUE_TICKS });
  const others = crowd(lesson, 3.5);
  const mean = svg("line", { class: "mean", "data-part": "mu" });
  const distance = svg("line", { class: "distance", "data-part": "d" });
  const letter = svg("text", { class: "letter", "data-part": "mu" }, "μ");
  const { handle, speak } = targetHandle(lesson, size.big ? 14 : 10, ([, y]) => strip.y.back(y), 1);
  strip.layer.append(...others.dots, mean, letter, distance, handle);
  const drawing = canvas({ width, height: size.height }, lesson.text.strip, strip.node);
  const middle = strip.x(0.55);
  function update(v) {
    map.update(lesson.state.channel, lesson.state.target, said);
    others.place((value, index) => [strip.x(0.25 + (0.6 * ((index * 37) % 81)) / 81), strip.y(value)]);
    set(mean, { x1: strip.box[0], x2: strip.box[2], y1: strip.y(v.mu), y2: strip.y(v.mu) });
    set(letter, { x: strip.box[2] - 12, y: strip.y(v.mu) - 5 });
    set(distance, { x1: middle, x2: middle, y1: strip.y(v.mu), y2: strip.y(v.t) });
    set(handle, { cx: middle, cy: strip.y(v.t) });
    speak();
  }
  return { node: html("div", { class: "beside" }, map.node, drawing), update };
}

// A number line: the others at −1, the target at +1, their misses, and a line over them.
function numberLine(lesson, size, place = [0, 0]) {
  const { channel } = lesson.state;
  const [low, high] = [Math.min(...channel), Math.max(...channel)];
  const margin = 0.15 * (high - low || 1);
  const ticks = steps(low, high, 3).map((value) => [value, said(value, 2)]);
  const area = plot(size, {
    x: [low - margin, high + margin],
    y: [-2, 2],
    xName: lesson.text.value_x,
    yName: "w·x + b",
    xTicks: ticks,
    yTicks: [-2, -1, 0, 1, 2].map((value) => [value, said(value)]),
    place,
  });
  const [left, top, right, bottom] = area.box;
  const window = { x: left, y: top, width: right - left, height: bottom - top, viewBox: `${left} ${top} ${right - left} ${bottom - top}` };
  const clip = svg("svg", window);
  const misses = channel.map(() => svg("line", { class: "miss", "data-part": "miss_others" }));
  const miss = svg("line", { class: "miss target", "data-part": "miss_target" });
  const line = svg("line", { class: "line", "data-part": "w" });
  const ghost = svg("line", { class: "line ghost" });
  const others = crowd(lesson, 4);
  const target = dot("t", size.big ? 12 : 8);
  clip.append(...misses, miss, ghost, line, ...others.dots, target);
  area.layer.append(clip);
  const ends = area.x.ends;
  const along = (node, w, b) =>
    set(node, { x1: area.x(ends[0]), x2: area.x(ends[1]), y1: area.y(w * ends[0] + b), y2: area.y(w * ends[1] + b) });
  function update(v, w, b, without) {
    along(line, w, b);
    if (without) along(ghost, without.w, without.b);
    others.place((value) => [area.x(value), area.y(-1)]);
    lesson.state.channel.forEach((value, index) => {
      const there = { x1: area.x(value), x2: area.x(value), y1: area.y(-1), y2: area.y(w * value + b) };
      set(misses[index], { ...there, visibility: index === lesson.state.target ? "hidden" : null });
    });
    set(miss, { x1: area.x(v.t), x2: area.x(v.t), y1: area.y(1), y2: area.y(w * v.t + b) });
    set(target, { cx: area.x(v.t), cy: area.y(1) });
  }
  return { ...area, update };
}

export function line(lesson, size) {
  const bar = size.big ? 44 : 30;
  const { state, text } = lesson;
  const area = numberLine(lesson, { ...size, height: size.height - bar });
  const [low, high] = area.x.ends;
  const ends = [0.06, 0.94].map((share) => low + share * (high - low));
  const heights = () => ends.map((x) => clamp(state.w * x + state.b, -2, 2));
  const through = (index, height) => {
    const both = heights();
    both[index] = clamp(height, -2, 2);
    const [left, right] = both;
    const w = (right - left) / (ends[1] - ends[0]);
    lesson.change({ w, b: left - w * ends[0] });
  };
  const handles = ends.map((_, index) => {
    const node = dot("w", size.big ? 15 : 11, "end");
    const speak = draggable(node, {
      label: text.ends[index],
      moved: ([, y]) => through(index, area.y.back(y)),
      stepped: ([across, up], by) => through(index, heights()[index] + (across + up) * 0.05 * by),
      told: () => ({ now: heights()[index], low: -2, high: 2, text: lesson.say(text.end_is, { height: heights()[index] }) }),
      ended: lesson.commit,
    });
    return { node, speak };
  });
  const along = scale([0, 4], [area.box[0], area.box[2]]);
  const parts = ["miss_target", "miss_others", "charge"].map((part) =>
    svg("rect", { y: size.height - bar + 4, height: bar * 0.42, class: `share ${part}`, "data-part": part }),
  );
  const flat = svg("line", { x1: along(2), x2: along(2), y1: size.height - bar, y2: size.height - bar * 0.42, class: "mean" });
  const named = svg("text", { x: along(2) + 4, y: size.height - 4, class: "axis" }, text.flat_bar);
  const node = canvas(size, text.line_picture, area.node, ...handles.map((handle) => handle.node), ...parts, flat, named);
  function update(v) {
    area.update(v, state.w, state.b);
    handles.forEach((handle, index) => {
      set(handle.node, { cx: area.x(ends[index]), cy: area.y(heights()[index]) });
      handle.speak();
    });
    let from = 0;
    ["miss_target", "miss_others", "charge"].forEach((part, index) => {
      const [a, b] = [along(Math.min(from, 4)), along(Math.min(from + v[part], 4))];
      set(parts[index], { x: a.toFixed(1), width: Math.max(b - a, 0).toFixed(1) });
      from += v[part];
    });
  }
  return { node, update };
}

export function bowl(lesson, size) {
  const { state, text } = lesson;
  const v0 = lesson.values;
  const reach = [Math.max(1.8 * Math.abs(v0.w_best), 0.2), Math.max(1.6 * Math.abs(v0.b_best), 1.2)];
  const ticks = (end) => [-1, -0.5, 0, 0.5, 1].map((share) => [share * end * 0.9, said(share * end * 0.9, 2)]);
  const area = plot(size, {
    x: [-reach[0], reach[0]],
    y: [-reach[1], reach[1]],
    xName: text.slope,
    yName: text.offset,
    xTicks: ticks(reach[0]),
    yTicks: ticks(reach[1]),
  });
  const [left, top, right, bottom] = area.box;
  const [width, height] = [right - left, bottom - top];
  const clip = svg("svg", { x: left, y: top, width, height, viewBox: `${left} ${top} ${width} ${height}` });
  const rings = 22;
  const ground = svg("rect", { x: left, y: top, width, height, fill: lesson.colours.energy.at(-1) });
  const ellipses = steps(0, 1, rings).map((share) =>
    svg("path", { fill: lesson.colours.energy[Math.round((1 - share) * (lesson.colours.energy.length - 1))], class: "ring" }),
  );
  const trail = svg("path", { class: "trail" });
  const zero = svg("circle", { cx: area.x(0), cy: area.y(0), r: 4, class: "zero" });
  const zeroName = svg("text", { x: area.x(0) + 8, y: area.y(0) - 14, class: "on-map" }, text.flat_line);
  const point = dot("w", size.big ? 14 : 10, "end");
  const speak = draggable(point, {
    label: text.point,
    moved: ([x, y]) => lesson.change({ w: clamp(area.x.back(x), -reach[0], reach[0]), b: clamp(area.y.back(y), -reach[1], reach[1]) }),
    stepped: ([across, up], by) =>
      lesson.change({
        w: clamp(state.w + (across * by * reach[0]) / 50, -reach[0], reach[0]),
        b: clamp(state.b + (up * by * reach[1]) / 50, -reach[1], reach[1]),
      }),
    told: () => ({ now: state.w, low: -reach[0], high: reach[0], text: lesson.say(text.point_is) }),
    ended: lesson.commit,
  });
  clip.append(ground, ...ellipses, zero, zeroName, trail);
  const small = { width: width * 0.36, height: height * 0.36, big: false };
  const corner = [v0.w_best >= 0 ? left + 8 : right - small.width - 8, top + 8];
  const card = svg("rect", { x: corner[0], y: corner[1], width: small.width, height: small.height, rx: 6, class: "card" });
  const [low, high] = [Math.min(...state.channel), Math.max(...state.channel)];
  const inX = scale([low - 0.4, high + 0.4], [corner[0] + 6, corner[0] + small.width - 6]);
  const inY = scale([-2, 2], [corner[1] + small.height - 6, corner[1] + 6]);
  const inner = svg("svg", {
    x: corner[0],
    y: corner[1],
    width: small.width,
    height: small.height,
    viewBox: `${corner[0]} ${corner[1]} ${small.width} ${small.height}`,
  });
  const theirs = crowd(lesson, 2.5);
  const mine = dot("t", 5);
  const tilted = svg("line", { class: "line", "data-part": "w" });
  inner.append(...theirs.dots, mine, tilted);
  area.layer.append(clip, card, inner, point);

  function update(v) {
    // e(w, b) = e* + pᵀAp with p the way from the bottom; A = LLᵀ, so rings of equal energy are p = √level · L⁻ᵀ(cos, sin).
    const a12 = v.mu_t + v.t;
    const l11 = Math.sqrt(v.spread_t + v.mu_t ** 2 + v.t ** 2);
    const l21 = a12 / l11;
    const l22 = Math.sqrt(Math.max(2 - l21 * l21, 1e-12));
    const corners = [-1, 1].flatMap((x) => [-1, 1].map((y) => [x * reach[0], y * reach[1]]));
    const far = Math.max(
      ...corners.map(([w, b]) => {
        const [dw, db] = [w - v.w_best, b - v.b_best];
        return l11 ** 2 * dw * dw + 2 * a12 * dw * db + 2 * db * db;
      }),
    );
    ellipses.forEach((ring, index) => {
      const root = Math.sqrt(far) * (1 - index / rings);
      const points = steps(0, 2 * Math.PI, 61).map((angle) => {
        const down = Math.sin(angle) / l22;
        const across = (Math.cos(angle) - l21 * down) / l11;
        return [area.x(v.w_best + root * across), area.y(v.b_best + root * down)];
      });
      set(ring, { d: path(points) + "Z" });
    });
    set(trail, { d: path(lesson.trail.map(([w, b]) => [area.x(w), area.y(b)])) });
    set(point, { cx: area.x(clamp(v.w, -reach[0], reach[0])), cy: area.y(clamp(v.b, -reach[1], reach[1])) });
    speak();
    theirs.place((value) => [inX(value), inY(-1)]);
    set(mine, { cx: inX(v.t), cy: inY(1) });
    const [from, to] = [low - 0.4, high + 0.4];
    set(tilted, { x1: inX(from), x2: inX(to), y1: inY(v.w * from + v.b), y2: inY(v.w * to + v.b) });
  }
  return { node: canvas(size, text.bowl_picture, area.node), update };
}

export function lambda(lesson, size) {
  const { text, state } = lesson;
  const wide = size.width > 1.5 * size.height;
  const half = wide ? { width: size.width / 2, height: size.height } : { width: size.width, height: size.height / 2 };
  const area = numberLine(lesson, { ...half, big: size.big });
  const without = () => bestLine(lesson.values.delta, Math.max(lesson.values.variance_t, 1e-9), lesson.values.t, lesson.values.mu_t);
  const lowest = Math.max(without().energy, 1e-4);
  const y = [Math.floor(Math.log10(lowest) * 2) / 2 - 0.2, Math.log10(2) + 0.12];
  const curve = plot(
    { ...half, big: size.big },
    {
      x: [-6, 1],
      y,
      xName: "λ",
      yName: text.energy,
      place: wide ? [half.width, 0] : [0, half.height],
      xTicks: [-6, -4, -2, 0].map((power) => [power, said(10 ** power)]),
      yTicks: [0.001, 0.01, 0.1, 1, 2].filter((e) => Math.log10(e) > y[0]).map((e) => [Math.log10(e), said(e)]),
    },
  );
  const drawn = svg("path", { class: "curve" });
  const mark = svg("line", { class: "mean", "data-part": "variance_t" });
  const named = svg("text", { class: "letter", "data-part": "variance_t" }, "σₜ²");
  const point = dot("e_lambda", size.big ? 14 : 10, "end");
  const speak = draggable(point, {
    label: "λ",
    moved: ([x]) => lesson.lambdaNear(10 ** curve.x.back(x)),
    stepped: ([across, up], by) => lesson.lambdaStep((across + up) * (by > 1 ? 6 : 1)),
    told: () => ({ now: state.stop, low: 0, high: state.stops.length - 1, text: lesson.say(text.lambda_is) }),
    ended: lesson.commit,
  });
  curve.layer.append(drawn, mark, named, point);
  function update(v) {
    area.update(v, v.w_best, v.b_best, without());
    const points = steps(-6, 1, 71).map((power) => {
      const { energy } = bestLine(v.delta, v.variance_t + 10 ** power, v.t, v.mu_t);
      return [curve.x(power), curve.y(Math.max(Math.log10(energy), y[0]))];
    });
    set(drawn, { d: path(points) });
    const at = curve.x(clamp(Math.log10(Math.max(v.variance_t, 1e-6)), -6, 1));
    set(mark, { x1: at, x2: at, y1: curve.box[1], y2: curve.box[3] });
    set(named, { x: at + 5, y: curve.box[3] - 6 });
    set(point, { cx: curve.x(clamp(Math.log10(v.e_lambda), -6, 1)), cy: curve.y(Math.max(Math.log10(v.e_best), y[0])) });
    speak();
  }
  return { node: canvas(size, text.lambda_picture, area.node, curve.node), update };
}

// Every neuron on one curve over the values; the target is dragged along it.
function onOneCurve(lesson, size, { at, y, yName, yTicks, label, floor, exact }) {
  const area = plot(size, { x: VALUES, y, xName: lesson.text.value, yName, xTicks: VALUE_TICKS, yTicks });
  const drawn = svg("path", { class: "curve" });
  const mean = svg("line", { class: "mean", "data-part": "mu", y1: area.box[1], y2: area.box[3] });
  const letter = svg("text", { class: "letter", "data-part": "mu", y: area.box[1] + 14 }, "μ");
  const distance = svg("line", { class: "distance", "data-part": "d" });
  const others = crowd(lesson, 4);
  const ring = svg("circle", { r: 8, class: "ring-exact", "data-part": "e_best" });
  const { handle, speak } = targetHandle(lesson, size.big ? 14 : 10, ([x]) => area.x.back(x), 1);
  area.layer.append(drawn, mean, letter, distance, ...others.dots, ...(exact ? [ring] : []), handle);
  if (floor) {
    const level = area.y(floor.value);
    area.layer.prepend(svg("line", { x1: area.box[0], x2: area.box[2], y1: level, y2: level, class: "floor" }));
    area.layer.append(svg("text", { x: area.box[0] + 6, y: level + (size.big ? 22 : 15), class: "axis" }, floor.name));
  }
  function update(v) {
    const height = (value) => area.y(at(value - v.mu, v.spread));
    // Finer about the mean, where the curve turns.
    const near = steps(-1, 1, 121)
      .map((share) => v.mu + share ** 3 * 10)
      .filter((value) => Math.abs(value) <= 5);
    set(drawn, { d: path([-5, ...near, 5].map((value) => [area.x(value), height(value)])) });
    set(mean, { x1: area.x(v.mu), x2: area.x(v.mu) });
    set(letter, { x: area.x(v.mu) + 5 });
    others.place((value) => [area.x(value), height(value)]);
    set(distance, { x1: area.x(v.mu), x2: area.x(v.t), y1: height(v.t), y2: height(v.t) });
    set(ring, { cx: area.x(v.t), cy: area.y(v.e_best) });
    set(handle, { cx: area.x(v.t), cy: height(v.t) });
    speak();
  }
  return { node: canvas(size, label, area.node), update };
}

export const onePass = (lesson, size) =>
  onOneCurve(lesson, size, {
    at: energyAt,
    y: [0, 2.05],
    yName: lesson.text.energy,
    yTicks: [0, 0.5, 1, 1.5, 2].map((e) => [e, said(e)]),
    label: lesson.text.curve_picture,
    exact: true,
  });

export const weight = (lesson, size) =>
  onOneCurve(lesson, size, {
    at: weightAt,
    y: [0.58, 1.01],
    yName: lesson.text.weight,
    yTicks: [0.6, 0.7, 0.8, 0.9, 1].map((w) => [w, said(w)]),
    label: lesson.text.weight_picture,
    floor: { value: FLOOR, name: lesson.text.floor },
  });

export const PICTURES = {
  "stand-out": standOut,
  line,
  "best-line": bowl,
  lambda,
  "one-pass": onePass,
  weight,
  channel,
  photo,
};
