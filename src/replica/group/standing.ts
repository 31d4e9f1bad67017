/** How this member stands with the others: who is heard, and since when there is no majority. */
import type { Clock } from '#base/clock';
import { noMeter, type Meter } from '#base/meter';
import { Refusal } from '#base/refusal';
import { majority } from '#raft/membership/quorum';
import type { Configuration } from '#raft/message';
import type { Status } from '#raft/raft';
import type { MemberState, Standing } from '../replicated-log.ts';

const noLeader = "The swarm does not have a leader. It's possible that too few managers are online. Make sure more than half of the managers are online.";

const noLog =
  'This manager has never been told who the others are: they do not reach it at the address that it advertises. ' +
  'Let that address be reached, or leave the swarm and join with another --advertise-addr.';

export class Contacts {
  readonly #clock: Clock;
  /** An election takes at most so long where everybody can be reached. */
  readonly #electionMs: number;
  readonly #heardAt = new Map<string, number>();
  #leaderlessSince: number | undefined;
  readonly #beganAt: number;
  readonly #meter: Meter;
  #leader: string | undefined;

  constructor(clock: Clock, electionMs: number, meter: Meter = noMeter) {
    this.#meter = meter;
    this.#clock = clock;
    this.#electionMs = electionMs;
    this.#beganAt = clock.now();
  }

  heard(id: string): void {
    this.#heardAt.set(id, this.#clock.now());
  }

  /** True when `id` has answered lately; only of use to whoever asks everybody, as leaders and candidates do. */
  answers(id: string): boolean {
    return this.#clock.now() - (this.#heardAt.get(id) ?? -Infinity) <= 2 * this.#electionMs;
  }

  /** To be told after every turn. */
  watch({ leader }: Status): void {
    if (leader !== undefined) this.#leaderlessSince = undefined;
    else this.#leaderlessSince ??= this.#clock.now();
    if (leader === undefined || leader === this.#leader) return;
    if (this.#leader !== undefined) this.#meter.count('shoal_raft_leader_changes_total');
    this.#leader = leader;
  }

  standing(status: Status): Standing {
    const { id, leader, term, configuration } = status;
    const { voters, learners, addresses = {} } = configuration;
    const member = (each: string, voter: boolean): MemberState => ({
      id: each,
      address: addresses[each] ?? '',
      voter,
      // A follower hears from the leader only: the others are taken to be there as long as it leads.
      reachable: each === id || this.answers(each) || (leader !== undefined && leader !== id),
      heardAt: each === id ? this.#clock.now() : this.#heardAt.get(each),
    });
    const members = [...voters.map((each) => member(each, true)), ...learners.map((each) => member(each, false))];
    const lostSince = this.#lostSince(members);
    return { id, leader, term, members, ...(lostSince !== undefined && { quorumLostAt: lostSince }) };
  }

  /** Without a leader for longer than two elections, and too few answer: waiting does not help. */
  #lostSince(members: readonly MemberState[]): number | undefined {
    const since = this.#leaderlessSince;
    if (since === undefined || this.#clock.now() - since < 2 * this.#electionMs) return undefined;
    const voters = members.filter(({ voter }) => voter);
    if (voters.filter(({ reachable }) => reachable).length >= majority(voters.length)) return undefined;
    return Math.max(since, this.#beganAt);
  }
}

export function votesAlone({ voters }: Configuration, id: string): boolean {
  return voters.length === 1 && voters[0] === id;
}

/** Why nobody can change or read anything now, in Docker's words and what they leave out: who is missing, since when, and what to do. */
export function noLeaderRefusal(standing: Standing | undefined): Refusal {
  if (standing?.quorumLostAt === undefined) return new Refusal('unavailable', noLeader, { reason: 'noLeader' });
  const voters = standing.members.filter(({ voter }) => voter);
  // It has joined, and no leader has brought it the log since.
  if (voters.length === 0) return new Refusal('unavailable', `${noLeader} ${noLog}`, { reason: 'noLeader' });
  const missing = voters.filter(({ reachable }) => !reachable);
  const named = missing.map(({ id, address }) => (address === '' ? id : `${id} (${address})`)).join(', ');
  const since = new Date(standing.quorumLostAt).toISOString();
  return new Refusal(
    'unavailable',
    `${noLeader} Since ${since} only ${voters.length - missing.length} of ${voters.length} managers answer; missing: ${named}. ` +
      'Start them again: services run on meanwhile. If they are lost for good, run "swarm init --force-new-cluster" on this one.',
    { reason: 'quorumLost', missing: missing.map(({ id }) => id), since },
  );
}
