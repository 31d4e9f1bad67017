import { expect, test } from 'vitest';
import { createConfig, removeConfig, updateConfig } from '#control/configs';
import { createSecret, removeSecret, updateSecret } from '#control/secrets';
import { createService } from '#control/service/services';
import { initialisedCluster } from '#test/support/memory-cluster';
import { base64, serviceSpec } from './specs.ts';

const badName = 'invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]';
const secretSize = 'secret data must be larger than 0 and less than 512000 bytes';
const configSize = 'config data must be larger than 0 and less than 1024000 bytes';

test('a name is needed', () => {
  expect(() => initialisedCluster().run(createConfig({ Name: '', Data: base64('x') }))).toThrow(expect.objectContaining({ message: 'name must be provided' }));
});

test.each(['-a', 'a-', 'a b', 'ä', 'a'.repeat(65)])('name "%s" is refused', (name) => {
  const cluster = initialisedCluster();
  expect(() => cluster.run(createSecret({ Name: name, Data: base64('x') }))).toThrow(expect.objectContaining({ code: 'invalidArgument', message: badName }));
});

test.each(['a', 'a.b_c-d', '0'.repeat(64)])('name "%s" is accepted', (name) => {
  const cluster = initialisedCluster();
  expect(cluster.run(createConfig({ Name: name, Data: base64('x') })).ID).toMatch(/^[0-9a-z]{25}$/);
});

test('data has its limits', () => {
  const cluster = initialisedCluster();
  const secret = (size: number) => () => cluster.run(createSecret({ Name: `s${size}`, Data: base64('x'.repeat(size)) }));
  const config = (size: number) => () => cluster.run(createConfig({ Name: `c${size}`, Data: base64('x'.repeat(size)) }));
  expect(secret(0)).toThrow(secretSize);
  expect(secret(512_000)).toThrow(secretSize);
  expect(secret(511_999)).not.toThrow();
  expect(config(1_024_000)).toThrow(configSize);
  expect(config(1_023_999)).not.toThrow();
});

test('a driver would bring the data itself, and there is none', () => {
  const cluster = initialisedCluster();
  expect(() => cluster.run(createSecret({ Name: 's', Driver: { Name: 'vault' } }))).toThrow('secret driver vault is not supported');
  expect(() => cluster.run(createSecret({ Name: 't', Driver: { Name: 'vault' }, Data: base64('x') }))).toThrow('secret driver vault is not supported');
  expect(() => cluster.run(createSecret({ Name: 'u', Driver: {} as never }))).toThrow('secret driver must have a name');
});

test('names are taken per kind, whatever their case', () => {
  const cluster = initialisedCluster();
  cluster.run(createSecret({ Name: 'key', Data: base64('x') }));
  expect(() => cluster.run(createSecret({ Name: 'KEY', Data: base64('x') }))).toThrow(
    expect.objectContaining({ code: 'alreadyExists', message: 'secret KEY already exists' }),
  );
  expect(() => cluster.run(createConfig({ Name: 'key', Data: base64('x') }))).not.toThrow();
});

test('only labels can be updated, and data left out stays', () => {
  const cluster = initialisedCluster();
  const { ID } = cluster.run(createSecret({ Name: 'key', Data: base64('x'), Labels: { a: '1' } }));
  const version = (): number => cluster.store.get('secret', ID)?.Version.Index ?? 0;
  const change = (spec: object) => () => cluster.run(updateSecret('key', version(), { Name: 'key', ...spec }));
  expect(change({ Data: base64('y') })).toThrow(expect.objectContaining({ code: 'invalidArgument', message: 'only updates to Labels are allowed' }));
  expect(change({ Name: 'other' })).toThrow('only updates to Labels are allowed');
  change({ Labels: { b: '2' } })();
  expect(cluster.store.get('secret', ID)?.Spec).toEqual({ Name: 'key', Data: base64('x'), Labels: { b: '2' } });
  expect(() => cluster.run(updateSecret(ID, version() - 1, { Name: 'key' }))).toThrow('update out of sequence');
  const config = cluster.run(createConfig({ Name: 'conf', Data: base64('x') }));
  expect(() => cluster.run(updateConfig('conf', cluster.store.get('config', config.ID)?.Version.Index ?? 0, { Name: 'conf', Data: base64('y') }))).toThrow(
    'only updates to Labels are allowed',
  );
});

test('one that a service uses is not removed', () => {
  const cluster = initialisedCluster();
  cluster.run(createSecret({ Name: 'key', Data: base64('x') }));
  cluster.run(createConfig({ Name: 'conf', Data: base64('x') }));
  const File = { Name: 'f', UID: '0', GID: '0', Mode: 292 };
  const ContainerSpec = { Image: 'app', Secrets: [{ SecretName: 'key', File }], Configs: [{ ConfigName: 'conf', File }] };
  cluster.run(createService(serviceSpec('a', { TaskTemplate: { ContainerSpec } })));
  expect(() => cluster.run(removeSecret('key'))).toThrow(
    expect.objectContaining({ code: 'invalidArgument', message: "secret 'key' is in use by the following service: a" }),
  );
  cluster.run(createService(serviceSpec('b', { TaskTemplate: { ContainerSpec } })));
  expect(() => cluster.run(removeConfig('conf'))).toThrow("config 'conf' is in use by the following services: a, b");
  expect(() => cluster.run(removeConfig('none'))).toThrow(expect.objectContaining({ code: 'notFound', message: 'config none not found' }));
});
