/** The packed program on a machine that has nothing of the repository: installed, run as its unit says, used, removed. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GitRepository } from '#test/support/git-repository';
import { HostDaemon } from '../support/daemon.ts';
import { loadImage, startHost, until, whyNoHost, type Host } from '../support/machine.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const reason = whyNoHost();
const limitMs = 180_000;
const image = 'shoal-package:1';
/** Nobody's on this machine: what may use the socket. */
const group = 47_110;

let folder: string;
/** Paths in the package. */
let packed: string[];
let program: string;
/** Its file. */
let tarball: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-package-'));
  // In a copy: packing builds anew, and other tests use what is built here.
  const source = join(folder, 'source');
  mkdirSync(source);
  for (const name of ['bin', 'src', 'schemas', 'package.json', 'README.md', 'LICENSE']) cpSync(join(root, name), join(source, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(source, 'node_modules'));
  const [found] = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', folder], { cwd: source, encoding: 'utf8', stdio: 'pipe' })) as [
    { filename: string; files: { path: string }[] },
  ];
  tarball = found.filename;
  packed = found.files.map(({ path }) => path);
  const prefix = join(folder, 'prefix');
  execFileSync('npm', ['install', '--global', '--offline', '--prefix', prefix, join(folder, found.filename)], { cwd: folder, stdio: 'pipe' });
  program = join(prefix, 'bin/shoal');
}, limitMs);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('it holds the programs and what tells of them, and needs nothing else', () => {
  expect(packed.filter((path) => !path.startsWith('.build/')).toSorted()).toEqual(['LICENSE', 'README.md', 'bin/shoal', 'bin/stack', 'package.json']);
  expect(packed.every((path) => !path.startsWith('.build/') || /\.(mjs|cjs|code)$/.test(path))).toBe(true);
  const { version, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string; dependencies?: unknown };
  expect(dependencies).toBeUndefined();
  expect(execFileSync(program, ['--version'], { encoding: 'utf8', cwd: folder }).trim()).toBe(version);
  expect(execFileSync(join(program, '../stack'), ['--help'], { encoding: 'utf8', cwd: folder })).toContain('shoal stack [options] [command]');
});

test('a worker that only fetches begins without what takes long to load and is not needed: what reads stack files', () => {
  const built = join(folder, 'prefix/lib/node_modules/shoal/.build');
  const begun = new Set(['git-worker.mjs']);
  for (const name of begun) {
    const text = readFileSync(join(built, name), 'utf8');
    expect(text.includes('node_modules/ajv/'), name).toBe(false);
    for (const [, more = ''] of text.matchAll(/^(?:import|\} from) ?"\.\/([^"]+)";$/gm)) begun.add(more);
  }
  expect(begun.size).toBeGreaterThan(2);
});

test('a command begins without running what takes long and is not needed: what knows all signs of the world', () => {
  const built = join(folder, 'prefix/lib/node_modules/shoal/.build');
  const [program, started] = ['cli.cjs', 'cli.code'].map((name) => readFileSync(join(built, name), 'latin1'));
  // What is kept of it is what its start has run.
  expect([program?.includes('RGI_Emoji'), started?.includes('RGI_Emoji'), started?.includes('exitOverride')]).toEqual([true, false, true]);
});

test('a clone that was never built says what to do', () => {
  const clone = join(folder, 'clone');
  cpSync(join(root, 'bin'), join(clone, 'bin'), { recursive: true });
  cpSync(join(root, 'package.json'), join(clone, 'package.json'));
  for (const name of ['shoal', 'stack']) {
    expect(() => execFileSync(join(clone, 'bin', name), ['ls'], { stdio: 'pipe' })).toThrow(
      expect.objectContaining({ status: 1, stderr: Buffer.from('shoal is not built here: run `npm ci` in its folder first\n') }),
    );
  }
});

test('the unit that it prints is one that systemd takes', () => {
  const unit = execFileSync(program, ['daemon', '--state', join(folder, 'a state'), '--group', String(group), '--systemd-unit'], { encoding: 'utf8' });
  const file = join(folder, 'shoal.service');
  writeFileSync(file, unit);
  if (spawnSync('systemd-analyze', ['--version']).status === 0) execFileSync('systemd-analyze', ['verify', '--man=no', file], { stdio: 'pipe' });
  expect(unit).toMatch(/^ExecStart=\/.* ".*\/a state" --group 47110$/m);
  expect(unit).toMatch(/^KillMode=process$/m);
});

describe.skipIf(reason !== undefined)(reason ? `on a host (skipped: ${reason})` : 'on a host', () => {
  let host: Host;
  let daemon: HostDaemon;

  beforeAll(async () => {
    host = await startHost();
    loadImage(host.socket, image);
    daemon = new HostDaemon(host, 'packed', ['--group', String(group)], [], program);
    await daemon.start();
  }, limitMs);

  afterAll(async () => {
    await daemon?.remove();
    await host?.stop();
  }, limitMs);

  test('it runs a stack, and leaves nothing', { timeout: limitMs }, async () => {
    await daemon.ask('swarm', 'init', '--advertise-addr', '127.0.0.1');
    const deployed = await daemon.deploy('web', `services: {web: {image: "${image}", networks: [n], deploy: {replicas: 2}}}\nnetworks: {n: {}}`);
    expect(deployed).toMatchObject({ code: 0 });
    expect(await daemon.ask('service', 'ls', '--format', '{{.Replicas}}')).toBe('2/2');
    // Git is read by a program of its own.
    const repository = new GitRepository();
    try {
      repository.commit({ 'stacks/late/compose.yml': `services: {app: {image: "${image}"}}\n` });
      await daemon.ask('repo', 'add', 'infra', repository.folder);
      await daemon.ask('repo', 'sync', 'infra', '--wait');
      expect(await daemon.ask('stack', 'ls', '--format', '{{.Name}} {{.State}}')).toBe('late applied\nweb applied');
    } finally {
      repository.remove();
    }
    await daemon.ask('swarm', 'leave', '--force');
    await until(
      () => host.docker(['ps', '-aq']) === '',
      60_000,
      () => host.docker(['ps', '-a']),
    );
  });

  test('each command of the page on production does what it says', { timeout: limitMs }, async () => {
    const page = /\n### In production\n(.*?)\n### /s.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1] ?? '';
    const blocks = [...page.matchAll(/^```\n(.*?)^```$/gms)].map(([, block = '']) => block);
    const commands = blocks.flatMap((block) => block.split('\n').filter(Boolean)).map((line) => line.replace(/ {2,}#.*$/, ''));
    expect(commands.length).toBeGreaterThan(20);
    // The first was run by the beginning of this file.
    expect(commands[0]).toBe('npm pack');
    const work = join(host.folder, 'production');
    mkdirSync(work);
    cpSync(join(folder, tarball), join(work, tarball));
    writeFileSync(join(work, 'compose.yml'), `services: {web: {image: "${image}", deploy: {replicas: 1}}}\n`);
    const written = `#!/bin/bash\n`;
    const stubs: Readonly<Record<string, string>> = {
      systemctl: systemctlStub(work),
      'systemd-notify': `${written}touch ${work}/ready\n`,
      journalctl: `${written}[ "$2" = shoal ]\n`,
    };
    for (const [name, text] of Object.entries(stubs)) writeFileSync(join(work, name), text, { mode: 0o755 });
    const script = [
      'set -e',
      // A machine of its own, as far as the page touches it.
      `mkdir -p /run/shoal && cp -a /etc ${work}/etc`,
      'for place in /run/shoal /var/lib /var/backups /etc; do mount -t tmpfs -o mode=755 none $place; done',
      `cp -a ${work}/etc/. /etc/; mkdir -p /etc/systemd/system; cd ${work}`,
      `export PATH=${work}:${work}/prefix/bin:$PATH NPM_CONFIG_PREFIX=${work}/prefix NPM_CONFIG_OFFLINE=true SHOAL_ENGINE=${host.socket}`,
      ...commands.slice(1).flatMap((command) => {
        const line = command.replaceAll('ADDRESS', '127.0.0.1');
        return [`echo '+ ${line.replaceAll("'", "'\\''")}'`, line];
      }),
      'shoal service ls',
      `setpriv --reuid=47111 --regid=47111 --groups=$(getent group shoal | cut -d: -f3) curl -fsS --unix-socket /run/shoal/shoal.sock http://d/_ping`,
      'shoal swarm leave --force',
      'systemctl stop shoal',
    ].join('\n');
    const pid = readFileSync(join(host.folder, 'docker.pid'), 'utf8').trim();
    const had = existsSync('/run/shoal');
    try {
      const ran = spawnSync('nsenter', ['--target', pid, '--net', '--mount', '--uts', 'bash', '-c', script], { encoding: 'utf8', timeout: limitMs - 10_000 });
      const told = `${ran.stdout}\n${ran.stderr}\n${existsSync(join(work, 'log')) ? readFileSync(join(work, 'log'), 'utf8').slice(-3000) : ''}`;
      expect(ran.status, told).toBe(0);
      expect(ran.stdout).toMatch(/web_web +replicated +1\/1/);
      expect(ran.stdout).toMatch(/^\S+ service update \S+ \(name=web_web/m);
      expect(ran.stdout).toMatch(/^\+ .*healthz\nok/m);
    } finally {
      if (!had) rmSync('/run/shoal', { recursive: true, force: true });
    }
  });

  test('who is of the group may use it, and nobody else', () => {
    const { gid, mode } = statSync(daemon.socket);
    expect([gid, mode & 0o777]).toEqual([group, 0o660]);
    chownSync(daemon.folder, 0, 0);
    const ping = (...groups: string[]): string =>
      execFileSync('setpriv', ['--reuid=47111', '--regid=47111', ...groups, 'curl', '-s', '--unix-socket', daemon.socket, 'http://d/_ping'], {
        encoding: 'utf8',
      });
    execFileSync('chmod', ['711', host.folder, daemon.folder]);
    expect(ping(`--groups=${group}`)).toBe('OK');
    expect(() => ping('--clear-groups')).toThrow(expect.objectContaining({ status: 7 }));
  });
});

/** As much of systemd as the page asks of it: runs the unit that was written, and waits for it to say that it is ready. */
function systemctlStub(work: string): string {
  return `#!/bin/bash
unit=/etc/systemd/system/shoal.service
start() {
  rm -f ${work}/ready
  line="$(sed -n 's/^ExecStart=//p' $unit)"
  NOTIFY_SOCKET=${work}/notify setsid bash -c "umask $(sed -n 's/^UMask=//p' $unit); exec $line" >> ${work}/log 2>&1 < /dev/null &
  echo $! > ${work}/pid
  for _ in $(seq 600); do [ -e ${work}/ready ] && return; sleep 0.1; done
  exit 1
}
stop() {
  pid=$(cat ${work}/pid)
  kill -TERM $pid
  # One that has ended and that nobody has asked about has no command line.
  for _ in $(seq 600); do [ -n "$(tr -d '\\0' 2> /dev/null < /proc/$pid/cmdline)" ] || return 0; sleep 0.1; done
  exit 1
}
case "$*" in
  daemon-reload) ;;
  'enable --now shoal' | 'start shoal') start ;;
  'stop shoal') stop ;;
  'restart shoal') stop; start ;;
  *) echo "nobody said what $* is" >&2; exit 1 ;;
esac
`;
}
