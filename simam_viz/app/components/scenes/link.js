// Hands the lesson what Python says, and Python what the lesson says. It stands in the part of the page that follows λ, where it
// is drawn anew with every move; the lesson itself stands outside, so that nothing fades or travels again while one plays.

export default function ({ data: [data], setStateValue }) {
  const link = (globalThis.simamLesson ??= new EventTarget());
  if (data.said) {
    link.said = data.said;
    link.send = (value) => setStateValue("moved", value);
  }
  if (data.photo) link.photo = data.photo;
  link.dispatchEvent(new Event("told"));
}
