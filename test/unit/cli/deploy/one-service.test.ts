import { expect, test } from 'vitest';
import { prepareService } from '#cli/deploy/one-service';
import type { Session } from '#cli/session';
import type { ServiceSpec } from '#model/object/service-spec';

const spec: ServiceSpec = {
  Name: 'web',
  TaskTemplate: { ContainerSpec: { Image: 'app:1' } },
  Shoal: { DependsOn: [{ Service: 'db', Condition: 'service_started' }] },
};

const session = (shoal?: string, get?: (path: string) => Promise<object>): Session =>
  ({ client: { ping: async () => ({ ...(shoal && { shoal }) }), get }, environment: {} }) as unknown as Session;

test('a hint that a Docker Swarm has no word for is left out, and said', async () => {
  const { spec: sent, warning } = await prepareService(session(), spec, { resolveImage: false }, true);
  expect(sent.Shoal).toBeUndefined();
  expect(warning).toBe('service web: Docker Swarm has no DependsOn; left out');
});

test('a daemon of ours gets it as it is, with the digest of a new image as docker’s own client sends it', async () => {
  const asked: string[] = [];
  const digest = `sha256:${'a'.repeat(64)}`;
  const get = async (path: string) => {
    asked.push(path);
    return { Descriptor: { digest } };
  };
  const { spec: sent, warning } = await prepareService(session('0.1.0', get), spec, {}, true);
  expect(sent.Shoal).toEqual(spec.Shoal);
  expect([sent.TaskTemplate.ContainerSpec?.Image, asked]).toEqual([`app:1@${digest}`, ['/distribution/app:1/json']]);
  expect(warning).toBeUndefined();
  const { spec: same } = await prepareService(session('0.1.0'), spec, {}, false);
  expect(same.TaskTemplate.ContainerSpec?.Image).toBe('app:1');
});
