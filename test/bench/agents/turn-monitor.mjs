/** Loaded into a daemon: writes down each second how long its longest turn was, without the collector's pauses, and what memory it has; where it samples, what was at work in the long ones too. Plain Node. */
import { appendFileSync, openSync, readSync } from 'node:fs';
import { Session } from 'node:inspector';
import { PerformanceObserver } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const lookEveryMs = 2;
const schedule = openSync('/proc/thread-self/schedstat', 'r');
const text = Buffer.alloc(80);
const path = process.env['SHOAL_TURNS'];
const sampledEveryUs = 4000;
/** Turns from here on are told of. */
const longMs = 15;
const toldAfterMs = 500;
/** Of a turn so many functions are named. */
const namedWorks = 16;
/** They are in every stack, or in none. */
const unsaid = new Set(['(root)', '(idle)', '(program)', '']);
if (path && isMainThread && process.argv[2] === 'daemon') watch(`${path}.${process.pid}`);

/** Processor time of the main thread, and how long it was ready and had no core, milliseconds: other threads work beside it. */
function spent() {
  const length = readSync(schedule, text, 0, text.length, 0);
  const [cpu = 0, wait = 0] = text.toString('latin1', 0, length).split(' ').map(Number);
  return { cpuMs: cpu / 1e6, waitMs: wait / 1e6 };
}

/** @param {string} file */
function watch(file) {
  /** @type {{ from: number, to: number, ms: number }[]} */
  let turns = [];
  /** @type {{ startTime: number, duration: number }[]} */
  let pauses = [];
  let [at, cpu] = [performance.now(), spent().cpuMs];
  const sample = process.env['SHOAL_SAMPLE'] ? sampler(`${file}.long`) : undefined;
  // To look a profile through takes a second in which nobody hears of this manager: between the phases alone.
  process.on('SIGUSR2', () => {
    sample?.lookThrough();
    [at, cpu, turns] = [performance.now(), spent().cpuMs, []];
  });
  new PerformanceObserver((list) => pauses.push(...list.getEntries())).observe({ entryTypes: ['gc'] });
  setInterval(() => {
    const [now, used] = [performance.now(), spent().cpuMs];
    // Turns between two looks count as one: the figure is an upper bound.
    if (now - at > 2 * lookEveryMs) turns.push({ from: at, to: now, ms: used - cpu });
    [at, cpu] = [now, used];
  }, lookEveryMs).unref();
  setInterval(() => {
    // The collector's pauses are told later than they are: turns wait for them.
    const told = performance.now() - toldAfterMs;
    const own = turns
      .filter(({ to }) => to <= told)
      .map(({ from, to, ms }) => ({ from, to, ms: ms - sum(pauses.filter(({ startTime }) => startTime >= from && startTime < to)) }));
    sample?.keep(own.filter(({ ms }) => ms >= longMs));
    const facts = { at: Date.now(), longestMs: Math.max(0, ...own.map(({ ms }) => ms)), pauseMs: Math.max(0, ...pauses.map(({ duration }) => duration)) };
    appendFileSync(file, `${JSON.stringify({ ...facts, rssMB: process.memoryUsage.rss() / 1e6, ...spent() })}\n`);
    [turns, pauses] = [turns.filter(({ to }) => to > told), pauses.filter(({ startTime }) => startTime > told - 2 * toldAfterMs)];
  }, 1000).unref();
}

/** @param {readonly { duration: number }[]} pauses */
function sum(pauses) {
  return pauses.reduce((all, { duration }) => all + duration, 0);
}

/**
 * Says of each long turn which functions were on the stack in it, and for how long.
 * @param {string} file
 */
function sampler(file) {
  const session = new Session();
  session.connect();
  // Answers of this session come before `post` returns.
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval: sampledEveryUs });
  session.post('Profiler.start');
  /** @type {{ from: number, to: number, ms: number }[]} */
  let kept = [];
  return {
    /** @param {typeof kept} turns */
    keep: (turns) => void kept.push(...turns),
    lookThrough() {
      session.post('Profiler.stop', (_error, { profile }) => {
        const { whole, own } = worksIn(profile, { from: 0, to: Infinity });
        appendFileSync(file, `${JSON.stringify({ at: Date.now(), ms: 0, whole, own })}\n`);
        for (const turn of kept) {
          const { whole, own } = worksIn(profile, turn);
          appendFileSync(file, `${JSON.stringify({ at: Math.round(performance.timeOrigin + turn.from), ms: Math.round(turn.ms), whole, own })}\n`);
        }
      });
      kept = [];
      session.post('Profiler.start');
    },
  };
}

/**
 * Milliseconds of the turn: with what a function called, and by itself.
 * @param {import('node:inspector').Profiler.Profile} profile
 * @param {{ from: number, to: number }} turn
 */
function worksIn({ nodes, samples = [], timeDeltas = [], startTime }, { from, to }) {
  const known = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const [whole, own] = [new Map(), new Map()];
  // It goes by the machine's own clock.
  let at = startTime / 1000 - (Number(process.hrtime.bigint()) / 1e6 - performance.now());
  for (const [index, id] of samples.entries()) {
    const ms = (timeDeltas[index] ?? 0) / 1000;
    at += ms;
    if (at < from || at > to) continue;
    const names = new Set();
    for (let node = known.get(id); node; node = known.get(parents.get(node.id) ?? -1)) names.add(node.callFrame.functionName);
    const [self] = names;
    own.set(self, (own.get(self) ?? 0) + ms);
    for (const name of names) if (!unsaid.has(name)) whole.set(name, (whole.get(name) ?? 0) + ms);
  }
  /** @param {Map<string, number>} works */
  const busiest = (works) =>
    [...works]
      .toSorted((a, b) => b[1] - a[1])
      .slice(0, namedWorks)
      .map(([name, ms]) => `${name} ${ms.toFixed(1)}`)
      .join(', ');
  return { whole: busiest(whole), own: busiest(own) };
}
