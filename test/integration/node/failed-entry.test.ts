/** Entering a cluster fails at each of its steps: nothing of it stays, and the next try works. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { freePort } from '#test/support/free-port';
import { askPlayed, playedDaemon } from '#test/support/played-daemon';
import { RecordingNetwork } from '#test/support/recording-network';
import { testDescription } from '#test/support/memory-cluster';
import type { Daemon } from '../../../src/node/daemon.ts';
import { newCluster } from '#node/founding/new-cluster';
import { ManagerPart } from '#node/member/manager-part';
import { Membership } from '../../../src/node/member/membership.ts';
import { NodeWork } from '#node/member/node-work';

vi.mock('../../../src/node/founding/fitness.ts', () => ({
  Fitness: class {
    async check(): Promise<void> {}
  },
  describeEngine: async () => testDescription,
}));
vi.mock('../../../src/node/member/node-network.ts', async (original) => ({
  ...(await original<object>()),
  makeNetwork: () => new RecordingNetwork(),
}));
vi.mock('../../../src/node/join/rehearsal.ts', () => ({ rehearse: async () => undefined }));
const admitted = vi.hoisted(() => ({ as: 'worker' as 'worker' | 'manager' }));
vi.mock('../../../src/node/join/join-cluster.ts', () => ({
  joinCluster: async () => {
    const { files } = await newCluster('node-two');
    return { nodeId: 'node-two', role: admitted.as, managers: ['127.0.0.1:1'], files, incarnation: 1, entering: { leader: undefined, described: undefined } };
  },
}));

let folder: string;
let daemon: Daemon;
let port: number;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-entry-'));
  port = await freePort();
  // The kernel is not touched, and nobody serves the node.
  vi.spyOn(NodeWork.prototype, 'start').mockResolvedValue();
  vi.spyOn(Membership.prototype, 'served').mockResolvedValue();
  daemon = await playedDaemon(folder);
});
afterEach(async () => {
  await daemon.stop();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const ask = (method: string, path: string, body?: unknown) => askPlayed(folder, method, path, body);
const held = () =>
  readdirSync(join(folder, 'state'), { encoding: 'utf8', recursive: true })
    .filter((name) => name !== 'certificates')
    .toSorted();
const place = () => ({ ListenAddr: `127.0.0.1:${port}`, AdvertiseAddr: `127.0.0.1:${port}` });
const entries = {
  init: () => ask('POST', '/swarm/init', place()),
  'join as a worker': () => ask('POST', '/swarm/join', { ...place(), RemoteAddrs: ['127.0.0.1:1'], JoinToken: 'SWMTKN-1' }),
  'join as a manager': () => ask('POST', '/swarm/join', { ...place(), RemoteAddrs: ['127.0.0.1:1'], JoinToken: 'SWMTKN-1' }),
};

/** The next call does what it does, and fails then. */
function failAfter(what: object, method: string): void {
  const target = what as Record<string, (...args: unknown[]) => unknown>;
  const real = target[method] as (...args: unknown[]) => unknown;
  vi.spyOn(target, method).mockImplementationOnce(function (this: unknown, ...args) {
    const done = real.apply(this, args);
    if (!(done instanceof Promise)) throw new Error(`no space after ${method}`);
    return done.then(() => {
      throw new Error(`no space after ${method}`);
    });
  });
}

describe.each(Object.entries(entries))('%s', (name, enter) => {
  const steps = [
    ['its certificate', Membership.prototype, 'take'],
    ['its log', Membership.prototype, 'startSeat'],
    ['its work', Membership.prototype, 'startWork'],
    ...(name === 'join as a worker' ? [] : [['its door to the nodes', ManagerPart.prototype, 'open'] as const]),
  ] as const;
  test.each(steps)('fails after %s', async (_step, what, method) => {
    admitted.as = name === 'join as a manager' ? 'manager' : 'worker';
    const before = held();
    failAfter(what, method);
    const givenUp = vi.spyOn(Membership.prototype, 'giveUpSeat');
    expect((await enter()).json.message).toContain(`no space after ${method}`);
    expect(held()).toEqual(before);
    // It may vote by then: the others are not to count on it.
    expect(givenUp).toHaveBeenCalledOnce();
    expect((await ask('GET', '/info')).json.Swarm).toMatchObject({ LocalNodeState: 'inactive', NodeID: '', Error: '' });
    // Nobody listens there any more, and nothing is in the way of the next one.
    expect(await enter()).toMatchObject({ status: 200 });
    expect((await ask('GET', '/info')).json.Swarm.LocalNodeState).toBe('active');
  });
});
