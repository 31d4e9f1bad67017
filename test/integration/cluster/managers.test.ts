/** Three managers and two workers on five hosts: they agree, outlive one of them, change roles, and are restarted without harm. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HostDaemon } from '#test/support/daemon';
import { startHosts } from '../../support/hosts.mjs';
import { loadImage, until, whyNoHost, type Host } from '../../support/machine.mjs';

const reason = whyNoHost();
const image = 'shoal-managers:1';
const limitMs = 60_000;

describe.skipIf(reason !== undefined)(reason ? `managers (skipped: ${reason})` : 'managers', { timeout: 180_000 }, () => {
  let machines: Awaited<ReturnType<typeof startHosts>>;
  let daemons: HostDaemon[];
  let managers: HostDaemon[];
  let workers: HostDaemon[];

  beforeAll(async () => {
    machines = await startHosts(5);
    for (const { socket } of machines.hosts) loadImage(socket, image, { command: ['/bin/sleep', '100000'] });
    daemons = machines.hosts.map((host: Host, at: number) => new HostDaemon(host, `n${at}`, ['--safe-mode=false']));
    managers = daemons.slice(0, 3);
    workers = daemons.slice(3);
    await Promise.all(daemons.map((daemon) => daemon.start()));
  }, 120_000);

  afterAll(async () => {
    await Promise.all((daemons ?? []).map((daemon) => daemon.remove()));
    await machines?.stop();
  }, 60_000);

  const logs = (): string => daemons.map((daemon) => `--- ${daemon.host.name}\n${daemon.lastLog()}`).join('\n');
  const lines = (text: string): string[] => text.split('\n').filter(Boolean).toSorted();
  /** By host name: role among the managers, as the daemon that is asked says. */
  const placesAt = async (daemon: HostDaemon): Promise<string[]> =>
    lines((await daemon.docker(['node', 'ls', '--format', '{{.Hostname}} {{.Status}} {{.ManagerStatus}}'])).stdout).map((line) => line.trim());
  const ready = (daemon: HostDaemon, place = ''): string => `${daemon.host.name} Ready ${place}`.trim();

  async function eventually<T>(look: () => Promise<T> | T, wanted: T): Promise<void> {
    let seen: T | undefined;
    await until(
      async () => JSON.stringify((seen = await look())) === JSON.stringify(wanted),
      limitMs,
      () => `${JSON.stringify(seen)} and not ${JSON.stringify(wanted)}\n${logs()}`,
    );
  }

  /** Service tasks that are to run, where they do. */
  const running = async (daemon: HostDaemon, service: string): Promise<string[]> =>
    lines((await daemon.docker(['service', 'ps', service, '--filter', 'desired-state=running', '--format', '{{.Node}} {{.CurrentState}}'])).stdout).map(
      (line) => line.split(' ').slice(0, 2).join(' '),
    );
  const allRun = (on: readonly HostDaemon[]): string[] => on.map(({ host }) => `${host.name} Running`).toSorted();

  test('by the token of managers two more join, through either, and all see the same', async () => {
    const [first, second, third] = managers as [HostDaemon, HostDaemon, HostDaemon];
    await first.askDocker('swarm', 'init', '--advertise-addr', first.host.address);
    const token = await first.askDocker('swarm', 'join-token', '-q', 'manager');
    const at = (daemon: HostDaemon) => `${daemon.host.address}:2377`;
    expect(await second.askDocker('swarm', 'join', '--token', token, at(first))).toBe('This node joined a swarm as a manager.');
    // Through one that does not lead.
    expect(await third.askDocker('swarm', 'join', '--token', await second.askDocker('swarm', 'join-token', '-q', 'manager'), at(second))).toBe(
      'This node joined a swarm as a manager.',
    );
    const worker = await third.askDocker('swarm', 'join-token', '-q', 'worker');
    await Promise.all(workers.map((daemon, i) => daemon.askDocker('swarm', 'join', '--token', worker, at(managers[i + 1] as HostDaemon))));
    const all = [ready(first, 'Leader'), ready(second, 'Reachable'), ready(third, 'Reachable'), ...workers.map((daemon) => ready(daemon))].toSorted();
    for (const daemon of managers) await eventually(() => placesAt(daemon), all);
    const info = await second.askDocker('info', '--format', '{{.Swarm.ControlAvailable}} {{.Swarm.Managers}} {{.Swarm.Nodes}} {{len .Swarm.RemoteManagers}}');
    expect(info).toBe('true 3 5 3');
  });

  test('a command at any manager is carried to the leader', async () => {
    const [first, second, third] = managers as [HostDaemon, HostDaemon, HostDaemon];
    await second.askDocker('service', 'create', '-d', '--name', 'app', '--replicas', '5', image);
    await eventually(() => running(third, 'app'), allRun(daemons));
    await third.ask('config', 'create', 'c', third.file('c', 'x'));
    expect(await first.askDocker('config', 'ls', '--format', '{{.Name}}')).toBe('c');
    await third.askDocker('service', 'update', '-d', '--label-add', 'a=b', 'app');
    expect(await second.askDocker('service', 'inspect', 'app', '--format', '{{.Spec.Labels.a}}')).toBe('b');
  });
});
