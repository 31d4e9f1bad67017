import { expect, test } from 'vitest';
import { plant, type Planted } from '#test/support/planted';
import { RaftSimulation } from '#test/support/raft-simulation';

const bugs: readonly (Planted & { readonly shows: RegExp })[] = [
  { name: 'votes for everybody', file: 'election.ts', from: 'const free = core.vote === message.from ||', to: 'const free = true ||', shows: /both lead/ },
  {
    name: 'does not compare logs when voting',
    file: 'election.ts',
    from: 'may && core.log.isUpToDate(message.lastIndex, message.lastTerm)',
    to: 'may',
    shows: /lacks committed|is committed|was applied|not ahead/,
  },
  {
    name: 'half is a majority',
    file: 'quorum.ts',
    from: 'Math.floor(count / 2) + 1',
    to: 'Math.max(1, Math.floor(count / 2))',
    shows: /both lead|was applied|lacks committed|is committed/,
  },
  {
    name: 'acknowledges before the disk has it',
    file: 'core.ts',
    from: "full.type === 'appendReply' || ",
    to: '',
    shows: /lost entries|lacks committed|is committed|was applied/,
  },
  {
    name: 'forgets its votes in a crash',
    file: 'raft.ts',
    from: 'return { hardState, entries,',
    to: 'return { hardState: hardState && { ...hardState, vote: undefined }, entries,',
    shows: /both lead/,
  },
  {
    name: 'the leader counts entries its disk lacks',
    file: 'replication.ts',
    from: 'own.acknowledge(core.log.stable)',
    to: 'own.acknowledge(core.log.lastIndex)',
    shows: /./,
  },
  {
    name: 'reads before the first commit of the term',
    file: 'reads.ts',
    from: 'if (core.committedInTerm) core.reads.add(',
    to: 'if (true as boolean) core.reads.add(',
    shows: /a read sees/,
  },
  {
    name: 'reads without asking anybody',
    file: 'reads.ts',
    from: 'core.reads.takeConfirmed(round)',
    to: 'core.reads.takeConfirmed(core.reads.sequence)',
    shows: /a read sees/,
  },
  {
    name: 'a lost window is never probed',
    file: 'replication.ts',
    from: '  progress.paused = false;\n  const forgets',
    to: '  const forgets',
    shows: /after the faults stopped/,
  },
  { name: 'an installed snapshot is not written', file: 'raft.ts', from: 'installed: core.restored, replies', to: 'installed: undefined, replies', shows: /./ },
];

/** Seeds within which every bug must show itself. */
const limit = 1500;

test.each(bugs)(
  'the simulation finds a core that $name',
  async (bug) => {
    const broken = await plant(bug);
    for (let seed = 1; seed <= limit; seed++) {
      for (const size of [3, 4, 5, 1]) {
        try {
          new RaftSimulation(seed, size, broken).run(300);
        } catch (error) {
          // Only a check or an assertion counts: a core that cannot run at all proves nothing.
          expect((error as Error).message).toMatch(bug.shows);
          return;
        }
      }
    }
    throw new Error(`no seed up to ${limit} found it`);
  },
  300_000,
);
