/** Which settings of a log driver reach the host itself. */
import { expect, test } from 'vitest';
import { logNeed } from '#control/policy/log-needs';

const need = (Name: string, Options: Record<string, string> = {}): string | undefined => logNeed({ Name, Options });

test.each([
  '127.0.0.1:24224',
  'tcp://127.8.9.1:1',
  ' TCP://LOCALHOST:1',
  'tcp://ip6-localhost:1',
  'tcp://ip6-loopback:1',
  'tcp://localhost.localdomain:1',
  'tcp://localhost6:1',
  'tcp://[::1%lo]:1',
  'tcp://169.254.169.254:80',
  'tcp://user@localhost.:1',
  'udp://a.localhost:1',
  'tcp://[::1]:1',
  'tcp://[::ffff:127.0.0.1]:1',
  'tcp://[::ffff:7f00:1]:1',
  'tcp://[0:0:0:0:0:0:0:1]:1',
  'tcp://[::]:1',
  'tcp://0.0.0.0:1',
  'tcp://:24224',
  'tcp://0x7f.1:1',
  'tcp://2130706433:1',
  'tcp://127.1:1',
  'tcp://0177.0.0.1:1',
  'http://localhost/x',
])('%s is the host itself', (address) => {
  expect(need('fluentd', { 'fluentd-address': address })).toBe('log driver fluentd with an address of the host itself');
});

test('fluentd that is told no address speaks to the host itself', () => {
  expect(need('fluentd', { tag: 'x' })).toContain('an address of the host itself');
  expect(need('splunk', { 'splunk-url': 'https://localhost:8088' })).toContain('an address of the host itself');
});

test.each([
  'tcp://logs.example.org:1',
  '192.0.2.7:24224',
  'udp://10.0.0.3:1',
  'tcp://[2001:db8::1]:1',
  'tcp://[fd00::127]:1',
  'localhost.example.org:1',
  'tls://unixlogs.example:1',
])('%s is beyond the host', (address) => {
  expect(need('fluentd', { 'fluentd-address': address })).toBeUndefined();
});

test('what is no address may begin as one, and addresses of sockets may not', () => {
  for (const tag of ['unix-box', '/{{.Name}}', 'file:x', '@x', 'http://x']) expect(need('syslog', { tag })).toBeUndefined();
  for (const address of ['unix:///dev/log', 'unixgram:///x', 'UNIX:///x', '/run/x.sock', '@abstract', 'quic://h:1'])
    expect(need('syslog', { 'syslog-address': address })).toBe('log driver syslog with a path of the host');
  expect(need('loki')).toBe('log driver loki');
});
