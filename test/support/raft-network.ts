/** The simulated wire: loss, delay, doubles, cuts of many shapes, and messages that come a day late. */
import { integerBetween, type Random } from '#base/random';
import type { Message } from '#raft/message';
import type { EventQueue } from './event-queue.ts';
import type { Saved } from './raft-disk.ts';
import type { Member } from './raft-member.ts';
import { cutShapes, tickTime, type Knobs } from './raft-plan.ts';

export interface Parcel {
  readonly from: Member;
  readonly to: Member;
  readonly message: Message;
  /** The bytes that travel with a snapshot message. */
  readonly saved: Saved | undefined;
}

export class RaftNetwork {
  calm = false;
  /** Members that neither speak nor hear. */
  readonly isolated = new Set<number>();
  readonly #links = new Map<number, Random>();
  #cut = new Set<number>();
  readonly #old: Parcel[] = [];
  #sent = 0;

  constructor(
    readonly queue: EventQueue,
    readonly root: Random,
    readonly knobs: Knobs,
    /** Called when a parcel arrives, or is lost. */
    readonly arrive: (parcel: Parcel, lost: boolean) => void,
  ) {}

  #link(parcel: Parcel): Random {
    const key = parcel.from.number * 64 + parcel.to.number;
    const known = this.#links.get(key) ?? this.root.split(`link ${key}`);
    this.#links.set(key, known);
    return known;
  }

  #passes(from: Member, to: Member): boolean {
    if (this.isolated.has(from.number) || this.isolated.has(to.number)) return false;
    return this.calm || !this.#cut.has(from.number * 64 + to.number);
  }

  send(parcel: Parcel): void {
    const random = this.#link(parcel);
    const [loss, twice, late] = [random.next(), random.next(), random.next()];
    const lost = !this.#passes(parcel.from, parcel.to) || (!this.calm && loss < this.knobs.loss);
    const copies = !this.calm && twice < this.knobs.duplicate ? 2 : 1;
    if (this.#sent++ % 7 === 0) this.#old[Math.floor(this.#sent / 7) % 64] = parcel;
    for (let copy = 0; copy < copies; copy++) {
      const top = !this.calm && late < this.knobs.longDelay ? 40 * tickTime : 50;
      this.queue.after(integerBetween(random, 1, top), () => this.arrive(parcel, lost));
    }
  }

  /** Delivers once more something that was sent long ago. */
  replay(way: number): void {
    const parcel = this.#old[way % Math.max(1, this.#old.length)];
    if (parcel && this.#passes(parcel.from, parcel.to)) this.arrive(parcel, false);
  }

  heal(): void {
    this.#cut.clear();
  }

  /** Cuts links until `ticks` have passed. */
  cut(members: readonly Member[], way: number, pick: number, ticks: number): void {
    const cut = new Set<number>();
    const shape = cutShapes[way % cutShapes.length];
    const random = this.root.split(`cut ${pick} ${way}`);
    const sides = members.map(() => random.next() < 0.5);
    const middle = pick % members.length;
    members.forEach((from, a) =>
      members.forEach((to, b) => {
        const apart =
          (shape === 'halves' && sides[a] !== sides[b]) ||
          (shape === 'one' && (a === middle) !== (b === middle)) ||
          (shape === 'oneWay' && sides[a] === true && sides[b] === false) ||
          // Both sides reach the one in the middle, but not each other; or everybody reaches neighbours only.
          (shape === 'bridge' && a !== middle && b !== middle && sides[a] !== sides[b]) ||
          (shape === 'chain' && Math.abs(a - b) > 1) ||
          (shape === 'links' && random.next() < 0.4);
        if (apart) cut.add(from.number * 64 + to.number);
      }),
    );
    this.#cut = cut;
    this.queue.after(ticks * tickTime, () => {
      if (this.#cut === cut) this.#cut = new Set();
    });
  }
}
