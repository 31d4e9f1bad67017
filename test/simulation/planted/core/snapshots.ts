/** Faults planted in snapshots and what a driver is told. */
import { coreFault, type Fault } from '#test/support/planted';

export const snapshots: readonly Fault[] = [
  coreFault('a newcomer takes entries', 'follower', '  if (core.isJoiner) {', '  if (false) {'),
  coreFault('a newcomer votes', 'election', 'const may = !core.isJoiner && (', 'const may = ('),
  coreFault('a wiped voter takes a snapshot', 'follower', 'if (core.isJoiner && meta.configuration.voters.includes(core.id)) {', 'if (false) {'),
  coreFault('nobody says that a newer snapshot is wanted', 'replication', '    core.snapshotWanted.add(to);\n', ''),
  coreFault('a member gets a snapshot that does not know it', 'replication', ' || !isFor(core, to)) {', ') {'),
  coreFault(
    'one that begins anew is told that it once had a vote',
    'replication',
    ' && !(configuration.learners.includes(to) && snapshot.configuration.voters.includes(to))',
    '',
  ),
  coreFault('silent members get snapshots', 'replication', '  if (!progress.recentActive) return false;\n', ''),
  coreFault('a new snapshot is not sent to who waits', 'raft', "    core.appendDue = core.role === 'leader';\n", ''),
  coreFault('an installed snapshot is not written', 'raft', 'installed: core.restored, replies', 'installed: undefined, replies'),
  coreFault('an installed snapshot keeps the old configuration', 'follower', '  core.configuration = meta.configuration;\n', ''),
  coreFault('an old snapshot is installed', 'follower', 'meta.index <= core.log.committed || !isMember', '!isMember'),
  coreFault('a snapshot replaces a log that goes on behind it', 'follower', 'if (core.log.termAt(meta.index) === meta.term) {', 'if (false) {'),
  coreFault('a snapshot keeps the tail behind it', 'log', '    this.#entries = [];\n    this.stable', '    this.stable'),
  coreFault(
    'a snapshot is acknowledged before the disk has it',
    'follower',
    '  core.restored = meta;\n  core.send({ ...reply, index: meta.index });',
    '  core.restored = meta;\n  core.outbox.push({ ...reply, index: meta.index, term: core.term, from: core.id });',
  ),
  coreFault('a failed snapshot counts as sent', 'raft', 'if (!ok) progress.pendingSnapshot = 0;', ''),
  coreFault('a member stays in its snapshot', 'replication', '  else if (progress.match + 1 >= core.log.firstIndex) progress.becomeReplicate();\n', '', {
    within: 300,
  }),
  coreFault('a member in its snapshot gets appends', 'progress', "this.state === 'snapshot' || this.paused", 'this.paused'),
  coreFault(
    'compacted entries have term 0',
    'log',
    '    return this.#entries[index - this.#baseIndex - 1]?.term;',
    '    return this.#entries[index - this.#baseIndex - 1]?.term ?? (index < this.#baseIndex ? 0 : undefined);',
  ),
  coreFault('compaction goes beyond what was asked', 'raft', 'core.log.compact(Math.min(compactTo, meta.index));', 'core.log.compact(core.log.applied);', {
    within: 300,
  }),
  coreFault(
    'role changes are not told',
    'raft',
    'if (role === this.#told.role && term === this.#told.term && leader === this.#told.leader) return undefined;',
    'if (role === this.#told.role) return undefined;',
  ),
];
