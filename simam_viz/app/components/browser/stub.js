export default function (component) {
  const draw = () => {
    try {
      globalThis.simamViz.draw(component);
    } catch (error) {
      delete document.documentElement.dataset.film;
      console.warn("The live pictures cannot be drawn.", error);
    }
  };
  if (globalThis.simamViz) draw();
  else globalThis.addEventListener("simam-viz", draw, { once: true });
  return () => globalThis.simamViz?.forget();
}
