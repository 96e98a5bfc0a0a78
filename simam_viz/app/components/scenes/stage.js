// The eight scenes as they stand on the page: words, formula, number, picture, controls; keys, swipes, lecture mode.

import { html, set } from "./drawing.js";
import { Lesson } from "./lesson.js";
import { PICTURES } from "./pictures.js";
import { said } from "./saying.js";

const TOOLS = {
  "stand-out": ["preset"],
  "best-line": ["drop"],
  lambda: ["lambda"],
  "one-pass": ["preset"],
  weight: ["preset", "lambda"],
  channel: ["preset", "brush", "undo", "lambda"],
  photo: ["block", "number"],
};
const STILL = matchMedia("(prefers-reduced-motion: reduce)");
// What a lecture shows, one step after the other; the answer comes last.
const LECTURE_STEPS = ["words", "formula", "answer"];

const button = (name, label, act, more = {}) => {
  const node = html("button", { type: "button", class: name, ...more }, label);
  node.addEventListener("click", act);
  return node;
};

function stage(root, given, link) {
  const lesson = new Lesson(given, link);
  const { text } = lesson;
  const part = (name, kind = "div") => html(kind, { class: name });
  const [head, words, aside, formula, answer, exercise, picture, tools, nav] = [
    part("head", "header"),
    part("words"),
    part("aside", "details"),
    part("formula"),
    part("answer"),
    part("exercise"),
    part("picture"),
    part("tools"),
    part("nav", "nav"),
  ];
  const live = html("p", { class: "live", "aria-live": "polite" });
  const told = html("div", { class: "told" }, words, formula, answer, aside, exercise);
  const seen = html("div", { class: "shown" }, picture, tools);
  const body = html("section", { class: "lesson", "aria-label": text.lesson }, head, seen, told, nav, live);
  const dialog = html("dialog", { class: "lecture", "aria-label": text.lecture });
  root.append(body, dialog);

  const title = html("h2", { tabindex: "-1" });
  const count = html("span", { class: "count" });
  head.append(title);

  // Navigation.
  const back = button("back", `← ${text.back}`, () => step(-1));
  const next = button("next", `${text.next} →`, () => step(1));
  const dots = html("ol", { class: "dots", "aria-label": text.scenes });
  const places = lesson.scenes.map((scene, index) => {
    const dot = button("dot", String(index + 1), () => turn(index, 0), {
      "aria-label": `${index + 1}: ${scene.title}`,
      title: scene.title,
    });
    dots.append(html("li", {}, dot));
    return dot;
  });
  const lecture = button("lecture-button", text.lecture, () => lectureIs(lesson.state.lecture ? "" : isDark() ? "dark" : "light"));
  const theme = button("theme-button", text.dark_or_light, () => lectureIs(lesson.state.lecture === "dark" ? "light" : "dark"));
  nav.append(back, dots, count, next, lecture, theme);

  // A lecture goes step by step within a scene.
  let shown = LECTURE_STEPS.length;
  function show(count) {
    shown = count;
    LECTURE_STEPS.forEach((name, index) => body.classList.toggle(`without-${name}`, Boolean(lesson.state.lecture) && index >= shown));
  }
  function step(by) {
    if (lesson.state.lecture) {
      const wanted = shown + by;
      if (wanted >= 0 && wanted <= LECTURE_STEPS.length) return show(wanted);
    }
    turn(lesson.state.scene + by, by > 0 ? 0 : LECTURE_STEPS.length);
  }
  function turn(scene, count) {
    const before = lesson.state.scene;
    lesson.go(scene);
    if (lesson.state.scene !== before) show(count);
  }
  function lectureIs(kind) {
    const begins = kind && !lesson.state.lecture;
    lesson.change({ lecture: kind });
    lectured();
    if (begins) show(0);
    lesson.commit();
  }
  function lectured() {
    const kind = lesson.state.lecture;
    dialog.classList.toggle("dark", kind === "dark");
    lecture.textContent = kind ? text.end_lecture : text.lecture;
    if (Boolean(kind) === dialog.contains(body)) return;
    if (kind) {
      dialog.append(body);
      dialog.showModal();
      show(0);
    } else {
      dialog.close(); // where Escape has not
      root.prepend(body);
      show(LECTURE_STEPS.length);
    }
    size = "";
    resized();
  }
  lesson.lectured = lectured;
  dialog.addEventListener("close", () => lesson.state.lecture && lectureIs(""));
  const isDark = () => {
    const [red, green, blue] = getComputedStyle(body)
      .color.match(/[\d.]+/g)
      .map(Number);
    return red + green + blue > 382;
  };

  // Controls below the picture.
  const labelled = (label, control, ...more) =>
    html("label", {}, html("span", { "aria-hidden": "true" }, label), set(control, { "aria-label": label }), ...more);
  const chosen = (options, act) => {
    const select = html("select");
    for (const [value, name] of options) select.append(html("option", { value }, name));
    select.addEventListener("change", () => act(select.value));
    return select;
  };
  const range = (low, high, step, act) => {
    const input = html("input", { type: "range", min: low, max: high, step });
    input.addEventListener("input", () => act(Number(input.value)));
    input.addEventListener("change", lesson.commit);
    return input;
  };
  const preset = chosen(
    Object.entries(lesson.presets).map(([name, one]) => [name, one.title]),
    (name) => {
      lesson.take(name);
      lesson.commit();
    },
  );
  const lambda = range(0, 1, 1, (stop) => lesson.lambdaAt(stop));
  const lambdaIs = html("output", { "data-part": "e_lambda" });
  const brush = range(-5, 5, 0.1, (value) => lesson.change({ brush: value }));
  const brushIs = html("output");
  const block = html("select");
  const number = html("input", { type: "number", min: 0, step: 1 });
  const elsewhere = () => lesson.tell({ block: block.value, channel: number.value || "0", row: "", column: "" });
  block.addEventListener("change", () => {
    number.value = "0";
    elsewhere();
  });
  number.addEventListener("change", elsewhere);
  const CONTROLS = {
    preset: labelled(text.channel, preset),
    lambda: labelled("λ", lambda, lambdaIs),
    brush: labelled(text.brush, brush, brushIs),
    undo: button("undo", text.undo, () => {
      lesson.take(lesson.state.preset);
      lesson.commit();
    }),
    drop: button("drop", text.drop, () => lesson.drop(STILL.matches)),
    block: labelled(text.block, block),
    number: labelled(text.number, number),
  };
  tools.append(...Object.values(CONTROLS));

  // One scene.
  let drawing = null;
  let size = "";
  function resized() {
    const box = picture.getBoundingClientRect();
    const now = `${Math.round(box.width)} ${Math.round(box.height)} ${lesson.state.lecture}`;
    if (now === size || box.width < 40) return;
    size = now;
    build();
  }
  function build() {
    const [width, height] = size.split(" ").map(Number);
    if (!width) return;
    formula.style.removeProperty("--fit");
    const made = PICTURES[lesson.scene.name](lesson, { width, height, big: Boolean(lesson.state.lecture) && width > 600 });
    drawing = made;
    picture.replaceChildren(made.node);
    drawn(lesson.values);
  }
  function arrived() {
    const scene = lesson.scene;
    body.dataset.scene = scene.name;
    title.textContent = scene.title;
    const { scene: index } = lesson.state;
    count.textContent = lesson.say(text.count, { number: String(index + 1), all: String(lesson.scenes.length) });
    live.textContent = lesson.ready ? `${count.textContent}: ${scene.title}` : "";
    words.innerHTML = scene.words;
    formula.innerHTML = scene.formula;
    formula.style.removeProperty("--fit");
    for (const place of formula.querySelectorAll("mn[data-part]")) {
      set(place, { tabindex: "0" });
      if (place.dataset.part === scene.answer || place.dataset.part === "energy" || place.dataset.part === "e_best")
        place.classList.add("secret");
    }
    answer.innerHTML = "";
    answer.append(
      html("span", { class: "label" }, scene.label),
      html("output", { class: "value secret", "data-part": scene.answer, "data-value": "" }),
    );
    aside.hidden = !scene.aside;
    aside.open = false;
    aside.replaceChildren(html("summary", {}, text.aside), part("aside-words", "p"));
    back.disabled = index === 0 && !lesson.state.lecture;
    next.disabled = index === lesson.scenes.length - 1 && !lesson.state.lecture;
    places.forEach((dot, at) => set(dot, { "aria-current": at === index ? "step" : null }));
    for (const [name, control] of Object.entries(CONTROLS)) control.hidden = !(TOOLS[scene.name] ?? []).includes(name);
    exercised();
    resized();
    build();
  }
  function reshaped() {
    if (drawing) build();
  }
  // A formula is as large as fits: longer numbers make it smaller, within reason.
  function fit() {
    const room = formula.clientWidth;
    if (!room || formula.scrollWidth <= room) return;
    const now = Number(formula.style.getPropertyValue("--fit") || 1);
    formula.style.setProperty("--fit", Math.max(0.65, (now * 0.98 * room) / formula.scrollWidth));
  }
  function drawn(v) {
    drawing?.update(v);
    for (const place of body.querySelectorAll("[data-value]")) {
      const name = place.dataset.part;
      const written = said(v[name], lesson.digits[name] ?? 4);
      place.textContent = place.dataset.value === "brackets" && v[name] < 0 ? `(${written})` : written;
    }
    fit();
    if (lesson.scene.aside) aside.lastChild.innerHTML = lesson.say(lesson.scene.aside, v);
    const { state } = lesson;
    preset.value = state.preset;
    set(lambda, { max: state.stops.length - 1, "aria-valuetext": said(state.e_lambda) });
    lambda.value = state.stop;
    lambdaIs.textContent = said(state.e_lambda);
    brush.value = state.brush;
    brushIs.textContent = said(state.brush);
    set(brush, { "aria-valuetext": said(state.brush) });
    CONTROLS.undo.disabled = state.edited.size === 0;
    if (lesson.photo?.blocks && lesson.scene.name === "photo") {
      const { blocks, block: now, number: at, channels } = lesson.photo;
      if (block.children.length !== blocks.length) block.replaceChildren(...blocks.map((name) => html("option", { value: name }, name)));
      block.value = now;
      set(number, { max: channels - 1 });
      if (root.activeElement !== number) number.value = at;
    }
  }
  Object.assign(lesson, { arrived, drawn, reshaped });

  // Exercises: their task stands where the words were.
  function exercised() {
    const found = lesson.exercises.find((one) => one.scene === lesson.scene.name);
    exercise.hidden = !found;
    const { asked } = lesson;
    body.classList.toggle("asks", Boolean(asked));
    if (!found) return exercise.replaceChildren();
    const mark = lesson.solved.has(found.name) ? " ✓" : "";
    const begin = () => {
      lesson.begin(found.name);
      exercise.querySelector("button")?.focus();
    };
    if (!asked) return exercise.replaceChildren(button("begin", text.exercise + mark, begin));
    const verdict = html("p", { class: "verdict", role: "status" });
    const tell = (said) => {
      verdict.textContent = lesson.say(found.verdicts[said]);
      verdict.className = `verdict ${said === "right" ? "right" : "wrong"}`;
    };
    const judge = () => tell(lesson.judge());
    if (asked.verdict) tell(asked.verdict);
    exercise.replaceChildren(
      html("p", { class: "task" }, lesson.say(found.task)),
      html(
        "div",
        { class: "row" },
        button("check", text.check, judge),
        button("leave", text.leave, () => {
          lesson.leave();
          exercise.querySelector("button")?.focus();
        }),
      ),
      verdict,
    );
  }

  // What belongs together lights up together, whichever part of it is pointed at or has the focus.
  const light = (name) => {
    for (const node of body.querySelectorAll("[data-part]")) node.classList.toggle("lit", node.dataset.part === name);
  };
  const pointed = (event) => light(event.target.closest?.("[data-part]")?.dataset.part);
  body.addEventListener("pointerover", pointed);
  body.addEventListener("pointerleave", () => light());
  body.addEventListener("focusin", pointed);

  // Held from pointerdown to pointerup: what Python says meanwhile waits.
  body.addEventListener("pointerdown", () => lesson.hold(true), true);
  const letGo = () => lesson.hold(false);
  for (const kind of ["pointerup", "pointercancel"]) window.addEventListener(kind, letGo, true);
  window.addEventListener("blur", letGo); // of the window itself: an element's does not come this far

  // A swipe over what is not dragged itself.
  let swipe = null;
  body.addEventListener("pointerdown", (event) => {
    swipe = event.pointerType === "mouse" || event.target.closest("input, select, button") ? null : [event.clientX, event.clientY];
  });
  body.addEventListener("pointerup", (event) => {
    if (!swipe) return;
    const [across, down] = [event.clientX - swipe[0], event.clientY - swipe[1]];
    swipe = null;
    if (Math.abs(across) > 50 && Math.abs(across) > 2 * Math.abs(down)) step(across < 0 ? 1 : -1);
  });
  body.addEventListener("pointercancel", () => (swipe = null));

  // Arrow keys, and what remote controls in lecture halls send; where nothing else wants them.
  const keyed = (event) => {
    if (!body.isConnected) return window.removeEventListener("keydown", keyed);
    const at = event.composedPath()[0];
    const inside = event.composedPath().includes(body);
    const free = inside || at === document.body || at === document.documentElement || at === dialog;
    if (!free || at.closest?.("input, select, textarea, [contenteditable]") || event.ctrlKey || event.metaKey || event.altKey) return;
    const inLecture = Boolean(lesson.state.lecture);
    const forward = ["ArrowRight", ...(inLecture ? ["PageDown", ...(at.closest?.("button, summary") ? [] : [" ", "Enter"])] : [])];
    const backward = ["ArrowLeft", ...(inLecture ? ["PageUp"] : [])];
    if (forward.includes(event.key)) step(1);
    else if (backward.includes(event.key)) step(-1);
    else if (inLecture && event.key.toLowerCase() === "d") theme.click();
    else return;
    event.preventDefault();
  };
  window.addEventListener("keydown", keyed);
  new ResizeObserver(resized).observe(picture);
  return lesson;
}

const stages = new WeakMap(); // by their places on the page

export default function ({ parentElement, data: [data] }) {
  const before = stages.get(parentElement);
  if (before?.language === data.language) return;
  try {
    const link = (globalThis.simamLesson ??= new EventTarget());
    const root = html("div", { class: "stage" });
    const lesson = stage(root, data, { send: (value) => link.send?.(value) });
    if (before) {
      const open = before.root.querySelector("details").open;
      before.root.replaceWith(root);
      lesson.takeOver(before.lesson);
      root.querySelector("details").open = open;
    } else {
      parentElement.append(root);
      // The words that stand in for all this where no script runs.
      document.head.append(
        html("style", {}, ".st-key-lesson-plain, [data-testid=stLayoutWrapper]:has(> .st-key-lesson-plain) { display: none; }"),
      );
    }
    stages.set(parentElement, { lesson, root, language: data.language });
    const told = () => {
      if (!root.isConnected) return link.removeEventListener("told", told);
      if (link.said) lesson.hear(link.said);
      if (link.photo) lesson.hearPhoto(link.photo);
    };
    link.addEventListener("told", told);
    if (link.said) told();
  } catch (error) {
    console.error(error);
  }
}
