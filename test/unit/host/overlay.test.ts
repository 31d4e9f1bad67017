/** How often the kernel is read for a network that comes: its tools are scripts here that write down how they were asked. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Overlay } from '#network/contract';
import { HostOverlay } from '#host/overlay/host-overlay';
import type { RuleWatch } from '#host/rule-watch';
import { numberedNetwork } from '#test/support/endpoints';
import { silentLogger } from '../../support/silent-logger.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const devices = new Set<string>();

let folder: string;
const path = process.env['PATH'];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-overlay-'));
  process.env['PATH'] = `${folder}:${path}`;
  devices.clear();
  const bridge = '{"ifname":"sh-one","mtu":1500,"flags":[],"address":"02:42:00:00:00:00","linkinfo":{"info_kind":"bridge"}}';
  const tools = { ip: `case "$*" in *addr*) echo '[${bridge}]' ;; *batch*) cat >> ${folder}/written ;; esac`, bridge: 'cat > /dev/null', nft: 'exit 0' };
  for (const [name, script] of Object.entries(tools)) {
    writeFileSync(join(folder, name), `#!/bin/sh\necho "${name} $*" >> ${folder}/asked\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
});
afterEach(() => {
  process.env['PATH'] = path;
  rmSync(folder, { recursive: true });
});

/** Looks since the last time, and tunnels that were made. */
function done(): { looks: number; made: string[] } {
  const text = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const looks = text('asked')
    .split('\n')
    .filter((line) => / show/.test(line)).length;
  const made = [...text('written').matchAll(/link add (\S+)/g)].map(([, device = '']) => device);
  for (const name of ['asked', 'written']) writeFileSync(join(folder, name), '');
  return { looks, made };
}

function overlayOn(names: readonly string[]): Overlay {
  const networks = names.map((name, at) => ({ network: numberedNetwork(name, 4100 + at), gateway: `10.${at}.0.1` }));
  const peers = networks.map(({ network }, at) => ({ nodeId: 'node2', networkId: network.ID, gateway: `10.${at}.0.254`, address: '192.0.2.2' }));
  return { networks, peers, services: [] };
}

test('the kernel is read for the first network, not for those that come after it, and again where a tunnel is that nobody made', async () => {
  const watch = { losses: 0, changes: 1, touches: () => 0, caughtUp: async () => true } as unknown as RuleWatch;
  const node = { instance: 'test', nodeId: 'node1', address: '192.0.2.1' };
  const overlay = new HostOverlay(node, { logger: silentLogger, clock: new VirtualClock(), watch }, async () => new Set(devices));
  devices.add('sh-one');
  await overlay.apply(overlayOn(['one']));
  expect(done()).toEqual({ looks: 3, made: ['vx-one'] });
  for (const name of ['vx-one', 'sh-two']) devices.add(name);
  await overlay.apply(overlayOn(['one', 'two']));
  expect(done()).toEqual({ looks: 0, made: ['vx-two'] });
  for (const name of ['vx-two', 'sh-three', 'vx-three']) devices.add(name);
  await overlay.apply(overlayOn(['one', 'two', 'three']));
  expect(done().looks).toBe(3);
});
