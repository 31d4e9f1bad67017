/** Requests through every host while services are updated, nodes drained, a leader killed and daemons started again: how many fail. */
import { copyFileSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { HostDaemon } from '../../support/daemon.ts';
import { startHosts } from '../../support/hosts.mjs';
import { loadImage, until, type Host } from '../../support/machine.mjs';
import { callSocket } from '../daemon.ts';
import type { Row } from '../figures.ts';
import { Load } from './generator.ts';

const image = 'shoal-load:1';
const limitMs = 120_000;
const replicas = 6;
const port = 8080;
const otherPort = 8081;

interface Options {
  hosts: number;
  updates: number;
  perSecond: number;
  /** How often the leader is killed. */
  kills: number;
  /** Of `updates`, `ports`, `drain`, `restarts` and `kills`; empty: all. */
  parts: readonly string[];
  /** A folder that keeps the daemons' logs. */
  logs?: string;
}

export async function benchLoad(options: Options, say: (text: string) => void): Promise<Row[]> {
  const machines = await startHosts(options.hosts);
  const daemons = machines.hosts.map((host: Host, at: number) => new HostDaemon(host, `l${at}`, ['--safe-mode=false']));
  try {
    for (const host of machines.hosts) {
      host.run(['iptables', '-P', 'FORWARD', 'DROP']);
      loadImage(host.socket, image, { files: { 'server.cjs': readFileSync(new URL('server.cjs', import.meta.url), 'utf8') } });
    }
    await Promise.all(daemons.map((daemon) => daemon.start()));
    return await new Trial(daemons, options).run(say);
  } finally {
    for (const { log, name } of options.logs === undefined ? [] : daemons) copyFileSync(log, join(options.logs ?? '', `${name}.log`));
    await Promise.all(daemons.map((daemon) => daemon.remove()));
    await machines.stop();
  }
}

class Trial {
  readonly #daemons: readonly HostDaemon[];
  readonly #options: Options;
  readonly #ids = new Map<HostDaemon, string>();

  constructor(daemons: readonly HostDaemon[], options: Options) {
    this.#daemons = daemons;
    this.#options = options;
  }

  async run(say: (text: string) => void): Promise<Row[]> {
    const { perSecond, updates, kills, parts } = this.#options;
    const wanted = (part: string): boolean => parts.length === 0 || parts.includes(part);
    await this.#form();
    const load = new Load(
      this.#daemons.map(({ host }) => host.address),
      port,
      perSecond,
    );
    load.start();
    const rows: Row[] = [];
    const step = async (what: string, work: () => Promise<void>): Promise<void> => {
      const [calls, failed, began] = [load.calls, load.failures.length, performance.now()];
      await work();
      await pause(500);
      const failures = load.failures.slice(failed);
      say(`  ${what}: ${load.calls - calls} requests in ${((performance.now() - began) / 1000).toFixed(1)} s, ${failures.length} failed`);
      for (const { host, from, kept, code, began: at, tookMs } of failures.slice(0, 8))
        say(`    ${at} ${host} from port ${from} ${kept ? 'kept' : 'new'} ${code} after ${tookMs} ms`);
      rows.push({ what: `load: ${what}`, figure: `${failures.length} of ${load.calls - calls} requests failed`, target: '0', met: failures.length === 0 });
    };
    await step('nothing happens', () => pause(3000));
    for (let at = 0; wanted('updates') && at < updates; at++) {
      const order = at % 2 === 0 ? 'stop-first' : 'start-first';
      await step(`update ${at + 1}, ${order}`, () => this.#update(at, order));
    }
    for (let at = 0; wanted('ports') && at < updates; at++) {
      const change = at % 2 === 0 ? '--publish-add' : '--publish-rm';
      await step(`${change} ${otherPort}`, () => this.#changePorts(at, change));
    }
    if (wanted('drain')) await step('a drain and its end', () => this.#drain());
    if (wanted('restarts')) for (const [at, daemon] of this.#daemons.entries()) await step(`daemon ${at + 1} starts again`, () => this.#again(daemon));
    for (let at = 0; wanted('kills') && at < kills; at++) await step(`the leader is killed, ${at + 1}`, () => this.#killLeader());
    await load.stop();
    say(`  ${load.calls} requests, ${load.failures.length} failed, ${load.seen.size} tasks answered`);
    const all = { what: 'load: all of it', figure: `${load.failures.length} of ${load.calls} requests failed`, target: '0', met: load.failures.length === 0 };
    return [all, ...rows.filter(({ met }) => met === false)];
  }

  async #form(): Promise<void> {
    const [first] = this.#daemons as [HostDaemon];
    await first.ask('swarm', 'init', '--advertise-addr', first.host.address);
    for (const [at, daemon] of this.#daemons.slice(1).entries()) {
      const token = await first.ask('swarm', 'join-token', '-q', at < 2 ? 'manager' : 'worker');
      await daemon.ask('swarm', 'join', '--token', token, `${first.host.address}:2377`);
    }
    for (const daemon of this.#daemons) {
      const info = (await callSocket(daemon.socket, 'GET', '/info', undefined)) as { Swarm: { NodeID: string } };
      this.#ids.set(daemon, info.Swarm.NodeID);
    }
    const program = process.execPath;
    // The machine's own Node, which no image has to carry.
    const mounts = ['/usr', '/lib', '/lib64', ...(program.startsWith('/usr/') ? [] : [dirname(program)])].map(
      (path) => `type=bind,source=${path},target=${path},readonly`,
    );
    const check = [
      '--health-cmd',
      '/bin/busybox wget -q -O /dev/null http://127.0.0.1/',
      // A look costs as much as a hundred requests.
      '--health-interval',
      '2s',
      '--health-timeout',
      '5s',
      '--health-retries',
      '5',
    ];
    await first.askDocker('network', 'create', '-d', 'overlay', 'front');
    const flags = [`--name=web --network=front --replicas=${replicas} -p=${port}:80`, '--stop-grace-period=10s --update-parallelism=2 --update-monitor=1s'];
    const all = [...flags.flatMap((line) => line.split(' ')), ...check, ...mounts.flatMap((mount) => ['--mount', mount])];
    await first.askDocker('service', 'create', '-d', ...all, image, program, '/server.cjs');
    await this.#settled(first);
    // Where every host leads nobody astray, which is when its first answers come.
    for (const { host } of this.#daemons) await until(() => fetch(`http://${host.address}:${port}`).then(({ ok }) => ok, () => false), limitMs, () => `no answer by ${host.address}`); // prettier-ignore
  }

  async #update(at: number, order: string): Promise<void> {
    const daemon = this.#daemons[at % Math.min(3, this.#daemons.length)] as HostDaemon;
    await daemon.askDocker('service', 'update', '-d', '--env-add', `TURN=${at}`, '--update-order', order, 'web');
    await this.#settled(daemon);
  }

  /** Of a port that nobody is asked at; every other update takes nobody out before another is in. */
  async #changePorts(at: number, change: string): Promise<void> {
    const daemon = this.#daemons[at % Math.min(3, this.#daemons.length)] as HostDaemon;
    const order = at % 4 < 2 ? 'stop-first' : 'start-first';
    await daemon.askDocker('service', 'update', '-d', change, change === '--publish-add' ? `${otherPort}:81` : '81', '--update-order', order, 'web');
    await this.#settled(daemon);
  }

  async #drain(): Promise<void> {
    const [by] = this.#daemons as [HostDaemon];
    const id = this.#ids.get(this.#daemons.at(-1) as HostDaemon) ?? '';
    await by.askDocker('node', 'update', '--availability', 'drain', id);
    await this.#settled(by);
    await by.askDocker('node', 'update', '--availability', 'active', id);
    await by.askDocker('service', 'update', '-d', '--force', 'web');
    await this.#settled(by);
  }

  async #again(daemon: HostDaemon): Promise<void> {
    await daemon.stop();
    await daemon.start();
    // The last two are workers, who are not told.
    await this.#settled(this.#daemons.indexOf(daemon) < 3 ? daemon : (this.#daemons[0] as HostDaemon));
  }

  async #killLeader(): Promise<void> {
    const [by] = this.#daemons as [HostDaemon];
    const nodes = (await callSocket(by.socket, 'GET', '/nodes', undefined)) as { ID: string; ManagerStatus?: { Leader?: boolean } }[];
    const leader = this.#daemons.find((daemon) => this.#ids.get(daemon) === nodes.find(({ ManagerStatus }) => ManagerStatus?.Leader)?.ID) ?? by;
    await leader.kill();
    const other = this.#daemons.find((daemon) => daemon !== leader) as HostDaemon;
    await this.#settled(other, this.#ids.get(leader));
    await leader.start();
    await this.#settled(leader);
  }

  /** The service is as it should be: all tasks run, none is on its way out, no update is under way. Of what the node `dead` had nothing is known. */
  async #settled(by: HostDaemon, dead?: string): Promise<void> {
    let text = '';
    await until(
      async () => {
        const tasks = (await callSocket(by.socket, 'GET', '/tasks', undefined).catch(() => [])) as {
          NodeID: string;
          DesiredState: string;
          Status: { State: string };
        }[];
        const nodes = (await callSocket(by.socket, 'GET', '/nodes', undefined).catch(() => [])) as { ID: string; Status: { State: string } }[];
        const [service] = (await callSocket(by.socket, 'GET', '/services', undefined).catch(() => [])) as { UpdateStatus?: { State: string } }[];
        const running = tasks.filter(({ DesiredState, Status }) => DesiredState === 'running' && Status.State === 'running').length;
        const leaving = tasks.filter(({ NodeID, DesiredState, Status }) => NodeID !== dead && DesiredState !== 'running' && Status.State === 'running').length;
        text = `${running} run, ${leaving} leave, update ${service?.UpdateStatus?.State}`;
        return (
          running === replicas &&
          leaving === 0 &&
          service?.UpdateStatus?.State !== 'updating' &&
          nodes.length > 0 &&
          nodes.every(({ ID, Status }) => Status.State === (ID === dead ? 'down' : 'ready'))
        );
      },
      limitMs,
      () => `${text}\n${by.lastLog()}`,
    );
  }
}
