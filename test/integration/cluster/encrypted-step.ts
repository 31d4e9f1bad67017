/** A step of the test of networks over hosts: one whose packets are encrypted. */
import { spawn, type ChildProcess } from 'node:child_process';
import { expect } from 'vitest';
import type { HostDaemon } from '#test/support/daemon';
import type { fetchFrom, Replica } from '#test/support/replicas';
import type { Host } from '../../support/machine.mjs';

export interface EncryptedParts {
  machines: { hosts: readonly Host[] };
  manager: HostDaemon;
  worker: HostDaemon;
  image: string;
  replicas: (service: string, network: string) => Replica[];
  fetch: typeof fetchFrom;
  serve: (enter: readonly string[], script: string, ...args: readonly string[]) => Promise<{ said: string }>;
  soon: (condition: () => boolean | Promise<boolean>) => Promise<void>;
  /** Ended with the test. */
  servers: ChildProcess[];
}

export async function encryptedStep({ machines, manager, worker, image, replicas, fetch, serve, soon, servers }: EncryptedParts): Promise<void> {
  await manager.askDocker('network', 'create', '-d', 'overlay', '-o', 'encrypted', 'sealed');
  await manager.askDocker('service', 'create', '-d', '--name', 'secretly', '--mode', 'global', '--network', 'sealed', image);
  await soon(() => replicas('secretly', 'sealed').length === 2);
  const [here, there] = [manager, worker].map(({ host }) => replicas('secretly', 'sealed').find((each) => each.host === host)) as [Replica, Replica];
  const both = [here, there];
  await soon(() => both.every((from) => both.every((to) => fetch(from.enter, to.address) === to.name)));
  expect(manager.host.run([...here.enter, 'ip', '-o', 'link', 'show', 'eth0'])).toContain(' mtu 1390 ');
  // The same text goes by both networks: one of them shows it.
  const [open] = replicas('app', 'front').filter(({ host }) => host === worker.host) as [Replica];
  const [asker] = replicas('app', 'front').filter(({ host }) => host === manager.host) as [Replica];
  const capture = spawn('env', [...manager.host.enter, 'tcpdump', '-lAn', '-s0', '-i', 'cluster0', 'udp'], { stdio: ['ignore', 'pipe', 'pipe'] });
  servers.push(capture);
  let seen = '';
  for (const stream of [capture.stdout, capture.stderr]) stream.on('data', (text: Buffer) => (seen += text.toString('latin1')));
  await soon(() => seen.includes('listening on'));
  expect(fetch(here.enter, `${there.address}/?by-the-sealed-one`)).toBeDefined();
  await soon(() => {
    fetch(asker.enter, `${open.address}/?by-the-open-one`);
    return seen.includes('by-the-open-one');
  });
  expect(seen).not.toContain('by-the-sealed-one');
  expect(seen).toMatch(/\.51820 > /);
  capture.kill();

  // One connection lives through a change of all keys, and through the loss of the device that encrypts.
  const count = `require('net').createServer((s) => { s.on('error', () => {}); s.on('data', (d) => s.write(d)); }).listen(7272, () => console.log('ready'))`;
  await serve(there.enter, count);
  const talk = `const s = require('net').connect(7272, process.argv[1]); let n = 0; s.on('data', (d) => { console.log('heard ' + ++n); setTimeout(() => s.write('x'), 20); });
    s.on('error', (e) => console.log('broken ' + e.code)); s.on('close', () => console.log('broken')); s.write('x');`;
  const talker = await serve(here.enter, talk, there.address);
  const heard = () => talker.said.split('heard').length;
  const goesOn = async () => {
    const before = heard();
    await soon(() => heard() > before + 5);
  };
  const keys = () => machines.hosts.map((host) => host.run(['sh', '-c', 'wg show $(ip -o link | grep -o "wg-[^:]*") public-key']).trim().split(/\s/).at(-1));
  const before = keys();
  await manager.askDocker('swarm', 'ca', '--rotate', '-q');
  await soon(() => keys().every((key, at) => key !== undefined && key !== before[at]));
  await goesOn();
  const device = worker.host.run(['sh', '-c', 'ip -o link | grep -o "wg-[^:]*" | head -1']).trim();
  worker.host.run(['ip', 'link', 'del', device]);
  await goesOn();
  expect(talker.said).not.toContain('broken');
  await soon(() => both.every((from) => both.every((to) => fetch(from.enter, to.address) === to.name)));
  await manager.askDocker('service', 'rm', 'secretly');
  await soon(async () => (await manager.docker(['network', 'rm', 'sealed'])).code === 0);
  await soon(() => machines.hosts.every((host) => !host.run(['ip', '-o', 'link']).includes('wg-')));
}
