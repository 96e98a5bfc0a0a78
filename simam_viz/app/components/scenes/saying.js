// The one rule by which the lesson says a number: the twin of simam_viz/lesson/saying.py, to which a test holds it.

const SUPERSCRIPTS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

export function said(value, digits = 4) {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const [mantissa, exponent] = Math.abs(value)
    .toExponential(digits - 1)
    .split("e");
  const power = Number(exponent);
  const sign = value < 0 ? "−" : "";
  if (power >= -4 && power < 6) return sign + String(Number(`${mantissa}e${exponent}`));
  return `${sign}${Number(mantissa)} × 10${[...String(power)].map((digit) => SUPERSCRIPTS[digit]).join("")}`;
}
