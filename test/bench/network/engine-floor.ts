/** What the engines themselves need for a stack's networks and containers: nobody who makes them through these engines is faster. */
import Docker from 'dockerode';
import { median } from '../figures.ts';
import { image, type FiveHosts } from './five-hosts.ts';

/** Milliseconds, the median of `rounds`: all engines side by side, each with one network and its part of `replicas`, made and started through the API. */
export async function floorMs({ hosts }: FiveHosts, replicas: number, rounds: number): Promise<number> {
  const engines = hosts.map((host) => new Docker({ socketPath: host.socket }));
  const took: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    await Promise.all(engines.map((engine, at) => startOn(engine, at, replicas / engines.length)));
    took.push(performance.now() - began);
    await Promise.all(engines.map(removeFrom));
  }
  return median(took);
}

const labels = { 'bench.floor': '1' };
const network = 'floor';

async function startOn(docker: Docker, at: number, containers: number): Promise<void> {
  await docker.createNetwork({ Name: network, Driver: 'bridge', Labels: labels, IPAM: { Driver: 'default', Config: [{ Subnet: `10.93.${at}.0/24` }] } });
  const start = async (): Promise<void> => {
    const made = await docker.createContainer({ Image: image, Labels: labels, HostConfig: { NetworkMode: network } });
    await made.start();
  };
  await Promise.all(Array.from({ length: containers }, start));
}

async function removeFrom(docker: Docker): Promise<void> {
  const made = await docker.listContainers({ all: true, filters: { label: Object.keys(labels) } });
  await Promise.all(made.map(({ Id }) => docker.getContainer(Id).remove({ force: true })));
  await docker.getNetwork(network).remove();
}
