import { request as httpRequest } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { deployStack } from '#control/stack/stacks';
import { startApi, type ApiFixture } from '#test/support/api-fixture';
// @ts-ignore -- plain JavaScript
import { until } from '../../../support/machine.mjs';

let api: ApiFixture;
beforeEach(async () => void (api = await startApi()));
afterEach(() => api.stop());

const repository = { Name: 'main', URL: 'https://user:canary@git.example/x.git', Branch: 'main', Path: 'stacks', Interval: 30e9 };

function stack(Name: string): object {
  return {
    Name,
    Networks: [{ Name: `${Name}_default`, Driver: 'overlay' }],
    Services: [{ Name: `${Name}_web`, TaskTemplate: { ContainerSpec: { Image: 'x:1' }, Networks: [{ Target: `${Name}_default`, Aliases: ['web'] }] } }],
  };
}

test('a stack is deployed in one entry, and again in none', async () => {
  const before = api.cluster.entries;
  const first = await api.http('POST', '/shoal/v1/stacks/st', { Spec: stack('st') });
  expect([first.status, api.cluster.entries]).toEqual([200, before + 1]);
  expect(first.json).toMatchObject({ Name: 'st', Changed: true, Services: [{ Name: 'st_web', Change: 'created' }] });
  const second = await api.http('POST', '/shoal/v1/stacks/st', { Spec: stack('st'), Prune: true });
  expect([second.json.Changed, api.cluster.entries]).toEqual([false, before + 1]);
  expect((await api.http('GET', '/shoal/v1/stacks')).json).toMatchObject([
    { Name: 'st', Services: 1, Source: { Kind: 'deploy' }, Condition: { State: 'applied' } },
  ]);
  expect((await api.http('GET', '/shoal/v1/stacks/st')).json.ServiceNames).toEqual(['st_web']);
  expect((await api.http('DELETE', '/shoal/v1/stacks/st')).json.Removed).toHaveLength(2);
  const gone = await api.http('DELETE', '/shoal/v1/stacks/st');
  expect([gone.status, gone.json.message]).toEqual([404, 'Nothing found in stack: st']);
});

test('a version that another one overtook is none that anybody waits for, and a stack of which a service is missing is not well', async () => {
  for (const version of ['1', '2']) {
    const spec = JSON.parse(JSON.stringify(stack('st')).replace('x:1', `x:${version}`)) as object;
    expect((await api.http('POST', '/shoal/v1/stacks/st', { Spec: spec })).status).toBe(200);
  }
  const outcomes = (await api.http('GET', '/shoal/v1/stacks/st/revisions')).json.map(({ Outcome }: { Outcome: object }) => Outcome);
  expect(outcomes).toMatchObject([{ State: 'superseded' }, { State: 'pending' }]);
  expect((await api.http('DELETE', '/services/st_web')).status).toBe(200);
  expect((await api.http('GET', '/shoal/v1/stacks')).json).toMatchObject([{ Name: 'st', Health: { State: 'degraded', Message: 'st_web: it is missing' } }]);
});

describe('digests', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const auths: object[] = [];
  let away = false;

  beforeEach(async () => {
    await api.stop();
    away = false;
    const registries = {
      ask: async (images: readonly string[], given: Readonly<Record<string, string>>) => {
        auths.push(given);
        return new Map(away ? [] : images.map((image) => [image, { Descriptor: { digest } }]));
      },
    };
    api = await startApi({ registries });
  });

  test('are found by the daemon, with the credentials that were given, and told', async () => {
    const { json } = await api.http('POST', '/shoal/v1/stacks/st', { Spec: stack('st'), RegistryAuth: { 'x:1': 'canary' } });
    expect(json.Services).toMatchObject([{ Name: 'st_web', Image: `x:1@${digest}` }]);
    expect([json.Warnings, auths.at(-1)]).toEqual([undefined, { 'x:1': 'canary' }]);
    expect((await api.http('GET', '/services/st_web')).json.Spec.TaskTemplate.ContainerSpec.Image).toBe(`x:1@${digest}`);
    expect(api.cluster.store.byName('service', 'st_web')?.Shoal.RegistryAuth).toBe('canary');
  });

  test('that nobody tells are warned of, and refused before anything is changed where they must be known', async () => {
    away = true;
    const refused = await api.http('POST', '/shoal/v1/stacks/st', { Spec: stack('st'), ResolveImage: 'always' });
    expect([refused.status, refused.json.message]).toEqual([503, expect.stringMatching(/^no registry tells the digest of x:1, .* nothing was changed$/)]);
    expect((await api.http('GET', '/services')).json).toEqual([]);
    const { json } = await api.http('POST', '/shoal/v1/stacks/st', { Spec: stack('st') });
    expect(json.Warnings).toEqual([expect.stringMatching(/^image x:1 could not be accessed on a registry to record\nits digest\. /)]);
    expect(json.Services).toMatchObject([{ Image: 'x:1' }]);
  });
});

test('a bind of the engine’s socket is told of, by the stack’s deploy and by the service’s', async () => {
  const TaskTemplate = { ContainerSpec: { Image: 'x:1', Mounts: [{ Type: 'bind', Source: '/var/run/docker.sock', Target: '/s' }] } };
  const spec = (name: string, Labels = {}) => ({ Name: name, Labels, TaskTemplate });
  const Services = [spec('st_proxy'), spec('st_own', { 'shoal.engine-socket': 'true' })];
  const { json } = await api.http('POST', '/shoal/v1/stacks/st', { Spec: { Name: 'st', Services } });
  expect(json.Warnings).toEqual([expect.stringMatching(/^service st_proxy binds \/var\/run\/docker\.sock: it gets shoal's own socket/)]);
  expect((await api.http('POST', '/services/create', spec('solo'))).json.Warnings).toHaveLength(1);
});

test('a stack known by its label alone is listed', async () => {
  const Labels = { 'com.docker.stack.namespace': 'old' };
  await api.http('POST', '/services/create', { Name: 'old_web', Labels, TaskTemplate: { ContainerSpec: { Image: 'x' } } });
  expect((await api.http('GET', '/shoal/v1/stacks')).json).toEqual([
    {
      Name: 'old',
      Services: 1,
      Source: { Kind: 'deploy' },
      Condition: { State: 'applied', Message: '', Since: '2026-01-01T00:00:00.000Z' },
      Health: { State: 'healthy', Message: '', Reasons: [] },
      UpdatedAt: '2026-01-01T00:00:00.000Z',
    },
  ]);
});

test('refusals on our own routes have no prefix', async () => {
  expect((await api.http('POST', '/shoal/v1/stacks/st', {})).json.message).toBe('Spec must be provided');
  expect((await api.http('POST', '/shoal/v1/stacks/st', { Spec: stack('other') })).json.message).toBe('stack st: the spec is named other');
  const bad = await api.http('POST', '/shoal/v1/stacks/st', { Spec: { ...stack('st'), External: { Secrets: ['none'] } } });
  expect(bad.status).toBe(400);
  expect(bad.json.message).not.toContain('rpc error');
  expect((await api.http('GET', '/shoal/v1/nonsense')).json).toEqual({ message: 'page not found' });
});

test('repositories: added, synced, shown with their stacks and without passwords, removed', async () => {
  expect((await api.http('POST', '/shoal/v1/repositories', repository)).status).toBe(201);
  const source = { Kind: 'repository', Repository: 'main', Path: 'stacks/st', Commit: 'abc' } as const;
  const spec = {
    Name: 'st',
    Networks: [],
    Secrets: [],
    Configs: [],
    Services: [{ Name: 'st_web', TaskTemplate: { ContainerSpec: { Image: 'x' } } }],
    External: { Networks: [], Secrets: [], Configs: [] },
  };
  api.cluster.run(deployStack(spec, { source, prune: false }));
  const synced = await api.http('POST', '/shoal/v1/repositories/main/sync');
  await api.http('POST', '/shoal/v1/repositories/main/sync?renew=1');
  expect([synced.status, api.synced]).toEqual([200, ['main', 'main, renewed']]);
  expect(synced.json).toMatchObject({ Spec: { Name: 'main', URL: 'https://git.example/x.git' }, Stacks: [{ Name: 'st', Source: source }] });
  expect((await api.http('GET', '/shoal/v1/repositories')).text).not.toContain('canary');
  expect((await api.http('DELETE', '/shoal/v1/repositories/main')).status).toBe(204);
  expect((await api.http('GET', '/shoal/v1/stacks/st')).json.Source).toEqual({ Kind: 'deploy' });
});

test('removing with prune takes the stacks along', async () => {
  await api.http('POST', '/shoal/v1/repositories', repository);
  await api.http('POST', '/shoal/v1/stacks/mine', { Spec: stack('mine') });
  const source = { Kind: 'repository', Repository: 'main', Path: 'stacks/st', Commit: 'abc' } as const;
  const spec = {
    Name: 'st',
    Networks: [],
    Secrets: [],
    Configs: [],
    Services: [{ Name: 'st_web', TaskTemplate: { ContainerSpec: { Image: 'x' } } }],
    External: { Networks: [], Secrets: [], Configs: [] },
  };
  api.cluster.run(deployStack(spec, { source, prune: false }));
  // Of this one only the record is left: somebody removed what it made.
  const Services = [{ Name: 'gone_web', TaskTemplate: { ContainerSpec: { Image: 'x' } } }];
  api.cluster.run(deployStack({ ...spec, Name: 'gone', Services }, { source: { ...source, Path: 'stacks/gone' }, prune: false }));
  expect((await api.http('DELETE', '/shoal/v1/stacks/gone?force=1')).status).toBe(200);
  expect((await api.http('GET', '/shoal/v1/stacks/gone/log/check')).json).toEqual({ Entries: 0, Revisions: 1, Before: '', Head: '' });
  expect((await api.http('DELETE', '/shoal/v1/repositories/main?prune=1')).status).toBe(204);
  expect([...api.cluster.store.list('revision')].map(({ Spec }) => Spec.Stack)).toEqual(['mine']);
  expect((await api.http('GET', '/shoal/v1/stacks')).json.map((one: { Name: string }) => one.Name)).toEqual(['mine']);
});

test('reconcile events come as lines', async () => {
  let text = '';
  const request = httpRequest({ socketPath: api.socketPath, path: '/shoal/v1/events', agent: false }, (response) => {
    response.on('data', (chunk: Buffer) => (text += chunk.toString()));
    response.on('error', () => undefined);
    api.emit({ time: '2026-01-01T00:00:00.000Z', type: 'stack', name: 'st', action: 'applied', message: '' });
  });
  request.on('error', () => undefined).end();
  await until(
    () => text.endsWith('\n'),
    10_000,
    () => text,
  );
  expect(JSON.parse(text)).toMatchObject({ name: 'st', action: 'applied' });
  request.destroy();
});
