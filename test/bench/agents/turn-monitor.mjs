/** Loaded into a daemon: writes down each second how long its longest turn and its longest round were, without the collector's pauses, and what memory it has; where it samples, what was at work in the long rounds too. Plain Node. */
import { createHook, executionAsyncResource } from 'node:async_hooks';
import { appendFileSync, openSync, readSync } from 'node:fs';
import { Session } from 'node:inspector';
import { PerformanceObserver } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const lookEveryMs = 2;
const schedule = openSync('/proc/thread-self/schedstat', 'r');
const text = Buffer.alloc(80);
const path = process.env['SHOAL_TURNS'];
const sampledEveryUs = 4000;
/** Rounds from here on are told of. */
const longMs = 15;
const toldAfterMs = 500;
/** Turns from here on are looked at. */
const longishMs = 4;
/** What the thread has worked is read so often at most, and so is a turn of that many ms less exactly known. */
const readEveryMs = 1;
/** Of a round so many functions are named. */
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

/**
 * A round of the loop runs all that has arrived, a thousand sockets' worth if the thread had no core for a while; a turn is one of those with all
 * that follows from it before the next: what no queue can share out. What calls back amid a turn may seem to begin another: a round is never less than its turns.
 * @typedef {{ from: number, to: number, ms: number, wallMs: number, what: string }} Span
 */

/** @param {string} file */
function watch(file) {
  /** @type {Span[]} */
  let rounds = [];
  /** @type {{ startTime: number, duration: number }[]} */
  let pauses = [];
  let [at, cpu, events] = [performance.now(), spent().cpuMs, arrivals()];
  const sample = process.env['SHOAL_SAMPLE'] ? sampler(`${file}.long`) : undefined;
  const turns = watchTurns();
  // To look a profile through takes a second in which nobody hears of this manager: between the phases alone.
  process.on('SIGUSR2', () => {
    sample?.lookThrough();
    [at, cpu, rounds] = [performance.now(), spent().cpuMs, []];
  });
  new PerformanceObserver((list) => pauses.push(...list.getEntries())).observe({ entryTypes: ['gc'] });
  setInterval(() => {
    const [now, used, seen] = [performance.now(), spent().cpuMs, arrivals()];
    // Rounds between two looks count as one: the figure is an upper bound.
    if (now - at > 2 * lookEveryMs) rounds.push({ from: at, to: now, ms: used - cpu, wallMs: now - at, what: `${seen - events} arrivals` });
    [at, cpu, events] = [now, used, seen];
  }, lookEveryMs).unref();
  setInterval(() => {
    // The collector's pauses are told later than they are: turns and rounds wait for them.
    const told = performance.now() - toldAfterMs;
    /** @param {Span[]} spans */
    const own = (spans) =>
      spans
        .filter(({ to }) => to <= told)
        .map((span) => ({ ...span, ms: span.ms - sum(pauses.filter(({ startTime }) => startTime >= span.from && startTime < span.to)) }))
        .toSorted((a, b) => b.ms - a.ms);
    const [ownRounds, [turn]] = [own(rounds), own(turns.kept)];
    sample?.keep(ownRounds.filter(({ ms }) => ms >= longMs));
    const facts = { at: Date.now(), round: brief(ownRounds[0]), turn: brief(turn), pauseMs: Math.max(0, ...pauses.map(({ duration }) => duration)) };
    appendFileSync(file, `${JSON.stringify({ ...facts, rssMB: process.memoryUsage.rss() / 1e6, ...spent() })}\n`);
    /** @param {Span} span */
    const isUntold = ({ to }) => to > told;
    [rounds, turns.kept, pauses] = [rounds.filter(isUntold), turns.kept.filter(isUntold), pauses.filter(({ startTime }) => startTime > told - 2 * toldAfterMs)];
  }, 1000).unref();
}

/** Events that the loop has handed out. */
function arrivals() {
  return performance.nodeTiming.uvMetricsInfo.events;
}

/** @param {Span | undefined} span */
function brief(span) {
  return { ms: Math.max(0, span?.ms ?? 0), wallMs: span?.wallMs ?? 0, what: span?.what ?? '' };
}

/** What the loop calls back begins a turn; a tick, and what runs in somebody's name, belongs to the turn that it is in. */
function watchTurns() {
  const turns = { kept: /** @type {Span[]} */ ([]) };
  let depth = 0;
  /** @type {object} */
  let who = {};
  let [at, readAt, cpu] = [performance.now(), 0, spent().cpuMs];
  const before = () => {
    if (depth++ > 0) return;
    const next = executionAsyncResource();
    const kind = next.constructor?.name;
    if (kind === 'Object' || kind === 'AsyncResource') return;
    const now = performance.now();
    if (now - readAt >= readEveryMs) {
      const used = spent().cpuMs;
      // With the pause after it: only the thread's own work says how long it was.
      if (now - at >= longishMs) turns.kept.push({ from: at, to: now, wallMs: now - at, ms: used - cpu, what: nameOf(who) });
      [readAt, cpu] = [now, used];
    }
    [at, who] = [now, next];
  };
  createHook({ before, after: () => void depth-- }).enable();
  // Promises are not wanted: to be told of each would be the most of what a manager does.
  /** @type {any} */ (process).binding('async_wrap').setPromiseHooks(undefined, undefined, undefined, undefined);
  return turns;
}

/** Of what calls back: a timer's or an immediate's function, or what kind it is of. @param {object} resource */
function nameOf(resource) {
  const run = /** @type {any} */ (resource)._onTimeout ?? /** @type {any} */ (resource)._onImmediate;
  return `${resource.constructor?.name ?? ''}${run?.name ? ` ${run.name}` : ''}`;
}

/** @param {readonly { duration: number }[]} pauses */
function sum(pauses) {
  return pauses.reduce((all, { duration }) => all + duration, 0);
}

/**
 * Says of each long round which functions were on the stack in it, and for how long.
 * @param {string} file
 */
function sampler(file) {
  const session = new Session();
  session.connect();
  // Answers of this session come before `post` returns.
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval: sampledEveryUs });
  session.post('Profiler.start');
  /** @type {Span[]} */
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
