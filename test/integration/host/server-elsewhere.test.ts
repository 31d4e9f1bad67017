/** Another host's name server in the kernel: two network namespaces, one of a container and one of that host. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { elsewhereServer } from '#model/options/name-servers';
import type { ServerElsewhere } from '#network/servers-elsewhere';
import { containerRules } from '#network/rules/container-rules';
import { whyNoHost } from '../../support/machine.mjs';

const tag = randomBytes(3).toString('hex');
const [container, host] = [`shoal-c${tag}`, `shoal-h${tag}`];
const enter = (name: string): string[] => ['nsenter', `--net=/run/netns/${name}`];

function run(words: readonly string[], input?: string): string {
  const [program = '', ...args] = words;
  return execFileSync(program, args, { encoding: 'utf8', ...(input !== undefined && { input }) });
}

function load(elsewhere: ServerElsewhere): void {
  const { text, routes } = containerRules([], new Set(), { elsewhere });
  run([...enter(container), 'nft', '-f', '-'], text);
  if (routes.length > 0) run([...enter(container), 'ip', '-force', '-batch', '-'], routes.map((line) => `${line}\n`).join(''));
}

/** What the other host's server says, which is whom it hears; an error's code where nobody does. */
function asked(): string {
  const script = `const s = require('dgram').createSocket('udp4'); s.on('error', (e) => { console.log(e.code); s.close(); });
    s.on('message', (m, from) => { console.log(String(m) + ' by ' + from.address); s.close(); });
    s.connect(53, process.argv[1], (e) => { if (e) { console.log(e.code); return s.close(); } s.send('who'); });
    setTimeout(() => { console.log('silence'); process.exit(); }, 3000).unref();`;
  return run([...enter(container), process.execPath, '-e', script, elsewhereServer]).trim();
}

beforeAll(() => {
  if (whyNoHost() !== undefined) return;
  for (const name of [container, host]) run(['ip', 'netns', 'add', name]);
  for (const device of ['eth0', 'eth1']) run(['ip', 'link', 'add', device, 'netns', container, 'type', 'veth', 'peer', 'name', device, 'netns', host]);
  const lines = (last: number): string =>
    ['link set lo up', ...[0, 1].flatMap((net) => [`addr add 10.${net}.0.${last}/24 dev eth${net}`, `link set eth${net} up`])].join('\n');
  run([...enter(container), 'ip', '-batch', '-'], `${lines(5)}\n`);
  run([...enter(host), 'ip', '-batch', '-'], `${lines(2)}\n`);
});

afterAll(() => {
  for (const name of [container, host]) spawnSync('ip', ['netns', 'del', name]);
});

test.skipIf(whyNoHost() !== undefined)(
  'a container asks it under its own address, with a way out of its networks and without, whichever network leads out',
  async () => {
    const script = `const s = require('dgram').createSocket('udp4'); s.on('message', (m, from) => s.send(from.address, from.port, from.address)); s.bind(53, () => console.log('ready'));`;
    const server = spawn('nsenter', [...enter(host).slice(1), process.execPath, '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(server.stdout, 'data');
      load({ address: '10.0.0.2' });
      expect(asked()).toBe('ENETUNREACH');
      load({ address: '10.0.0.2', by: '10.0.0.9' });
      expect(asked()).toBe(`10.0.0.5 by ${elsewhereServer}`);
      run([...enter(container), 'ip', 'route', 'del', elsewhereServer]);
      run([...enter(container), 'ip', 'route', 'add', 'default', 'via', '10.1.0.9']);
      load({ address: '10.0.0.2' });
      expect(asked()).toBe(`10.0.0.5 by ${elsewhereServer}`);
    } finally {
      server.kill();
    }
  },
);
