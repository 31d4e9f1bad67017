import { expect, test } from 'vitest';
import type { PortConfig } from '#model/object/service-spec';
import { portsText } from '#cli/commands/service/services-list';
import { familiarImage } from '#model/image/image-reference';

const port = (published: number, target: number, more: Partial<PortConfig> = {}): PortConfig => ({
  Protocol: 'tcp',
  PublishedPort: published,
  TargetPort: target,
  PublishMode: 'ingress',
  ...more,
});

test.each([
  [[], ''],
  [[port(8080, 80)], '*:8080->80/tcp'],
  [[port(81, 81), port(80, 80)], '*:80-81->80-81/tcp'],
  [[port(80, 80), port(81, 90)], '*:80->80/tcp, *:81->90/tcp'],
  [[port(53, 53), port(53, 53, { Protocol: 'udp' })], '*:53->53/tcp, *:53->53/udp'],
  [[port(80, 80, { PublishMode: 'host' })], ''],
])('ports %# are shown as docker shows them', (ports, text) => expect(portsText(ports)).toBe(text));

test.each([
  ['nginx:1', 'nginx:1'],
  [`docker.io/library/nginx:1@sha256:${'a'.repeat(64)}`, 'nginx:1'],
  [`nginx@sha256:${'a'.repeat(64)}`, `nginx@sha256:${'a'.repeat(64)}`],
  [`host:5000/team/app:2@sha256:${'a'.repeat(64)}`, 'host:5000/team/app:2'],
])('image %s is shown as %s', (image, shown) => expect(familiarImage(image)).toBe(shown));
