/** Turns of the event loop while something is done: processor time, without the garbage collector's pauses in it. */
import { PerformanceObserver } from 'node:perf_hooks';

interface Turn {
  from: number;
  to: number;
  /** Processor time of the process, but no more than the turn took: other threads work beside it. */
  ms: number;
}

export class Turns {
  readonly #turns: Turn[] = [];
  readonly #pauses: { from: number; ms: number }[] = [];
  #cpuMs = 0;

  async until(done: Promise<unknown>): Promise<void> {
    const observer = new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries()) this.#pauses.push({ from: startTime, ms: duration });
    });
    observer.observe({ entryTypes: ['gc'] });
    let over = false;
    const end = (): void => void (over = true);
    done.then(end, end);
    for (let last = process.cpuUsage(), from = performance.now(); !over; from = performance.now()) {
      await nextTurn();
      const { user, system } = process.cpuUsage(last);
      last = process.cpuUsage();
      const to = performance.now();
      const cpuMs = (user + system) / 1000;
      // What an idle loop takes is left out.
      if (cpuMs >= 0.1) this.#cpuMs += cpuMs;
      this.#turns.push({ from, to, ms: Math.min(cpuMs, to - from) });
    }
    await done;
    // The collector's pauses are told a turn later.
    await nextTurn();
    await nextTurn();
    observer.disconnect();
  }

  get wholeMs(): number {
    return this.#cpuMs;
  }

  get pauseMs(): number {
    return Math.max(0, ...this.#pauses.map(({ ms }) => ms));
  }

  get longestMs(): number {
    return this.#turns.reduce((longest, turn) => Math.max(longest, turn.ms - this.#pausedMs(turn)), 0);
  }

  #pausedMs({ from, to }: Turn): number {
    return this.#pauses.filter((pause) => pause.from >= from && pause.from < to).reduce((sum, { ms }) => sum + ms, 0);
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
