/** Snapshots on their way to and from other members, bytes and all. */
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import type { InstallSnapshot } from '#raft/message';
import type { Raft } from '#raft/raft';
import type { Transport } from '#raft/transport';
import { validate } from '#raft/validate';
import type { StableStorage } from './stable-storage.ts';

export interface ExchangeParts {
  readonly nodeId: string;
  /** Absent: there is nobody else. */
  readonly transport: Transport | undefined;
  readonly logger: Logger;
  readonly raft: Raft;
  readonly storage: StableStorage;
  readonly running: () => boolean;
  /** Hands a snapshot to raft whose bytes are durable here; resolves when it is in force, or needless. */
  readonly install: (from: string, message: InstallSnapshot) => Promise<void>;
  /** Raft has something new to say. */
  readonly changed: () => void;
}

export class SnapshotExchange {
  readonly #parts: ExchangeParts;
  /** Members that one is on its way to. */
  readonly #sending = new Set<string>();
  #receiving: Promise<void> = Promise.resolve();

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  /** One at a time to each member; raft always hears what became of it. */
  async send(message: InstallSnapshot): Promise<void> {
    const { to, meta } = message;
    const { transport, logger, raft, storage, changed } = this.#parts;
    if (!transport || this.#sending.has(to)) return;
    this.#sending.add(to);
    logger.info({ manager: to, index: meta.index }, 'a manager is too far behind for the log: it is sent the whole state');
    const ok = await transport.sendSnapshot(message, storage.read(meta)).catch(() => false);
    this.#sending.delete(to);
    if (!ok) logger.warn({ manager: to, index: meta.index }, 'the state did not reach the manager whole: it is sent again when the manager answers');
    raft.snapshotSent(to, ok);
    changed();
  }

  /** One after the other: the disk keeps the bytes of one snapshot until the log says that it is in force. */
  receive(from: string, message: unknown, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const received = this.#receiving.then(() => this.#take(from, message, pieces));
    this.#receiving = received.catch(() => {});
    return received;
  }

  /** The bytes are durable before raft hears of the snapshot, so its acknowledgement means what it says. */
  async #take(from: string, message: unknown, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const { nodeId, raft, storage, running, install } = this.#parts;
    if (!running()) throw new Refusal('unavailable', 'the manager is shutting down');
    if (validate(message, { from, to: nodeId }) !== undefined) throw new Refusal('invalidArgument', 'this is no snapshot for this manager');
    const snapshot = message as InstallSnapshot;
    if (snapshot.meta.index > raft.status().committed) await storage.receive(snapshot.meta, pieces);
    await install(from, snapshot);
  }
}
