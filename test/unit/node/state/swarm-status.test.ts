import { expect, test } from 'vitest';
import { swarmStatus } from '#node/state/swarm-status';

const standing = { safety: undefined, locked: false, broken: '', joining: undefined };
const worker = { nodeId: 'n', address: '192.0.2.9', role: 'worker', managers: ['192.0.2.1:2377', '192.0.2.2:2377'] } as const;

test.each([
  [
    ['one', 'two'],
    ['one', 'two'],
  ],
  // As an earlier build has stored it, and while it was not told yet.
  [undefined, ['', '']],
])('a worker names its managers by id and address: %j', (managerIds, ids) => {
  const identity = { ...worker, ...(managerIds && { managerIds }) };
  const { ControlAvailable, RemoteManagers } = swarmStatus({ ...standing, member: { identity, manager: undefined, problem: undefined } });
  expect([ControlAvailable, RemoteManagers]).toEqual([false, ids.map((NodeID, index) => ({ NodeID, Addr: worker.managers[index] }))]);
});
