import { expect, test } from 'vitest';
import { checkPortOptions, portOptions } from '#model/port/port-options';

const web = { PublishedPort: 80, TargetPort: 8080 };
const dns = { Protocol: 'udp' as const, PublishedPort: 53, TargetPort: 53 };
const ports = [web, dns];

test('a label of the service counts for all its ports, one of a port before it', () => {
  const labels = { 'shoal.source': 'masquerade', 'shoal.source.80-tcp': 'proxy', 'shoal.sticky.53-udp': 'true' };
  expect(portOptions(ports, labels)).toEqual(
    new Map([
      [web, { Source: 'proxy' }],
      [dns, { Source: 'masquerade', Sticky: true }],
    ]),
  );
  expect(portOptions(ports, { ...labels, 'shoal.source.80-tcp': 'client' }).has(web)).toBe(false);
  // By the task's own port, where none is published under that number.
  expect(portOptions(ports, { 'shoal.source.8080-tcp': 'local' })).toEqual(new Map([[web, { Source: 'local' }]]));
});

test('thousands of ports with a label each cost what they are', () => {
  const many = Array.from({ length: 5000 }, (_, at) => ({ Protocol: 'udp' as const, PublishedPort: 10_001 + at, TargetPort: 10_001 + at }));
  const Labels = Object.fromEntries(many.map(({ PublishedPort }) => [`shoal.source.${PublishedPort}-udp`, 'local']));
  checkPortOptions({ Name: 'web', Labels, TaskTemplate: {}, EndpointSpec: { Ports: many } });
  expect(portOptions(many, Labels).size).toBe(5000);
});

test.each([
  [{ 'shoal.sorce': 'local' }, 'label shoal.sorce is not known: of a service there are shoal.source and shoal.sticky'],
  [
    { 'shoal.ignore': Array.from({ length: 101 }, (_, at) => `environment.A${at}`).join(',') },
    'label shoal.ignore: 101 words are more than the 100 that there may be',
  ],
  [{ 'shoal.constructor': 'x' }, 'label shoal.constructor is not known'],
  [{ 'shoal.toString.80-tcp': 'x' }, 'label shoal.toString.80-tcp is not known'],
  [{ 'shoal.source': 'me' }, "label shoal.source: 'me' is none of client, masquerade, local, proxy"],
  [{ 'shoal.sticky': 'yes' }, "label shoal.sticky: 'yes' is none of true, false"],
  [{ 'shoal.source.81-tcp': 'local' }, 'label shoal.source.81-tcp: the service publishes no port 81/tcp'],
  [{ 'shoal.source': 'proxy' }, 'port 53/udp: a PROXY header is sent by TCP only; choose another shoal.source for it'],
])('refused by name: %o', (Labels, text) => {
  expect(() => checkPortOptions({ Name: 'web', Labels, TaskTemplate: {}, EndpointSpec: { Ports: ports } })).toThrow(text);
});

test('other people’s labels, and a service that publishes nothing', () => {
  checkPortOptions({ Name: 'web', Labels: { 'com.example': 'x', 'shoal.source': 'local' }, TaskTemplate: {} });
});
