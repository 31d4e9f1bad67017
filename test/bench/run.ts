/**
 * `npm run bench`: the figures that the project promises, measured on this machine in a few minutes. Names of benches as arguments choose some.
 * `npm run bench -- soak --minutes 30` is the long one, which is run only when it is named.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { loadImage, until, whyNoHost } from '../support/machine.mjs';
import { pssMegabytes } from '../support/resolver-process.ts';
import { benchCompose } from './compose.ts';
import { startDaemon, type BenchDaemon } from './daemon.ts';
import { benchDeploy } from './deploy.ts';
import { table, type Row } from './figures.ts';
import { benchRaft } from './raft.ts';
import { benchReconcile } from './reconcile.ts';
import { benchScale } from './scale.ts';
import { benchSoak } from './soak/soak.ts';

const ratioTarget = 1.25;
const noOpTargetMs = 1000;
const idleTargetMB = 130;
const resolverTargetMB = 50;
const idleMs = 60_000;
/** Replicas and rounds: an odd number, for the median is one of them. */
const deployRounds = [
  [10, 5],
  [50, 3],
] as const;

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const whole = (value: number): string => `${Math.round(value)} ms`;

async function reconcileRows(): Promise<Row[]> {
  const { stacks, services, wholeMs, wholeCpuMs, againMs, entries } = await benchReconcile();
  const what = `no-op reconcile of ${stacks} stacks × ${services / stacks} services`;
  return [
    {
      what: `${what}, from a cold start`,
      figure: `${whole(wholeMs)} (${whole(wholeCpuMs)} of CPU time)`,
      target: `< ${noOpTargetMs} ms`,
      met: wholeMs < noOpTargetMs,
    },
    { what: `${what}, commit known`, figure: whole(againMs), target: `< ${noOpTargetMs} ms`, met: againMs < noOpTargetMs },
    { what: 'entries written by them', figure: String(entries), target: '0', met: entries === 0 },
  ];
}

async function raftRows(): Promise<Row[]> {
  const rows = await benchRaft();
  if (!rows.some(({ what }) => what === 'etcd put')) say('No etcd to measure beside: apt-get install etcd-server');
  return rows.map(({ what, writers, bytes, perSecond, p50Ms, p99Ms, rssMB, longestTurnMs, ratio }) => {
    const turn = longestTurnMs === undefined ? '' : `, longest turn ${whole(longestTurnMs)}`;
    const target = what === 'over HTTP' ? 0.4 : writers === 1 ? 0.7 : 1;
    return {
      what: `${what}, ${bytes} B, ${writers} writer${writers === 1 ? '' : 's'}`,
      figure: `${Math.round(perSecond)}/s (p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms), ${Math.round(rssMB)} MB${turn}${ratio === undefined ? '' : `: ${ratio.toFixed(2)}× etcd`}`,
      ...(ratio !== undefined && { target: `≥ ${target}×`, met: ratio >= target }),
    };
  });
}

async function composeRows(): Promise<Row[]> {
  const figures = benchCompose();
  if (!figures) return [{ what: 'stack files', figure: 'not measured: no docker command' }];
  return figures.map(({ what, oursMs, dockerMs, ratio }) => ({
    what,
    figure: `${whole(oursMs)}, docker stack config ${whole(dockerMs)}: ${ratio.toFixed(2)}×`,
  }));
}

async function deployRows(daemon: BenchDaemon): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [replicas, rounds] of deployRounds) {
    const { oursMs, engineMs, ratio } = await benchDeploy(daemon, replicas, rounds);
    const figure = `${whole(oursMs)}, dockerode ${whole(engineMs)}: ${ratio.toFixed(2)}×`;
    rows.push({ what: `deploy of ${replicas} replicas until all run`, figure, target: `≤ ${ratioTarget}×`, met: ratio <= ratioTarget });
  }
  return rows;
}

/** A daemon with a few services that nobody asks anything. */
async function idleRows(daemon: BenchDaemon): Promise<Row[]> {
  loadImage(daemon.engine, 'shoal-idle:1');
  for (const name of ['one', 'two', 'three']) {
    const TaskTemplate = { ContainerSpec: { Image: 'shoal-idle:1', StopGracePeriod: 100_000_000 } };
    await daemon.call('POST', '/services/create', { Name: name, TaskTemplate, Mode: { Replicated: { Replicas: 1 } } });
  }
  const services = async () => (await daemon.call('GET', '/services?status=true')) as { ID: string; ServiceStatus: { RunningTasks: number } }[];
  await until(
    async () => (await services()).every(({ ServiceStatus }) => ServiceStatus.RunningTasks === 1),
    30_000,
    () => 'the services do not run',
  );
  await pause(idleMs);
  const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8');
  const megabytes = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
  const names = pssMegabytes(await daemon.resolver());
  for (const { ID } of await services()) await daemon.call('DELETE', `/services/${ID}`);
  return [
    { what: 'memory of an idle daemon (RSS)', figure: `${megabytes.toFixed(0)} MB`, target: `≤ ${idleTargetMB} MB`, met: megabytes <= idleTargetMB },
    { what: 'memory of its resolver (PSS)', figure: `${names.toFixed(0)} MB`, target: `≤ ${resolverTargetMB} MB`, met: names <= resolverTargetMB },
  ];
}

async function main(): Promise<void> {
  const { values, positionals: chosen } = parseArgs({ options: { minutes: { type: 'string', default: '30' } }, allowPositionals: true });
  const wanted = (name: string): boolean => chosen.length === 0 || chosen.includes(name);
  const rows: Row[] = [];
  async function measure(name: string, run: () => Promise<Row[]>): Promise<void> {
    if (!wanted(name)) return;
    say(`Measuring: ${name}`);
    rows.push(...(await run()));
  }
  const reason = whyNoHost();
  if (reason !== undefined) say(`Left out, for this ${reason}: idle, deploy`);
  else if (wanted('idle') || wanted('deploy')) {
    const daemon = await startDaemon();
    try {
      await measure('idle', () => idleRows(daemon));
      await measure('deploy', () => deployRows(daemon));
    } finally {
      await daemon.stop();
    }
  }
  await measure('reconcile', reconcileRows);
  await measure('raft', raftRows);
  await measure('compose', composeRows);
  await measure('scale', benchScale);
  if (reason === undefined && chosen.includes('soak')) await measure('soak', () => benchSoak(Number(values.minutes), say));
  say(`\n${table(rows)}`);
}

await main();
