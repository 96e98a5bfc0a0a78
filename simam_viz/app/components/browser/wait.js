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

export default function ({ parentElement, setTriggerValue }) {
  const watching = new AbortController();
  const leaves = () => (left = performance.now());
  document.addEventListener("click", (event) => event.target.closest?.("a[href]") && leaves(), {
    capture: true,
    signal: watching.signal,
  });
  globalThis.addEventListener("popstate", leaves, { signal: watching.signal });
  const ask = () => {
    const later = busy();
    if (!later) setTriggerValue("asked", Date.now());
    parentElement.asking = setTimeout(ask, later ? PAUSE : PATIENCE);
  };
  clearTimeout(parentElement.asking);
  parentElement.asking = setTimeout(ask, PAUSE);
  return () => {
    watching.abort();
    clearTimeout(parentElement.asking);
  };
}
