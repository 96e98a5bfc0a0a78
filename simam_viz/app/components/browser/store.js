export default function ({ data }) {
  const keep = () => {
    try {
      globalThis.simamViz.keep(data);
    } catch (error) {
      console.warn("The live pictures cannot be drawn.", error);
    }
  };
  if (globalThis.simamViz) keep();
  else globalThis.addEventListener("simam-viz", keep, { once: true });
}
