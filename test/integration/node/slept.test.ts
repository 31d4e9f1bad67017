/** A cluster that was off for longer than its certificates live. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { reaches } from '#rpc/spare-line';
import { freePort } from '#test/support/free-port';
import { askPlayed, playedDaemon } from '#test/support/played-daemon';
import { RecordingNetwork } from '#test/support/recording-network';
import { testDescription } from '#test/support/memory-cluster';
import type { Daemon } from '../../../src/node/daemon.ts';
import { CertificateKeeper } from '#node/member/certificate-keeper';
import { Membership } from '../../../src/node/member/membership.ts';
import { NodeWork } from '#node/member/node-work';
import { systemClock } from '../../../src/node/system.ts';

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

let folder: string;
let daemon: Daemon;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-slept-'));
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

test('made anew by one of its managers, it lets the other nodes in at once', async () => {
  const port = await freePort();
  const listens = () => reaches(`127.0.0.1:${port}`, 5000);
  const place = { ListenAddr: `127.0.0.1:${port}`, AdvertiseAddr: `127.0.0.1:${port}` };
  expect((await ask('POST', '/swarm/init', place)).status).toBe(200);
  expect(await listens()).toBe(true);
  await daemon.stop();
  vi.spyOn(systemClock, 'now').mockImplementation(() => Date.now() + 100 * 24 * 3_600_000);
  // It leads no cluster yet that could give it a certificate.
  const obtain = vi.spyOn(CertificateKeeper.prototype, 'obtain').mockResolvedValueOnce();
  daemon = await playedDaemon(folder);
  expect(await listens()).toBe(false);
  const { Error } = (await ask('GET', '/info')).json.Swarm;
  expect(Error).toMatch(
    /^Swarm certificates have expired\. .* "shoal swarm init --force-new-cluster" on one of them, then "shoal node readmit" there for the others\.$/,
  );
  expect((await ask('POST', '/swarm/init', { ...place, ForceNewCluster: true })).status).toBe(200);
  expect([await listens(), (await ask('GET', '/info')).json.Swarm.Error, obtain.mock.calls.length]).toEqual([true, '', 2]);
});
