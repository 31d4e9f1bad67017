/** A real log on a real folder, over a state machine that remembers what it was told. */
import type { Clock } from '#base/clock';
import { silentLogger } from '#base/logger';
import { seededRandom } from '#base/random';
import type { FileSystem } from '#disk/file-system';
import { RaftLog, type RaftLogOptions } from '#replica/raft-log';
import type { StateMachine } from '#replica/replicated-log';

export const realClock: Clock = {
  now: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Keeps every entry as text, so order, loss and repetition are visible. */
class ListMachine implements StateMachine {
  texts: string[] = [];
  restoredAt = 0;

  apply(_index: number, bytes: Uint8Array): void {
    this.texts.push(Buffer.from(bytes).toString());
  }

  snapshot(): Uint8Array {
    return Buffer.from(JSON.stringify(this.texts));
  }

  restore(index: number, bytes: Uint8Array): void {
    this.restoredAt = index;
    this.texts = JSON.parse(Buffer.from(bytes).toString()) as string[];
  }
}

export interface Opened {
  readonly log: RaftLog;
  readonly machine: ListMachine;
  readonly fatal: Error[];
  /** In the term that the log leads. */
  readonly propose: (bytes: Uint8Array) => Promise<number>;
}

export function makeLog(folder: string, options: Partial<RaftLogOptions> = {}, files?: FileSystem): Opened {
  const machine = new ListMachine();
  const fatal: Error[] = [];
  const log = new RaftLog(
    { folder, nodeId: 'manager-1', ...options },
    { clock: realClock, random: seededRandom(1), logger: silentLogger, stateMachine: machine, onFatal: (error) => fatal.push(error), ...(files && { files }) },
  );
  let leads = 0;
  log.leadership({ began: (term) => (leads = term), ended: () => {} });
  return { log, machine, fatal, propose: (bytes) => log.propose(bytes, leads) };
}
