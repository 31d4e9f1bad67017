/** Three managers of which two are lost, and come back, or never do: what is said, what goes on, and how the operator goes on. */
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HostDaemon } from '#test/support/daemon';
import { containersOf, HostCluster, limitMs, sortedLines } from '#test/support/host-cluster';
import { stays, until, whyNoHost } from '../../support/machine.mjs';

const reason = whyNoHost();
const image = 'shoal-quorum:1';
/** Of heartbeats: so long that a restart is none of a node's deaths, however slow the machine is. */
const patience = '10s';

describe.skipIf(reason !== undefined)(reason ? `quorum (skipped: ${reason})` : 'quorum', { timeout: 180_000 }, () => {
  let cluster: HostCluster;
  let daemons: readonly HostDaemon[];
  let logs: HostCluster['logs'];
  let eventually: HostCluster['eventually'];
  let insist: HostCluster['insist'];
  let allContainers: HostCluster['containers'];
  let one: HostDaemon;
  let two: HostDaemon;
  let three: HostDaemon;

  beforeAll(async () => {
    cluster = await HostCluster.start(3, image, stays);
    ({ daemons, logs, eventually, insist, containers: allContainers } = cluster);
    [one, two, three] = daemons as [HostDaemon, HostDaemon, HostDaemon];
    await one.ask('swarm', 'init', '--advertise-addr', one.host.address, '--dispatcher-heartbeat', patience);
    const token = await one.ask('swarm', 'join-token', '-q', 'manager');
    for (const daemon of [two, three]) await daemon.ask('swarm', 'join', '--token', token, `${one.host.address}:2377`);
    await one.ask('service', 'create', '--detach', '--name', 'app', '--replicas', '3', image);
    await eventually(() => running(one), 3);
  }, 120_000);

  afterAll(async () => {
    await cluster?.end();
  }, 60_000);

  const running = async (daemon: HostDaemon): Promise<number> =>
    sortedLines((await daemon.docker(['service', 'ps', 'app', '--filter', 'desired-state=running', '--format', '{{.CurrentState}}'])).stdout).filter((line) =>
      line.startsWith('Running'),
    ).length;
  const places = async (daemon: HostDaemon): Promise<string[]> =>
    sortedLines((await daemon.docker(['node', 'ls', '--format', '{{.Status}} {{.ManagerStatus}}'])).stdout).map((line) => line.trim());
  /** Ends it so that it is known to be dead within seconds: a session learns the period when it begins. */
  const deadSoon = async (daemon: HostDaemon): Promise<void> => {
    await insist(one, 'swarm', 'update', '--dispatcher-heartbeat', '2s');
    await daemon.kill();
    await daemon.start();
    await eventually(() => places(daemon), whole);
    await daemon.kill();
  };
  const whole = ['Ready Leader', 'Ready Reachable', 'Ready Reachable'];

  test('all restarted at once, they are as they were', async () => {
    const before = allContainers();
    await Promise.all(daemons.map((daemon) => daemon.kill()));
    // One of them under another address: what becomes of that is looked at when it has had its time.
    const { host } = three;
    const moved = host.address.replace(/\d+$/, '33');
    host.run(['ip', 'addr', 'del', `${host.address}/24`, 'dev', 'cluster0']);
    host.run(['ip', 'addr', 'add', `${moved}/24`, 'dev', 'cluster0']);
    host.address = moved;
    await Promise.all(daemons.map((daemon) => daemon.start()));
    for (const daemon of daemons) await eventually(() => places(daemon), whole);
    expect(allContainers()).toEqual(before);
    expect(await running(two)).toBe(3);
  });

  test('locked managers keep what runs, and need the key after a restart; another key reaches one that was away', async () => {
    const before = allContainers();
    const keyBytes = ({ state }: HostDaemon): number => statSync(join(state, 'raft', 'key')).size;
    const certificateKey = ({ state }: HostDaemon): string => readFileSync(join(state, 'certificates', 'swarm-node.key'), 'utf8').split('\n')[0] ?? '';
    const sealed = async (daemon: HostDaemon, isSealed: boolean): Promise<void> => {
      await eventually(() => keyBytes(daemon) > 32, isSealed);
      await eventually(() => certificateKey(daemon), isSealed ? '-----BEGIN ENCRYPTED PRIVATE KEY-----' : '-----BEGIN PRIVATE KEY-----');
    };
    const stateOf = (daemon: HostDaemon) => daemon.askDocker('info', '--format', '{{.Swarm.LocalNodeState}}');
    const unlock = (daemon: HostDaemon, input: string) => daemon.docker(['swarm', 'unlock'], { input });
    for (const daemon of daemons) await sealed(daemon, false);
    await insist(two, 'swarm', 'update', '--autolock=true');
    const key = await three.askDocker('swarm', 'unlock-key', '-q');
    expect(key).toMatch(/^SWMKEY-1-[\w+/]{43}$/);
    expect((await unlock(one, key)).stderr).toContain('Error: swarm is not locked');
    for (const daemon of daemons) await sealed(daemon, true);

    await one.kill();
    await one.start();
    expect(await stateOf(one)).toBe('locked');
    const locked = 'Swarm is encrypted and needs to be unlocked before it can be used. Please use "docker swarm unlock" to unlock it.';
    for (const args of [
      ['node', 'ls'],
      ['service', 'ls'],
      ['swarm', 'unlock-key'],
      ['swarm', 'update', '--autolock=false'],
    ])
      expect((await one.docker(args)).stderr, args.join(' ')).toContain(locked);
    expect((await one.docker(['swarm', 'leave'])).stderr).toContain(
      'Swarm is encrypted and locked. Please unlock it first or use `--force` to ignore this message.',
    );
    expect((await one.docker(['swarm', 'init'])).stderr).toContain('This node is already part of a swarm');
    expect(await unlock(one, `SWMKEY-1-${'A'.repeat(43)}`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('swarm could not be unlocked: invalid key provided'),
    });
    expect(await unlock(one, 'x')).toMatchObject({ code: 1, stderr: expect.stringContaining('invalid key string') });
    expect(allContainers()).toEqual(before);
    expect(await unlock(one, key)).toMatchObject({ code: 0, stderr: '' });
    // Whoever goes on at once finds it taking part.
    expect((await one.askDocker('node', 'inspect', 'self', '--format', '{{.Status.State}}')).trim()).toBe('ready');
    for (const daemon of daemons) await eventually(() => places(daemon), whole);

    await three.kill();
    await insist(one, 'swarm', 'unlock-key', '--rotate');
    const next = await one.askDocker('swarm', 'unlock-key', '-q');
    expect(next).not.toBe(key);
    await three.start();
    expect((await unlock(three, next)).stderr).toContain('invalid key provided');
    expect(await three.run(['swarm', 'unlock'], { input: `${key}\n` })).toMatchObject({ code: 0 });
    for (const daemon of daemons) await eventually(() => places(daemon), whole);
    await until(
      async () => {
        await three.kill();
        await three.start();
        return (await unlock(three, next)).code === 0;
      },
      limitMs,
      () => logs(),
    );
    for (const daemon of daemons) await eventually(() => places(daemon), whole);
    await insist(two, 'swarm', 'update', '--autolock=false');
    for (const daemon of daemons) await sealed(daemon, false);
    expect((await one.docker(['swarm', 'unlock-key'])).stderr).toContain('no unlock key is set');
    await one.kill();
    await one.start();
    for (const daemon of daemons) await eventually(() => places(daemon), whole);
    expect(allContainers()).toEqual(before);
  });

  test('a manager that came back with another address is known there, by all', async () => {
    const { address } = three.host;
    const where = async (daemon: HostDaemon) => {
      const remotes = await daemon.askDocker('info', '--format', '{{range .Swarm.RemoteManagers}}{{.Addr}} {{end}}');
      const [seat = '', node = ''] = (await daemon.askDocker('node', 'inspect', three.host.name, '--format', '{{.ManagerStatus.Addr}} {{.Status.Addr}}')).split(
        ' ',
      );
      return [remotes.includes(`${address}:2377`), seat, node.trim()];
    };
    for (const daemon of daemons) await eventually(() => where(daemon), [true, `${address}:2377`, address]);
    expect((await three.askDocker('info', '--format', '{{.Swarm.NodeAddr}}')).trim()).toBe(address);
  });

  test('the root of certificates is exchanged four times in a row, and once while a manager is away: nobody is started again, and it comes back by its key', async () => {
    const before = allContainers();
    const tokens = new Set([await one.ask('swarm', 'join-token', '-q', 'worker')]);
    const roots = new Set([await one.ask('swarm', 'ca')]);
    for (const daemon of [one, two, three, one]) {
      expect(await daemon.run(['swarm', 'ca', '--rotate']), logs()).toMatchObject({ code: 0 });
      tokens.add(await one.ask('swarm', 'join-token', '-q', 'worker'));
      roots.add(await two.ask('swarm', 'ca'));
    }
    expect([tokens.size, roots.size]).toEqual([5, 5]);
    // One that another takes the place of at once.
    expect(await two.run(['swarm', 'ca', '--rotate', '--detach'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(await one.run(['swarm', 'ca', '--rotate', '--quiet']), logs()).toMatchObject({ code: 0, stderr: '' });
    roots.add(await two.ask('swarm', 'ca'));
    for (const daemon of daemons) await eventually(() => places(daemon), whole);
    for (const { state } of daemons) expect(roots).toContain(readFileSync(join(state, 'certificates', 'swarm-root-ca.crt'), 'utf8').trim());

    expect(allContainers()).toEqual(before);

    await deadSoon(three);
    await eventually(async () => (await places(one)).filter((line) => line.startsWith('Down')).length, 1);
    expect(await one.run(['swarm', 'ca', '--rotate']), logs()).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('Nodes that are down get their certificates'),
    });
    const root = await one.ask('swarm', 'ca');
    await three.start();
    for (const daemon of daemons) await eventually(() => places(daemon), whole);
    for (const { state } of daemons) await eventually(() => readFileSync(join(state, 'certificates', 'swarm-root-ca.crt'), 'utf8').trim(), root);
    await insist(one, 'swarm', 'update', '--dispatcher-heartbeat', patience);
    await eventually(() => running(one), 3);
    await eventually(() => allContainers().length, 3);
  });

  test('without a majority a change is refused, and it is said who is missing; what runs runs on, and a stale read is answered', async () => {
    const before = allContainers();
    await Promise.all([two, three].map((daemon) => daemon.kill()));
    let said = '';
    await until(
      async () => (said = (await one.docker(['config', 'create', 'c', one.file('c', 'x')])).stderr).includes('missing: '),
      limitMs,
      () => `${said}\n${logs()}`,
    );
    expect(said).toContain(
      "The swarm does not have a leader. It's possible that too few managers are online. Make sure more than half of the managers are online.",
    );
    expect(said).toMatch(/Since \S+Z only 1 of 3 managers answer; missing: .*:2377\), .*:2377\)\. Start them again: services run on meanwhile\./);
    for (const { host } of [two, three]) expect(said).toContain(`${host.address}:2377`);
    expect(await one.askDocker('info', '--format', '{{.Swarm.LocalNodeState}} {{.Swarm.Error}}')).toMatch(/^active The swarm does not have a leader/);
    const stale = JSON.parse(one.host.run(['curl', '-s', '--unix-socket', one.socket, 'http://shoal/services?stale=1'])) as { Spec: { Name: string } }[];
    expect(stale.map(({ Spec }) => Spec.Name)).toEqual(['app']);
    const looked = await one.run(['network', 'doctor']);
    expect([looked.code, looked.stdout.split('\n')[0]]).toEqual([
      1,
      expect.stringMatching(/^no manager leads \(The swarm does not have a leader.*\): this node was looked at by what it knows; 2 other nodes/),
    ]);
    for (const { host } of [two, three]) expect(looked.stdout).toContain(`managers: the manager at ${host.address}:2377 is not reached by TCP`);
    expect((await one.run(['network', 'doctor', two.host.name])).stderr).toContain('without a leader a manager looks at itself alone');
    expect(allContainers()).toEqual(before);
    await two.start();
    await insist(one, 'config', 'create', 'back', one.file('back', 'x'));
    await three.start();
    await eventually(() => places(three), whole);
    expect(allContainers()).toEqual(before);
  });

  test('lost for good: one goes on alone with all that was acknowledged, and those of before become workers when they come back', async () => {
    const before = allContainers();
    await insist(two, 'config', 'create', 'last', two.file('last', 'x'));
    await Promise.all([two, three].map((daemon) => daemon.kill()));
    await one.ask('swarm', 'init', '--force-new-cluster');
    expect(sortedLines(await one.askDocker('config', 'ls', '--format', '{{.Name}}'))).toEqual(expect.arrayContaining(['back', 'last']));
    await insist(one, 'config', 'create', 'alone', one.file('alone', 'x'));
    await Promise.all([two, three].map((daemon) => daemon.start()));
    await eventually(() => places(one), ['Ready', 'Ready', 'Ready Leader']);
    // Only then they have let their old seats go.
    for (const daemon of [two, three]) await eventually(() => existsSync(join(daemon.state, 'raft')), false);
    for (const daemon of [two, three]) await eventually(async () => daemon.askDocker('info', '--format', '{{.Swarm.ControlAvailable}}'), 'false');
    expect(allContainers()).toEqual(before);
    // And managers again.
    for (const daemon of [two, three]) await insist(one, 'node', 'promote', daemon.host.name);
    for (const daemon of daemons) await eventually(() => places(daemon), whole);
    expect(sortedLines(await three.askDocker('config', 'ls', '--format', '{{.Name}}'))).toEqual(expect.arrayContaining(['alone', 'back', 'last']));
    expect(allContainers()).toEqual(before);
  });

  test('a manager that lost its disk is replaced by one command', async () => {
    const [near] = daemons.map(containersOf) as [string[]];
    const lost = await three.askDocker('info', '--format', '{{.Swarm.NodeID}}');
    const token = await one.ask('swarm', 'join-token', '-q', 'manager');
    const to = `${one.host.address}:2377`;

    await deadSoon(three);
    rmSync(three.state, { recursive: true });
    await three.start();
    await until(
      async () => (await three.run(['swarm', 'join', '--token', token, '--replace', lost, to])).code === 0,
      limitMs,
      () => logs(),
    );
    for (const daemon of daemons) await eventually(() => places(daemon), whole);
    expect(await one.askDocker('node', 'ls', '-q')).not.toContain(lost);
    await eventually(() => running(three), 3);
    expect(containersOf(one)).toEqual(expect.arrayContaining(near));
  });

  test('the drill: a backup of all managers, taken from any of them, brings the cluster back on one that has nothing left', async () => {
    const environment = { SHOAL_BACKUP_PASSPHRASE: 'correct horse' };
    const file = join(two.folder, 'cluster.backup');
    // So long that nobody is given up, however slow the machine is.
    await insist(two, 'swarm', 'update', '--dispatcher-heartbeat', '60s');
    await insist(two, 'secret', 'create', 'kept', two.file('kept', 'hidden-in-the-backup'));
    await eventually(() => running(one), 3);
    const before = allContainers();
    const token = await one.ask('swarm', 'join-token', '-q', 'manager');
    expect(await two.run(['backup', file], { environment })).toMatchObject({ code: 0 });
    const bytes = readFileSync(file);
    expect(bytes.includes('hidden-in-the-backup')).toBe(false);
    // Nothing of it is done where the node holds a cluster, nor with what is not whole.
    const refused = async (daemon: HostDaemon, path: string, phrase: string, ...flags: string[]) =>
      (await daemon.run(['restore', ...flags, path], { environment: { SHOAL_BACKUP_PASSPHRASE: phrase } })).stderr;
    expect(await refused(one, file, 'correct horse')).toContain('this node holds a cluster already');
    expect(await refused(one, file, 'wrong horse', '--force')).toContain('the passphrase is not that of the backup');
    writeFileSync(`${file}.cut`, bytes.subarray(0, bytes.length - 100));
    expect(await refused(one, `${file}.cut`, 'correct horse', '--force')).toContain('the backup is cut off');
    for (const daemon of daemons) await eventually(() => places(daemon), whole);

    await Promise.all(daemons.map((daemon) => daemon.kill()));
    rmSync(one.state, { recursive: true });
    await one.start();
    expect(await one.askDocker('info', '--format', '{{.Swarm.LocalNodeState}}')).toBe('inactive');
    const { stdout, code } = await one.run(['restore', '--advertise-addr', one.host.address, file], { environment });
    expect([code, stdout]).toEqual([0, expect.stringMatching(/is its only manager\.\nContainers of its tasks that are here already: \d+\. They go on/)]);
    expect(sortedLines(await one.askDocker('secret', 'ls', '--format', '{{.Name}}'))).toContain('kept');
    // Those of before come by themselves, one after the other: two of three would still be a cluster of their own.
    for (const daemon of [two, three]) {
      await daemon.start();
      await eventually(() => existsSync(join(daemon.state, 'raft')), false);
    }
    await eventually(() => places(one), ['Ready', 'Ready', 'Ready Leader']);
    await eventually(() => running(one), 3);
    expect(allContainers()).toEqual(before);
    expect(await one.ask('swarm', 'join-token', '-q', 'manager')).toBe(token);
    for (const daemon of [two, three]) await insist(one, 'node', 'promote', daemon.host.name);
    for (const daemon of daemons) await eventually(() => places(daemon), whole);
    expect(allContainers()).toEqual(before);
  });
});
