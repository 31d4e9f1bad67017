/** Releases of the program that a repository declares, taken up by three managers and two workers whose containers run on. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { HostDaemon } from '#test/support/daemon';
import { GitRepository } from '#test/support/git-repository';
import type { HostCluster } from '#test/support/host-cluster';
import { digestOf, ownPackage } from '#test/support/packages';
import { until } from '../../support/machine.mjs';

const port = 8098;
const rolloutMs = 120_000;
/** Says what it is when it is tried, and dies when it is to serve. */
const dying = `export async function main(args) { if (!args.includes('--help')) throw new Error('this release is broken'); }`;

export async function upgradeStep({ cluster, managers }: { cluster: HostCluster; managers: readonly HostDaemon[] }): Promise<void> {
  const [first, second] = managers as [HostDaemon, HostDaemon];
  const { containers } = cluster;
  // Each daemon restarts in its turn.
  const eventually = async <T>(look: () => Promise<T>, wanted: T): Promise<void> => {
    let seen: T | undefined;
    await until(
      async () => JSON.stringify((seen = await look())) === JSON.stringify(wanted),
      rolloutMs,
      () => `${JSON.stringify(seen)} and not ${JSON.stringify(wanted)}\n${cluster.logs()}`,
    );
  };
  const repository = new GitRepository();
  const shop = serve(first);
  const declare = (name: string, bytes: Buffer): string => {
    writeFileSync(join(first.folder, name), bytes);
    const release = `release: { url: "http://${first.host.address}:${port}/${name}", sha256: ${digestOf(bytes)} }`;
    repository.commit({ 'shoal.yml': `stacks: []\n${release}\n` });
    return digestOf(bytes).slice(0, 12);
  };
  const releases = async (): Promise<string[]> => {
    const lines = (await first.run(['node', 'ls'])).stdout.split('\n').slice(1).filter(Boolean);
    return lines.map((line) => (line.includes(' Ready ') ? (line.split(/ {2,}/).at(-1) ?? '').trim() : 'not ready'));
  };
  const explained = async (): Promise<string> => (await second.run(['repo', 'explain', 'infra'])).stdout;
  try {
    const before = containers();
    const good = declare('good.tgz', ownPackage('good'));
    await first.ask('repo', 'add', 'infra', repository.folder, '--trust', 'full', '--allow', 'upgrade', '--interval', '1s');
    await eventually(
      releases,
      cluster.daemons.map(() => `0.1.0 (${good})`),
    );
    expect(containers()).toEqual(before);
    expect(await explained()).toContain(`release ${good} (version 0.1.0): ${cluster.daemons.length} of ${cluster.daemons.length} nodes do.`);
    const bad = declare('bad.tgz', ownPackage('bad', dying));
    await eventually(async () => /paused: node \S+: it was started 2 times and did not come to serve/.test(await explained()), true);
    await eventually(async () => (await releases()).filter((line) => line === `0.1.0 (${good})`).length, cluster.daemons.length - 1);
    expect((await releases()).find((line) => line.includes(bad))).toMatch(
      new RegExp(`^0\\.1\\.0 \\(${good}\\) → ${bad}, ${bad} failed: it was started 2 times`),
    );
    expect(containers()).toEqual(before);
    await first.ask('repo', 'rm', 'infra');
  } finally {
    shop.kill('SIGKILL');
    repository.remove();
  }
}

/** The files of the daemon's folder, to all hosts. */
function serve({ host, folder }: HostDaemon): ChildProcess {
  const program = `require('http').createServer((q, s) => require('fs').createReadStream(${JSON.stringify(folder)} + q.url).on('error', () => s.writeHead(404).end()).pipe(s)).listen(${port})`;
  const [enter = '', ...prefix] = host.enter;
  return spawn(enter, [...prefix, process.execPath, '-e', program], { stdio: 'ignore' });
}
