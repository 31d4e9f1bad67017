/** Loaded into a daemon: writes down each second how long its longest turn was, without the collector's pauses, and what memory it has. Plain Node. */
import { appendFileSync, openSync, readSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const lookEveryMs = 2;
const schedule = openSync('/proc/thread-self/schedstat', 'r');
const text = Buffer.alloc(80);
const path = process.env['SHOAL_TURNS'];
if (path && isMainThread && process.argv[2] === 'daemon') watch(`${path}.${process.pid}`);

/** Processor time of the main thread, milliseconds: other threads work beside it. */
function cpuMs() {
  const length = readSync(schedule, text, 0, text.length, 0);
  return Number(text.toString('latin1', 0, length).split(' ')[0]) / 1e6;
}

/** @param {string} file */
function watch(file) {
  /** @type {{ from: number, to: number, ms: number }[]} */
  let turns = [];
  /** @type {{ startTime: number, duration: number }[]} */
  let pauses = [];
  new PerformanceObserver((list) => pauses.push(...list.getEntries())).observe({ entryTypes: ['gc'] });
  let [at, cpu] = [performance.now(), cpuMs()];
  setInterval(() => {
    const [now, used] = [performance.now(), cpuMs()];
    // Turns between two looks count as one: the figure is an upper bound.
    if (now - at > 2 * lookEveryMs) turns.push({ from: at, to: now, ms: used - cpu });
    [at, cpu] = [now, used];
  }, lookEveryMs).unref();
  setInterval(() => {
    const own = turns.map(({ from, to, ms }) => ms - sum(pauses.filter(({ startTime }) => startTime >= from && startTime < to)));
    const facts = { at: Date.now(), longestMs: Math.max(0, ...own), pauseMs: Math.max(0, ...pauses.map(({ duration }) => duration)) };
    appendFileSync(file, `${JSON.stringify({ ...facts, rssMB: process.memoryUsage.rss() / 1e6, cpuMs: cpuMs() })}\n`);
    // The collector's pauses are told later than they are: those of before may belong to turns to come.
    [turns, pauses] = [[], pauses.slice(-1)];
  }, 1000).unref();
}

/** @param {readonly { duration: number }[]} pauses */
function sum(pauses) {
  return pauses.reduce((all, { duration }) => all + duration, 0);
}
