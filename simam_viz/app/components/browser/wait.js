// Asks again and again whether the rest of a film has come: after each answer, or when none comes.
const PAUSE = 150; // milliseconds
const PATIENCE = 3000;
const FAREWELL = 10_000;

/** When a link was last followed: what this page asks after that would lead back to it, though the server has not left it yet. */
let left = -FAREWELL;

/** Whether the server answers the person, or is about to: it may be opening another page. */
function busy() {
  const running = document.querySelector("[data-test-script-state]:not([data-test-script-state=notRunning])");
  return Boolean(running) || performance.now() - left < FAREWELL;
}

/** What each place waits by: an answer brings the next, and only that may be stopped when Streamlit says that this one is over. */
const waiting = new WeakMap();

export default function ({ parentElement, setTriggerValue }) {
  const watching = new AbortController();
  waiting.get(parentElement)?.abort();
  waiting.set(parentElement, watching);
  const leaves = () => (left = performance.now());
  document.addEventListener("click", (event) => event.target.closest?.("a[href]") && leaves(), {
    capture: true,
    signal: watching.signal,
  });
  globalThis.addEventListener("popstate", leaves, { signal: watching.signal });
  const ask = () => {
    const later = busy();
    if (!later) setTriggerValue("asked", Date.now());
    timer = setTimeout(ask, later ? PAUSE : PATIENCE);
  };
  let timer = setTimeout(ask, PAUSE);
  watching.signal.addEventListener("abort", () => clearTimeout(timer));
  return () => watching.abort();
}
