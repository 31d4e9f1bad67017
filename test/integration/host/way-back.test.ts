/** A client's way back in the kernel: two network namespaces, one of a task and one of the node that a client came to. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { macAddress } from '#model/mac-address';
import { containerRules } from '#network/rules/container-rules';
import { acceptsMarks, type WayBack } from '#network/rules/way-back';
import { until, whyNoHost } from '../../support/machine.mjs';

const tag = randomBytes(3).toString('hex');
const [task, node] = [`shoal-t${tag}`, `shoal-n${tag}`];
const enter = (name: string): string[] => ['nsenter', `--net=/run/netns/${name}`];
const client = '198.51.100.7';

function run(words: readonly string[], input?: string): string {
  const [program = '', ...args] = words;
  return execFileSync(program, args, { encoding: 'utf8', ...(input !== undefined && { input }) });
}

/** As the host loads it. */
function load(entries: WayBack['entries']): void {
  run([...enter(task), 'sh', '-c', `echo 1 > /proc/sys/${acceptsMarks}`]);
  const { text, routes } = containerRules([], new Set(), { back: { subnet: '10.0.0.0/24', gateway: '10.0.0.9', entries, udpPorts: [] } });
  run([...enter(task), 'nft', '-f', '-'], text);
  // Those that are there already fail, which is fine.
  spawnSync('nsenter', [...enter(task).slice(1), 'ip', '-force', '-batch', '-'], { input: routes.map((line) => `${line}\n`).join('') });
}

beforeAll(() => {
  if (whyNoHost() !== undefined) return;
  for (const name of [task, node]) run(['ip', 'netns', 'add', name]);
  run(['ip', 'link', 'add', 'eth0', 'netns', task, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', node]);
  const lines = (address: string): string =>
    `link set lo up\naddr add ${address}/24 dev eth0\nlink set eth0 address ${macAddress(address)}\nlink set eth0 up\n`;
  // Nobody answers at the task's own gateway: what is sent that way is lost.
  run([...enter(task), 'ip', '-batch', '-'], `${lines('10.0.0.5')}route add default via 10.0.0.9\n`);
  run([...enter(node), 'ip', '-batch', '-'], `${lines('10.0.0.2')}addr add ${client}/32 dev lo\n`);
});

afterAll(() => {
  for (const name of [task, node]) spawnSync('ip', ['netns', 'del', name]);
});

test.skipIf(whyNoHost() !== undefined)('a connection that began before the task knew its node is answered as soon as it does', async () => {
  load([{ gateway: '10.0.0.9', mark: 0x5d000009 }]);
  run([...enter(task), 'nft', '-f', '-'], 'table ip seen { chain out { type filter hook output priority 0; tcp flags & (syn | ack) == syn | ack counter; }; }');
  const server = spawn('nsenter', [...enter(task).slice(1), 'busybox', 'httpd', '-f', '-p', '80', '-h', '/'], { stdio: 'ignore' });
  try {
    const listens = (): boolean => run([...enter(task), 'ss', '-H', '-l', '-t', '-n']).includes(':80');
    await until(listens, 30_000, () => 'the task does not listen');
    const call = spawn(
      'nsenter',
      [...enter(node).slice(1), 'curl', '-s', '--noproxy', '*', '--interface', client, '-m', '60', '-o', '/dev/null', 'http://10.0.0.5/'],
      {
        stdio: 'ignore',
      },
    );
    const ended = once(call, 'exit');
    const answers = (): string => run([...enter(task), 'nft', 'list', 'table', 'ip', 'seen']);
    await until(
      () => / packets [1-9]/.test(answers()),
      30_000,
      () => `the client’s first packet was not answered: ${answers()}`,
    );
    load([
      { gateway: '10.0.0.2', mark: 0x5d000002 },
      { gateway: '10.0.0.9', mark: 0x5d000009 },
    ]);
    expect(await ended).toEqual([0, null]);
  } finally {
    server.kill('SIGKILL');
    await once(server, 'exit');
  }
});

test.skipIf(whyNoHost() !== undefined)(
  'the answers of a connection by TCP have their mark from the socket that accepted it, and none is led anew',
  async () => {
    load([{ gateway: '10.0.0.2', mark: 0x5d000002 }]);
    // Before the rule that marks what has no mark.
    run(
      [...enter(task), 'nft', '-f', '-'],
      'table ip marks { chain out { type filter hook output priority -145; tcp sport 81 meta mark 0 counter; tcp sport 81 meta mark 0x5d000002 counter; }; }',
    );
    const server = spawn('nsenter', [...enter(task).slice(1), 'busybox', 'httpd', '-f', '-p', '81', '-h', '/'], { stdio: 'ignore' });
    try {
      const listens = (): boolean => run([...enter(task), 'ss', '-H', '-l', '-t', '-n']).includes(':81');
      await until(listens, 30_000, () => 'the task does not listen');
      run([...enter(node), 'curl', '-s', '--noproxy', '*', '--interface', client, '-m', '60', '-o', '/dev/null', 'http://10.0.0.5:81/']);
      const [unmarked, marked] = [...run([...enter(task), 'nft', 'list', 'table', 'ip', 'marks']).matchAll(/counter packets (\d+)/g)].map(([, count]) =>
        Number(count),
      );
      expect(unmarked).toBe(0);
      expect(marked).toBeGreaterThan(2);
    } finally {
      server.kill('SIGKILL');
      await once(server, 'exit');
    }
  },
);
