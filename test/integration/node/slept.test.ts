/** A cluster that was off for longer than its certificates live. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { httpCall } from '#test/support/api-fixture';
import { RecordingNetwork } from '#test/support/recording-network';
import { silentLogger } from '#test/support/silent-logger';
import { testDescription } from '#test/support/memory-cluster';
import { Daemon } from '../../../src/node/daemon.ts';
import { CertificateKeeper } from '#node/member/certificate-keeper';
import { Membership } from '../../../src/node/member/membership.ts';
import { NodeWork } from '#node/member/node-work';
import { ReleaseKeeper } from '#node/release/release-keeper';
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
  await start();
});
afterEach(async () => {
  await daemon.stop();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<void> {
  const release = { state: folder, installed: '0.0.0', supervised: false, restart: () => undefined, clock: systemClock, logger: silentLogger };
  const paths = { socket: join(folder, 's.sock'), state: join(folder, 'state'), run: join(folder, 'run'), engine: join(folder, 'none') };
  const fatal = (error: unknown): never => {
    throw error;
  };
  daemon = new Daemon({ ...paths, target: 'cluster', logLevel: 'info', snapshotEntries: 100 }, silentLogger, fatal, new ReleaseKeeper(release));
  await daemon.start();
}

const ask = (method: string, path: string, body?: unknown) => httpCall(join(folder, 's.sock'), method, path, body);

function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  }).then((there) => (socket.destroy(), there as boolean));
}

test('made anew by one of its managers, it lets the other nodes in at once', async () => {
  const free = createServer();
  await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
  const { port } = free.address() as AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  const place = { ListenAddr: `127.0.0.1:${port}`, AdvertiseAddr: `127.0.0.1:${port}` };
  expect((await ask('POST', '/swarm/init', place)).status).toBe(200);
  expect(await listens(port)).toBe(true);
  await daemon.stop();
  vi.spyOn(systemClock, 'now').mockImplementation(() => Date.now() + 100 * 24 * 3_600_000);
  // It leads no cluster yet that could give it a certificate.
  const obtain = vi.spyOn(CertificateKeeper.prototype, 'obtain').mockResolvedValueOnce();
  await start();
  expect(await listens(port)).toBe(false);
  const { Error } = (await ask('GET', '/info')).json.Swarm;
  expect(Error).toMatch(
    /^Swarm certificates have expired\. .* "shoal swarm init --force-new-cluster" on one of them, then "shoal node readmit" there for the others\.$/,
  );
  expect((await ask('POST', '/swarm/init', { ...place, ForceNewCluster: true })).status).toBe(200);
  expect([await listens(port), (await ask('GET', '/info')).json.Swarm.Error, obtain.mock.calls.length]).toEqual([true, '', 2]);
});
