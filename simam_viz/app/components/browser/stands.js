// Tells which pictures of Python's stand on the page: the last element of it, so that they are there.
export default function ({ data: [data] }) {
  const say = () => {
    try {
      globalThis.simamViz.stands(data);
    } catch (error) {
      console.warn("The live pictures cannot be drawn.", error);
    }
  };
  if (globalThis.simamViz) say();
  else globalThis.addEventListener("simam-viz", say, { once: true });
  return () => {
    globalThis.removeEventListener("simam-viz", say);
    // Streamlit may come with this after it has said what stands there now.
    if (globalThis.simamViz?.standing === data) globalThis.simamViz.stands(null);
  };
}
