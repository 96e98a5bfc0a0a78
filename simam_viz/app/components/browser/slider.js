// λ under the finger: what is dragged is drawn at once, and said to the server when it comes to rest.

const BURST = 400; // milliseconds within which a key that is pressed again is one of several presses
const PAUSE = 120; // after the last of several was let go: they are said once; a single press is said at once
const HELD = 1000; // and after it moved the slider, while it is held: longer than any system waits before it repeats a key

/**
 * Follows an <input type=range>.
 *
 * @param input the slider
 * @param drawn called with the index at every step
 * @param sent called with (index, number) when a move has come to rest; numbers grow
 */
export class Hand {
  constructor(input, drawn, sent) {
    Object.assign(this, { input, drawn, sent, parked: null, told: 0, timer: 0, before: 0 });
    Object.assign(this, { holds: false, keys: false, down: false, moved: false, pressed: -BURST, several: false });
    this.last = Number(input.value);
    input.addEventListener("keydown", (event) => {
      this.keys = this.down = true;
      if (event.repeat) return; // it is held
      const now = performance.now();
      Object.assign(this, { several: now - this.pressed < BURST, pressed: now });
    });
    input.addEventListener("keyup", () => {
      this.down = false;
      if (!this.moved || this.holds) return;
      if (this.several) this.rest();
      else this.flush();
    });
    input.addEventListener("pointerdown", () => {
      Object.assign(this, { holds: true, keys: false, before: this.last });
    });
    // A swipe that scrolls the page has moved the slider already: that is taken back.
    input.addEventListener("pointercancel", () => {
      if (this.holds) this.show(this.before);
      this.release();
    });
    for (const name of ["pointerup", "lostpointercapture"]) input.addEventListener(name, () => this.release());
    input.addEventListener("input", () => this.move(Number(input.value)));
    input.addEventListener("change", () => {
      this.move(Number(input.value));
      this.parked = null;
      if (this.keys) this.rest();
      else this.flush();
    });
    input.addEventListener("blur", () => {
      this.down = false;
      this.release();
      this.flush();
    });
  }

  /** The person moved it. */
  move(index) {
    if (index === this.last) return;
    this.last = index;
    this.moved = true;
    this.drawn(index);
  }

  /** Say where it is after a pause: a key that is held, or pressed again and again, moves it on. */
  rest() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), this.down ? HELD : PAUSE);
  }

  /** Say now what has not been said. */
  flush() {
    clearTimeout(this.timer);
    if (!this.moved) return;
    this.moved = false;
    this.told = Math.max(Date.now(), this.told + 1);
    this.sent(this.last, this.told);
  }

  release() {
    this.holds = false;
    const parked = this.parked;
    this.parked = null;
    if (parked !== null && !this.moved) this.show(parked);
  }

  /** Move it without a hand: back to the network's own λ. */
  jump(index) {
    this.show(index);
    this.moved = true;
    this.flush();
  }

  /** What the server says, having heard the move of this number. */
  answer(index, heard) {
    if (heard < this.told || this.moved) return; // older than the person's own
    if (this.holds) this.parked = index;
    else this.show(index);
  }

  show(index) {
    this.input.value = String(index);
    this.moved = false;
    if (index === this.last) return;
    this.last = index;
    this.drawn(index);
  }
}
