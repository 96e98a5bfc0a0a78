// What an exercise sets up, and how an answer by doing is judged: the name of the sentence that is said to it.

import { bestLine, weightAt } from "./closed_form.js";

const rightIf = (right, otherwise = "wrong") => (right ? "right" : otherwise);

export const EXERCISES = {
  "low-line": {
    setUp: (lesson) => {
      lesson.take("spike");
      lesson.lambdaNear(0.1);
      lesson.change({ w: 0, b: 0 });
    },
    judge: (v) => rightIf(v.e_line <= 0.1),
  },
  powerless: {
    setUp: (lesson) => {
      lesson.take("noise");
      lesson.lambdaNear(10);
    },
    judge: (v) => rightIf(v.e_best <= 1.01 * bestLine(v.delta, v.variance_t, v.t, v.mu_t).energy),
  },
  lowest: {
    setUp: (lesson) => lesson.take("spike"),
    judge: (v) => rightIf(v.weight - weightAt(0, 1) < 5e-4),
  },
  dark: {
    setUp: (lesson) => lesson.take("spike"),
    judge: (v, lesson) => {
      if (lesson.state.target === lesson.spike) return "spike";
      if (v.rank > 1) return "wrong";
      return rightIf(v.d < 0, "above");
    },
  },
};
