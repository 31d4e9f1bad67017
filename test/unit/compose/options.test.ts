/** `x-shoal`: what Compose has no word for, as labels of the service. */
import { expect, test } from 'vitest';
import { errorsOf, load } from '#test/support/compose';

const labels = (yaml: string, mode: 'spec' | 'strict' = 'spec') => {
  const result = load({ 'compose.yml': yaml }, { mode });
  expect(errorsOf(result)).toEqual([]);
  return Object.fromEntries(Object.entries(result.stack?.Services[0]?.Labels ?? {}).filter(([key]) => key.startsWith('shoal.')));
};

test('of the stack, the service and its ports; the nearer one wins', () => {
  const yaml = `
x-shoal: {image: follow, source: masquerade}
services:
  a:
    image: x
    x-shoal: {engine-socket: true, image: pin}
    ports: [{target: 80, published: 8080, x-shoal: {source: local}}, {target: 53, protocol: udp, x-shoal: {sticky: true}}]
`;
  expect(labels(yaml)).toEqual({
    'shoal.image': 'pin',
    'shoal.engine-socket': 'true',
    'shoal.source': 'masquerade',
    'shoal.source.8080-tcp': 'local',
    'shoal.sticky.53-udp': 'true',
  });
  expect(labels(yaml.replace(/ports:.*/, ''), 'strict')).toEqual({});
});

test('what is left as it is found becomes one label', () => {
  expect(labels('services: {a: {image: x, x-shoal: {ignore: [deploy.replicas, environment.LEVEL]}}}')).toEqual({
    'shoal.ignore': 'deploy.replicas,environment.LEVEL',
  });
});

test.each([
  ['services: {a: {image: x, x-shoal: {imgae: pin}}}', 'x-shoal: imgae is not known; there are source, sticky, image, engine-socket, drain, fence, ignore'],
  [
    'services: {a: {image: x, x-shoal: {ignore: [deploy.replica]}}}',
    'x-shoal: ignore is a list of deploy.replicas, deploy.resources, deploy.placement, deploy.restart_policy, deploy.update_config, deploy.rollback_config, image, command, environment, environment.NAME',
  ],
  ['services: {a: {image: x, x-shoal: {ignore: deploy.replicas}}}', expect.stringContaining('x-shoal: ignore is a list of') as unknown as string],
  ['services: {a: {image: x, x-shoal: {image: sometimes}}}', 'x-shoal: image is one of pin, follow'],
  ['services: {a: {image: x, x-shoal: follow}}', 'x-shoal: it must be a mapping'],
])('%s', (yaml, message) => expect(errorsOf(load({ 'compose.yml': yaml }))).toEqual([message]));
