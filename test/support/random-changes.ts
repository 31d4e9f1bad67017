/** A small stack, and a series of things that happen to it, for simulations. */
import { integerBetween, type Random } from '#base/random';
import { deployStack } from '#control/stack/stacks';
import type { ServiceSpec } from '#model/object/service-spec';
import type { StackSpec } from '#model/object/stack';
import type { SimulatedCluster } from './simulated-cluster.ts';

export const byHand = { source: { Kind: 'deploy' }, prune: true } as const;

/** A replicated front with a port and a network, and a global agent. */
export function stack(image: string, replicas: number, change: Partial<ServiceSpec> = {}): StackSpec {
  return {
    Name: 'shop',
    Networks: [{ Name: 'shop_default' }],
    Secrets: [],
    Configs: [],
    Services: [
      {
        Name: 'shop_web',
        TaskTemplate: { ContainerSpec: { Image: image }, Networks: [{ Target: 'shop_default', Aliases: ['web'] }] },
        Mode: { Replicated: { Replicas: replicas } },
        EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 8080, PublishMode: 'ingress' }] },
        ...change,
      },
      { Name: 'shop_agent', TaskTemplate: { ContainerSpec: { Image: 'agent:1' } }, Mode: { Global: {} } },
    ],
    External: { Networks: [], Secrets: [], Configs: [] },
  };
}

/** Scales, updates, bad updates, crashes and restarts of the manager; says what the last deploy asked for. */
export async function changeAtRandom(cluster: SimulatedCluster, random: Random, count: number): Promise<{ image: string; replicas: number }> {
  for (const agent of cluster.agents) agent.fates.set('app:bad', { type: 'exits', code: 1, afterMs: 50 });
  const UpdateConfig = { Parallelism: 2, Monitor: 1e9 };
  let replicas = 1;
  let image = 'app:1';
  for (let change = 0; change < count; change++) {
    const choice = integerBetween(random, 0, 4);
    if (choice === 0) replicas = integerBetween(random, 0, 6);
    if (choice === 1) image = `app:${integerBetween(random, 1, 3)}`;
    if (choice === 2) await cluster.restart();
    if (choice === 3) cluster.agents.find((agent) => agent.running().includes('shop_web'))?.crash('shop_web');
    await cluster.submit(deployStack(stack(choice === 4 ? 'app:bad' : image, replicas, { UpdateConfig }), byHand));
    await cluster.clock.advance(integerBetween(random, 0, 4000));
  }
  await cluster.submit(deployStack(stack(image, replicas, { UpdateConfig }), byHand));
  return { image, replicas };
}
