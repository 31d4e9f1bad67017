/** Works that must not go on side by side: each begins when all that came before are over, well or not. */

export interface Crowd {
  /** Under way and waiting together. */
  most: number;
  /** What is thrown at whoever comes when there are so many. */
  refusal: () => Error;
}

export class OneByOne {
  readonly #crowd: Crowd | undefined;
  #present = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(crowd?: Crowd) {
    this.#crowd = crowd;
  }

  async alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#crowd && this.#present >= this.#crowd.most) throw this.#crowd.refusal();
    this.#present += 1;
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    try {
      return await done;
    } finally {
      this.#present -= 1;
    }
  }
}
