/** Tells when a device of one of our networks goes, or goes down: the kernel says so, and nobody has to look. */
import type { Clock } from '#base/clock';
import { WaitingProcess } from './waiting-process.ts';

/** Bridges and tunnels: what stands between the number and the next colon. */
const lost = /^Deleted \d+: (?:sh|vx)-|^\d+: (?:sh|vx)-[^ ]+ .*\bstate DOWN\b/;

export class LinkWatch {
  readonly #process: WaitingProcess;

  constructor(clock: Clock, changed: () => void) {
    this.#process = new WaitingProcess(['ip', '-o', 'monitor', 'link'], clock, { heard: (line) => isLoss(line) && changed(), ended: changed });
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
