/** A reconcile that finds nothing to do: 100 stacks of 10 services that run on the simulated engine. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent } from '#agent/agent';
import { second } from '#base/text/duration';
import { silentLogger } from '#test/support/silent-logger';
import { seededRandom } from '#base/random';
import { initCluster } from '#control/clusters';
import { createRepository } from '#control/repository/repositories';
import { SimulatedEngine } from '#test/support/simulated-engine';
import { GitOps } from '#gitops/gitops';
import { ManagerSeat } from '#manager/manager-seat';
import { stages } from '#manager/stages';
import { ReplicatedState } from '#replica/state';
import { testDescription } from '#test/support/memory-cluster';
import { gitWorkerProgram } from '#test/support/git-worker-program';
import { MemoryLog } from '#test/support/memory-log';
import { realClock } from '#test/support/real-clock';
import { RecordingNetwork } from '#test/support/recording-network';
import { until } from '../support/machine.mjs';
import { median } from './figures.ts';

export interface ReconcileFigures {
  readonly stacks: number;
  readonly services: number;
  /** From a daemon's start: fetch, read and render every file, compare all. */
  readonly wholeMs: number;
  /** What this process computed in that time: other work on the machine does not count. */
  readonly wholeCpuMs: number;
  /** The commit is known: compare all. */
  readonly againMs: number;
  /** Entries that all those reconciles wrote. */
  readonly entries: number;
}

const stackCount = 100;
const servicesEach = 10;

function stackFile(stack: number): string {
  const services = Array.from({ length: servicesEach }, (_, service) => {
    // One front a stack: the ingress network has addresses for 253 tasks.
    const ports = service === 0 ? `\n    ports: ["${10_000 + stack}:80"]` : '';
    return `  s${service}:
    image: app:${stack}
    environment: { A: "1", B: "2", STACK: "${stack}" }${ports}
    configs: [{ source: page, target: /page.html }]
    deploy: { replicas: 1, resources: { limits: { memory: 64M } } }
`;
  });
  return `services:\n${services.join('')}configs:\n  page: { file: page.html }\n`;
}

function makeRepository(folder: string): void {
  for (let stack = 0; stack < stackCount; stack++) {
    const place = join(folder, 'stacks', `stack${stack}`);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'compose.yml'), stackFile(stack));
    writeFileSync(join(place, 'page.html'), `page ${stack}`);
  }
  const git = (...args: string[]) => execFileSync('git', ['-C', folder, '-c', 'user.name=b', '-c', 'user.email=b@localhost', ...args]);
  git('init', '--quiet', '--initial-branch=main');
  git('add', '.');
  git('commit', '--quiet', '-m', 'stacks');
}

/** A manager and one agent in this process, over a log in memory. */
async function startCluster() {
  const state = new ReplicatedState();
  const log = new MemoryLog(state);
  const random = seededRandom(1);
  const onFatal = (error: unknown): void => {
    throw error;
  };
  const parts = { clock: realClock, random, logger: silentLogger };
  const manager = new ManagerSeat({}, { ...parts, log, state, stages, onFatal });
  await manager.start();
  const description = { ...testDescription, Resources: { NanoCPUs: 1e12, MemoryBytes: 1e12 } };
  await manager.submit(initCluster({ nodeId: 'node', address: '192.168.7.1', description }));
  const engine = new SimulatedEngine({ description, image: () => ({}) }, realClock);
  const agent = new Agent({ nodeId: 'node' }, { ...parts, engine, network: new RecordingNetwork(), openSession: manager.openSession });
  await agent.start();
  async function stop(): Promise<void> {
    await agent.stop();
    await manager.stop();
  }
  return { state, log, manager, stop };
}

export async function benchReconcile(rounds = 5): Promise<ReconcileFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-bench-'));
  const repository = join(folder, 'repository');
  makeRepository(repository);
  const { state, log, manager, stop } = await startCluster();
  const places = { folder: join(folder, 'state'), run: join(folder, 'run'), program: gitWorkerProgram() };
  const makeGitOps = (): GitOps => new GitOps(places, { cluster: manager, clock: realClock, logger: silentLogger });
  let gitops = makeGitOps();
  await gitops.start();
  const Interval = 3600 * second;
  await manager.submit(createRepository({ Name: 'bench', URL: repository, Branch: 'main', Path: 'stacks', Interval }));
  await gitops.sync('bench');
  const running = () => [...state.store.list('task')].filter((task) => task.Status.State === 'running').length;
  await until(
    () => running() === stackCount * servicesEach,
    120_000,
    () => `${running()} tasks run`,
  );
  // What became of them is noted once, in entries of its own.
  const judged = () => [...state.store.list('revision')].filter(({ Outcome }) => Outcome.State === 'good').length;
  await until(
    () => judged() === stackCount,
    120_000,
    () => `${judged()} stacks are known to be well`,
  );
  const whole: number[] = [];
  const wholeCpu: number[] = [];
  const again: number[] = [];
  const before = log.entries.length;
  for (let round = 0; round < rounds; round++) {
    await gitops.stop();
    gitops = makeGitOps();
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    await gitops.start();
    await gitops.sync('bench');
    whole.push(performance.now() - start);
    const { user, system } = process.cpuUsage(cpu);
    wholeCpu.push((user + system) / 1000);
    const warm = performance.now();
    await gitops.sync('bench');
    again.push(performance.now() - warm);
  }
  const entries = log.entries.length - before;
  await gitops.stop();
  await stop();
  rmSync(folder, { recursive: true, force: true });
  return { stacks: stackCount, services: stackCount * servicesEach, wholeMs: median(whole), wholeCpuMs: median(wholeCpu), againMs: median(again), entries };
}
