import { expect, test } from 'vitest';
import { groupId } from '#node/group';
import { systemdUnit } from '#node/systemd/unit';
import { parseOptions } from '../../../src/node/options.ts';

test('without options the usual places', () => {
  expect(parseOptions([], {})).toEqual({
    socket: '/run/shoal/shoal.sock',
    state: '/var/lib/shoal',
    run: '/run/shoal',
    engine: '/var/run/docker.sock',
    target: 'cluster',
    logLevel: 'info',
    snapshotEntries: 10_000,
  });
});

test('webhooks are taken where the operator says: in plain text on this machine, elsewhere with a certificate', () => {
  expect(parseOptions(['--http-addr', '[::1]:8080'], {})).toMatchObject({ http: { host: '::1', port: 8080 } });
  const asked = parseOptions(['--http-addr', ':8443'], { SHOAL_HTTP_CERT: '/c.pem', SHOAL_HTTP_KEY: '/k.pem' });
  expect(asked).toMatchObject({ http: { host: '0.0.0.0', port: 8443, cert: '/c.pem', key: '/k.pem' } });
});

test('managers are looked for where the operator says', () => {
  expect(parseOptions(['--managers', '10.0.0.1:2377,m2:4000'], {})).toMatchObject({ managers: ['10.0.0.1:2377', 'm2:4000'] });
});

test('options win over variables', () => {
  const options = parseOptions(['--socket', '/a/s.sock', '--engine=unix:///e.sock'], { SHOAL_SOCKET: '/b.sock', SHOAL_STATE: '/state' });
  expect(options).toMatchObject({ socket: '/a/s.sock', run: '/a', state: '/state', engine: '/e.sock' });
});

test.each([
  [['--log-level', 'loud'], '--log-level is one of'],
  [['--sokcet', 'x'], "Unknown option '--sokcet'"],
  [['extra'], 'Unexpected argument'],
  [['--target', 'moon'], '--target is cluster or docker, not "moon"'],
  [['--target', 'docker', '--engine', 'moon'], '--engine moon: give unix://PATH or tcp://HOST:PORT'],
  [['--http-addr', '0.0.0.0:80'], '--http-addr 0.0.0.0:80 can be reached from outside: give it a certificate'],
  [['--http-addr', ':8080'], 'can be reached from outside'],
  [['--http-addr', '127.0.0.1'], '--http-addr is HOST:PORT, not "127.0.0.1"'],
  [['--http-addr', '127.0.0.1:99999'], '--http-addr is HOST:PORT'],
  [['--http-addr', '127.0.0.1:80', '--http-cert', 'c'], '--http-cert and --http-key go together'],
  [['--http-cert', 'c', '--http-key', 'k'], 'are for --http-addr'],
  [['--managers', '10.0.0.1:2377,10.0.0.2'], '--managers is HOST:PORT of each, with commas between them: "10.0.0.2" is not'],
  [['--snapshot-entries', '0'], '--snapshot-entries is a whole number above 0'],
  [['--raft-tick', '5ms'], '--raft-tick is between 10ms and 1s, not 5ms'],
  [['--raft-tick', 'soon'], '--raft-tick is a duration in whole milliseconds, such as 50ms, not "soon"'],
  [['--raft-heartbeat', '120ms'], '--raft-heartbeat (120ms) and --raft-election (600ms) are multiples of --raft-tick (50ms)'],
  [
    ['--raft-heartbeat', '200ms', '--raft-election', '900ms'],
    '--raft-election (900ms) is at least 5 times --raft-heartbeat (200ms), so that a slow link or disk deposes no leader, and at most 60s',
  ],
])('%j is refused', (args, text) => expect(() => parseOptions(args, {})).toThrow(text));

test('beside a Docker Swarm the engine may be elsewhere', () => {
  expect(parseOptions(['--engine', 'tcp://manager:2376'], { SHOAL_TARGET: 'docker' })).toMatchObject({ target: 'docker', engine: 'tcp://manager:2376' });
});

test('a group is found by its name or number, and one that is not there is refused with what to do', () => {
  expect(parseOptions(['-G', 'root'], {})).toMatchObject({ group: 0 });
  expect(parseOptions([], { SHOAL_GROUP: '4711' })).toMatchObject({ group: 4711 });
  expect(groupId('docker', 'root:x:0:\ndocker:x:996:a,b\n')).toBe(996);
  expect(() => groupId('dock', 'root:x:0:\ndocker:x:996:a,b\n')).toThrow('no group "dock": make it');
});

test('a unit is asked for with the options that it is to have, and mistakes in them are told now', () => {
  expect(parseOptions(['--state', '/srv', '--systemd-unit'], {})).toBe('systemd-unit');
  expect(() => parseOptions(['--target', 'moon', '--systemd-unit'], {})).toThrow('--target');
  expect(systemdUnit(['/usr/bin/node', '/opt/my shoal/bin/shoal', 'daemon', '--state', '/a%b$c"'])).toContain(
    'ExecStart=/usr/bin/node "/opt/my shoal/bin/shoal" daemon --state "/a%%b$$c\\""\n',
  );
});

test('metrics are read over TCP where that is asked for', () => {
  expect(parseOptions([], {})).not.toHaveProperty('metrics');
  expect(parseOptions(['--metrics-addr', ':9323'], {})).toMatchObject({ metrics: { host: '0.0.0.0', port: 9323 } });
  expect(parseOptions([], { SHOAL_METRICS_ADDR: '[::1]:9' })).toMatchObject({ metrics: { host: '::1', port: 9 } });
  expect(() => parseOptions(['--metrics-addr', '9323'], {})).toThrow('--metrics-addr is HOST:PORT or :PORT, not "9323"');
});

test('help is help', () => expect(parseOptions(['-h'], {})).toBe('help'));

test('the beat of the managers is as usual unless it is given, and what is left out follows what is given', () => {
  expect(parseOptions([], {})).not.toHaveProperty('beat');
  expect(parseOptions(['--raft-election', '2s'], {})).toMatchObject({ beat: { tickMs: 50, heartbeatTicks: 2, electionTicks: 40 } });
  expect(parseOptions(['--raft-tick', '200ms'], {})).toMatchObject({ beat: { tickMs: 200, heartbeatTicks: 1, electionTicks: 5 } });
});
