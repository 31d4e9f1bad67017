/** How often managers hear from their leader, and how long they wait for it. */
import { Refusal } from '#base/refusal';
import { parseDuration } from '#base/text/duration';

export interface RaftBeat {
  tickMs: number;
  heartbeatTicks: number;
  /** The others elect after a time drawn from this many ticks to twice as many. */
  electionTicks: number;
}

/** Texts of the three settings; an absent one is as usual. */
interface BeatTexts {
  tick: string | undefined;
  heartbeat: string | undefined;
  election: string | undefined;
}

const usual = { tickMs: 50, heartbeatMs: 100, electionMs: 500 };
const limits = { leastTickMs: 10, mostTickMs: 1000, mostElectionMs: 60_000 };
/** Of the heartbeats so many may be late, by a slow link or a disk that takes its time, before a leader is deposed for it. */
const heartbeatsPerElection = 5;

/** Undefined when nothing is asked for. Refuses what would depose leaders that live. */
export function raftBeat({ tick, heartbeat, election }: BeatTexts): RaftBeat | undefined {
  if (tick === undefined && heartbeat === undefined && election === undefined) return undefined;
  const tickMs = durationOf('--raft-tick', tick, usual.tickMs);
  const heartbeatMs = durationOf('--raft-heartbeat', heartbeat, Math.max(usual.heartbeatMs, tickMs));
  const electionMs = durationOf('--raft-election', election, Math.max(usual.electionMs, heartbeatsPerElection * heartbeatMs));
  if (tickMs < limits.leastTickMs || tickMs > limits.mostTickMs) {
    throw new Refusal('invalidArgument', `--raft-tick is between ${limits.leastTickMs}ms and ${limits.mostTickMs / 1000}s, not ${tickMs}ms`);
  }
  if (heartbeatMs % tickMs !== 0 || electionMs % tickMs !== 0 || heartbeatMs === 0) {
    throw new Refusal(
      'invalidArgument',
      `--raft-heartbeat (${heartbeatMs}ms) and --raft-election (${electionMs}ms) are multiples of --raft-tick (${tickMs}ms)`,
    );
  }
  if (electionMs < heartbeatsPerElection * heartbeatMs || electionMs > limits.mostElectionMs) {
    throw new Refusal(
      'invalidArgument',
      `--raft-election (${electionMs}ms) is at least ${heartbeatsPerElection} times --raft-heartbeat (${heartbeatMs}ms), so that a slow link or disk deposes no leader, and at most ${limits.mostElectionMs / 1000}s`,
    );
  }
  return { tickMs, heartbeatTicks: heartbeatMs / tickMs, electionTicks: electionMs / tickMs };
}

function durationOf(name: string, text: string | undefined, usualMs: number): number {
  if (text === undefined) return usualMs;
  const nanoseconds = parseDuration(text);
  if (nanoseconds === undefined || nanoseconds <= 0 || nanoseconds % 1e6 !== 0) {
    throw new Refusal('invalidArgument', `${name} is a duration in whole milliseconds, such as 50ms, not "${text}"`);
  }
  return nanoseconds / 1e6;
}
