import { expect, test } from 'vitest';
import { prepareService } from '#cli/deploy/one-service';
import type { Session } from '#cli/session';
import type { ServiceSpec } from '#model/object/service-spec';

const spec: ServiceSpec = {
  Name: 'web',
  TaskTemplate: { ContainerSpec: { Image: 'app:1' } },
  Shoal: { DependsOn: [{ Service: 'db', Condition: 'service_started' }] },
};

const session = (shoal?: string): Session => ({ client: { ping: async () => ({ ...(shoal && { shoal }) }) }, environment: {} }) as unknown as Session;

test('a hint that a Docker Swarm has no word for is left out, and said', async () => {
  const { spec: sent, warning } = await prepareService(session(), spec, { resolveImage: false }, true);
  expect(sent.Shoal).toBeUndefined();
  expect(warning).toBe('service web: Docker Swarm has no DependsOn; left out');
});

test('a daemon of ours gets it as it is', async () => {
  const { spec: sent, warning } = await prepareService(session('0.1.0'), spec, {}, true);
  expect(sent.Shoal).toEqual(spec.Shoal);
  expect(warning).toBeUndefined();
});
