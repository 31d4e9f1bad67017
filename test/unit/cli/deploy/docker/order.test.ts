import { expect, test } from 'vitest';
import type { ServiceSpec } from '#model/object/service-spec';
import { inOrderOf } from '#cli/deploy/docker/order';

const file = (Name: string): { Name: string; UID: string; GID: string; Mode: number } => ({ Name, UID: '0', GID: '0', Mode: 292 });
const spec = (...targets: [name: string, target: string][]): ServiceSpec => ({
  Name: 's',
  TaskTemplate: { ContainerSpec: { Secrets: targets.map(([SecretName, target]) => ({ SecretID: SecretName, SecretName, File: file(target) })) } },
});

test('two mounts of one secret keep their places; everything else stays as wanted', () => {
  const live = spec(['a', '2'], ['a', '1'], ['b', '1']);
  expect(inOrderOf(live, spec(['a', '1'], ['a', '2'], ['b', '9']))).toEqual(spec(['a', '2'], ['a', '1'], ['b', '9']));
  expect(inOrderOf(spec(), spec(['b', '1'], ['a', '1']))).toEqual(spec(['b', '1'], ['a', '1']));
  const none: ServiceSpec = { Name: 's', TaskTemplate: { ContainerSpec: { Image: 'x' } } };
  expect(inOrderOf(live, none)).toEqual(none);
});
