/**
 * `npm run bench`: the figures that the project promises, measured on this machine in a few minutes. Names of benches as arguments choose some.
 * `npm run bench -- soak --minutes 30` and `npm run bench -- failover --kills 20 --cuts 20`, `npm run bench -- load --hosts 5 --updates 20 --rate 1000 --kills 1 --parts updates,ports,drain,restarts,kills`, `npm run bench -- network --parts reach,moments,ratios,swarm,change`, `npm run bench -- agents --nodes 1000`, `npm run bench -- chaos --minutes 30 --seed 1`, `npm run bench -- gitops-chaos --commits 200 --seed 1`, `npm run bench -- gitops-beside` are the long ones, which are run only when they are named.
 * With `--sample` the long turns of `scale`, `huge` and `agents` say in which rooms or functions they are.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { loadImage, until, whyNoHost } from '../support/machine.mjs';
import { cpuMs, pssMegabytes } from '../support/resolver-process.ts';
import { benchAgents } from './agents/agents.ts';
import { benchChaos } from './chaos/chaos.ts';
import { benchCompose } from './compose.ts';
import { startDaemon, type BenchDaemon } from './daemon.ts';
import { benchDeploy } from './deploy.ts';
import { benchFailover } from './failover/failover.ts';
import { table, type Row } from './figures.ts';
import { benchGitOps } from './gitops.ts';
import { benchBeside } from './gitops-beside.ts';
import { benchLines } from './gitops-lines.ts';
import { benchGitOpsChaos } from './gitops-chaos/gitops-chaos.ts';
import { benchLoad } from './load/load.ts';
import { benchNetwork } from './network/network.ts';
import { benchRaft } from './raft.ts';
import { benchReconcile } from './reconcile.ts';
import { benchHugeServices, benchScale } from './scale.ts';
import { benchSnapshots } from './snapshots.ts';
import { benchSoak } from './soak/soak.ts';
import { sampleTurns } from './turns.ts';

const ratioTarget = 1.25;
const noOpTargetMs = 1000;
const touchedTargetMs = 100;
const idleGitTargetPercent = 1;
const idleTargetMB = 75;
const idleTargetPercent = 0.5;
const resolverTargetMB = 50;
const idleMs = 90_000;
const settlingMs = 20_000;
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

async function gitOpsRows(): Promise<Row[]> {
  const { stacks, coldMs, coldCpuMs, touchedMs, touchedCpuMs, deployCpuMs, restCpuMs, noOpMs, idlePercent, idleWorstPercent, manyCpuMs, wideCpuMs } =
    await benchGitOps();
  const many = `${stacks} stacks × 4 services in one repository`;
  return [
    { what: `${many}, first sync`, figure: `${whole(coldMs)} (${whole(coldCpuMs)} of CPU time)` },
    {
      what: `${many}, a commit touches one`,
      figure: `${whole(touchedMs)} until it is deployed; ${whole(touchedCpuMs)} of CPU time with its verdict and git's own (${whole(deployCpuMs)} until it is deployed; ${whole(restCpuMs)} of an idle stretch as long are taken off)`,
      target: `≤ ${touchedTargetMs} ms of CPU time`,
      met: touchedCpuMs <= touchedTargetMs,
    },
    { what: `${many}, nothing new`, figure: whole(noOpMs) },
    {
      what: 'first sync of 10 repositories × 100 stacks, beside one of 1,000 (CPU time)',
      figure: `${whole(manyCpuMs)} and ${whole(wideCpuMs)}: ${(manyCpuMs / wideCpuMs).toFixed(2)}`,
      target: '≤ 1.2',
      met: manyCpuMs <= 1.2 * wideCpuMs,
    },
    {
      what: '10 local repositories × 100 stacks, looked at every 10 s',
      figure: `${idlePercent.toFixed(2)} % of a core (worst stretch ${idleWorstPercent.toFixed(2)} %)`,
      target: `≤ ${idleGitTargetPercent} %`,
      met: idlePercent <= idleGitTargetPercent,
    },
    ...(await benchLines()),
  ];
}

/** What there was before: a loop that deploys each stack again, against a real Docker Swarm. */
async function besideRows(): Promise<Row[]> {
  const { stacks, loopMs, touchedMs, noOpMs } = await benchBeside();
  const beside = `over a store in memory, beside a loop of \`docker stack deploy\` over ${stacks} stacks × 4 services`;
  const row = (what: string, ms: number): Row => ({
    what: `${what}, ${beside} (${whole(loopMs)})`,
    figure: `${whole(ms)}: ${Math.round(loopMs / ms)} times as fast`,
    target: '≥ 50 times',
    met: loopMs >= 50 * ms,
  });
  return [row('a look that finds nothing new', noOpMs), row('a commit that touches one until it is deployed', touchedMs)];
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

/** A daemon with five services, one of them published and one on a network, that nobody asks anything. */
async function idleRows(daemon: BenchDaemon): Promise<Row[]> {
  loadImage(daemon.engine, 'shoal-idle:1');
  await daemon.call('POST', '/networks/create', { Name: 'idle', Driver: 'overlay' });
  for (const Name of ['one', 'two', 'three', 'four', 'five']) {
    const Networks = Name === 'one' ? [{ Target: 'idle' }] : [];
    const Ports = Name === 'two' ? [{ TargetPort: 80, PublishedPort: 8080 }] : [];
    const TaskTemplate = { ContainerSpec: { Image: 'shoal-idle:1', StopGracePeriod: 100_000_000 }, Networks };
    await daemon.call('POST', '/services/create', { Name, TaskTemplate, Mode: { Replicated: { Replicas: 1 } }, EndpointSpec: { Ports } });
  }
  const services = async () => (await daemon.call('GET', '/services?status=true')) as { ID: string; ServiceStatus: { RunningTasks: number } }[];
  await until(
    async () => (await services()).every(({ ServiceStatus }) => ServiceStatus.RunningTasks === 1),
    30_000,
    () => 'the services do not run',
  );
  await pause(settlingMs);
  const names = await daemon.resolver();
  const parts = [
    ['daemon', daemon.pid, idleTargetMB],
    ['resolver', names, resolverTargetMB],
  ] as const;
  const before = parts.map(([, pid]) => cpuMs(pid));
  await pause(idleMs);
  const rows = parts.flatMap(([what, pid, targetMB], at): Row[] => {
    const [from, to] = [before[at] ?? { own: 0, withChildren: 0 }, cpuMs(pid)];
    const percent = ((to.own - from.own) / idleMs) * 100;
    const whole = ((to.withChildren - from.withChildren) / idleMs) * 100;
    const megabytes = pssMegabytes(pid);
    return [
      {
        what: `processor of the idle ${what}`,
        figure: `${percent.toFixed(2)} % of a core, ${whole.toFixed(2)} % with what it starts`,
        target: `≤ ${idleTargetPercent} %`,
        met: whole <= idleTargetPercent,
      },
      { what: `memory of the idle ${what} (PSS)`, figure: `${megabytes.toFixed(0)} MB`, target: `≤ ${targetMB} MB`, met: megabytes <= targetMB },
    ];
  });
  for (const { ID } of await services()) await daemon.call('DELETE', `/services/${ID}`);
  return rows;
}

async function main(): Promise<void> {
  const { values, positionals: chosen } = parseArgs({
    options: {
      minutes: { type: 'string', default: '30' },
      kills: { type: 'string' },
      cuts: { type: 'string', default: '20' },
      hosts: { type: 'string', default: '5' },
      updates: { type: 'string', default: '20' },
      rate: { type: 'string', default: '1000' },
      logs: { type: 'string' },
      nodes: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      commits: { type: 'string', default: '200' },
      parts: { type: 'string', default: '' },
      sample: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  if (values.sample) sampleTurns();
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
  await measure('gitops', gitOpsRows);
  if (reason === undefined && chosen.includes('gitops-beside')) await measure('gitops-beside', besideRows);
  await measure('raft', raftRows);
  await measure('snapshots', benchSnapshots);
  await measure('compose', composeRows);
  await measure('scale', benchScale);
  await measure('huge', benchHugeServices);
  if (reason === undefined && chosen.includes('failover'))
    await measure('failover', () => benchFailover({ kills: Number(values.kills ?? 20), cuts: Number(values.cuts) }, say));
  const parts = values.parts.split(',').filter(Boolean);
  const load = {
    hosts: Number(values.hosts),
    updates: Number(values.updates),
    perSecond: Number(values.rate),
    kills: Number(values.kills ?? 1),
    parts,
    ...(values.logs !== undefined && { logs: values.logs }),
  };
  if (reason === undefined && chosen.includes('load')) await measure('load', () => benchLoad(load, say));
  if (reason === undefined && chosen.includes('network')) await measure('network', () => benchNetwork(parts, say));
  // Thirty tasks a node.
  const agents = { nodes: Number(values.nodes), services: 100, replicas: Math.round((Number(values.nodes) * 30) / 100), sampled: values.sample };
  if (reason === undefined && chosen.includes('agents')) await measure('agents', () => benchAgents(agents, say));
  const chaos = { minutes: Number(values.minutes), seed: Number(values.seed) };
  if (reason === undefined && chosen.includes('chaos')) await measure('chaos', () => benchChaos(chaos, say));
  const commits = { commits: Number(values.commits), seed: Number(values.seed) };
  if (reason === undefined && chosen.includes('gitops-chaos')) await measure('gitops-chaos', () => benchGitOpsChaos(commits, say));
  if (reason === undefined && chosen.includes('soak')) await measure('soak', () => benchSoak(Number(values.minutes), say));
  say(`\n${table(rows)}`);
}

await main();
