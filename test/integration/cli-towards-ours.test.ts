/** The same commands towards a daemon of ours: Docker's requests with --strict, one request without, a plan that writes nothing. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApi, type ApiFixture } from '#test/support/api-fixture';
import { runCommand, type Ran } from '#test/support/daemon';

let api: ApiFixture;
beforeAll(async () => void (api = await startApi()));
afterAll(() => api.stop());

const shoal = (...args: string[]): Promise<Ran> =>
  runCommand(join(process.cwd(), 'bin/shoal'), args, { SHOAL_HOST: `unix://${api.socketPath}`, DOCKER_CONFIG: join(api.folder, 'conf') });

const text = (image: string): string => `
services: {lion: {image: "${image}", secrets: [food], configs: [diet], deploy: {replicas: 2}}}
secrets: {food: {file: ./food.txt}}
configs: {diet: {content: meat}}
`;

test('plan, deploy, plan again; names follow the content', async () => {
  await api.file('food.txt', 'canary');
  const file = await api.file('zoo.yml', text('lion:1'));
  const before = await shoal('stack', 'plan', '-c', file, 'zoo');
  expect([before.code, before.stdout.split('\n').filter((line) => line.startsWith('+')).length]).toEqual([0, 4]);
  expect((await api.http('GET', '/services')).json).toEqual([]);
  expect((await shoal('stack', 'deploy', '-d', '-c', file, 'zoo')).code).toBe(0);
  expect((await shoal('stack', 'plan', '-c', file, 'zoo')).stdout).toBe(
    'Stack zoo: 0 to create, 0 to change, 0 to remove, 4 unchanged. Nothing was written.\n',
  );
  const changed = await shoal('stack', 'plan', '-c', await api.file('zoo2.yml', text('lion:2')), 'zoo');
  expect(changed.stdout).toContain('~ service zoo_lion, its tasks are replaced\n');
  expect(changed.stdout).toContain('TaskTemplate.ContainerSpec.Image: "lion:1" → "lion:2"\n');
  const codeOf = async (...args: string[]) => (await shoal('stack', 'plan', '--exit-code', ...args, 'zoo')).code;
  const refused = await api.file('zoo3.yml', 'services: {lion: {imaage: x}}');
  expect([await codeOf('-c', file), await codeOf('-c', file.replace('zoo.yml', 'zoo2.yml')), await codeOf('-c', refused)]).toEqual([0, 6, 1]);
  const asData = await shoal('stack', 'plan', '--format', 'json', '-c', file, 'zoo');
  expect(JSON.parse(asData.stdout)).toMatchObject({ stack: 'zoo', changes: [{ change: 'none' }, { change: 'none' }, { change: 'none' }, { change: 'none' }] });
});

test('--strict sends what docker sends, and docker finds nothing to change', async () => {
  const file = await api.file('farm.yml', 'services: {cow: {image: "cow:1", secrets: [food]}}\nsecrets: {food: {file: ./food.txt}}\n');
  const args = ['stack', 'deploy', '--resolve-image', 'never', '-d', '-c', file, 'farm'];
  const first = await shoal(...args, '--strict');
  expect([first.code, first.stdout]).toEqual([0, 'Creating network farm_default\nCreating secret farm_food\nCreating service farm_cow\n']);
  const { Spec } = (await api.http('GET', '/services/farm_cow')).json as { Spec: object };
  expect((await api.docker(...args)).code).toBe(0);
  expect(((await api.http('GET', '/services/farm_cow')).json as { Spec: object }).Spec).toEqual(Spec);
  expect((await shoal('stack', 'plan', '--strict', '-c', file, 'farm')).stdout).toMatch(/: 0 to create, 0 to change, 0 to remove, 3 unchanged/);
});

test('credentials for the images go with the deploy', async () => {
  mkdirSync(join(api.folder, 'conf'), { recursive: true });
  writeFileSync(join(api.folder, 'conf/config.json'), JSON.stringify({ auths: { 'hosted.example': { auth: Buffer.from('u:p').toString('base64') } } }));
  const file = await api.file('auth.yml', 'services: {a: {image: "hosted.example/a:1"}}\n');
  expect((await shoal('stack', 'deploy', '-d', '--with-registry-auth', '-c', file, 'auth')).code).toBe(0);
  const service = [...(await api.cluster.read()).list('service')].find(({ Spec }) => Spec.Name === 'auth_a');
  expect(JSON.parse(Buffer.from(service?.Shoal.RegistryAuth ?? '', 'base64url').toString())).toEqual({
    username: 'u',
    password: 'p',
    serveraddress: 'hosted.example',
  });
});
