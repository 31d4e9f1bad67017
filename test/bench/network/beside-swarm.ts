/** Ten replicas with a network on five hosts, until all run: Docker's own Swarm first, then ours, on the same engines. */
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../../support/machine.mjs';
import { median, type Row } from '../figures.ts';
import { image, limitMs, type FiveHosts } from './five-hosts.ts';

export const replicas = 10;
export const rounds = 3;

type Docker = (...args: string[]) => Promise<string>;

/** The engines are in no swarm before and after it. */
export async function swarmMs(cluster: FiveHosts): Promise<number> {
  const [first, ...others] = cluster.hosts;
  if (!first) return 0;
  const docker: Docker = async (...args) => first.docker(args);
  first.docker(['swarm', 'init', '--advertise-addr', first.address]);
  const token = first.docker(['swarm', 'join-token', '-q', 'worker']).trim();
  for (const host of others) host.docker(['swarm', 'join', '--token', token, '--advertise-addr', host.address, `${first.address}:2377`]);
  try {
    return await deployMs(cluster, docker);
  } finally {
    for (const host of [...others, first]) host.docker(['swarm', 'leave', '--force']);
  }
}

export async function oursMs(cluster: FiveHosts): Promise<number> {
  const [manager] = cluster.daemons;
  return manager ? await deployMs(cluster, (...args) => manager.askDocker(...args)) : 0;
}

async function deployMs(cluster: FiveHosts, docker: Docker): Promise<number> {
  const took: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    await docker('network', 'create', '-d', 'overlay', `round${round}`);
    await docker('service', 'create', '-d', '--name', `round${round}`, '--network', `round${round}`, '--replicas', String(replicas), image);
    const running = async (): Promise<number> =>
      (await docker('service', 'ps', `round${round}`, '--format', '{{.CurrentState}}')).split('\n').filter((line) => line.startsWith('Running')).length;
    await until(
      async () => (await running()) === replicas,
      limitMs,
      () => `not all of round ${round} run`,
    );
    took.push(performance.now() - began);
    await docker('service', 'rm', `round${round}`);
    await until(
      () => cluster.hosts.every((host) => host.docker(['ps', '-q', '--filter', `label=com.docker.swarm.service.name=round${round}`]).trim() === ''),
      limitMs,
      () => 'containers stay',
    );
    await pause(1000);
    await docker('network', 'rm', `round${round}`).catch(() => undefined);
  }
  return median(took);
}

/** @param floor what the engines alone need for the networks and containers */
export function deployRows(ours: number, swarms: number, floor: number): Row[] {
  const ratio = ours / swarms;
  const shown = (theirs: number): string => `${(ours / theirs).toFixed(2)} (${Math.round(ours)} / ${Math.round(theirs)} ms)`;
  const what = `network: ${replicas} replicas with a network on five hosts`;
  return [
    { what: `${what}, beside Docker Swarm`, figure: shown(swarms), target: '≤ 0.4', met: ratio <= 0.4 },
    { what: `${what}, beside the same engines when each is only told to make its network and containers`, figure: shown(floor) },
    { what: `${what}: those engines beside Docker Swarm`, figure: (floor / swarms).toFixed(2) },
  ];
}
