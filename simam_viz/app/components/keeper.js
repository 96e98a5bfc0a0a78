// A person's own photos, kept in the storage of their browser's tab: a reload finds them again, and they go when the tab is closed.
// What is done is told to Python once, so that it sends each photo once.

const PREFIX = "simam-viz-photo-";

const text = (value) => typeof value === "string";

/** What Python asks for, or nothing where it is not what it should be. */
export function checked(data) {
  const { keep, ask, forget } = data ?? {};
  const right =
    typeof forget === "boolean" &&
    (ask === null || text(ask)) &&
    (keep === null || (keep && text(keep.name) && text(keep.title) && text(keep.data)));
  return right ? { keep, ask, forget } : null;
}

const ours = (storage) => Object.keys(storage).filter((name) => name.startsWith(PREFIX));

/** Whether there was room for a photo; older ones make room for it. */
export function kept(storage, { name, title, data }) {
  const entry = JSON.stringify({ title, data });
  for (const others of [false, true]) {
    try {
      if (others) forgotten(storage);
      storage.setItem(PREFIX + name, entry);
      return true;
    } catch {
      // full, or not to be written to
    }
  }
  return false;
}

/** A photo that was kept, or nothing. */
export function recalled(storage, name) {
  try {
    const { title, data } = JSON.parse(storage.getItem(PREFIX + name));
    return text(title) && text(data) ? { name, title, data } : null;
  } catch {
    return null;
  }
}

/** Let every photo go. */
export function forgotten(storage) {
  ours(storage).forEach((name) => storage.removeItem(name));
}

export default function ({ data: [data], setTriggerValue }) {
  try {
    const asked = checked(data);
    if (!asked) return;
    const said = {};
    if (asked.forget) {
      forgotten(sessionStorage);
      said.forgot = true;
    }
    if (asked.keep) said.kept = { name: asked.keep.name, fits: kept(sessionStorage, asked.keep) };
    if (asked.ask) {
      const found = recalled(sessionStorage, asked.ask);
      if (found) said.recalled = found;
      else said.missing = asked.ask;
    }
    if (Object.keys(said).length) setTriggerValue("said", said);
  } catch (error) {
    console.warn("This browser keeps no photo for the tab.", error); // as one that allows no storage
  }
}
