/** A real replica on a real folder, over a state machine that remembers what it was told. */
import type { Clock } from '#base/clock';
import { silentLogger } from './silent-logger.ts';
import { seededRandom } from '#base/random';
import type { FileSystem } from '#disk/file-system';
import { openDisk } from '#replica/disk-storage';
import type { ReplicaOptions } from '#replica/options';
import { Replica } from '#replica/replica';
import type { Committed, Outcome, StateMachine } from '#replica/replicated-log';
import { realClock } from './real-clock.ts';

/** Keeps every entry as text, so order, loss and repetition are visible. */
class ListMachine implements StateMachine {
  texts: string[] = [];
  restoredAt = 0;

  apply({ bytes }: Committed): Outcome {
    this.texts.push(Buffer.from(bytes).toString());
    return { applied: true };
  }

  snapshot(): Iterable<Uint8Array> {
    return [Buffer.from(JSON.stringify(this.texts))];
  }

  async restore(index: number, pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    const all: Uint8Array[] = [];
    for await (const piece of pieces) all.push(piece);
    this.restoredAt = index;
    this.texts = JSON.parse(Buffer.concat(all).toString()) as string[];
  }
}

export interface Opened {
  readonly log: Replica;
  readonly machine: ListMachine;
  readonly fatal: Error[];
  /** In the term that the log leads. */
  readonly propose: (bytes: Uint8Array) => Promise<Outcome>;
}

export interface LogOptions extends Partial<ReplicaOptions> {
  segmentBytes?: number;
  clock?: Clock;
  /** By which the disk waits for space. */
  diskClock?: Clock;
}

export function makeLog(
  folder: string,
  { segmentBytes, clock = realClock, diskClock = realClock, nodeId = 'manager-1', ...options }: LogOptions = {},
  files?: FileSystem,
): Opened {
  const machine = new ListMachine();
  const fatal: Error[] = [];
  const log = new Replica(
    { nodeId, ...options },
    {
      clock,
      random: seededRandom(1),
      logger: silentLogger,
      stateMachine: machine,
      openStorage: openDisk({ folder, clock: diskClock, node: nodeId, reserveBytes: 0, ...(segmentBytes && { segmentBytes }), ...(files && { files }) }),
      onFatal: (error) => fatal.push(error),
    },
  );
  let leads = 0;
  log.leadership({ began: (term) => (leads = term), ended: () => {} });
  return { log, machine, fatal, propose: (bytes) => log.propose(bytes, leads) };
}
