/** The core tier: groups of members over a simulated network and disk, with every fault that the core must bear. */
import { seededRandom } from '#base/random';
import { Faults } from '#test/support/faults';
import { drawPlan, withFaults } from '#test/support/raft-plan';
import { RaftSimulation } from '#test/support/raft-simulation';
import { candidates } from '../guided/candidates.ts';
import { elections } from '../guided/elections.ts';
import { flow } from '../guided/flow.ts';
import { membership } from '../guided/membership.ts';
import { reads } from '../guided/reads.ts';
import { replication } from '../guided/replication.ts';
import { snapshots } from '../guided/snapshots.ts';
import { turns } from '../guided/turns.ts';
import type { Tier } from '../tier.ts';

export const tier: Tier = {
  name: 'core',
  guided: [...elections, ...candidates, ...replication, ...flow, ...reads, ...membership, ...snapshots, ...turns],
  run: (seed, faults = new Faults()) => new RaftSimulation(withFaults(drawPlan(seed, seededRandom(seed, 'raft plan')), faults)).run(),
  replays: 500,
  minimums: {
    // What clients and operators got.
    commits: 2000,
    writes: 1500,
    reads: 800,
    'failed reads': 500,
    'changes done': 100,
    join: 15,
    promote: 10,
    demote: 4,
    remove: 5,
    removeLeader: 4,
    readd: 1,
    // What went wrong.
    crashes: 200,
    freezes: 50,
    elections: 100,
    depositions: 30,
    snapshots: 250,
    restores: 60,
    'refused notCaughtUp': 3,
    'refused lastVoter': 5,
    'refused changePending': 30,
    // Every type of message arrives.
    preVote: 500,
    preVoteReply: 400,
    vote: 100,
    voteReply: 100,
    append: 5000,
    appendReply: 5000,
    heartbeat: 5000,
    heartbeatReply: 5000,
    snapshot: 60,
    timeoutNow: 6,
    readIndex: 500,
    readIndexReply: 300,
  },
};
