/** Keeps some of the disk back: when it is full, that is given up for what must still be written, and nothing new is taken until there is space again. */
import { join } from 'node:path';
import type { Clock } from '#base/clock';
import type { Refusal } from '#base/refusal';
import { diskFull } from './damage.ts';
import { isFull, publish, remove, withFile, writeAll, type FileSystem } from './file-system.ts';

const fileName = 'reserve';
const pieceBytes = 256 * 1024;
/** How long a write waits for space before it is tried again, and how often the reserve is. */
const retryMs = 1000;
const regainMs = 5000;

export interface SpaceOptions {
  readonly folder: string;
  readonly files: FileSystem;
  readonly clock: Clock;
  /** Random bytes: a file system that compresses keeps nothing back for zeros. */
  readonly chance: (count: number) => Buffer;
  /** 0 for none. */
  readonly reserveBytes: number;
  /** Told when the disk is full, and with undefined when it takes changes again. */
  readonly onChange: (full: Refusal | undefined) => void;
}

export class Space {
  readonly #options: SpaceOptions;
  #full: Refusal | undefined;
  #reserved = false;
  #closed = false;
  #cancelRegain: (() => void) | undefined;
  #regaining: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  constructor(options: SpaceOptions) {
    this.#options = options;
  }

  /** Why nothing new may be written; undefined while there is space. */
  get full(): Refusal | undefined {
    return this.#full;
  }

  /** Finds the reserve, or makes it, which takes a tenth of a second: `later` after a while. A disk too full for that is full from then on. */
  async open(later = false): Promise<void> {
    const { files, folder, reserveBytes } = this.#options;
    const there = (await files.list(folder)).includes(fileName);
    const bytes = there ? (await withFile(files, join(folder, fileName), 'read', (file) => files.stat(file))).bytes : 0;
    this.#reserved = bytes >= reserveBytes;
    if (this.#reserved) return;
    if (later) this.#regainLater();
    else if (!(await this.#make())) this.#ranOut();
  }

  /** To be called when a write found no space. Resolves when it is worth another try; rejects with the reason once closed. */
  async wait(): Promise<void> {
    this.#ranOut();
    const { files, folder, clock, reserveBytes } = this.#options;
    if (this.#reserved && reserveBytes > 0 && !this.#closed) {
      this.#reserved = false;
      await remove(files, join(folder, fileName));
      return;
    }
    let cancel = (): void => undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#closed) resolve();
      else cancel = clock.after(retryMs, resolve);
    });
    cancel();
    if (this.#closed) throw this.#full ?? diskFull(folder, reserveBytes);
  }

  /** Wakes and refuses whoever waits. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRegain?.();
    this.#wake?.();
    await this.#regaining;
  }

  #ranOut(): void {
    if (this.#full) return;
    this.#full = diskFull(this.#options.folder, this.#options.reserveBytes);
    this.#options.onChange(this.#full);
    this.#regainLater();
  }

  #regainLater(): void {
    if (this.#closed) return;
    this.#cancelRegain = this.#options.clock.after(regainMs, () => {
      this.#regaining = this.#regain();
    });
  }

  async #regain(): Promise<void> {
    // Any other failure shows itself at the next write of the log, which must not go on then.
    const made = await this.#make().catch(() => false);
    if (this.#closed) return;
    if (!made && !this.#full) return this.#ranOut();
    if (!made) return this.#regainLater();
    if (!this.#full) return;
    this.#full = undefined;
    this.#options.onChange(undefined);
  }

  /** Returns false when there is no space for it. */
  async #make(): Promise<boolean> {
    const { files, folder, chance, reserveBytes } = this.#options;
    const path = join(folder, fileName);
    try {
      const piece = chance(Math.min(pieceBytes, Math.max(1, reserveBytes)));
      await withFile(files, `${path}.new`, 'create', async (file) => {
        for (let at = 0; at < reserveBytes; at += piece.length) await writeAll(files, file, piece.subarray(0, reserveBytes - at), at);
        await files.syncData(file);
      });
      await publish(files, `${path}.new`, path);
      this.#reserved = true;
      return true;
    } catch (error) {
      await remove(files, `${path}.new`).catch(() => undefined);
      if (isFull(error)) return false;
      throw error;
    }
  }
}
