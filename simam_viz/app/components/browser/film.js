// A film of λ as the server sends it (simam_viz/explain/film.py): a header in JSON, then maps in 8 bits.

/** What the bytes hold; throws where they are no film. */
export function decoded(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const [width, height] = header.view;
  let at = 4 + length;
  const take = (count) => {
    if (at + count > bytes.length) throw new RangeError("a film ends too early");
    at += count;
    return bytes.subarray(at - count, at);
  };
  const grey = take(width * height);
  const stops = new Map();
  for (const stop of header.stops) {
    const weights = header.blocks.map((block, index) => levels(take(cells(block.weights)), block.weights, stop.weights[index]));
    const cams = stop.cams.map((ends, index) => levels(take(cells(header.cams[index])), header.cams[index], ends));
    const maps = header.maps.map((shape, index) => levels(take(cells(shape)), shape, stop.maps[index]));
    stops.set(stop.key, { ...stop, weights, cams, maps, channels: stack(take, header.channels) });
  }
  return { header, key: header.key, grey, width, height, stops, photo: bytes.subarray(at) };
}

/** Two films of one photo and network as one; the second is newer. What has Grad-CAM keeps it. */
export function joined(before, after) {
  if (!before || before.key !== after.key) return after;
  const classes = { ...before.header.classes, ...after.header.classes };
  const stops = new Map(before.stops);
  for (const [key, stop] of after.stops) {
    const older = before.stops.get(key);
    stops.set(key, older && !stop.cams.length ? { ...stop, cams: older.cams, maxima: older.maxima } : stop);
  }
  return { ...after, header: { ...after.header, classes }, stops };
}

/** Of stops that are `fit` to be shown, the one of this name, or the nearest, in the order of the slider; where none is, any at all. */
export function nearest(film, order, index, fit) {
  for (let away = 0; away < order.length; away += 1)
    for (const place of [index - away, index + away]) {
      const stop = film.stops.get(order[place]);
      if (stop && fit(stop)) return stop;
    }
  const all = [...film.stops.values()];
  return all.find(fit) ?? all[0];
}

/** The value of a map at a place given in shares of its width and height; with the row and column there. */
export function valueAt(map, x, y) {
  const row = Math.min(map.rows - 1, Math.max(0, Math.floor(y * map.rows)));
  const column = Math.min(map.columns - 1, Math.max(0, Math.floor(x * map.columns)));
  const level = map.levels[row * map.columns + column];
  return { row, column, value: map.low + (level * (map.high - map.low)) / 255 };
}

/** What one map has more than another of its size, with its sign. */
export function difference(first, second) {
  const values = ({ levels, low, high }) => Float32Array.from(levels, (level) => low + (level * (high - low)) / 255);
  const [one, other] = [values(first), values(second)];
  return { ...first, levels: one.map((value, cell) => value - other[cell]), low: 0, high: 255 };
}

/** Where a map is greatest, as row and column. */
export function strongest(map) {
  let best = 0;
  for (let cell = 1; cell < map.levels.length; cell += 1) if (map.levels[cell] > map.levels[best]) best = cell;
  return { row: Math.floor(best / map.columns), column: best % map.columns };
}

/** Maps of channels, each between its own least and greatest value. */
function stack(take, [count, rows, columns]) {
  const ends = () => new Float32Array(take(4 * count).slice().buffer);
  const [low, high] = [ends(), ends()];
  const found = take(count * rows * columns);
  const one = (index) => found.subarray(index * rows * columns, (index + 1) * rows * columns);
  return Array.from({ length: count }, (_, index) => levels(one(index), [rows, columns], [low[index], high[index]]));
}

function cells([rows, columns]) {
  return rows * columns;
}

function levels(found, [rows, columns], [low, high]) {
  return { levels: found, rows, columns, low, high };
}
