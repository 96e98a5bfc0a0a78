// Asks again and again whether the rest of a film has come: after each answer, or when none comes.
const PAUSE = 150; // milliseconds
const PATIENCE = 3000;

export default function ({ parentElement, setTriggerValue }) {
  const ask = () => {
    // Not while the server answers the person: it may be opening another page, and what this one asks would lead back here.
    const busy = document.querySelector("[data-test-script-state]:not([data-test-script-state=notRunning])");
    if (!busy) setTriggerValue("asked", Date.now());
    parentElement.asking = setTimeout(ask, busy ? PAUSE : PATIENCE);
  };
  clearTimeout(parentElement.asking);
  parentElement.asking = setTimeout(ask, PAUSE);
  return () => clearTimeout(parentElement.asking);
}
