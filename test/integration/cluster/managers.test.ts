/** Three managers and two workers on five hosts: they agree, outlive one of them, change roles, and are restarted without harm. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ownProgram, type HostDaemon } from '#test/support/daemon';
import { containersOf, HostCluster, limitMs, sortedLines } from '#test/support/host-cluster';
import { olderProgram } from '#test/support/older-program';
import { encryptionLevel } from '#model/feature-level';
import { stays, until, whyNoHost } from '../../support/machine.mjs';

const reason = whyNoHost();
const image = 'shoal-managers:1';

describe.skipIf(reason !== undefined)(reason ? `managers (skipped: ${reason})` : 'managers', { timeout: 180_000 }, () => {
  let cluster: HostCluster;
  let daemons: readonly HostDaemon[];
  let logs: HostCluster['logs'];
  let eventually: HostCluster['eventually'];
  let insist: HostCluster['insist'];
  let allContainers: HostCluster['containers'];
  let managers: HostDaemon[];
  let workers: HostDaemon[];

  beforeAll(async () => {
    cluster = await HostCluster.start(5, image, stays, olderProgram);
    ({ daemons, logs, eventually, insist, containers: allContainers } = cluster);
    managers = daemons.slice(0, 3);
    workers = daemons.slice(3);
  }, 120_000);

  afterAll(async () => {
    await cluster?.end();
  }, 60_000);

  /** By host name: role among the managers, as the daemon that is asked says. */
  const placesAt = async (daemon: HostDaemon): Promise<string[]> =>
    sortedLines((await daemon.docker(['node', 'ls', '--format', '{{.Hostname}} {{.Status}} {{.ManagerStatus}}'])).stdout).map((line) => line.trim());
  const ready = (daemon: HostDaemon, place = ''): string => `${daemon.host.name} Ready ${place}`.trim();

  async function leader(among = managers): Promise<HostDaemon> {
    let found: HostDaemon | undefined;
    await until(
      async () => {
        const line = (await placesAt(among[0] as HostDaemon)).find((each) => each.endsWith(' Leader')) ?? '';
        return (found = among.find(({ host }) => line.startsWith(`${host.name} `))) !== undefined;
      },
      limitMs,
      () => `nobody leads\n${logs()}`,
    );
    return found as HostDaemon;
  }

  /** Service tasks that are to run, where they do. */
  const running = async (daemon: HostDaemon, service: string): Promise<string[]> =>
    sortedLines((await daemon.docker(['service', 'ps', service, '--filter', 'desired-state=running', '--format', '{{.Node}} {{.CurrentState}}'])).stdout).map(
      (line) => line.split(' ').slice(0, 2).join(' '),
    );
  /** Of the containers of `fenced` there, those that have ended too, milliseconds. */
  const fencedTimes = ({ host }: HostDaemon, what: 'StartedAt' | 'FinishedAt'): number[] => {
    const ids = sortedLines(host.docker(['ps', '-aq', '--filter', 'label=com.docker.swarm.service.name=fenced']));
    return sortedLines(host.docker(['inspect', '-f', `{{.State.${what}}}`, ...ids])).map((text) => Date.parse(text));
  };
  /** The lines of the service `talk` as the docker CLI follows them there, each with a number of its own. */
  function followed(daemon: HostDaemon): { said: () => string; numbers: () => number[]; stop: () => void } {
    const child = spawn('docker', ['service', 'logs', '-f', '--raw', 'talk'], { env: { ...process.env, ...daemon.environment } });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part: string) => (said += part));
    const numbers = (): number[] => [...said.matchAll(/said (\d+)\n/g)].map(([, number]) => Number(number));
    return { said: () => `${said}\n${logs()}`, numbers, stop: () => void child.kill('SIGKILL') };
  }
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
    await second.askDocker('service', 'create', '-d', '--name', 'app', '--replicas', '5', '--stop-grace-period', '1s', image);
    await eventually(() => running(third, 'app'), allRun(daemons));
    await third.ask('config', 'create', 'c', third.file('c', 'x'));
    expect(await first.askDocker('config', 'ls', '--format', '{{.Name}}')).toBe('c');
    await third.askDocker('service', 'update', '-d', '--label-add', 'a=b', 'app');
    expect(await second.askDocker('service', 'inspect', 'app', '--format', '{{.Spec.Labels.a}}')).toBe('b');
  });

  test('the leader dies: the next one takes writes at once, containers are untouched, and the dead one comes back as a follower', async () => {
    const dead = await leader();
    const [near, far] = managers.filter((daemon) => daemon !== dead) as [HostDaemon, HostDaemon];
    // On a slow machine too it is back before anybody takes its place.
    await near.ask('swarm', 'update', '--dispatcher-heartbeat', '5s');
    const talk = ['--constraint', `node.hostname==${workers[0]?.host.name}`, '--stop-grace-period', '1s', image, '/bin/sh', '-c'];
    await near.askDocker(
      'service',
      'create',
      '--name',
      'talk',
      '-d',
      ...talk,
      'trap "exit 0" TERM; i=0; while :; do i=$((i+1)); echo "said $i"; sleep 0.3; done',
    );
    await eventually(() => running(far, 'talk'), [`${workers[0]?.host.name} Running`]);
    const before = allContainers();
    // Of the two, one will lead itself, and one ask the other.
    const logsOfTalk = [near, far].map(followed);
    for (const log of logsOfTalk) await until(() => log.numbers().length > 3, limitMs, log.said);
    await dead.kill();
    await insist(near, 'config', 'create', 'after', near.file('after', 'x'));
    await eventually(async () => (await placesAt(far)).filter((line) => line.includes(dead.host.name)).map((line) => line.split(' ').at(-1)), ['Unreachable']);
    const next = await leader([near, far]);
    expect(next).not.toBe(dead);
    const heard = Math.max(...logsOfTalk.flatMap((log) => log.numbers()));
    for (const log of logsOfTalk) {
      await until(() => (log.numbers().at(-1) ?? 0) > heard + 3, limitMs, log.said);
      log.stop();
      expect(log.numbers()).toEqual(log.numbers().map((_, at) => (log.numbers()[0] ?? 0) + at));
    }
    await dead.start();
    const all = daemons.map((daemon) => ready(daemon, daemon === next ? 'Leader' : managers.includes(daemon) ? 'Reachable' : '')).toSorted();
    for (const daemon of managers) await eventually(() => placesAt(daemon), all);
    await eventually(() => running(dead, 'app'), allRun(daemons));
    expect(allContainers()).toEqual(before);
    await eventually(async () => (await dead.docker(['config', 'ls', '--format', '{{.Name}}'])).stdout.includes('after'), true);
    // Each manager kept what was committed: whoever leads tells of what came before.
    const told = await next.ask('events', '--since', '1h', '--until', '0s', '--filter', 'type=service', '--format', '{{.Action}} {{.Actor.Attributes.name}}');
    expect(told.split('\n')).toContain('create app');
    await next.askDocker('service', 'rm', 'talk');
    await eventually(() => allContainers().length, 5);
  });

  test('a rolling upgrade of all daemons restarts no container and replaces no task; what the older ones do not know is refused until the last one is new', async () => {
    const [first] = managers as [HostDaemon];
    await eventually(() => running(first, 'app'), allRun(daemons));
    const before = allContainers();
    const seal = () => first.docker(['network', 'create', '-d', 'overlay', '-o', 'encrypted', 'sealed']);
    for (const daemon of [...workers, ...managers.toReversed()]) {
      await eventually(
        async () => (await seal()).stderr.match(/level \d+, .* at \d+/)?.[0],
        `level ${encryptionLevel}, and the cluster is at ${encryptionLevel - 1}`,
      );
      await daemon.stop();
      daemon.program = ownProgram;
      await daemon.start();
      const witness = managers.find((each) => each !== daemon) as HostDaemon;
      await eventually(async () => (await placesAt(witness)).filter((line) => line.split(' ')[1] === 'Ready').length, 5);
      expect(allContainers(), logs()).toEqual(before);
    }
    await eventually(() => running(first, 'app'), allRun(daemons));
    // Whether the kernel can encrypt is another question.
    await eventually(async () => /level \d+/.test((await seal()).stderr), false);
    await first.docker(['network', 'rm', 'sealed']);
    await first.ask('swarm', 'update', '--dispatcher-heartbeat', '1s');
  });

  test('a worker becomes a manager and one again, and what it runs notices nothing', async () => {
    const [worker] = workers as [HostDaemon];
    const [manager] = managers as [HostDaemon];
    const before = containersOf(worker);
    await insist(manager, 'node', 'promote', worker.host.name);
    await eventually(async () => (await placesAt(worker)).filter((line) => line.startsWith(worker.host.name)), [ready(worker, 'Reachable')]);
    await insist(worker, 'config', 'create', 'promoted', worker.file('promoted', 'x'));
    expect((await manager.docker(['node', 'rm', '--force', worker.host.name])).stderr).toContain(
      'is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal',
    );
    await insist(worker, 'node', 'demote', worker.host.name);
    await eventually(async () => await worker.askDocker('info', '--format', '{{.Swarm.ControlAvailable}}'), 'false');
    await eventually(async () => (await placesAt(manager)).filter((line) => line.startsWith(worker.host.name)), [ready(worker)]);
    expect((await worker.docker(['node', 'ls'])).stderr).toContain("Worker nodes can't be used to view or modify cluster state");
    expect(existsSync(join(worker.state, 'raft'))).toBe(false);
    expect(containersOf(worker)).toEqual(before);
  });

  test('the leader is demoted and promoted again: leadership is handed over', async () => {
    const old = await leader();
    const [other, third] = managers.filter((daemon) => daemon !== old) as [HostDaemon, HostDaemon];
    const before = allContainers();
    await insist(other, 'node', 'demote', old.host.name);
    await eventually(async () => old.askDocker('info', '--format', '{{.Swarm.ControlAvailable}}'), 'false');
    expect([other, third]).toContain(await leader([other, third]));
    await insist(third, 'node', 'promote', old.host.name);
    await eventually(async () => (await placesAt(old)).filter((line) => line.endsWith('Reachable')).length, 2);
    expect(allContainers()).toEqual(before);
  });

  test('of hosts that are cut off, one of them deaf only, all is replaced, what is fenced has ended there before; back again, exactly the wanted tasks run', async () => {
    const [cut, deaf] = workers as [HostDaemon, HostDaemon];
    const [manager] = managers as [HostDaemon];
    // It ends as soon as it is told to: the grace is for a slow engine, which the managers wait for too.
    const program = 'trap "exit 0" TERM; while :; do sleep 1 & wait $!; done';
    const fencing = ['--label', 'shoal.fence=3s', '--stop-grace-period', '6s'];
    await insist(manager, 'service', 'create', '-d', '--name', 'fenced', '--replicas', '5', ...fencing, image, 'sh', '-c', program);
    await eventually(() => running(manager, 'fenced'), allRun(daemons));
    cluster.machines.cut(cut.host);
    cluster.machines.deafen(deaf.host);
    try {
      const rest = (lines: readonly string[]) => lines.filter((line) => ![cut, deaf].some(({ host }) => line.startsWith(host.name)));
      for (const service of ['app', 'fenced'])
        await eventually(async () => rest(await running(manager, service)).filter((line) => line.endsWith(' Running')).length, 5);
      const ended = [cut, deaf].flatMap((daemon) => fencedTimes(daemon, 'FinishedAt'));
      const begun = managers.flatMap((daemon) => fencedTimes(daemon, 'StartedAt')).toSorted((a, b) => a - b);
      expect([ended.length, begun.length]).toEqual([2, 5]);
      expect(begun[3]).toBeGreaterThanOrEqual(Math.max(...ended));
    } finally {
      for (const { host } of [cut, deaf]) cluster.machines.heal(host);
    }
    await eventually(async () => (await placesAt(manager)).filter((line) => line.split(' ')[1] === 'Ready').length, 5);
    for (const daemon of [cut, deaf]) await eventually(() => containersOf(daemon).length, 0);
    expect(managers.flatMap(containersOf).length).toBe(10);
    await insist(manager, 'service', 'rm', 'fenced');
    await eventually(() => managers.flatMap(containersOf).length, 5);
  });

  test('the host of the leader loses its line: who asks a follower just then is answered, and on the others no fenced task stops', async () => {
    const cut = await leader();
    const others = daemons.filter((daemon) => daemon !== cut);
    const [near, far] = managers.filter((daemon) => daemon !== cut) as [HostDaemon, HostDaemon];
    const fenced = ['--label', 'shoal.fence=true', '--mode', 'global', '--stop-grace-period', '1s'];
    await insist(near, 'service', 'create', '-d', '--name', 'kept', ...fenced, image);
    await eventually(() => running(near, 'kept'), allRun(daemons));
    const before = others.flatMap(containersOf).toSorted();
    // All but that of the global service.
    const lost = containersOf(cut).length - 1;
    cluster.machines.cut(cut.host);
    try {
      await Promise.all([near.ask('config', 'create', 'line', near.file('line', 'x')), far.askDocker('node', 'ls')]);
      await eventually(async () => (await placesAt(far)).filter((line) => line.startsWith(cut.host.name)), [`${cut.host.name} Down Unreachable`]);
      await eventually(async () => (await running(far, 'app')).filter((line) => line.endsWith(' Running') && !line.startsWith(cut.host.name)).length, 5);
      // Beside what replaces the lost ones, nothing has begun or ended.
      const now = others.flatMap(containersOf).toSorted();
      expect([now.length, before.filter((id) => !now.includes(id))], logs()).toEqual([before.length + lost, []]);
    } finally {
      cluster.machines.heal(cut.host);
    }
    await eventually(async () => (await placesAt(cut)).filter((line) => line.split(' ')[1] === 'Ready').length, 5);
    await insist(near, 'service', 'rm', 'kept');
    await eventually(() => allContainers().length, 5);
  });

  test('five managers that are all killed at once are as they were, and so is what runs', async () => {
    const [first] = managers as [HostDaemon];
    await insist(first, 'node', 'promote', ...workers.map(({ host }) => host.name));
    const seats = async (daemon: HostDaemon) => (await placesAt(daemon)).map((line) => line.split(' ').slice(1).join(' ')).toSorted();
    const five = ['Ready Leader', ...Array.from({ length: 4 }, () => 'Ready Reachable')];
    for (const daemon of daemons) await eventually(() => seats(daemon), five);
    await first.ask('swarm', 'update', '--dispatcher-heartbeat', '5s');
    const before = allContainers();
    await Promise.all(daemons.map((daemon) => daemon.kill()));
    await Promise.all(daemons.map((daemon) => daemon.start()));
    for (const daemon of daemons) await eventually(() => seats(daemon), five);
    expect(allContainers()).toEqual(before);
    expect((await running(first, 'app')).filter((line) => line.endsWith(' Running')).length).toBe(5);
    await first.ask('swarm', 'update', '--dispatcher-heartbeat', '1s');
    await insist(first, 'node', 'demote', ...workers.map(({ host }) => host.name));
    await eventually(() => seats(first), ['Ready', 'Ready', 'Ready Leader', 'Ready Reachable', 'Ready Reachable']);
  });

  test('a manager leaves: it is asked first, hands over its seat, and is forgotten', async () => {
    const leaving = await leader();
    const [other] = managers.filter((daemon) => daemon !== leaving) as [HostDaemon];
    const { code, stderr } = await leaving.docker(['swarm', 'leave']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('You are attempting to leave the swarm on a node that is participating as a manager. ')]);
    expect(await leaving.askDocker('swarm', 'leave', '--force')).toBe('Node left the swarm.');
    await eventually(async () => (await placesAt(other)).filter((line) => line.startsWith(leaving.host.name)), [`${leaving.host.name} Down`]);
    await insist(other, 'node', 'rm', leaving.host.name);
    await eventually(async () => (await running(other, 'app')).filter((line) => line.endsWith(' Running')).length, 5);
    expect(containersOf(leaving)).toEqual([]);
  });
});
