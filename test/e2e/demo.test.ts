/** `npm run demo` as a newcomer has it, in namespaces of its own: nothing of this machine is touched, and what `down` leaves can be counted. */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until, whyNoHost } from '../support/machine.mjs';

const reason = whyNoHost();
const slow = 600_000;
const repository = '/var/lib/shoal-demo/repository';

describe.skipIf(reason !== undefined)(reason ? `the demo (skipped: ${reason})` : 'the demo', () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-demo-'));
  let holder: ChildProcess;

  beforeAll(async () => {
    mkdirSync(join(folder, 'lib'));
    execFileSync('npm', ['run', '--silent', 'build']);
    const script = `ip link set lo up; mount -t tmpfs none /run; mkdir /run/mount; mount --bind ${folder}/lib /var/lib; touch /run/ready; exec sleep 3600`;
    holder = spawn('unshare', ['--net', '--mount', '--uts', 'bash', '-c', script], { stdio: 'ignore' });
    await until(
      () => spawnSync('nsenter', [...namespaces(), 'test', '-e', '/run/ready']).status === 0,
      10_000,
      () => 'no namespaces',
    );
  });

  afterAll(async () => {
    if (!holder) return;
    spawnSync('nsenter', [...namespaces(), process.execPath, 'test/demo/demo.mjs', 'down']);
    holder.kill();
    rmSync(folder, { recursive: true, force: true });
  }, slow);

  const namespaces = () => ['-t', String(holder.pid), '--net', '--mount', '--uts', `--wdns=${process.cwd()}`];
  const run = (...command: string[]): string =>
    execFileSync('nsenter', [...namespaces(), ...command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  const demo = (...args: string[]) => spawnSync('nsenter', [...namespaces(), process.execPath, 'test/demo/demo.mjs', ...args], { encoding: 'utf8' });
  const shoal = (...args: string[]) => run('bin/shoal', ...args);
  const git = (...args: string[]) => run('git', '-C', repository, ...args);
  const write = (path: string, text: string) => run('sh', '-c', 'printf %s "$2" > "$1"', 'sh', `${repository}/${path}`, text);
  const front = () => run('curl', '-s', '-m', '3', 'http://127.0.0.1:8080/');
  const containers = (service: string) =>
    run('docker', '-H', 'unix:///var/lib/shoal-demo/docker.sock', 'ps', '-q', '--no-trunc', '--filter', `name=^${service}`).split('\n').toSorted();
  /** What runs in the namespaces. */
  const processes = () => {
    const lines = 'for p in /proc/[0-9]*; do [ "$(readlink $p/ns/net)" = "$(readlink /proc/self/ns/net)" ] && tr "\\0" " " < $p/cmdline && echo; done; true';
    const own = run('sh', '-c', lines).split('\n');
    return own.map((line) => line.trim()).filter((line) => /shoal|resolver|dockerd|containerd|sleep/.test(line) && !line.includes('sh -c'));
  };
  const state = (stack: string) =>
    shoal('stack', 'ls', '--format', '{{.Name}} {{.State}} {{.Message}}')
      .split('\n')
      .find((line) => line.startsWith(`${stack} `));
  const seen = (condition: () => boolean) => until(condition, 120_000, () => shoal('stack', 'ls'));

  test('it shows what it promises', { timeout: slow }, async () => {
    const { status, stdout, stderr } = demo();
    expect(`${status} ${stdout}${stderr}`).toMatch(/^0 [^]*web_front 3\/3[^]*curl http:\/\/127.0.0.1:8080\//);
    expect(new Set(Array.from({ length: 10 }, front)).size).toBe(3);
    expect(run('curl', '-s', '-u', 'admin:swimmingly', 'http://127.0.0.1:8080/admin/')).toContain('You may come in');

    const [web, others] = [containers('web_front'), [...containers('queue_'), ...containers('agent_')]];
    write('stacks/web/greeting.txt', 'Hello again\n');
    git('commit', '-qam', 'New greeting');
    await seen(() => front().startsWith('Hello again') && containers('web_front').every((id) => !web.includes(id)) && containers('web_front').length === 3);
    expect([...containers('queue_'), ...containers('agent_')]).toEqual(others);

    const rolled = containers('web_front');
    write('stacks/web/compose.yml', 'services:\n  front:\n    image: "x\n');
    git('commit', '-qam', 'Broken');
    await seen(() => state('web')?.startsWith('web refused stacks/web/compose.yml:') ?? false);
    expect(state('web')).toMatch(/stacks\/web\/compose\.yml:\d+:\d+: /);
    expect(containers('web_front')).toEqual(rolled);
    git('revert', '--no-edit', 'HEAD');
    await seen(() => state('web')?.startsWith('web applied') ?? false);
    expect(containers('web_front')).toEqual(rolled);

    git('rm', '-qr', 'stacks/agent');
    git('commit', '-qm', 'No agent');
    await seen(() => state('agent') === undefined && containers('agent_').join('') === '');

    const again = demo();
    expect(`${again.status} ${again.stdout}${again.stderr}`).toMatch(/^0 /);
    expect(containers('web_front')).toEqual(rolled);
  });

  test('the second act: three hosts, and nobody misses the leader that is killed', { timeout: slow }, () => {
    const { status, stdout, stderr } = demo('cluster');
    expect(`${status} ${stdout}${stderr}`).toMatch(
      /^0 [^]*shoal-one leads\.[^]* leads, and has accepted a write[^]*; 0 of 2 containers of the other hosts were touched\n/,
    );
    expect(demo('second').stdout).toContain('The demo has no act second');
  });

  test('down leaves nothing behind', { timeout: slow }, async () => {
    expect(processes().filter((line) => line.includes('resolver.mjs'))).toHaveLength(1);
    expect(demo('down')).toMatchObject({ status: 0, stdout: expect.stringContaining('Everything is gone') });
    expect(readdirSync(join(folder, 'lib'))).toEqual([]);
    expect(run('ls', '/run').split('\n')).toEqual(['mount', 'ready']);
    expect(
      run('ip', '-br', 'link')
        .split('\n')
        .map((line) => line.split(' ')[0]),
    ).toEqual(['lo']);
    expect(run('nft', 'list', 'tables')).toBe('');
    expect(run('sh', '-c', 'grep -E "/shoal-demo/|/run/shoal(-demo-engine)?/" /proc/mounts || true')).toBe('');
    // The namespaces hold the sleeper alone.
    expect(processes()).toEqual(['sleep 3600']);
    expect(demo('down').stdout).toContain('There is nothing to stop');
  });
});
