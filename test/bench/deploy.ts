/** A stack of N replicas through the daemon, until all run, beside N containers started at once through dockerode on the same engine. */
import { setTimeout as pause } from 'node:timers/promises';
import Docker from 'dockerode';
import { loadImage, until } from '../support/machine.mjs';
import type { BenchDaemon } from './daemon.ts';
import { median } from './figures.ts';

export interface DeployFigures {
  readonly replicas: number;
  readonly oursMs: number;
  readonly engineMs: number;
  readonly ratio: number;
}

const image = 'shoal-bench:1';
const pollMs = 20;

/** Medians of `rounds` rounds; ours and the engine's take turns, and who goes first changes. */
export async function benchDeploy(daemon: BenchDaemon, replicas: number, rounds: number): Promise<DeployFigures> {
  loadImage(daemon.engine, image);
  const docker = new Docker({ socketPath: daemon.engine });
  const ours: number[] = [];
  const engines: number[] = [];
  const settings = await settingsOfOurs(daemon, docker);
  for (let round = 0; round < rounds; round++) {
    const turns = [
      async () => void ours.push(await deploy(daemon, docker, replicas)),
      async () => void engines.push(await startAll(docker, replicas, settings)),
    ];
    for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn();
  }
  const [oursMs, engineMs] = [median(ours), median(engines)];
  return { replicas, oursMs, engineMs, ratio: oursMs / engineMs };
}

async function deploy(daemon: BenchDaemon, docker: Docker, replicas: number, inspect?: (id: string) => Promise<void>): Promise<number> {
  const start = performance.now();
  await daemon.call('POST', '/shoal/v1/stacks/bench', { Spec: stackOf(replicas) });
  for (;;) {
    const [service] = (await daemon.call('GET', '/services?status=true')) as { ServiceStatus: { RunningTasks: number } }[];
    if (service?.ServiceStatus.RunningTasks === replicas) break;
    await pause(pollMs);
  }
  const tookMs = performance.now() - start;
  const [first] = await docker.listContainers();
  if (first && inspect) await inspect(first.Id);
  await daemon.call('DELETE', '/shoal/v1/stacks/bench');
  await nothingLeft(docker);
  return tookMs;
}

function stackOf(replicas: number): object {
  const labels = { 'com.docker.stack.namespace': 'bench' };
  return {
    Name: 'bench',
    Networks: [{ Name: 'bench_default', Driver: 'overlay', Labels: labels }],
    Services: [
      {
        Name: 'bench_web',
        Labels: labels,
        TaskTemplate: {
          // The program has no handler for the stop signal: do not wait for it.
          ContainerSpec: { Image: image, Labels: labels, StopGracePeriod: 100_000_000 },
          Networks: [{ Target: 'bench_default', Aliases: ['web'] }],
        },
        Mode: { Replicated: { Replicas: replicas } },
      },
    ],
  };
}

interface Settings {
  container: Docker.ContainerCreateOptions;
  network: Docker.NetworkCreateOptions;
}

/** What our containers and their network are made with, so that the engine's are made alike. */
async function settingsOfOurs(daemon: BenchDaemon, docker: Docker): Promise<Settings> {
  const found: { settings?: Settings } = {};
  await deploy(daemon, docker, 1, async (id) => {
    const { Config, HostConfig, NetworkSettings } = await docker.getContainer(id).inspect();
    const network = (await docker.getNetwork(Object.keys(NetworkSettings.Networks)[0] ?? '').inspect()) as { Driver: string; Options: Record<string, string> };
    const { Hostname: _own, ...config } = Config;
    const bridge = Object.entries(network.Options).filter(([option]) => !option.endsWith('bridge.name'));
    found.settings = {
      container: { ...config, Labels: { 'bench.engine': '1' }, HostConfig },
      network: { Name: 'bench-engine', Driver: network.Driver, Options: Object.fromEntries(bridge) },
    };
  });
  if (!found.settings) throw new Error('no container of ours was seen');
  return found.settings;
}

async function startAll(docker: Docker, replicas: number, { container, network }: Settings): Promise<number> {
  const start = performance.now();
  await docker.createNetwork(network);
  const containers = await Promise.all(
    Array.from({ length: replicas }, async () => {
      const made = await docker.createContainer({ ...container, HostConfig: { ...container.HostConfig, NetworkMode: network.Name } });
      await made.start();
      return made;
    }),
  );
  const tookMs = performance.now() - start;
  await Promise.all(containers.map((made) => made.remove({ force: true })));
  await docker.getNetwork(network.Name).remove();
  await nothingLeft(docker);
  return tookMs;
}

async function nothingLeft(docker: Docker): Promise<void> {
  let left: string[] = [];
  const empty = async (): Promise<boolean> => {
    const containers = (await docker.listContainers({ all: true })).map(({ Names, State }) => `${Names[0]} ${State}`);
    const networks = (await docker.listNetworks()).map(({ Name }) => Name).filter((name) => !['bridge', 'host', 'none'].includes(name));
    left = [...containers, ...networks];
    return left.length === 0;
  };
  await until(empty, 300_000, () => `still there from the last round: ${left.join(', ')}`);
}
