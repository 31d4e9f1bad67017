/** A secret's value is where its container reads it, and nowhere else. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HostDaemon } from '#test/support/daemon';
import { type Host, loadImage, startHost, stays, until, whyNoHost } from '../../support/machine.mjs';

const reason = whyNoHost();
const image = 'shoal-secrets:1';
const canary = 'canary-in-the-mine-48151623';
/** Given by command line and API; changed once. */
const second = 'second-canary-by-hand-1342';
const tmpfsMagic = 0x01021994;

describe.skipIf(reason !== undefined)(reason ? `secrets (skipped: ${reason})` : 'secrets', () => {
  let host: Host;
  let daemon: HostDaemon;

  beforeAll(async () => {
    host = await startHost();
    loadImage(host.socket, image, { command: stays, files: { '/etc/passwd': 'root:x:0:0::/:/bin/sh\napp:x:500:501::/:/bin/sh\n' } });
    daemon = new HostDaemon(host, 'a', ['--snapshot-entries', '5']);
    await daemon.start();
    await daemon.ask('swarm', 'init', '--advertise-addr', '127.0.0.1');
    expect((await daemon.run(['secret', 'create', 'byhand', '-'], { input: second })).code).toBe(0);
    daemon.file('key.txt', canary);
    daemon.file('app.conf', 'listen 80\n');
    expect(await daemon.deploy('safe', stack)).toMatchObject({ code: 0 });
  });

  afterAll(async () => {
    await daemon?.remove();
    await host?.stop();
  });

  const stack = `
services:
  app:
    image: ${image}
    init: true
    environment: {KEY_FILE: /run/secrets/key}
    secrets:
      - key
      - {source: key, target: deep.key, uid: "101", gid: "102", mode: 0440}
      - {source: key, target: /etc/app/key, mode: 0400}
      - hand
    configs:
      - {source: conf, target: /etc/app/app.conf, uid: "7", gid: "8", mode: 0640}
      - conf
    deploy: {replicas: 2, update_config: {monitor: 500ms}}
  plain:
    image: ${image}
    init: true
    user: app
    read_only: true
    secrets: [{source: key, uid: "500", gid: "501", mode: 0400}]
    deploy: {update_config: {monitor: 500ms}}
secrets:
  key: {file: ./key.txt}
  hand: {external: true, name: byhand}
configs:
  conf: {file: ./app.conf}
`;

  const containers = (name: string) =>
    host
      .docker(['ps', '-q', '--filter', `name=${name}`])
      .split('\n')
      .filter(Boolean);
  const inside = (name: string, command: string) => host.docker(['exec', containers(name)[0] ?? '', 'sh', '-c', command]);

  test('the files are as asked, read-only', () => {
    const look = 'stat -c "%n %u:%g %a" /run/secrets/key /run/secrets/deep.key /etc/app/key /run/secrets/hand /etc/app/app.conf /conf';
    expect(inside('safe_app', look).trim().split('\n')).toEqual([
      '/run/secrets/key 0:0 444',
      '/run/secrets/deep.key 101:102 440',
      '/etc/app/key 0:0 400',
      '/run/secrets/hand 0:0 444',
      '/etc/app/app.conf 7:8 640',
      '/conf 0:0 444',
    ]);
    expect(inside('safe_app', 'cat /run/secrets/key')).toBe(canary);
    expect(inside('safe_app', 'cat /run/secrets/hand')).toBe(second);
    expect(inside('safe_app', 'cat /conf')).toBe('listen 80\n');
    for (const file of ['/run/secrets/key', '/conf']) expect(inside('safe_app', `(echo x > ${file}) 2>&1 || true`)).toContain('Read-only file system');
  });

  test('a user of the image reads its own', () => {
    expect(inside('safe_plain', 'id -u; cat /run/secrets/key')).toBe(`500\n${canary}`);
  });

  test('no copy outside: inspect, state, logs, engine, answers of the API', async () => {
    const ids = host.docker(['ps', '-aq']).split('\n').filter(Boolean);
    const texts = [host.docker(['inspect', ...ids])];
    for (const args of [
      ['secret', 'inspect', 'byhand'],
      ['service', 'inspect', 'safe_app'],
      ['stack', 'ps', 'safe', '--no-trunc'],
      ['secret', 'ls'],
    ])
      texts.push(await daemon.ask(...args));
    const secrets = (await daemon.ask('secret', 'ls', '-q')).split('\n');
    texts.push(await daemon.askDocker('secret', 'inspect', ...secrets));
    for (const path of ['/secrets', '/services', '/tasks', '/shoal/v1/stacks', '/shoal/v1/stacks/safe', '/metrics']) {
      texts.push(execFileSync('curl', ['-s', '--unix-socket', daemon.socket, `http://localhost${path}`], { encoding: 'utf8' }));
    }
    for (const text of texts) for (const form of forms()) expect(text).not.toContain(form);
    // The host's folder holds the engine's data, the daemon's state and both logs; the user's own file is left out.
    expect(existsSync(join(daemon.state, 'raft'))).toBe(true);
    expect(filesWith(host.folder)).toEqual([join(daemon.folder, 'files', 'key.txt')]);
    expect(filesWith(daemon.runFolder).length).toBeGreaterThan(0);
    expect(statfsSync(daemon.runFolder).type).toBe(tmpfsMagic);
  });

  test('a restart and a snapshot leave none either', async () => {
    await daemon.kill();
    expect(execFileSync('find', [daemon.state, '-name', '*snap*'], { encoding: 'utf8' })).not.toBe('');
    await daemon.start();
    expect(filesWith(host.folder)).toEqual([join(daemon.folder, 'files', 'key.txt')]);
    expect(inside('safe_app', 'cat /run/secrets/key')).toBe(canary);
  });

  test('a new value is a new secret, and rolls only the services that use it', async () => {
    const before = containers('safe_plain');
    daemon.file('app.conf', 'listen 81\n');
    const { code, stdout } = await daemon.deploy('safe', stack);
    expect([code, stdout.match(/^Updating service \S+/gm)]).toEqual([0, ['Updating service safe_app']]);
    expect(inside('safe_app', 'cat /conf')).toBe('listen 81\n');
    expect(containers('safe_plain')).toEqual(before);
  });

  test('files go with their tasks', async () => {
    await daemon.ask('stack', 'rm', 'safe');
    await until(
      () => filesWith(daemon.runFolder).length === 0,
      30_000,
      () => execFileSync('find', [daemon.runFolder], { encoding: 'utf8' }),
    );
    await until(
      () => containers('safe').length === 0,
      20_000,
      () => host.docker(['ps']),
    );
    const left = execFileSync('find', [daemon.runFolder, '-type', 'f'], { encoding: 'utf8' });
    expect(left, readdirSync(daemon.runFolder).join()).toBe('');
  });
});

/** The values and what they are in base64, whatever stands before them. */
function forms(): string[] {
  return [canary, second].flatMap((value) => [
    value,
    ...[0, 1, 2].map((shift) =>
      Buffer.from('x'.repeat(shift) + value)
        .toString('base64')
        .slice(4, -4),
    ),
  ]);
}

/** Files below `folder` that hold a value in any form; every byte is looked at. */
function filesWith(folder: string): string[] {
  const patterns = forms().flatMap((form) => ['-e', form]);
  try {
    return execFileSync('grep', ['-rlaF', '--devices=skip', ...patterns, folder], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\n')
      .filter(Boolean);
  } catch (error) {
    // 1: nothing found; 2: a file went while it was looked at.
    return ((error as { stdout?: string }).stdout ?? '').split('\n').filter(Boolean);
  }
}
