// Maps over a photo in grey, enlarged and coloured as simam_viz/draw/render.py does it.

export const OPACITY = 0.55;
const plans = new Map();

/** How a line of `from` cells becomes one of `to` pixels: bicubic, between the centres of cells, as Pillow resizes. */
export function plan(from, to) {
  const name = `${from}:${to}`;
  if (plans.has(name)) return plans.get(name);
  const ratio = from / to;
  const stretch = Math.max(ratio, 1);
  const most = Math.ceil(2 * stretch) * 2 + 1;
  const starts = new Int32Array(to);
  const counts = new Int32Array(to);
  const taps = new Float32Array(to * most);
  for (let pixel = 0; pixel < to; pixel += 1) {
    const centre = (pixel + 0.5) * ratio;
    const start = Math.max(0, Math.trunc(centre - 2 * stretch + 0.5));
    const end = Math.min(from, Math.trunc(centre + 2 * stretch + 0.5));
    let sum = 0;
    for (let cell = start; cell < end; cell += 1) {
      const tap = cubic((cell - centre + 0.5) / stretch);
      taps[pixel * most + cell - start] = tap;
      sum += tap;
    }
    for (let tap = 0; tap < end - start; tap += 1) taps[pixel * most + tap] /= sum;
    starts[pixel] = start;
    counts[pixel] = end - start;
  }
  const made = { starts, counts, taps, most };
  plans.set(name, made);
  return made;
}

function cubic(x) {
  const far = Math.abs(x);
  if (far < 1) return (1.5 * far - 2.5) * far * far + 1;
  return far < 2 ? ((-0.5 * far + 2.5) * far - 4) * far + 2 : 0;
}

/** A colour map of 256 colours, from the hexadecimal text in which it comes. */
export function colourTable(text) {
  return Uint8Array.from({ length: 768 }, (_, index) => parseInt(text.slice(2 * index, 2 * index + 2), 16));
}

/** Paint a map over the film's grey photo into `pixels` (RGBA, of the photo's size). */
export function paintOver(pixels, film, map, scale, table, opacity = OPACITY) {
  const { width, height, grey } = film;
  const across = plan(map.columns, width);
  const down = plan(map.rows, height);
  const wide = new Float32Array(map.rows * width);
  for (let row = 0; row < map.rows; row += 1)
    for (let x = 0; x < width; x += 1) {
      const from = row * map.columns + across.starts[x];
      const tap = x * across.most;
      let sum = 0;
      for (let i = 0; i < across.counts[x]; i += 1) sum += map.levels[from + i] * across.taps[tap + i];
      wide[row * width + x] = sum;
    }
  // From a level of the map to a colour of the scale.
  const steep = (((map.high - map.low) / 255) * 255) / (scale.high - scale.low);
  const shift = ((map.low - scale.low) * 255) / (scale.high - scale.low);
  const line = new Float32Array(width);
  for (let y = 0; y < height; y += 1) {
    line.fill(0);
    for (let i = 0; i < down.counts[y]; i += 1) {
      const tap = down.taps[y * down.most + i];
      const from = (down.starts[y] + i) * width;
      for (let x = 0; x < width; x += 1) line[x] += tap * wide[from + x];
    }
    for (let x = 0; x < width; x += 1) {
      const place = y * width + x;
      const level = Math.min(255, Math.max(0, Math.round(line[x] * steep + shift)));
      const under = grey[place] * (1 - opacity) - 0.4999; // Pillow cuts off what a byte array would round
      pixels[4 * place] = under + opacity * table[3 * level];
      pixels[4 * place + 1] = under + opacity * table[3 * level + 1];
      pixels[4 * place + 2] = under + opacity * table[3 * level + 2];
      pixels[4 * place + 3] = 255;
    }
  }
}

/** The same, onto a canvas. */
export function paint(canvas, film, map, scale, table, opacity) {
  if (canvas.width !== film.width || canvas.height !== film.height) {
    canvas.width = film.width;
    canvas.height = film.height;
  }
  const context = canvas.getContext("2d");
  const image = context.createImageData(film.width, film.height);
  paintOver(image.data, film, map, scale, table, opacity);
  context.putImageData(image, 0, 0);
}

/** Maps of one size as a canvas of a pixel a neuron, one below the other. */
export function cellsOf(maps, scale, table) {
  const [{ rows, columns }] = maps;
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows * maps.length;
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer); // a pixel at once, alpha last
  const colours = Uint32Array.from({ length: 256 }, (_, level) => {
    const [red, green, blue] = table.subarray(3 * level, 3 * level + 3);
    return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  });
  let place = 0;
  for (const map of maps) {
    const steep = (map.high - map.low) / (scale.high - scale.low);
    const shift = ((map.low - scale.low) * 255) / (scale.high - scale.low);
    for (let cell = 0; cell < map.levels.length; cell += 1, place += 1)
      pixels[place] = colours[Math.min(255, Math.max(0, Math.round(map.levels[cell] * steep + shift)))];
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
