/** A daemon whose starts die comes up with its API only, says so, and lets the harm be removed; an orderly restart ends it. */
import { noMeter } from '#base/meter';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '#test/support/silent-logger';
import { initCluster } from '#control/clusters';
import { createService } from '#control/service/services';
import { Daemon } from '../../../src/node/daemon.ts';
import { writeIdentity } from '#node/state/identity';
import { NodeLock } from '#node/member/node-lock';
import { Membership } from '../../../src/node/member/membership.ts';
import type { DaemonOptions } from '../../../src/node/options.ts';
import { ReleaseKeeper } from '#node/release/release-keeper';
import { startsThatDied, writeStarts } from '#node/state/starts';
import { systemClock } from '../../../src/node/system.ts';
import { httpCall } from '#test/support/api-fixture';
import { testDescription } from '#test/support/memory-cluster';

let folder: string;
let options: DaemonOptions;
let daemon: Daemon | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-safe-'));
  options = {
    socket: join(folder, 's.sock'),
    state: folder,
    run: join(folder, 'run'),
    engine: join(folder, 'none'),
    target: 'cluster',
    logLevel: 'info',
    snapshotEntries: 100,
  };
});
afterEach(async () => {
  await daemon?.stop();
  daemon = undefined;
  rmSync(folder, { recursive: true, force: true });
});

async function start(more: Partial<DaemonOptions> = {}): Promise<(method: string, path: string, body?: unknown) => ReturnType<typeof httpCall>> {
  const fatal = (error: unknown) => {
    throw error;
  };
  daemon = new Daemon({ ...options, ...more }, silentLogger, fatal, releases());
  await daemon.start();
  return (method, path, body) => httpCall(options.socket, method, path, body);
}

function releases(): ReleaseKeeper {
  const restart = (): void => undefined;
  return new ReleaseKeeper({ state: folder, installed: '0.0.0', supervised: false, restart, clock: systemClock, logger: silentLogger });
}

/** A state folder of a cluster with the service that does harm. */
async function clusterWithPoison(): Promise<void> {
  const identity = { nodeId: 'node-one', address: '192.0.2.1' };
  writeIdentity(folder, identity);
  const member = new Membership(identity, options, {
    clock: systemClock,
    meter: noMeter,
    logger: silentLogger,
    founds: true,
    lock: new NodeLock(),
    safe: true,
    onFatal: () => undefined,
    onReconcile: () => undefined,
    onSeat: () => undefined,
    connected: () => undefined,
    asked: () => undefined,
    release: releases(),
  });
  await member.startSeat();
  await member.manager?.seat.submit(initCluster({ ...identity, description: testDescription }));
  await member.manager?.seat.submit(createService({ Name: 'poison', TaskTemplate: { ContainerSpec: { Image: 'a' } } }, {}));
  await member.stop();
}

test('three starts that died: the fourth is safe, says so everywhere, and the harm can be removed', async () => {
  await clusterWithPoison();
  writeStarts(folder, 3);
  const ask = await start();
  const why = /^safe mode, because 3 starts in a row died within a minute: only the API runs/;
  expect(await ask('GET', '/healthz')).toMatchObject({ status: 503, text: expect.stringMatching(why) });
  const info = (await ask('GET', '/info')).json;
  expect(info.Warnings[0]).toMatch(/^WARNING: safe mode, because 3 starts/);
  expect(info.Swarm).toMatchObject({ LocalNodeState: 'active', Error: expect.stringMatching(why) });
  const [node] = (await ask('GET', '/nodes')).json;
  expect(node.Status).toMatchObject({ State: 'disconnected', Message: expect.stringMatching(why) });
  expect((await ask('GET', '/metrics')).text).toContain('shoal_safe_mode 1');
  const [service] = (await ask('GET', '/services')).json;
  const scaled = { ...service.Spec, Mode: { Replicated: { Replicas: 0 } } };
  expect((await ask('POST', `/services/poison/update?version=${service.Version.Index}`, scaled)).status).toBe(200);
  expect((await ask('DELETE', '/services/poison')).status).toBe(200);
  expect((await ask('POST', '/swarm/leave?force=1')).json.message).toMatch(why);
  expect(startsThatDied(folder)).toBe(3);
  await daemon?.stop();
  daemon = undefined;
  // An orderly end: whoever starts it again has mended something.
  expect(startsThatDied(folder)).toBe(0);
});

test('a state that cannot be read is told of, and the API stays', async () => {
  writeIdentity(folder, { nodeId: 'node-one', address: '192.0.2.1' });
  const ask = await start({ safeMode: true });
  expect((await ask('GET', '/info')).json.Swarm).toMatchObject({
    LocalNodeState: 'error',
    Error: expect.stringContaining("the cluster's state cannot be read"),
  });
  expect((await ask('GET', '/healthz')).text).toMatch(/^safe mode, as asked for/);
});

test('a start is counted until it has lived or ended in order; asked to, the daemon starts whole all the same', async () => {
  writeStarts(folder, 3);
  const ask = await start({ safeMode: false });
  expect(startsThatDied(folder)).toBe(4);
  expect((await ask('GET', '/healthz')).text).toBe('ok');
  await daemon?.stop();
  daemon = undefined;
  expect(startsThatDied(folder)).toBe(0);
});
