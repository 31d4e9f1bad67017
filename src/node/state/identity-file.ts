/** What a node knows of its place in a cluster, and the file that it lies in. */
import { type Clock, pause } from '#base/clock';
import type { Logger } from '#base/logger';
import { isFull } from '#disk/file-system';
import { type Identity, writeIdentity } from './identity.ts';

/** Before what found no room on the disk is written once more. */
const retryMs = 1000;

export class IdentityFile {
  readonly #write: (identity: Identity) => void;
  readonly #parts: { clock: Clock; logger: Logger };
  #now: Identity;
  #isWritten = true;
  #cancel = (): void => undefined;

  constructor(folder: string, identity: Identity, parts: { clock: Clock; logger: Logger }, write = (next: Identity) => writeIdentity(folder, next)) {
    this.#now = identity;
    this.#parts = parts;
    this.#write = write;
  }

  get now(): Identity {
    return this.#now;
  }

  /** Durable when it returns; where it throws, it is known all the same. */
  remember(change: Partial<Identity>): void {
    const { begins, ...next } = { ...this.#now, ...change };
    this.#now = begins ? { ...next, begins } : next;
    this.#isWritten = false;
    this.#write(this.#now);
    this.#isWritten = true;
    this.#cancel();
  }

  /** As `remember`; while the disk is full it waits for room, until `ended`. */
  async rememberOnceThereIsRoom(change: Partial<Identity>, ended: AbortSignal): Promise<void> {
    for (;;) {
      try {
        return this.remember(change);
      } catch (error) {
        if (!isFull(error) || ended.aborted) throw error;
      }
      await pause(this.#parts.clock, retryMs);
    }
  }

  /** Counts from now on; where the disk is full it is written when there is room. For what does harm to nobody when it is forgotten. */
  note(change: Partial<Identity>): void {
    try {
      this.remember(change);
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#parts.logger.warn(
        { error: (error as Error).message },
        'where this node and its managers are finds no room on the disk: written as soon as there is some',
      );
      this.#retry();
    }
  }

  stop(): void {
    this.#cancel();
  }

  #retry(): void {
    this.#cancel();
    this.#cancel = this.#parts.clock.after(retryMs, () => {
      if (this.#isWritten) return;
      try {
        this.remember({});
      } catch {
        this.#retry();
      }
    });
  }
}
