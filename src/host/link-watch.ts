/** Tells when a device of one of our networks goes, or goes down: the kernel says so, and nobody has to look. */
import type { Clock } from '#base/clock';
import { WaitingProcess } from './waiting-process.ts';

/** Bridges and tunnels: what stands between the number and the next colon. */
const lost = /^Deleted \d+: (?:sh|vx)-|^\d+: (?:sh|vx)-[^ ]+ .*\bstate DOWN\b/;

export class LinkWatch {
  readonly #process: WaitingProcess;

  /** @param changed with the name of what somebody set down, if it was that */
  constructor(clock: Clock, changed: (lowered?: string) => void) {
    const heard = (line: string): void => void (isLoss(line) && changed(loweredIn(line)));
    this.#process = new WaitingProcess(['ip', '-o', 'monitor', 'link'], clock, { heard, ended: () => changed() });
  }

  start(): void {
    this.#process.start();
  }

  stop(): void {
    this.#process.stop();
  }
}

/**
 * A device of a network, by its name, is gone or down.
 * @internal
 */
export function isLoss(line: string): boolean {
  return lost.test(line);
}

/**
 * The device that somebody set down; one that only lost its last port is still up.
 * @internal
 */
export function loweredIn(line: string): string | undefined {
  const [, name, flags] = /^\d+: ([^:@ ]+)\S* <([^>]*)>/.exec(line) ?? [];
  return flags?.split(',').includes('UP') === false ? name : undefined;
}
