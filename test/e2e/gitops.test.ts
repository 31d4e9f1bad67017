/** A repository and real containers: a commit that fails is rolled back, said, and not tried again. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GitRepository } from '#test/support/git-repository';
import { startDaemon, type BenchDaemon } from '../bench/daemon.ts';
import { loadImage, until, whyNoHost } from '../support/machine.mjs';

const reason = whyNoHost();
const limitMs = 120_000;

const stackFile = (command: string) => `services:
  web:
    image: shoal-gitops:1
    command: ${command}
    stop_grace_period: 100ms
    deploy:
      restart_policy: { delay: 100ms }
      update_config: { monitor: 2s, failure_action: rollback }
`;

describe.skipIf(reason !== undefined)(reason ? `a repository and real containers (skipped: ${reason})` : 'a repository and real containers', () => {
  let daemon: BenchDaemon;
  const repository = new GitRepository();

  beforeAll(async () => {
    execFileSync('npm', ['run', '--silent', 'build']);
    daemon = await startDaemon('--http-addr', '127.0.0.1:8480');
    loadImage(daemon.engine, 'shoal-gitops:1');
  }, limitMs);

  afterAll(async () => {
    await daemon?.stop();
    repository.remove();
  }, limitMs);

  const shoal = (...args: string[]) => execFileSync('bin/shoal', ['-H', `unix://${daemon.socket}`, ...args], { encoding: 'utf8' }).trim();
  const stack = () => shoal('stack', 'ls', '--format', '{{.Name}} {{.State}} {{.Health}} {{.Message}}').trim();
  const secret = 'a secret that the forge knows';
  const secretFile = join(repository.folder, '..', 'secret');
  writeFileSync(secretFile, `${secret}\n`);
  /** The status that a delivery signed with `key` is answered with. */
  const deliver = (key: string): string => {
    const signature = `sha256=${createHmac('sha256', key).update('{}').digest('hex')}`;
    const call = `fetch('http://127.0.0.1:8480/hooks/infra', { method: 'POST', body: '{}', headers: { 'X-Hub-Signature-256': '${signature}' } })`;
    const [enter = '', ...prefix] = daemon.enter;
    return execFileSync(enter, [...prefix, process.execPath, '-e', `${call}.then(({ status }) => console.log(status))`], { encoding: 'utf8' }).trim();
  };
  const replicas = () => shoal('service', 'ls', '--format', '{{.Replicas}}');
  const seen = (condition: () => boolean) => until(condition, limitMs, () => `${stack()}\n${shoal('service', 'ps', 'a_web', '--no-trunc')}`);

  test('the life of a failing commit', { timeout: 4 * limitMs }, async () => {
    repository.commit({ 'stacks/a/compose.yml': stackFile('["/bin/sleep", "1000"]') });
    shoal('repo', 'add', 'infra', repository.folder, '--interval', '1s');
    await seen(() => replicas() === '1/1');
    await seen(() => stack() === 'a applied healthy');
    expect(shoal('repo', 'sync', 'infra', '--wait')).toMatch(/^infra: synced at /);
    repository.commit({ 'stacks/a/compose.yml': stackFile('["/bin/false"]') });
    await seen(() => /^a refused healthy rolled back to revision 1 \(commit [0-9a-f]{12}\): a_web: .*non-zero exit \(1\)/.test(stack()));
    expect(shoal('stack', 'ls', '--format', '{{.Flags}}')).toBe('quarantined');
    expect(shoal('repo', 'ls', '--format', '{{.State}} {{.Message}}')).toMatch(/^degraded 1 of 1 stacks refused: a: rolled back to revision 1 /);
    await seen(() => replicas() === '1/1');
    const history = () => shoal('stack', 'history', 'a', '--format', '{{.Revision}} {{.Outcome}} {{.By}} {{.Current}}').split('\n');
    await seen(() => history()[0] === '3 good shoal true');
    expect(history()).toEqual(['3 good shoal true', '2 failed t <t@localhost> false', '1 good t <t@localhost> false']);
    expect(shoal('stack', 'diff', 'a', '1', '2')).toContain('~ service a_web, its tasks are replaced');
    const before = shoal('service', 'inspect', 'a_web', '--format', '{{.Version.Index}} {{.UpdateStatus.StartedAt}}');
    for (let look = 0; look < 3; look++) execFileSync('sh', ['-c', `bin/shoal -H unix://${daemon.socket} repo sync infra || true`]);
    expect(shoal('service', 'inspect', 'a_web', '--format', '{{.Version.Index}} {{.UpdateStatus.StartedAt}}')).toBe(before);
    repository.git('revert', '--no-edit', 'HEAD');
    await seen(() => stack() === 'a applied healthy');
    shoal('repo', 'update', 'infra', '--webhook-secret-file', secretFile);
    expect([deliver('wrong'), deliver(secret), deliver(secret)]).toEqual(['401', '202', '409']);
    repository.commit({ 'stacks/a/compose.yml': stackFile('["/bin/sleep", "2000"]') });
    expect(shoal('repo', 'sync', 'infra', '--wait')).toContain('a_web: 1/1 converged');
    shoal('stack', 'rollback', 'a', '--to', '3');
    expect(shoal('service', 'inspect', 'a_web', '--format', '{{index .Spec.TaskTemplate.ContainerSpec.Args 1}}')).toBe('1000');
    expect(shoal('stack', 'ls', '--format', '{{.Flags}}')).toBe('quarantined');
    shoal('stack', 'retry', 'a');
    await seen(() => stack() === 'a applied healthy');
    shoal('service', 'scale', '--detach', 'a_web=3');
    const counts = '{{.PreviousSpec.Mode.Replicated.Replicas}} {{.Spec.Mode.Replicated.Replicas}}';
    await seen(() => shoal('service', 'inspect', 'a_web', '--format', counts) === '3 1');
    shoal('repo', 'rm', '--prune', 'infra');
    expect([stack(), shoal('service', 'ls', '-q')]).toEqual(['', '']);
  });

  test('what is pushed to the cluster is deployed while the pusher looks on, and refused where it is wrong', { timeout: 4 * limitMs }, async () => {
    const own = new GitRepository();
    try {
      shoal('repo', 'create', 'own');
      const url = `http://me:${shoal('repo', 'token', 'create', 'own', '--role', 'push')}@127.0.0.1:8480/git/own`;
      const [enter = '', ...prefix] = daemon.enter;
      const push = (): string => {
        const { stderr } = spawnSync(enter, [...prefix, 'git', '-c', 'safe.directory=*', '-C', own.folder, 'push', url, 'main'], { encoding: 'utf8' });
        return stderr.replaceAll(/ +$/gm, '');
      };
      own.commit({ 'stacks/b/compose.yml': stackFile('["/bin/sleep", "1000"]') });
      expect(push()).toMatch(
        /^remote: stack b: new in the repository\n(remote: b_web .*\n)*remote: b_web 1\/1\nremote: DEPLOYED: commit [0-9a-f]{12} is deployed, and healthy$/m,
      );
      own.commit({ 'stacks/b/compose.yml': stackFile('["/bin/sleep", "1000"]').replace('command', 'comand') });
      expect(push()).toMatch(/^remote: stacks\/b\/compose.yml:4:5: .*comand/m);
      own.git('reset', '--quiet', '--hard', 'HEAD~1');
      own.commit({ 'stacks/b/compose.yml': stackFile('["/bin/false"]') });
      const failed = push();
      expect(failed).toMatch(/^remote: b: refused: rolled back to revision 1 .*non-zero exit \(1\)/m);
      expect(failed).toMatch(/^remote: NOT DEPLOYED: 1 of 1 stacks are not as commit [0-9a-f]{12} wants them$/m);
      shoal('repo', 'rm', '--prune', 'own');
    } finally {
      own.remove();
    }
  });
});
