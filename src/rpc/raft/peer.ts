/** Another manager, and the two lines to it. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Random } from '#base/random';
import { Link, type Accepted, type Dialling } from './link.ts';
import type { Spoken } from './raft-wire.ts';

type Kind = 'entries' | 'pulse';

export interface PeerParts {
  readonly id: string;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly dial: (kind: Kind, address: string) => Dialling | undefined;
  readonly heard: (message: Record<string, unknown>) => void;
  readonly unreachable: () => void;
  /** Both lines are there, and were not. */
  readonly reachable: () => void;
}

/** Raft's own windows are smaller: what is beyond is lost without harm. */
const limits = {
  entries: { messages: 1024, bytes: 160 * 1024 * 1024 },
  pulse: { messages: 256, bytes: 1024 * 1024 },
};

export class Peer {
  readonly #parts: PeerParts;
  readonly #links: Readonly<Record<Kind, Link>>;
  /** The last reason for which no line of a kind was to be had: said once. */
  readonly #told = new Map<Kind, string>();

  constructor(parts: PeerParts) {
    this.#parts = parts;
    this.#links = { entries: this.#link('entries'), pulse: this.#link('pulse') };
  }

  /** See `Link.at`. */
  at(address: string | undefined, isNew = false): void {
    for (const link of Object.values(this.#links)) link.at(address, isNew);
  }

  /** See `Link.there`. */
  there(): void {
    for (const link of Object.values(this.#links)) link.there();
  }

  accept(kind: Kind, call: Accepted): void {
    this.#links[kind].accept(call);
  }

  send(kind: Kind, message: Spoken): void {
    this.#links[kind].lane.send(message);
  }

  /** Whether there is a line to it, whoever called. */
  get speaks(): boolean {
    return Object.values(this.#links).some(({ lane }) => lane.open);
  }

  stop(): void {
    for (const link of Object.values(this.#links)) link.stop();
  }

  #link(kind: Kind): Link {
    const { id, nodeId, clock, random, logger, dial, heard, unreachable } = this.#parts;
    return new Link({
      peer: id,
      nodeId,
      clock,
      random,
      limits: limits[kind],
      dial: (address) => dial(kind, address),
      heard: (message) => {
        this.#told.delete(kind);
        heard(message);
      },
      // Lost votes and heartbeats are asked for again anyway.
      lost: () => {
        if (kind === 'entries') unreachable();
      },
      opened: () => {
        if (Object.values(this.#links).every(({ lane }) => lane.open)) this.#parts.reachable();
      },
      failed: (error) => {
        if (this.#told.get(kind) === error.message) return;
        this.#told.set(kind, error.message);
        logger.info({ manager: id, error: error.message }, 'no line to another manager: it is tried again until there is one');
      },
    });
  }
}
