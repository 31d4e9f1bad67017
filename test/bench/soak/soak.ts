/** `npm run bench -- soak --minutes N`: one daemon under load of all kinds for a long time. It must not end, not grow, and be right afterwards. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { seededRandom } from '#base/random';
import { HostDaemon } from '#test/support/daemon';
import { resolverPid } from '#test/support/resolver-process';
import { loadImage, startHost, until, type Host } from '../../support/machine.mjs';
import { median, type Row } from '../figures.ts';
import { chatter, deployed, getText, image, Load } from './load.ts';
import { lineOf, sample, type Sample } from './meter.ts';
import { goodStack } from './repositories.ts';

const minuteMs = 60_000;
const growthTarget = 1.3;
/** When memory is taken to be what it stays. */
const warmMinutes = 10;
/** Descriptors that may come on top: idle connections, a worker's pipes. */
const descriptorSlack = 12;
const settleLimitMs = 180_000;

export async function benchSoak(minutes: number, say: (text: string) => void): Promise<Row[]> {
  const seed = Number(process.env['SHOAL_SEED'] ?? Date.now() % 1_000_000);
  say(`soak: seed ${seed}, ${minutes} minutes`);
  const host = await startHost();
  try {
    loadImage(host.socket, image, { command: chatter });
    return await soak(host, minutes, seed, say);
  } finally {
    await host.stop();
  }
}

async function soak(host: Host, minutes: number, seed: number, say: (text: string) => void): Promise<Row[]> {
  const daemon = new HostDaemon(host, 'soak');
  await daemon.start();
  const pid = daemon.pid;
  const take = async (minute: number): Promise<Sample> => {
    const metrics = await getText(daemon.socket, '/metrics').catch(() => undefined);
    const names = readdirSync(daemon.runFolder).find((name) => name.startsWith('resolver'));
    const resolver = names === undefined ? undefined : await resolverPid(join(daemon.runFolder, names)).catch(() => undefined);
    const taken = sample(minute, pid, resolver, metrics);
    say(lineOf(taken));
    return taken;
  };
  try {
    await daemon.ask('swarm', 'init', '--advertise-addr', host.address);
    const atRest = await take(0);
    const load = new Load(host, daemon, pid, seededRandom(seed));
    const samples: Sample[] = [];
    await load.start();
    for (let minute = 1; minute <= minutes && daemon.alive; minute++) {
      await pause(minuteMs);
      samples.push(await take(minute));
    }
    await load.stop();
    say(`done: ${JSON.stringify(load.counts)}, ${(load.followed.bytes / 1e6).toFixed(1)} MB followed`);
    const ended = daemon.alive ? 0 : 1;
    const settled = ended === 0 ? await settle(daemon, host) : 'the daemon ended';
    const after = await take(minutes + 1);
    const leftovers = ended === 0 ? await leave(daemon, host) : 'the daemon ended';
    load.remove();
    if (ended > 0) say(daemon.lastLog());
    return rowsOf({ ended, atRest, samples, after, settled, leftovers });
  } finally {
    await daemon.remove();
  }
}

/** Asks for what is good and waits until everything that is wanted runs; empty when it does. */
async function settle(daemon: HostDaemon, host: Host): Promise<string> {
  for (const name of deployed) await daemon.deploy(name, goodStack(image, 1_000_000, 2), ['--detach']);
  let difference = '';
  const fits = async (): Promise<boolean> => {
    const services = JSON.parse(await getText(daemon.socket, '/services?status=true')) as {
      Spec: { Name: string };
      ServiceStatus: { RunningTasks: number; DesiredTasks: number };
    }[];
    const unfit = services.filter(({ ServiceStatus: { RunningTasks, DesiredTasks } }) => RunningTasks !== DesiredTasks);
    const wanted = services.reduce((sum, { ServiceStatus }) => sum + ServiceStatus.DesiredTasks, 0);
    const run = host.docker(['ps', '-q', '--filter', 'label=com.docker.swarm.task.id']).split('\n').filter(Boolean).length;
    difference = [
      ...unfit.map(({ Spec, ServiceStatus }) => `${Spec.Name} ${ServiceStatus.RunningTasks}/${ServiceStatus.DesiredTasks}`),
      `${run} of ${wanted} containers`,
    ].join(', ');
    return unfit.length === 0 && run === wanted && wanted > 0;
  };
  return until(
    () => fits().catch(() => false),
    settleLimitMs,
    () => difference,
  ).then(
    () => '',
    (error: unknown) => String(error),
  );
}

/** Leaves the cluster; what is left on the engine then, empty for nothing. */
async function leave(daemon: HostDaemon, host: Host): Promise<string> {
  await daemon.run(['swarm', 'leave', '--force']);
  const left = (): string[] => [
    ...host
      .docker(['ps', '-aq', '--filter', 'label=com.docker.swarm.task.id'])
      .split('\n')
      .filter(Boolean)
      .map((id) => `container ${id}`),
    ...host
      .docker(['network', 'ls', '--filter', 'type=custom', '--format', '{{.Name}}'])
      .split('\n')
      .filter(Boolean)
      .map((name) => `network ${name}`),
    ...readdirSync(daemon.runFolder, { recursive: true })
      .map(String)
      .filter((name) => name.includes('secret'))
      .map((name) => `file ${name}`),
  ];
  return until(
    () => left().length === 0,
    settleLimitMs,
    () => left().join(', '),
  ).then(
    () => '',
    (error: unknown) => String(error),
  );
}

interface Outcome {
  ended: number;
  atRest: Sample;
  samples: readonly Sample[];
  after: Sample;
  settled: string;
  leftovers: string;
}

function rowsOf({ ended, atRest, samples, after, settled, leftovers }: Outcome): Row[] {
  const warm = Math.min(warmMinutes, Math.ceil(samples.length / 3));
  const about = (figure: (each: Sample) => number, minute: number): number =>
    median(samples.filter((each) => Math.abs(each.minute - minute) <= 1).map((each) => figure(each)));
  const rss = [warm, samples.length - 1].map((minute) => about(({ rssMB }) => rssMB, minute));
  const names = [warm, samples.length - 1].map((minute) => about(({ resolver }) => resolver?.pssMB ?? 0, minute));
  const growth = (rss[1] ?? 0) / (rss[0] ?? 1);
  const longest = Math.max(...samples.map(({ delayMs }) => delayMs.longest));
  return [
    { what: 'soak: ends of the process', figure: String(ended), target: '0', met: ended === 0 },
    {
      what: `soak: RSS at the end against minute ${warm}`,
      figure: `${rss[1]?.toFixed(0)} MB / ${rss[0]?.toFixed(0)} MB = ${growth.toFixed(2)}`,
      target: `≤ ${growthTarget}`,
      met: growth <= growthTarget,
    },
    { what: 'soak: PSS of the resolver, likewise', figure: `${names[1]?.toFixed(0)} MB / ${names[0]?.toFixed(0)} MB` },
    {
      what: 'soak: descriptors at rest, before and after',
      figure: `${atRest.descriptors} and ${after.descriptors}`,
      target: `≤ ${descriptorSlack} more`,
      met: after.descriptors <= atRest.descriptors + descriptorSlack,
    },
    { what: 'soak: threads at rest, before and after', figure: `${atRest.threads} and ${after.threads}` },
    { what: 'soak: longest delay of the event loop', figure: `${longest.toFixed(0)} ms` },
    { what: 'soak: what runs is what is wanted', figure: settled || 'yes', target: 'yes', met: settled === '' },
    { what: 'soak: left on the engine after leaving', figure: leftovers || 'nothing', target: 'nothing', met: leftovers === '' },
  ];
}
