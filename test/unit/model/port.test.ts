import { expect, test } from 'vitest';
import { parseTargetKey, targetKey } from '#model/port/port';
import type { PortConfig } from '#model/object/service-spec';

test.each([0, 1, 80, 65_535])('port %s is read as it is written, in every protocol', (TargetPort) => {
  for (const Protocol of ['tcp', 'udp', 'sctp'] as const) {
    const port: PortConfig = { TargetPort, Protocol };
    expect(parseTargetKey(targetKey(port))).toEqual(port);
  }
  expect(parseTargetKey(targetKey({ TargetPort }))).toEqual({ TargetPort, Protocol: 'tcp' });
  expect(parseTargetKey(String(TargetPort))).toEqual({ TargetPort, Protocol: 'tcp' });
});

test.each([
  '',
  '/',
  '/tcp',
  '80/',
  '80/TCP',
  '80/icmp',
  '80/tcp/udp',
  '80-81/tcp',
  '8080:80',
  '65536',
  '99999/udp',
  '-1',
  '+80',
  '1e3',
  '0x50',
  ' 80',
  '80 ',
  '80\n',
  '８０',
])('%j is no port of a container', (text) => {
  expect(parseTargetKey(text)).toBeUndefined();
});
