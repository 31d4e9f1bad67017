/** Chaos by a seed on five real hosts: processes die, links are cut, nodes are drained, while people deploy, scale and exchange secrets. In the end what runs is what is wanted, and every acknowledged write is there. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { integerBetween, seededRandom } from '#base/random';
import { HostDaemon } from '../../support/daemon.ts';
import { startHosts } from '../../support/hosts.mjs';
import { loadImage, until, type Host } from '../../support/machine.mjs';
import { callSocket } from '../daemon.ts';
import type { Row } from '../figures.ts';
import { Faults } from './faults.ts';
import { Ledger, type Wanted } from './ledger.ts';
import { Writes, wantedOf, type ServiceBody } from './writes.ts';

const image = 'shoal-chaos:1';
const limitMs = 180_000;
const journalFile = '.test/chaos.log';

interface Found {
  service: string;
  task: string;
  word: string;
  secret: string;
}

export async function benchChaos({ minutes, seed }: { minutes: number; seed: number }, say: (text: string) => void): Promise<Row[]> {
  const machines = await startHosts(5);
  const daemons = machines.hosts.map((host: Host, at: number) => new HostDaemon(host, `h${at}`, ['--safe-mode=false']));
  mkdirSync('.test', { recursive: true });
  rmSync(journalFile, { force: true });
  const began = performance.now();
  const journal = (text: string): void => appendFileSync(journalFile, `${((performance.now() - began) / 1000).toFixed(2)} ${text}\n`);
  say(`  seed ${seed}, journal in ${journalFile}`);
  try {
    for (const { socket } of machines.hosts) loadImage(socket, image, { command: ['/bin/sleep', '100000'] });
    await Promise.all(daemons.map((daemon) => daemon.start()));
    await form(daemons);
    const random = seededRandom(seed, 'chaos');
    const ledger = new Ledger();
    const faults = new Faults(machines, daemons, random.split('faults'), journal);
    const writes = new Writes(daemons.slice(0, 3), image, ledger, random.split('writes'));
    const when = random.split('when');
    for (const end = performance.now() + minutes * 60_000; performance.now() < end; await pause(integerBetween(when, 200, 2500))) {
      if (integerBetween(when, 0, 2) === 0) faults.one();
      journal(await writes.one());
    }
    await faults.end();
    journal('everything is mended');
    return [...(await judge(daemons, faults, ledger, journal)), ...healthRows(daemons, faults, ledger, minutes)];
  } finally {
    await Promise.all(daemons.map((daemon) => daemon.remove()));
    await machines.stop();
  }
}

async function form(daemons: readonly HostDaemon[]): Promise<void> {
  const [first] = daemons as [HostDaemon];
  await first.ask('swarm', 'init', '--advertise-addr', first.host.address);
  for (const [at, daemon] of daemons.slice(1).entries()) {
    const token = await first.ask('swarm', 'join-token', '-q', at < 2 ? 'manager' : 'worker');
    await daemon.ask('swarm', 'join', '--token', token, `${first.host.address}:2377`);
  }
}

/** Waits until what runs is what is wanted, and compares that with what was acknowledged. */
async function judge(daemons: readonly HostDaemon[], faults: Faults, ledger: Ledger, journal: (text: string) => void): Promise<Row[]> {
  const [first] = daemons as [HostDaemon];
  const began = performance.now();
  for (const daemon of daemons) if (!daemon.alive) await daemon.start();
  for (const daemon of daemons) await faults.setAvailability(daemon, 'active');
  let differences: string[] = [];
  const settled = async (): Promise<boolean> => {
    const services = (await callSocket(first.socket, 'GET', '/services', undefined).catch(() => undefined)) as ServiceBody[] | undefined;
    const nodes = (await callSocket(first.socket, 'GET', '/nodes', undefined).catch(() => [])) as { Status: { State: string } }[];
    if (!services || nodes.filter(({ Status }) => Status.State === 'ready').length !== daemons.length) {
      differences = ['not all nodes are ready'];
      return false;
    }
    differences = differencesOf(services, daemons.flatMap(containersOn));
    return differences.length === 0;
  };
  const whole = await until(settled, limitMs, () => '').then(
    () => true,
    () => false,
  );
  const settledMs = performance.now() - began;
  for (const difference of differences) journal(`DIFFERENCE ${difference}`);
  const services = (await callSocket(first.socket, 'GET', '/services', undefined)) as ServiceBody[];
  const seen = new Map<string, Wanted>(services.map((service) => [service.Spec.Name, wantedOf(service)]));
  const lost = ledger.all.flatMap((name) => ledger.fault(name, seen.get(name)) ?? []);
  for (const fault of lost) journal(`LOST ${fault}`);
  return [
    {
      what: 'chaos over: what runs is what is wanted, none twice',
      figure: whole ? `after ${(settledMs / 1000).toFixed(1)} s` : `no: ${differences.slice(0, 5).join('; ')}`,
      target: 'yes',
      met: whole,
    },
    { what: 'acknowledged writes that are not there', figure: lost.length === 0 ? '0' : lost.slice(0, 5).join('; '), target: '0', met: lost.length === 0 },
  ];
}

function differencesOf(services: readonly ServiceBody[], containers: readonly Found[]): string[] {
  const differences: string[] = [];
  for (const service of services) {
    const { replicas, word, secret } = wantedOf(service);
    const own = containers.filter((container) => container.service === service.Spec.Name);
    if (own.length !== replicas) differences.push(`${service.Spec.Name} has ${own.length} containers and not ${replicas}`);
    const other = own.filter((container) => container.word !== word || container.secret !== secret);
    if (other.length > 0) differences.push(`${service.Spec.Name} runs ${JSON.stringify(other[0])} and not ${word}, ${secret}`);
  }
  const known = new Set(services.map(({ Spec }) => Spec.Name));
  for (const { service, task } of containers) if (!known.has(service)) differences.push(`task ${task} of ${service} runs, which is gone`);
  if (new Set(containers.map(({ task }) => task)).size < containers.length) differences.push('a task has two containers');
  return differences;
}

function containersOn({ host }: HostDaemon): Found[] {
  const ids = host.docker(['ps', '-q', '--filter', 'label=com.docker.swarm.task.id']).split('\n').filter(Boolean);
  return ids.flatMap((id) => {
    try {
      const [service = '', task = ''] = host
        .docker(['inspect', '-f', '{{index .Config.Labels "com.docker.swarm.service.name"}} {{index .Config.Labels "com.docker.swarm.task.id"}}', id])
        .trim()
        .split(' ');
      const [word = '', secret = ''] = host.docker(['exec', id, 'sh', '-c', 'echo $WORD $(cat /run/secrets/word)']).trim().split(' ');
      return [{ service, task, word, secret }];
    } catch {
      // It ends just now: the next look sees what is left.
      return [{ service: 'ending', task: id, word: '', secret: '' }];
    }
  });
}

function healthRows(daemons: readonly HostDaemon[], faults: Faults, ledger: Ledger, minutes: number): Row[] {
  const dead = daemons.filter((daemon) => !daemon.alive).map(({ name }) => name);
  const errors = daemons.flatMap((daemon) =>
    existsSync(daemon.log)
      ? readFileSync(daemon.log, 'utf8')
          .split('\n')
          .filter((line) => /"level":"(error|fatal)"/.test(line))
      : [],
  );
  for (const line of errors.slice(0, 20)) appendFileSync(journalFile, `LOG ${line.slice(0, 500)}\n`);
  return [
    { what: `chaos of ${minutes} min: faults`, figure: String(faults.count) },
    { what: 'writes acknowledged, and unanswered', figure: `${ledger.acknowledged}, ${ledger.unanswered}` },
    { what: 'daemons that ended by themselves', figure: dead.length === 0 ? '0' : dead.join(', '), target: '0', met: dead.length === 0 },
    { what: 'errors in their logs', figure: String(errors.length) },
  ];
}
