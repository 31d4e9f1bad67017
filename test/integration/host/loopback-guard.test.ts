/** The host's loopback stays its own: a container is master of its own network, and its bridge is open for what is published to 127.0.0.1. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ruleSet } from '#network/rules/rule-set';
import { whyNoHost } from '../../support/machine.mjs';

const tag = randomBytes(3).toString('hex');
const [host, container] = [`shoal-h${tag}`, `shoal-c${tag}`];
const enter = (name: string): string[] => ['nsenter', `--net=/run/netns/${name}`];
const bridge = 'sh-guarded';
const own = '127.0.0.1';

function run(words: readonly string[], input?: string): string {
  const [program = '', ...args] = words;
  return execFileSync(program, args, { encoding: 'utf8', ...(input !== undefined && { input }) });
}

const inShell = (name: string, script: string): string => run([...enter(name), 'sh', '-e', '-c', script]);

beforeAll(() => {
  if (whyNoHost() !== undefined) return;
  for (const name of [host, container]) run(['ip', 'netns', 'add', name]);
  inShell(host, `ip link set lo up; ip link add ${bridge} type bridge; ip addr add 10.0.0.1/24 dev ${bridge}; ip link set ${bridge} up`);
  inShell(host, `echo 1 >/proc/sys/net/ipv4/conf/${bridge}/route_localnet`);
  run(['ip', 'link', 'add', 'eth0', 'netns', container, 'type', 'veth', 'peer', 'name', 'port', 'netns', host]);
  inShell(host, `ip link set port master ${bridge}; ip link set port up`);
  // What is its own loopback's in every network is sent to the host by this one.
  inShell(
    container,
    `ip addr add 10.0.0.5/24 dev eth0; ip link set eth0 up; echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet
    ip route add ${own} via 10.0.0.1 src 10.0.0.5 table 77; ip rule add pref 5 lookup local; ip rule add pref 1 to ${own} lookup 77; ip rule del pref 0`,
  );
});

afterAll(() => {
  for (const name of [host, container]) spawnSync('ip', ['netns', 'del', name]);
});

test.skipIf(whyNoHost() !== undefined)('a container that sends to the loopback of its host meets nobody there', async () => {
  const script = `require('net').createServer((s) => s.end('secret')).listen(80, '${own}', () => console.log('ready'))`;
  const [command, ...args] = ['env', ...enter(host), process.execPath, '-e', script];
  const program = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const met = (): boolean =>
    spawnSync('nsenter', [...enter(container).slice(1), 'curl', '-s', '--noproxy', '*', '-m', '1', `telnet://${own}:80`], { encoding: 'utf8' }).stdout ===
    'secret';
  try {
    await once(program.stdout, 'data');
    expect(met(), 'without our rules').toBe(true);
    run([...enter(host), 'nft', '-f', '-'], ruleSet('shoal', { ports: [] }).text);
    expect(met()).toBe(false);
    run([...enter(host), 'nft', 'flush', 'chain', 'ip', 'shoal', 'guard']);
    expect(met(), 'without this rule').toBe(true);
  } finally {
    program.kill('SIGKILL');
    await once(program, 'exit');
  }
});
