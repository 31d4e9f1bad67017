/** The node's line to its dispatcher: opened, kept alive, opened again. */
import { type Clock, pause } from '#base/clock';
import { equal } from '#base/equal';
import { afterLimit } from '#base/pace/fair-limit';
import type { Logger } from '#base/logger';
import type { Meter } from '#base/meter';
import type { Random } from '#base/random';
import type { AssignmentMessage, DispatcherSession, OpenSession } from '#model/object/assignment';
import type { NodeDescription } from '#model/object/node';

/** As swarmkit agent/session.go, a random wait below 100 ms + 2 × the last one; at most so long that a node whose manager is back is not missed. */
const firstBackoffMs = 100;
const longestBackoffMs = 2000;
const callLimitMs = 5000;
/** For a session: whoever opens it asks several managers, and gives up on each by itself. */
const openLimitMs = 90_000;
const describeEveryMs = 20_000;
/** A session that broke because a beat was not answered costs more than the answer: the next one waits longer for its first ones. When these are answered the manager is as quick as any. */
const longestBeatLimitMs = 20_000;
const firstBeats = 3;

export interface SessionModules {
  openSession: OpenSession;
  describe(): Promise<NodeDescription>;
  clock: Clock;
  random: Random;
  meter?: Meter | undefined;
  logger: Logger;
}

export interface SessionCalls {
  /** Before this has resolved the managers hear nothing of the node. */
  readonly ready: Promise<unknown>;
  /** Resolves when the node can do what the message brings: those after it wait, too. */
  able(message: AssignmentMessage): Promise<unknown>;
  opened(session: DispatcherSession, description: NodeDescription): void;
  /** Throws when the message does not fit: a new session brings a complete set. */
  assigned(message: AssignmentMessage): void;
  /** A manager answered what was sent at `sentAt` (monotonic ms); a beat's answer says in how many milliseconds the next is due. */
  heard(sentAt: number, nextMs?: number): void;
  /** Why the node can do nothing of what it is given; undefined: it can. A session ends with it, as that of a node that is cut off. */
  unable(): string | undefined;
  closed(): void;
  /** No manager opened a session, or it broke. */
  failed(error: unknown): void;
}

/** Runs until `signal`; every failure ends the session and opens the next one after a wait. */
export async function runSessions(nodeId: string, modules: SessionModules, calls: SessionCalls, signal: AbortSignal): Promise<void> {
  let backoffMs = 0;
  const patience = { beatLimitMs: callLimitMs };
  while (!signal.aborted) {
    const began = modules.clock.monotonicNow();
    try {
      const [description] = await Promise.all([modules.describe(), calls.ready]);
      const sentAt = modules.clock.monotonicNow();
      const session = await open(nodeId, description, modules, signal);
      calls.heard(sentAt);
      await serve(session, { description, patience }, modules, calls, signal);
    } catch (error) {
      if (error instanceof Unanswered) patience.beatLimitMs = Math.min(2 * patience.beatLimitMs, longestBeatLimitMs);
      if (!signal.aborted) calls.failed(error);
      if (!signal.aborted) modules.logger.warn({ err: error }, 'the connection to the manager broke: containers run on, and this node connects again');
    }
    // A session that breaks as soon as it stands is no reason to hurry.
    if (modules.clock.monotonicNow() - began > longestBackoffMs) backoffMs = 0;
    backoffMs = Math.min(firstBackoffMs + 2 * backoffMs, longestBackoffMs);
    await pause(modules.clock, modules.random.next() * backoffMs, signal);
  }
}

/** A session that comes after we gave up on it is closed, so that it does not count as ours. */
async function open(nodeId: string, description: NodeDescription, { openSession, clock }: SessionModules, signal: AbortSignal): Promise<DispatcherSession> {
  let wanted = true;
  const opening = openSession(nodeId, description, undefined, () => wanted);
  try {
    return await withLimit(opening, clock, signal, openLimitMs);
  } catch (error) {
    wanted = false;
    opening.then(
      (late) => late.close(),
      () => undefined,
    );
    throw error;
  }
}

async function serve(
  session: DispatcherSession,
  { description, patience }: { description: NodeDescription; patience: { beatLimitMs: number } },
  modules: SessionModules,
  calls: SessionCalls,
  signal: AbortSignal,
): Promise<void> {
  const ending = new AbortController();
  const both = AbortSignal.any([signal, ending.signal]);
  // A session that is closed from our side need not end its stream: leaving may not wait for it.
  const left = new Promise<void>((resolve) => both.addEventListener('abort', () => resolve(), { once: true }));
  calls.opened(session, description);
  try {
    await Promise.race([
      left,
      receive(session, calls, both),
      beat(session, patience, modules, calls, both),
      describeAgain(session, description, modules, both),
    ]);
  } finally {
    ending.abort();
    calls.closed();
    session.close();
  }
}

async function receive(session: DispatcherSession, calls: SessionCalls, signal: AbortSignal): Promise<void> {
  for await (const message of session.assignments()) {
    await calls.able(message);
    // Another session may have brought newer ones meanwhile.
    if (signal.aborted) return;
    calls.assigned(message);
  }
}

/** The first beat at once, the next when the answer says. */
async function beat(
  session: DispatcherSession,
  patience: { beatLimitMs: number },
  { clock, meter }: SessionModules,
  calls: SessionCalls,
  signal: AbortSignal,
): Promise<void> {
  for (let answers = 0; !signal.aborted; answers++) {
    const unable = calls.unable();
    if (unable !== undefined) throw new Error(unable);
    if (answers === firstBeats) patience.beatLimitMs = callLimitMs;
    const sentAt = clock.monotonicNow();
    const answered = withLimit(session.heartbeat(), clock, signal, patience.beatLimitMs);
    const nextMs = await answered.catch((error: unknown) => {
      if (!signal.aborted) meter?.count('shoal_heartbeats_sent_total', { result: 'failed' });
      throw error;
    });
    meter?.count('shoal_heartbeats_sent_total', { result: 'answered' });
    calls.heard(sentAt, nextMs);
    await pause(clock, nextMs, signal);
  }
}

/** Memory, labels or plugins of the engine may change while it serves. */
async function describeAgain(session: DispatcherSession, first: NodeDescription, modules: SessionModules, signal: AbortSignal): Promise<void> {
  let known = first;
  while (!signal.aborted) {
    await pause(modules.clock, describeEveryMs, signal);
    if (signal.aborted) return;
    // An engine that is away for a moment is no reason to leave the managers.
    const description = await modules.describe().catch(() => known);
    if (!equal(description, known)) await withLimit(session.updateDescription(description), modules.clock, signal);
    known = description;
  }
}

class Unanswered extends Error {}

/** Rejects when there is no answer in time, or with `signal`. A node whose processes have to wait for the processor does not leave its manager for that. */
export function withLimit<T>(answer: Promise<T>, clock: Clock, signal: AbortSignal, limitMs = callLimitMs): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => () => {
      finish();
      reject(error);
    };
    const aborted = fail(new Error('cancelled'));
    const cancel = afterLimit(clock, limitMs, fail(new Unanswered(`the dispatcher did not answer within ${limitMs} ms`)));
    const finish = () => {
      cancel();
      signal.removeEventListener('abort', aborted);
    };
    signal.addEventListener('abort', aborted, { once: true });
    answer.finally(finish).then(resolve, reject);
  });
}
