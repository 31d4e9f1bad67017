/** Faults planted in transfers and reads. */
import { coreFault, type Fault } from '#test/support/planted';

export const reads: readonly Fault[] = [
  coreFault('a transfer takes proposals', 'raft', "    if (core.transferee !== undefined) return 'transferring';\n    // One proposal", '    // One proposal'),
  coreFault(
    'a transfer never ends',
    'replication',
    '  if (core.transferee !== undefined && ++core.transferElapsed >= core.limits.electionTicks) core.transferee = undefined;\n',
    '',
  ),
  coreFault(
    'a transfer does not wait for the target',
    'raft',
    "if (progress.match === core.log.lastIndex) core.send({ type: 'timeoutNow', to: target });\n    else ask(core, progress);",
    "core.send({ type: 'timeoutNow', to: target });",
  ),
  coreFault(
    'anybody may order a campaign',
    'raft',
    "core.role === 'follower' && core.leader === message.from ? campaign",
    "core.role === 'follower' ? campaign",
  ),
  coreFault(
    'a transfer outlives the demotion of its target',
    'membership/membership',
    '  if (core.transferee !== undefined && !core.configuration.voters.includes(core.transferee)) core.transferee = undefined;\n',
    '',
  ),
  coreFault('a leader does not step down on demand', 'raft', "if (this.#core.role === 'leader') this.#core.becomeFollower(this.#core.term, undefined);", ''),
  coreFault(
    'reads before the first commit of the term',
    'reads',
    'if (core.committedInTerm) core.reads.add(asked, core.log.committed);',
    'if (true) core.reads.add(asked, core.log.committed);',
  ),
  coreFault('reads without asking anybody', 'reads', 'core.reads.takeConfirmed(confirmed)', 'core.reads.takeConfirmed(() => Infinity)'),
  coreFault('every follower confirms the reads of one', 'reads', 'id === core.id || id === asker', 'id === core.id || asker !== core.id'),
  coreFault(
    'a learner confirms its own reads',
    'reads',
    'quorumValue(voters,',
    'quorumValue(voters.includes(asker) ? voters : [...voters.slice(0, -1), asker],',
  ),
  coreFault(
    'who is answered without a round is not told what is committed',
    'raft',
    'for (const asker of confirmReads(core)) sendHeartbeat(core, asker);',
    'confirmReads(core);',
  ),
  coreFault('a read joins the round that is under way', 'read-rounds', 'round: this.sequence + 1 }', 'round: this.sequence }'),
  coreFault(
    'learners confirm reads',
    'reads',
    'const { voters } = core.configuration;',
    'const voters = [...core.configuration.voters, ...core.configuration.learners];',
  ),
  coreFault(
    'rounds that never began are confirmed',
    'replication',
    'if (!progress || message.readSequence > core.reads.sequence) return;',
    'if (!progress) return;',
  ),
  coreFault('numbers of rounds go on over terms', 'read-rounds', '    this.#waiting = [];\n    this.sequence = 0;\n', '    this.#waiting = [];\n', {
    equivalent:
      'a round counts only with an answer of the same term, and what members confirmed is forgotten at each change of term; so where the numbers begin does not matter',
  }),
  coreFault(
    'reads are not failed when leadership ends',
    'read-rounds',
    '    for (const asked of [...this.#forwarded.values(), ...this.#early, ...this.#waiting]) this.#fail(asked);\n',
    '',
  ),
  coreFault('other members’ reads are called failed', 'read-rounds', 'if (asked.from === this.#options.id) this.failed', 'this.failed'),
  coreFault(
    'reads never time out',
    'read-rounds',
    'const late = (asked: Asked): boolean => asked.deadline <= this.#now;',
    'const late = (_: Asked): boolean => false;',
  ),
  coreFault('an answer to an earlier life fits', 'read-rounds', '`${this.#options.incarnation}/${requestId}`', '`${requestId}`'),
  coreFault(
    'a lone voter waits for others to confirm its reads',
    'reads',
    'id === core.id || id === asker ? Infinity',
    'id === asker && id !== core.id ? Infinity',
  ),
  coreFault('early reads are never released', 'replication', '  releaseEarlyReads(core);\n', ''),
  coreFault('a forgotten leader still owes its reads', 'raft', '    core.reads.failForwarded();\n', ''),
  coreFault('reads have no limit', 'read-rounds', 'this.#early.length + this.#waiting.length + this.#forwarded.size >= this.#options.limit', 'false'),
];
