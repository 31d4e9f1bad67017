/** Faults planted in membership. */
import { coreFault, type Fault } from '#test/support/planted';

export const membership: readonly Fault[] = [
  coreFault(
    'a second change may follow at once',
    'membership/membership',
    'core.log.applied < core.pendingConfigurationIndex || core.openChange !== undefined || !core.committedInTerm',
    '!core.committedInTerm',
  ),
  coreFault('a new leader changes before it has committed', 'membership/membership', ' || !core.committedInTerm) return', ') return'),
  coreFault('a new leader forgets changes in its log', 'core', '    this.pendingConfigurationIndex = this.log.lastIndex;\n', ''),
  coreFault(
    'a voter needs not be a learner first',
    'membership/membership',
    "  if (!core.configuration.learners.includes(change.id)) return 'notLearner';\n  return isCaughtUp",
    '  if (!core.configuration.learners.includes(change.id)) return undefined;\n  return isCaughtUp',
  ),
  coreFault('a voter needs not hold the log', 'membership/membership', "return isCaughtUp(core, change.id) ? undefined : 'notCaughtUp';", 'return undefined;'),
  coreFault('the last voter may go', 'membership/changer', 'if (voters.length === 0) return undefined;', ''),
  coreFault('a demoted voter is forgotten', 'membership/changer', "if (change.type === 'addLearner') learners.push(change.id);", ''),
  coreFault(
    'a removed leader leads on',
    'membership/membership',
    '    core.becomeFollower(core.term, undefined);\n  }\n}\n\nfunction applyAsFollower',
    '  }\n}\n\nfunction applyAsFollower',
  ),
  coreFault(
    'a removed candidate may win',
    'membership/membership',
    "  if (core.role !== 'follower' && !core.isVoter) core.becomeFollower(core.term, undefined);\n",
    '',
  ),
  coreFault(
    'removed members are still sent to',
    'membership/membership',
    '  for (const id of core.progress.keys()) if (id !== core.id && !core.peers.includes(id)) core.progress.delete(id);\n',
    '',
  ),
  coreFault('the commit of a change is not written', 'raft', ' || core.commitOwed > this.#written.commit;', ';'),
  coreFault(
    'the commit does not come with its entries',
    'raft',
    'const hardState = durable ? { term, vote, commit: log.committed } : undefined;',
    'const hardState = durable ? { term, vote, commit: core.commitOwed } : undefined;',
  ),
  coreFault('a change is done before a majority remembers it', 'replication', '  if (durable < index) return;\n', ''),
  coreFault(
    'a change is done by the old configuration’s count',
    'replication',
    'if (index === undefined || core.log.applied < index) return;',
    'if (index === undefined || core.log.committed < index) return;',
  ),
  coreFault('a follower claims commits that its disk lacks', 'raft', 'coalesced(replies, this.#written.commit)', 'coalesced(replies, core.log.committed)'),
  coreFault(
    'a follower does not say that it remembers a change',
    'membership/membership',
    '  if (core.leader !== undefined)\n    core.send',
    '  if (false)\n    core.send',
    { within: 300 },
  ),
  coreFault(
    'a change whose answers were lost is never asked for',
    'replication',
    " || progress.state === 'probe' || forgets) ask",
    " || progress.state === 'probe') ask",
  ),
  coreFault('the commit of a change waits for a heartbeat', 'replication', "if (entry.kind === 'configuration') core.urgentCommit = index;", ''),
];
