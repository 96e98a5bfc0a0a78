// Pictures of a whole channel: the small one as cells to paint, its weights beside it, and a channel of the photo.

import { weightAt } from "./closed_form.js";
import { html } from "./drawing.js";
import { cellMap } from "./maps.js";
import { said } from "./saying.js";

export const FLOOR = weightAt(0, 1);

export function channelMap(lesson, side, more = {}) {
  const { state, text } = lesson;
  return cellMap({
    side,
    rows: 9,
    columns: 9,
    label: text.map,
    colours: lesson.colours.feature,
    low: -3,
    high: 3,
    written: true,
    picked: lesson.pick,
    raised: (sign) => lesson.setValue(state.target, state.channel[state.target] + sign * 0.1),
    told: () => lesson.say(text.cell_is, lesson.cell()),
    ended: lesson.commit,
    ...more,
  });
}

export function channel(lesson, size) {
  const { text, state } = lesson;
  const side = Math.min(size.height - (size.big ? 34 : 24), size.width / 2 - 6);
  const values = channelMap(lesson, side, {
    painted: (index) => {
      lesson.pick(index);
      lesson.setValue(index, state.brush);
    },
    label: text.paint,
  });
  const weights = cellMap({
    side,
    rows: 9,
    columns: 9,
    label: text.weights,
    colours: lesson.colours.weight,
    low: FLOOR,
    high: 1,
    written: true,
  });
  const titled = (map, title) => html("figure", {}, map.node, html("figcaption", {}, title));
  function update(v) {
    values.update(state.channel, state.target, said);
    weights.update(v.weights, state.target, (value) => said(value, 3));
  }
  return { node: html("div", { class: "beside" }, titled(values, text.values_title), titled(weights, text.weights_title)), update };
}

export function photo(lesson, size) {
  const { text } = lesson;
  const found = lesson.photo;
  if (!found || found.sentence) {
    const node = html("p", { class: "waiting" }, found ? found.sentence : text.looking);
    return { node, update: () => {} };
  }
  const { rows, columns } = found;
  const side = Math.min(size.height - (size.big ? 80 : 60), size.width / 2 - 6);
  const image = html("img", { src: found.picture, alt: found.alt, width: side, height: side });
  const frame = html("div", { class: "seen" });
  const seen = html("div", { class: "map", style: `width:${side}px;height:${side}px` }, image, frame);
  const map = cellMap({
    side,
    rows,
    columns,
    label: text.photo_map,
    colours: lesson.colours.side,
    low: -0.378,
    high: 0.378,
    written: false,
    picked: lesson.pickOfPhoto,
    told: () => lesson.say(text.photo_cell_is, lesson.cellOfPhoto()),
    ended: lesson.commit,
  });
  const titled = (node, title) => html("figure", {}, node, html("figcaption", {}, title));
  function update(v) {
    const sides = found.channel.map((value, index) => Math.sign(value - v.mu) * (v.weights[index] - FLOOR));
    map.update(sides, found.target, said);
    const [row, column] = [Math.floor(found.target / columns), found.target % columns];
    Object.assign(frame.style, {
      left: `${(100 * column) / columns}%`,
      top: `${(100 * row) / rows}%`,
      width: `${100 / columns}%`,
      height: `${100 / rows}%`,
    });
  }
  const both = html("div", { class: "beside" }, titled(seen, text.photo_title), titled(map.node, text.side_title));
  return { node: html("div", { class: "noted" }, both, html("p", { class: "note" }, found.note)), update };
}
