/** What a node's doctor says of what it finds; the tools that list rules are scripts here, and the parts of the network say what is wrong with them. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HostDoctor, type HostDoctorParts } from '#host/doctor/host-doctor';

let folder: string;
const path = process.env['PATH'];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-doctor-'));
  process.env['PATH'] = `${folder}:${path}`;
});
afterEach(() => {
  process.env['PATH'] = path;
  rmSync(folder, { recursive: true });
});

function tool(name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
}

/** Parts that are as they should be, but for what is said of them. */
function doctorOf(overlay: object = {}, ports: object = {}, more: object = {}): HostDoctor {
  const whole = { whole: async () => true, problems: () => [] };
  const own = {
    ...whole,
    ground: async () => ({ local: '127.0.0.1', linkMtu: 1500 }),
    port: 4789,
    differing: async () => [],
    unheard: async () => ({ hosts: [] }),
  };
  const parts = {
    instance: 'test',
    nodeId: 'n1',
    bridges: whole,
    overlay: { ...own, ...overlay },
    ports: { ...whole, reloadContainers: async () => [], ...ports },
    clock: { after: (_ms: number, call: () => void) => (setImmediate(call), () => {}) },
    ...more,
  };
  return new HostDoctor(parts as unknown as HostDoctorParts);
}

const textsOf = async (doctor: HostDoctor, managers: readonly string[] = []): Promise<string[]> =>
  (await doctor.look(managers)).flatMap(({ text }) => (text.includes('ip_forward') ? [] : [text]));

test('a host that is well has nothing to be told', async () => {
  tool('iptables', 'exit 0');
  tool('nft', 'echo "{}"');
  expect(await textsOf(doctorOf())).toEqual([]);
});

test('what differs from what the managers said, what was taken away and who never answered are told, each by its name', async () => {
  tool('iptables', 'exit 0');
  tool('nft', 'echo "{}"');
  const overlay = { differing: async () => ['front'], unheard: async () => ({ hosts: ['two'], port: 51_820 }), whole: async () => false };
  const ports = { reloadContainers: async () => ['t1', 't2'], problems: () => ['port 80 is another’s'] };
  expect(await textsOf(doctorOf(overlay, ports))).toEqual([
    'bridges, tunnels, forwarding entries or neighbours of network front are not as the managers have them',
    'the nft rules of members are not those that were loaded',
    'port 80 is another’s',
    'two has a key and has never answered what was sent to it encrypted: encrypted networks do not reach it',
    'containers of 2 tasks had lost their rules of services and ways back: t1, t2',
  ]);
});

test('what is on its way to be mended is not told', async () => {
  tool('iptables', 'exit 0');
  tool('nft', 'echo "{}"');
  let looks = 0;
  expect(await textsOf(doctorOf({ differing: async () => (++looks === 1 ? ['front'] : []) }))).toEqual([]);
});

test.each([
  ['of nat', '-N DOCKER', ''],
  ['of filter', '', '-N DOCKER'],
])('an engine that has the one chain has lost the other: that %s is there', async (_which, nat, filter) => {
  tool('iptables', `case "$*" in *"-t nat -S"*) echo "${nat}" ;; *"-t filter -S"*) echo "${filter}" ;; esac`);
  tool('nft', 'echo "{}"');
  const lost = nat === '' ? 'nat' : 'filter';
  expect(await textsOf(doctorOf())).toEqual([expect.stringContaining(`the engine's own rules are gone (the chain DOCKER of the table ${lost})`)]);
});

test('the engine’s chains are gone once they were there; an engine that never had any is well', async () => {
  tool(
    'iptables',
    `[ -e ${folder}/flushed ] || case "$*" in *"-t nat -S"*) echo "-N DOCKER"; echo "-A PREROUTING -m addrtype -j DOCKER" ;; *"-t filter -S"*) echo "-N DOCKER" ;; esac`,
  );
  tool('nft', 'echo "{}"');
  const [before, after] = [doctorOf({}, {}, { instance: 'chains' }), doctorOf()];
  await before.start();
  expect(await textsOf(before)).toEqual([]);
  writeFileSync(join(folder, 'flushed'), '');
  const gone = 'the chain DOCKER of the table nat, the chain DOCKER of the table filter, the jump to DOCKER in PREROUTING';
  expect(await textsOf(before)).toEqual([expect.stringContaining(`(${gone})`)]);
  expect(await textsOf(after)).toEqual([]);
});

test('a rule of ours that the engine’s firewall lacks, and more rules than are read', async () => {
  tool('iptables', 'case "$*" in *-S*) yes -- "-A FORWARD -j ACCEPT" | head -c 5000000 ;; *) exit 1 ;; esac');
  tool('nft', 'echo "{}"');
  const texts = await textsOf(doctorOf());
  expect(texts.filter((text) => text.endsWith(' is missing')).length).toBeGreaterThan(0);
  expect(texts).toContain('this host has too many rules to look at');
});

test('a manager that nobody reaches by TCP, and no other', async () => {
  tool('iptables', 'exit 0');
  tool('nft', 'echo "{}"');
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const there = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect(await textsOf(doctorOf(), [there])).toEqual([]);
  await new Promise((resolve) => server.close(resolve));
  expect(await textsOf(doctorOf(), [there])).toEqual([`the manager at ${there} is not reached by TCP: ECONNREFUSED`]);
});

test('a kernel that forwards nothing, and one that can remember hardly any more connections', async () => {
  tool('iptables', 'exit 0');
  tool('nft', 'echo "{}"');
  const shown = (forwards: string, count: number, max: number): Promise<readonly string[]> => {
    for (const [name, text] of [
      ['net/ipv4/ip_forward', forwards],
      ['net/netfilter/nf_conntrack_count', `${count}`],
      ['net/netfilter/nf_conntrack_max', `${max}`],
    ] as const) {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, name), `${text}\n`);
    }
    return doctorOf({}, {}, { settings: folder })
      .look([])
      .then((found) => found.map(({ level, text }) => `${level}: ${text}`));
  };
  expect(await shown('1', 899, 1000)).toEqual([]);
  expect(await shown('0', 0, 1000)).toEqual(['error: this host forwards no packets (net.ipv4.ip_forward is 0)']);
  expect(await shown('1', 900, 1000)).toEqual(['warning: the kernel remembers 900 connections of 1000 at most; new ones will be dropped']);
  // Without connection tracking there is no table.
  expect(await shown('1', 0, 0)).toEqual([]);
});
