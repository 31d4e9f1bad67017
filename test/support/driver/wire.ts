/** A network between members that loses, repeats, delays, reorders and cuts. */
import type { Random } from '#base/random';
import type { InstallSnapshot, Message } from '#raft/message';
import type { Receiver, Transport } from '#raft/transport';
import type { Life, WorldTime } from './world-clock.ts';

export interface WireFaults {
  loss: number;
  repeat: number;
  /** Share of messages that take up to `lateMs`. */
  late: number;
  lateMs: number;
  /** Share of snapshots whose line breaks on the way. */
  broken: number;
}

const calmWire: WireFaults = { loss: 0, repeat: 0, late: 0, lateMs: 0, broken: 0 };

export class Wire {
  faults: WireFaults = calmWire;
  readonly counts = { messages: 0, lost: 0, snapshots: 0 };
  readonly #time: WorldTime;
  readonly #random: Random;
  readonly #receivers = new Map<string, { receiver: Receiver; life: Life }>();
  /** `from to`: what is sent that way is lost. */
  readonly #cuts = new Set<string>();

  constructor(time: WorldTime, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  cut(from: string, to: string): void {
    this.#cuts.add(`${from} ${to}`);
  }

  healAll(): void {
    this.#cuts.clear();
    this.faults = calmWire;
  }

  transport(id: string, life: Life): Transport {
    return {
      start: async (receiver) => void this.#receivers.set(id, { receiver, life }),
      members: () => undefined,
      send: (message) => {
        if (life.alive) this.#send(message);
      },
      sendSnapshot: (message, pieces) => this.#sendSnapshot(message, pieces, life),
      stop: async () => void this.#receivers.delete(id),
    };
  }

  /** Where messages to `id` go now. */
  receiverOf(id: string): { receiver: Receiver; life: Life } {
    const found = this.#receivers.get(id);
    if (!found) throw new Error(`nobody listens at ${id}`);
    return found;
  }

  #send(message: Message): void {
    const copies = this.#random.next() < this.faults.repeat ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#random.next() < this.faults.loss) {
        this.counts.lost++;
        if (this.#random.next() < 0.3) this.#tellLost(message);
        continue;
      }
      this.#time.after(this.#delay(), () => {
        if (this.#cuts.has(`${message.from} ${message.to}`)) return;
        this.counts.messages++;
        // As over a real wire, nobody shares what he was sent.
        this.#at(message.to)?.message(message.from, structuredClone(message));
      });
    }
  }

  /** As of a line that broke and was made anew. */
  #tellLost({ from, to }: Message): void {
    this.#time.after(5, () => this.#at(from)?.unreachable(to));
    this.#time.after(10, () => this.#at(from)?.reachable(to));
  }

  #at(id: string): Receiver | undefined {
    const found = this.#receivers.get(id);
    return found?.life.alive ? found.receiver : undefined;
  }

  #delay(): number {
    const { late, lateMs } = this.faults;
    return this.#random.next() < late ? this.#random.next() * lateMs : 1 + this.#random.next() * 3;
  }

  async #sendSnapshot(message: InstallSnapshot, pieces: AsyncIterable<Uint8Array>, life: Life): Promise<boolean> {
    const { from, to } = message;
    const broken = this.#random.next() < this.faults.broken;
    const carry = async function* (this: Wire): AsyncGenerator<Uint8Array> {
      let count = 0;
      for await (const piece of pieces) {
        await this.#pause(this.#delay());
        if (!life.alive || this.#cuts.has(`${from} ${to}`) || (broken && count > 0)) throw new Error('the line broke');
        count++;
        yield new Uint8Array(piece);
      }
    }.bind(this);
    const receiver = this.#at(to);
    if (!receiver) return false;
    let settled: boolean | undefined;
    const done = receiver.snapshot(from, message, carry()).then(
      () => (settled = true),
      () => (settled = false),
    );
    // A receiver that dies says nothing: the line tells.
    while (settled === undefined && this.#at(to) === receiver) await Promise.race([done, this.#pause(20)]);
    await this.#pause(this.#delay());
    if (settled) this.counts.snapshots++;
    return settled === true && !this.#cuts.has(`${to} ${from}`);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#time.after(ms, resolve));
  }
}
