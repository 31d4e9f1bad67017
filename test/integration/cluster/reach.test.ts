/** What runs on another node, read and reached through any manager: logs, exec, inspect, stats, top; and what is never handed on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HostDaemon } from '#test/support/daemon';
import { HostCluster, limitMs } from '#test/support/host-cluster';
import { until, whyNoHost } from '../../support/machine.mjs';

const reason = whyNoHost();
const image = 'shoal-reach:1';
/** Says over and over who it is, so that what comes later can be told from what was there. */
const talker = 'i=0; while :; do i=$((i+1)); echo "said $i by $(hostname)"; sleep 0.3; done';

describe.skipIf(reason !== undefined)(reason ? `reach (skipped: ${reason})` : 'reach', { timeout: 180_000 }, () => {
  let cluster: HostCluster;
  let daemons: readonly HostDaemon[];
  let logs: HostCluster['logs'];
  let leader: HostDaemon;
  let follower: HostDaemon;
  let worker: HostDaemon;

  beforeAll(async () => {
    cluster = await HostCluster.start(3, image, ['/bin/sh', '-c', talker]);
    ({ daemons, logs } = cluster);
    [leader, follower, worker] = daemons as [HostDaemon, HostDaemon, HostDaemon];
    await leader.askDocker('swarm', 'init', '--advertise-addr', leader.host.address);
    for (const [daemon, role] of [[follower, 'manager'] as const, [worker, 'worker'] as const]) {
      const token = await leader.askDocker('swarm', 'join-token', '-q', role);
      await daemon.askDocker('swarm', 'join', '--token', token, `${leader.host.address}:2377`);
    }
    await leader.askDocker('service', 'create', '-d', '--name', 'talk', '--mode', 'global', image);
    await until(
      async () => (await tasks('talk')).length === 3,
      limitMs,
      () => logs(),
    );
  }, 180_000);

  afterAll(async () => {
    await cluster?.end();
  }, 60_000);

  /** Running tasks as `NODE ID`. */
  async function tasks(service: string): Promise<string[]> {
    const { stdout } = await leader.docker([
      'service',
      'ps',
      service,
      '--no-trunc',
      '--filter',
      'desired-state=running',
      '--format',
      '{{.Node}} {{.ID}} {{.CurrentState}}',
    ]);
    return stdout.split('\n').filter((line) => line.includes('Running'));
  }
  const containerOf = ({ host }: HostDaemon): string => host.docker(['ps', '-q', '--no-trunc', '--filter', 'label=com.docker.swarm.service.name=talk']).trim();
  const nameOf = ({ host }: HostDaemon): string => host.docker(['ps', '--format', '{{.Names}}', '--filter', 'label=com.docker.swarm.service.name=talk']).trim();
  /** What `NODE | text` lines name. */
  const nodesIn = (text: string): string[] => daemons.map(({ host }) => host.name).filter((name) => text.includes(`@${name} `));

  /** A stream of logs until `enough` of what it has said, by the docker CLI. */
  async function following(
    daemon: HostDaemon,
    args: readonly string[],
    enough: (text: string) => boolean,
    meanwhile: () => Promise<unknown> = async () => undefined,
  ): Promise<void> {
    const child = spawn('docker', ['service', 'logs', '-f', ...args], { env: { ...process.env, ...daemon.environment } });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part: string) => (text += part));
    try {
      await meanwhile();
      await until(
        () => enough(text),
        limitMs,
        () => `${text.slice(-2000)}\n${logs()}`,
      );
    } finally {
      const ended = once(child, 'close');
      child.kill('SIGKILL');
      await ended;
    }
  }

  test('the log of a service has the lines of every node, through any manager', async () => {
    for (const manager of [leader, follower]) {
      let text = '';
      await until(
        async () => nodesIn((text = (await manager.docker(['service', 'logs', 'talk'])).stdout)).length === 3,
        limitMs,
        () => `${text.slice(-2000)}\n${logs()}`,
      );
    }
    const one = (await tasks('talk')).find((line) => line.startsWith(`${worker.host.name} `))?.split(' ')[1] ?? '';
    const { stdout } = await follower.docker(['service', 'logs', '--tail', '1', one]);
    expect([stdout.split('\n').length, nodesIn(stdout)]).toEqual([2, [worker.host.name]]);
  });

  test('who follows hears what is said later, and tasks that come later', async () => {
    await leader.askDocker('service', 'create', '-d', '--name', 'late', '--constraint', `node.hostname==${worker.host.name}`, '--replicas', '1', image);
    const speakers = (text: string): number => new Set(text.match(/late\.\d+/g)).size;
    await following(
      follower,
      ['late'],
      (text) => speakers(text) === 3 && /said 5 /.test(text),
      () => leader.askDocker('service', 'scale', '-d', 'late=3'),
    );
    await leader.askDocker('service', 'rm', 'late');
  });

  test('a command runs in a container elsewhere: its input, output and exit code come through', async () => {
    const input = 'x'.repeat(1024 * 1024);
    for (const manager of [leader, follower]) {
      const ran = await manager.docker(['exec', '-i', containerOf(worker), 'sh', '-c', 'wc -c; echo told >&2; exit 7'], { input });
      expect(ran).toEqual({ code: 7, stdout: `${input.length}\n`, stderr: 'told\n' });
      // Much more than fits into any buffer on the way, after its input has ended.
      const { code, stdout } = await manager.docker(['exec', '-i', nameOf(worker), 'sh', '-c', 'cat >/dev/null; yes 0123456789 | head -n 300000'], {
        input: 'go',
      });
      expect([code, stdout.length]).toEqual([0, 300_000 * 11]);
    }
    expect(await follower.docker(['exec', containerOf(leader), 'hostname'])).toMatchObject({ code: 0, stdout: `${containerOf(leader).slice(0, 12)}\n` });
    expect((await follower.docker(['exec', '-d', containerOf(worker), 'touch', '/tmp/made'])).code).toBe(0);
    await until(
      async () => (await leader.docker(['exec', containerOf(worker), 'test', '-e', '/tmp/made'])).code === 0,
      limitMs,
      () => logs(),
    );
  });

  test('by the name or id of a task a command runs in it, and the task is shown', async () => {
    const one = (await tasks('talk')).find((line) => line.startsWith(`${worker.host.name} `))?.split(' ')[1] ?? '';
    const nodeId = await leader.askDocker('node', 'inspect', worker.host.name, '--format', '{{.ID}}');
    const input = 'y'.repeat(300_000);
    for (const name of [one, one.slice(0, 10), `talk.${nodeId}`]) {
      const ran = await follower.run(['exec', '-i', '-e', 'WORD=said', '-w', '/tmp', name, 'sh', '-c', 'wc -c; pwd; echo $WORD >&2; exit 9'], { input });
      expect(ran).toEqual({ code: 9, stdout: `${input.length}\n/tmp\n`, stderr: 'said\n' });
      expect(await follower.ask('task', 'inspect', name, '-f', '{{.NodeID}}')).toBe(nodeId);
    }
    const { code, stdout } = await leader.run(['exec', one, 'sh', '-c', 'head -c 3000000 /dev/zero']);
    expect([code, stdout.length]).toEqual([0, 3_000_000]);
    expect((await leader.run(['exec', '-t', one, 'tty'])).stdout).toMatch(/^\/dev\/pts\/\d+\r\n$/);
    expect(await leader.ask('task', 'stats', one, '--format', '{{.Task}} {{.Node}} {{.PIDs}}')).toMatch(new RegExp(`^${one} ${nodeId} [1-9]`));
    expect((await leader.run(['exec', '-d', one, 'true'])).code).toBe(0);
    expect(await leader.run(['exec', 'nobody', 'true'])).toMatchObject({ code: 1, stderr: 'no such task: nobody\n' });
    expect((await leader.run(['exec', one, '/no/such/program'])).code).not.toBe(0);
  });

  test('a container elsewhere is inspected, its log read, its processes and figures shown, by name, id or its beginning', async () => {
    const [id, name] = [containerOf(worker), nameOf(worker)];
    for (const manager of [leader, follower]) {
      for (const ref of [id, id.slice(0, 12), name]) expect(await manager.askDocker('container', 'inspect', ref, '--format', '{{.Id}}')).toBe(id);
      expect(await manager.askDocker('logs', '--tail', '1', name)).toMatch(/^said \d+ by /);
      expect(await manager.askDocker('top', name)).toContain('sleep');
      expect(await manager.askDocker('stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}}', name)).toMatch(new RegExp(`^${name} [1-9]`));
    }
  });

  test('nothing else of an engine is handed on, nothing that is no task is shown, and a worker asks nobody', async () => {
    const id = containerOf(worker);
    for (const args of [
      ['stop', id],
      ['rm', '-f', id],
      ['cp', `${id}:/etc/hostname`, '-'],
      ['attach', '--no-stdin', id],
      ['kill', id],
    ]) {
      const { stderr } = await follower.docker(args);
      expect([args[0], stderr]).toEqual([args[0], expect.stringMatching(/No such container|received 404/)]);
    }
    expect(containerOf(worker)).toBe(id);
    for (const { host } of [leader, worker]) host.docker(['run', '-d', '--name', 'plain', image]);
    const plain = worker.host.docker(['ps', '-q', '--no-trunc', '--filter', 'name=plain']).trim();
    for (const ref of ['plain', plain]) expect((await follower.docker(['logs', ref])).stderr).toContain(`No such container: ${ref}`);
    expect((await follower.docker(['exec', 'nobody', 'true'])).stderr).toContain('No such container: nobody');
    expect((await worker.docker(['logs', containerOf(leader)])).stderr).toContain('No such container');
    expect((await leader.docker(['logs', '--tail', '1', 'plain'])).stdout).toMatch(/^said /);
  });

  test('a node that is cut costs its own lines only, and is named', async () => {
    const nodeId = await leader.askDocker('node', 'inspect', worker.host.name, '--format', '{{.ID}}');
    const id = containerOf(worker);
    cluster.machines.cut(worker.host);
    try {
      const { code, stdout, stderr } = await follower.docker(['service', 'logs', '--tail', '1', 'talk']);
      expect([code, nodesIn(stdout).toSorted()]).toEqual([1, [leader, follower].map(({ host }) => host.name).toSorted()]);
      expect(stderr).toContain(`warning: incomplete log stream. some logs could not be retrieved for the following reasons: node ${nodeId} is not available`);
      await until(
        async () => (await leader.askDocker('node', 'ls', '--format', '{{.Hostname}} {{.Status}}')).includes(`${worker.host.name} Down`),
        limitMs,
        () => logs(),
      );
      expect((await follower.docker(['exec', id, 'true'])).stderr).toMatch(new RegExp(`node ${nodeId} is not available|No such container`));
    } finally {
      cluster.machines.heal(worker.host);
    }
  });
});
