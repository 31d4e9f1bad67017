/** The agent on a real engine: what users see of tasks, files, networks and restarts. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Agent } from '#agent/agent';
import { silentLogger } from '#test/support/silent-logger';
import { DockerEngine } from '#engine/docker-engine';
import type { AssignmentChange } from '#model/object/assignment';
import type { ContainerSpec } from '#model/object/service-spec';
import type { Task } from '#model/object/task';
import { loadImage, startHost, until, whyNoHost } from '../support/machine.mjs';
import { realClock } from '#test/support/real-clock';
import { RecordingNetwork } from '#test/support/recording-network';
import { ScriptedDispatcher } from '#test/support/scripted-dispatcher';
import { makeNetwork, makeSecret, makeTask } from '#test/support/worker';

const reason = whyNoHost();
const image = 'shoal-agent-test:1';
const sleeps: ContainerSpec = { Image: image, Command: ['/bin/sleep', '1000'], Init: true };
const assigned = (item: Task): AssignmentChange => ({ action: 'update', kind: 'task', item });

describe.skipIf(reason !== undefined)(reason ? `agent on a real engine (skipped: ${reason})` : 'agent on a real engine', () => {
  let host: Awaited<ReturnType<typeof startHost>>;
  let runFolder: string;
  let agents: Agent[] = [];
  let dispatcher: ScriptedDispatcher;
  let network: RecordingNetwork;

  beforeAll(async () => {
    host = await startHost();
    loadImage(host.socket, image);
    runFolder = mkdtempSync('/dev/shm/shoal-run-');
  });

  afterAll(async () => {
    await host?.stop();
    if (runFolder) rmSync(runFolder, { recursive: true, force: true });
  });

  afterEach(async () => {
    for (const agent of agents) {
      await agent.removeAll(20_000);
      await agent.stop();
    }
    agents = [];
  });

  function newDispatcher(): void {
    dispatcher = new ScriptedDispatcher();
    network = new RecordingNetwork();
  }

  async function startAgent(nodeId = 'node1'): Promise<Agent> {
    const engine = new DockerEngine({ socketPath: host.socket, nodeId, runFolder });
    const agent = new Agent({ nodeId }, { engine, network, openSession: dispatcher.open, clock: realClock, logger: silentLogger });
    agents.push(agent);
    await agent.start();
    return agent;
  }

  const reach = (taskId: string, state: string) =>
    until(
      () => dispatcher.state(taskId) === state,
      30_000,
      () => JSON.stringify(dispatcher.statuses.get(taskId)),
    );
  const docker = (...args: string[]) => host.docker(args).trim();
  const inspect = (name: string, format: string) => docker('inspect', '-f', format, name);

  test('a task runs, is told, and stops', async () => {
    newDispatcher();
    await startAgent();
    const task = makeTask('a1', { ...sleeps, Env: ['WHERE={{.Node.Hostname}}/{{.Task.Slot}}'] });
    dispatcher.assign([assigned(task)]);
    await reach('a1', 'running');
    expect(dispatcher.statuses.get('a1')?.ContainerStatus).toMatchObject({
      ContainerID: inspect('web.1.a1', '{{.Id}}'),
      PID: Number(inspect('web.1.a1', '{{.State.Pid}}')),
    });
    expect(docker('exec', 'web.1.a1', 'sh', '-c', 'echo $WHERE')).toBe(`${host.name}/1`);
    // The engine never starts it again: no policy, as Swarm's containers have none.
    expect(inspect('web.1.a1', '{{index .Config.Labels "com.docker.swarm.service.name"}}/{{.HostConfig.RestartPolicy.Name}}')).toBe('web/');
    dispatcher.change(1, [assigned({ ...task, DesiredState: 'shutdown' })]);
    await reach('a1', 'shutdown');
    expect(inspect('web.1.a1', '{{.State.Running}}')).toBe('false');
    dispatcher.change(2, [{ action: 'remove', kind: 'task', id: 'a1' }]);
    await until(
      () => docker('ps', '-aq', '--filter', 'name=a1') === '',
      10_000,
      () => docker('ps', '-a'),
    );
  });

  test('health decides when it runs and when it fails', async () => {
    newDispatcher();
    await startAgent();
    const Healthcheck = {
      Test: ['CMD-SHELL', 'test -e /tmp/well || { echo the well is dry; exit 1; }'],
      Interval: 2e8,
      Retries: 1,
      StartPeriod: 60e9,
      StartInterval: 2e8,
    };
    dispatcher.assign([assigned(makeTask('h1', { ...sleeps, Healthcheck }))]);
    await until(
      () => docker('ps', '-q', '--filter', 'name=h1') !== '',
      10_000,
      () => docker('ps', '-a'),
    );
    await reach('h1', 'starting');
    docker('exec', 'web.1.h1', 'touch', '/tmp/well');
    await reach('h1', 'running');
    docker('exec', 'web.1.h1', 'rm', '/tmp/well');
    await reach('h1', 'failed');
    expect(dispatcher.statuses.get('h1')?.Err).toBe('dockerexec: unhealthy container: the well is dry');
    expect(inspect('web.1.h1', '{{.State.Running}}')).toBe('false');
  });

  test('errors keep their reason', async () => {
    newDispatcher();
    await startAgent();
    dispatcher.assign([
      assigned(makeTask('e1', { Image: 'shoal-missing:1' })),
      assigned(makeTask('e2', { Image: image, Command: ['/nothing'] })),
      assigned(makeTask('e3', { ...sleeps, Command: ['/bin/sh', '-c', 'exit 4'] })),
      assigned(makeTask('e4', { ...sleeps, Mounts: [{ Type: 'bind', Source: '/no/such/folder', Target: '/x' }] })),
      assigned(
        makeTask(
          'e5',
          {},
          {
            Spec: {
              ContainerSpec: { Image: image, Command: ['/bin/dd', 'if=/dev/zero', 'of=/dev/null', 'bs=64M'] },
              Resources: { Limits: { MemoryBytes: 16 * 1024 * 1024 } },
            },
          },
        ),
      ),
    ]);
    await reach('e1', 'rejected');
    await reach('e2', 'failed');
    await reach('e3', 'failed');
    await reach('e4', 'rejected');
    await reach('e5', 'failed');
    const text = (id: string) => dispatcher.statuses.get(id)?.Err ?? '';
    expect(text('e1')).toMatch(/^No such image: shoal-missing:1/);
    expect(text('e2')).toMatch(/^starting container failed: .*\/nothing/);
    expect(text('e3')).toBe('task: non-zero exit (4)');
    expect(text('e4')).toMatch(/bind source path does not exist: \/no\/such\/folder/);
    // The engine hears of the kill and of the end by different ways, and now and then forgets the first when they come together.
    expect(text('e5')).toMatch(/^task: non-zero exit \(137\)(: out of memory)?$/);
  });

  test('secrets and configs are read-only files with owner and mode, on no disk, gone with the task', async () => {
    newDispatcher();
    await startAgent();
    const task = makeTask('s1', {
      ...sleeps,
      Secrets: [
        { SecretID: 'sec', SecretName: 'pw', File: { Name: 'pw', UID: '101', GID: '102', Mode: 0o440 } },
        { SecretID: 'sec', SecretName: 'pw', File: { Name: '/etc/deep/pw', UID: '0', GID: '0', Mode: 0o400 } },
      ],
      Configs: [{ ConfigID: 'con', ConfigName: 'app', File: { Name: 'app.conf', UID: '0', GID: '0', Mode: 0o555 } }],
    });
    dispatcher.assign([
      { action: 'update', kind: 'secret', item: makeSecret('sec', 'pw', 'canary-7431') },
      { action: 'update', kind: 'config', item: makeSecret('con', 'app', 'listen 80\n') },
      assigned(task),
    ]);
    await reach('s1', 'running');
    const exec = (command: string) => docker('exec', 'web.1.s1', 'sh', '-c', command);
    expect(exec('cat /run/secrets/pw; stat -c " %u:%g %a" /run/secrets/pw /etc/deep/pw /app.conf')).toBe('canary-7431 101:102 440\n 0:0 400\n 0:0 555');
    expect(exec('cat /app.conf; echo x > /app.conf || echo refused')).toContain('refused');
    expect(docker('inspect', 'web.1.s1')).not.toContain('canary-7431');
    expect(host.run(['sh', '-c', `grep -rl canary-7431 ${host.folder}; true`])).toBe('');
    expect(readdirSync(`${runFolder}/node1`)).toEqual(['s1']);
    dispatcher.assign([]);
    await until(
      () => !existsSync(`${runFolder}/node1/s1`),
      20_000,
      () => 'the files stay',
    );
  });

  test('restart of the agent keeps containers, removes orphans, leaves strangers alone', async () => {
    newDispatcher();
    docker('run', '-d', '--name', 'stranger', '--label', 'com.docker.swarm.task.id=x', image, 'sleep', '1000');
    docker('run', '-d', '--name', 'neighbour', '--label', 'com.docker.swarm.task.id=y', '--label', 'com.docker.swarm.node.id=node2', image, 'sleep', '1000');
    const first = await startAgent();
    dispatcher.assign([assigned(makeTask('r1', sleeps)), assigned(makeTask('r2', sleeps))]);
    await reach('r1', 'running');
    await reach('r2', 'running');
    const began = inspect('web.1.r1', '{{.State.StartedAt}} {{.Id}}');
    await first.stop();
    agents = [];
    expect(docker('ps', '-q').split('\n').length).toBe(4);
    dispatcher.statuses.clear();
    dispatcher.assign([assigned(makeTask('r1', sleeps))]);
    await startAgent();
    await reach('r1', 'running');
    await until(
      () => docker('ps', '-aq', '--filter', 'name=r2') === '',
      20_000,
      () => docker('ps', '-a'),
    );
    expect(inspect('web.1.r1', '{{.State.StartedAt}} {{.Id}}')).toBe(began);
    expect(inspect('stranger', '{{.State.Running}}') + inspect('neighbour', '{{.State.Running}}')).toBe('truetrue');
    docker('rm', '-f', 'stranger', 'neighbour');
  });

  test('a container that died while the agent was away has failed', async () => {
    newDispatcher();
    const first = await startAgent();
    dispatcher.assign([assigned(makeTask('d1', sleeps))]);
    await reach('d1', 'running');
    await first.stop();
    agents = [];
    docker('kill', 'web.1.d1');
    await startAgent();
    await reach('d1', 'failed');
    expect(dispatcher.statuses.get('d1')?.Err).toBe('task: non-zero exit (137)');
  });

  test("two networks with fixed addresses, beside a stranger's of the same name", async () => {
    newDispatcher();
    docker('network', 'create', 'web_back');
    await startAgent();
    const front = makeNetwork('netfrontfrontfrontfrontfro', 'web_front', '10.204.1.0/24');
    const back = makeNetwork('netbackbackbackbackbackbac', 'web_back', '10.204.2.0/24');
    const inner = { ...back, Spec: { ...back.Spec, Internal: true, Labels: { 'com.docker.stack.namespace': 'web' } } };
    const attachments = [
      { Network: front, Addresses: ['10.204.1.5/24'] },
      { Network: inner, Addresses: ['10.204.2.5/24'] },
    ];
    const shoal = { ...makeTask('n1').Shoal, ServiceLabels: { 'com.docker.stack.namespace': 'web' } };
    dispatcher.assign([
      { action: 'update', kind: 'network', item: front },
      { action: 'update', kind: 'network', item: inner },
      { action: 'update', kind: 'node', item: { ID: 'node1', Gateways: { [front.ID]: '10.204.1.1', [inner.ID]: '10.204.2.1' } } },
      assigned(makeTask('n1', sleeps, { NetworksAttachments: attachments, Shoal: shoal })),
    ]);
    await reach('n1', 'running');
    const name = `web_back.${back.ID}`;
    expect(inspect('web.1.n1', `{{(index .NetworkSettings.Networks "web_front").IPAddress}} {{(index .NetworkSettings.Networks "${name}").IPAddress}}`)).toBe(
      '10.204.1.5 10.204.2.5',
    );
    expect(inspect('web.1.n1', '{{.HostConfig.Dns}} {{.HostConfig.DnsSearch}}')).toBe('[10.204.1.1 169.254.53.53] [web]');
    expect(host.run(['ip', '-4', '-o', 'addr', 'show', 'dev', 'sh-netfrontfro'])).toContain('10.204.1.1/24');
    expect(docker('network', 'inspect', '-f', '{{.Internal}} {{index .Labels "com.docker.stack.namespace"}} {{index .Labels "shoal.network.id"}}', name)).toBe(
      `true web ${back.ID}`,
    );
    dispatcher.assign([]);
    await until(
      () => !docker('network', 'ls').includes('web_front') && !docker('network', 'ls').includes(name),
      20_000,
      () => docker('network', 'ls'),
    );
    expect(docker('network', 'ls')).toContain('web_back');
    docker('network', 'rm', 'web_back');
  });

  test('a container taken off its networks by hand is on them again, with its address; a network removed by hand is made again', async () => {
    newDispatcher();
    await startAgent();
    const attached = ['net1', 'net2'].map((id, index) => makeNetwork(`${id}lost`, `${id}_lost`, `10.94.${index}.0/24`));
    const items = attached.map((item): AssignmentChange => ({ action: 'update', kind: 'network', item }));
    const Gateways = Object.fromEntries(attached.map(({ ID }, index) => [ID, `10.94.${index}.1`]));
    const NetworksAttachments = attached.map((item, index) => ({ Network: item, Addresses: [`10.94.${index}.5/24`] }));
    const tasks = ['n1', 'n2'].map((id, place) =>
      makeTask(id, sleeps, { NetworksAttachments: NetworksAttachments.map((each, index) => ({ ...each, Addresses: [`10.94.${index}.${5 + place}/24`] })) }),
    );
    dispatcher.assign([...items, { action: 'update', kind: 'node', item: { ID: 'node1', Gateways } }, ...tasks.map(assigned)]);
    await reach('n1', 'running');
    await reach('n2', 'running');
    const address = (name: string, net: string) => inspect(name, `{{with index .NetworkSettings.Networks "${net}"}}{{.IPAddress}}{{end}}`);
    const back = (name: string, net: string, expected: string) =>
      until(
        () => address(name, net) === expected,
        15_000,
        () => `${name} on ${net}: ${address(name, net)}; ${JSON.stringify(dispatcher.statuses.get('n1'))}`,
      );
    docker('network', 'disconnect', '-f', 'net1_lost', 'web.1.n1');
    await back('web.1.n1', 'net1_lost', '10.94.0.5');
    // Both off it, and the network itself gone.
    const removed = docker('network', 'inspect', '-f', '{{.Id}}', 'net2_lost');
    docker('network', 'disconnect', '-f', 'net2_lost', 'web.1.n1');
    try {
      docker('network', 'disconnect', '-f', 'net2_lost', 'web.1.n2');
      docker('network', 'rm', 'net2_lost');
    } catch {
      // It was faster than we are: the first is back on it already.
    }
    await back('web.1.n1', 'net2_lost', '10.94.1.5');
    await back('web.1.n2', 'net2_lost', '10.94.1.6');
    expect(removed).not.toBe('');
    // Somebody else sits on the address: the task fails with the reason, to be replaced.
    docker('network', 'disconnect', '-f', 'net1_lost', 'web.1.n2');
    await back('web.1.n2', 'net1_lost', '10.94.0.6');
    expect(dispatcher.states('n1').at(-1)).toBe('running');
    expect(dispatcher.states('n2').at(-1)).toBe('running');
  });

  test('a host-mode port tells the number that the engine chose', async () => {
    newDispatcher();
    await startAgent();
    const Ports = [{ TargetPort: 80, Protocol: 'tcp', PublishMode: 'host' }] as const;
    dispatcher.assign([assigned(makeTask('p1', { Image: image, Init: true }, { Shoal: { ...makeTask('p1').Shoal, Ports } }))]);
    await reach('p1', 'running');
    const [port] = dispatcher.statuses.get('p1')?.PortStatus?.Ports ?? [];
    expect(port).toMatchObject({ TargetPort: 80, Protocol: 'tcp', PublishMode: 'host', PublishedPort: expect.any(Number) });
    expect(host.run(['busybox', 'wget', '-qO-', `http://127.0.0.1:${port?.PublishedPort}/`])).toBe('hello\n');
  });

  test('the engine may restart under it', async () => {
    newDispatcher();
    await startAgent();
    dispatcher.assign([assigned(makeTask('b1', sleeps))]);
    await reach('b1', 'running');
    await host.stopEngine();
    await host.startEngine();
    await reach('b1', 'failed');
    dispatcher.change(1, [assigned(makeTask('b2', sleeps))]);
    await reach('b2', 'running');
  });
});
