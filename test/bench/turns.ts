/** Turns of the event loop while something is done: processor time of its thread, without the garbage collector's pauses in it; on request also what was at work in the longest. */
import { openSync, readSync } from 'node:fs';
import { Session, type Profiler } from 'node:inspector';
import { PerformanceObserver } from 'node:perf_hooks';

interface Turn {
  from: number;
  to: number;
  /** Processor time of the loop's own thread: others compile and collect beside it, and where there are few cores it waits for them. */
  ms: number;
}

const sampledEveryUs = 500;
/** Of the longest turn so many are named. */
const namedWorks = 6;
/** What a profile calls what is no function of anybody's. */
const unowned: ReadonlySet<string> = new Set(['(garbage collector)', '(program)']);

/** Samples take a fifth of the time that they measure: who asks where the time goes gets no figures worth comparing. */
let sampled = false;

export function sampleTurns(): void {
  sampled = true;
}

export class Turns {
  readonly #turns: Turn[] = [];
  readonly #pauses: { from: number; ms: number }[] = [];
  #cpuMs = 0;
  #profile: Profiler.Profile | undefined;

  async until(done: Promise<unknown>): Promise<void> {
    const observer = new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries()) this.#pauses.push({ from: startTime, ms: duration });
    });
    observer.observe({ entryTypes: ['gc'] });
    const stopSampling = sampled ? this.#sample() : () => {};
    let over = false;
    const end = (): void => void (over = true);
    done.then(end, end);
    for (let [last, before] = [process.cpuUsage(), look()]; !over;) {
      await nextTurn();
      const { user, system } = process.cpuUsage(last);
      last = process.cpuUsage();
      const now = look();
      const cpuMs = (user + system) / 1000;
      // What an idle loop takes is left out.
      if (cpuMs >= 0.1) this.#cpuMs += cpuMs;
      this.#turns.push({ from: before.at, to: now.at, ms: now.ms - before.ms });
      before = now;
    }
    await done;
    // The collector's pauses are told a turn later.
    await nextTurn();
    await nextTurn();
    observer.disconnect();
    stopSampling();
  }

  #sample(): () => void {
    const session = new Session();
    session.connect();
    // Answers of this session come before `post` returns.
    session.post('Profiler.enable');
    session.post('Profiler.setSamplingInterval', { interval: sampledEveryUs });
    session.post('Profiler.start');
    return () => {
      session.post('Profiler.stop', (_error, { profile }) => (this.#profile = profile));
      session.disconnect();
    };
  }

  get wholeMs(): number {
    return this.#cpuMs;
  }

  get pauseMs(): number {
    return Math.max(0, ...this.#pauses.map(({ ms }) => ms));
  }

  get longestMs(): number {
    const longest = this.#longest();
    return longest ? this.#ownMs(longest) : 0;
  }

  /** What was at work in the longest turn, the busiest first: function and room, and the collector and the machine's own code beside; empty unless turns are sampled. */
  get longestIn(): string {
    const longest = this.#longest();
    if (!longest || !this.#profile) return '';
    const { samples = [], timeDeltas = [], startTime } = this.#profile;
    const works = worksOf(this.#profile);
    const seen = new Map<string, number>();
    // It goes by the machine's own clock.
    let at = startTime / 1000 - (Number(process.hrtime.bigint()) / 1e6 - performance.now());
    for (const [index, id] of samples.entries()) {
      const ms = (timeDeltas[index] ?? 0) / 1000;
      at += ms;
      const work = works.get(id);
      if (at >= longest.from && at <= longest.to && work !== undefined) seen.set(work, (seen.get(work) ?? 0) + ms);
    }
    const busiest = [...seen].toSorted((a, b) => b[1] - a[1]).slice(0, namedWorks);
    return busiest.map(([work, ms]) => `${work} ${ms.toFixed(1)}`).join(', ');
  }

  #longest(): Turn | undefined {
    let longest: Turn | undefined;
    let longestMs = -1;
    for (const turn of this.#turns) {
      if (turn.ms <= longestMs || this.#ownMs(turn) <= longestMs) continue;
      longest = turn;
      longestMs = this.#ownMs(turn);
    }
    return longest;
  }

  #ownMs(turn: Turn): number {
    return turn.ms - this.#pausedMs(turn);
  }

  #pausedMs({ from, to }: Turn): number {
    let sum = 0;
    for (const pause of this.#pauses) if (pause.from >= from && pause.from < to) sum += pause.ms;
    return sum;
  }
}

const never = new Int32Array(new SharedArrayBuffer(4));
const schedule = openSync('/proc/thread-self/schedstat', 'r');
const text = Buffer.alloc(80);

/**
 * When, and how much processor time this thread has had by then. The kernel counts it when the thread leaves the processor: so it does, for a moment.
 * Nothing lies between one turn's look and the next one's: a pause of the collector in what the look itself makes is the next turn's, by both counts.
 */
function look(): { at: number; ms: number } {
  Atomics.wait(never, 0, 0, 0.01);
  const at = performance.now();
  const length = readSync(schedule, text, 0, text.length, 0);
  return { at, ms: Number(text.toString('latin1', 0, length).split(' ')[0]) / 1e6 };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** By node of the profile: the innermost function of ours on its stack with its room, such as `schedule (stages/scheduler)`, and what is no function by its own name. */
function worksOf({ nodes }: Profiler.Profile): Map<number, string> {
  const works = new Map<number, string>();
  // Parents come before their children.
  for (const { id, callFrame, children = [] } of nodes) {
    const room = /\/src\/(stages\/\w+|\w+)\//.exec(callFrame.url)?.[1];
    const own = room !== undefined ? `${callFrame.functionName} (${room})` : unowned.has(callFrame.functionName) ? callFrame.functionName : undefined;
    const work = own ?? works.get(id);
    if (work !== undefined) for (const each of [id, ...children]) works.set(each, work);
  }
  return works;
}
