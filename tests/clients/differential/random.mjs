// Choices from a seed: the same seed gives the same programs, on every machine.

/** A source of choices. */
export class Random {
  #state;

  constructor(seed) {
    this.#state = (seed ^ 0x9e3779b9) >>> 0;
    for (let warm = 0; warm < 8; warm += 1) this.next();
  }

  /** A number from 0 to 2^32 − 1 (mulberry32). */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** A whole number below this one. */
  below(end) {
    return this.next() % end;
  }

  /** True once in so many times. */
  once(times) {
    return this.below(times) === 0;
  }

  /** One of these. */
  of(list) {
    return list[this.below(list.length)];
  }

  /** One of these by weight: [[weight, value], …]. */
  weighted(list) {
    let at = this.below(list.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, value] of list) {
      if (at < weight) return value;
      at -= weight;
    }
    return list[0][1];
  }

  /** A list of `least` to `most` values. */
  some(least, most, make) {
    return Array.from({ length: least + this.below(most - least + 1) }, () => make());
  }
}
