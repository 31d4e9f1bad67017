/** A repository and real containers: a commit that fails is rolled back, said, and not tried again. */
import { execFileSync } from 'node:child_process';
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
    daemon = await startDaemon();
    loadImage(daemon.engine, 'shoal-gitops:1');
  }, limitMs);

  afterAll(async () => {
    await daemon?.stop();
    repository.remove();
  }, limitMs);

  const shoal = (...args: string[]) => execFileSync('bin/shoal', ['-H', `unix://${daemon.socket}`, ...args], { encoding: 'utf8' }).trim();
  const stack = () => shoal('stack', 'ls', '--format', '{{.Name}} {{.State}} {{.Health}} {{.Message}}').trim();
  const replicas = () => shoal('service', 'ls', '--format', '{{.Replicas}}');
  const seen = (condition: () => boolean) => until(condition, limitMs, () => `${stack()}\n${shoal('service', 'ps', 'a_web', '--no-trunc')}`);

  test('the life of a failing commit', { timeout: 4 * limitMs }, async () => {
    repository.commit({ 'stacks/a/compose.yml': stackFile('["/bin/sleep", "1000"]') });
    shoal('repo', 'add', 'infra', repository.folder, '--interval', '1s');
    await seen(() => replicas() === '1/1');
    await seen(() => stack() === 'a applied healthy');
    expect(shoal('repo', 'sync', 'infra', '--wait')).toMatch(/^infra: synced at /);
    repository.commit({ 'stacks/a/compose.yml': stackFile('["/bin/false"]') });
    await seen(() => stack().startsWith('a applied degraded a_web: rolled back: rollback completed'));
    const why = 'a_web: rolled back: rollback completed: task: non-zero exit (1)';
    expect(stack()).toBe(`a applied degraded ${why}`);
    expect(shoal('stack', 'ls', '--format', '{{.Flags}}')).toBe('quarantined');
    expect(shoal('repo', 'ls', '--format', '{{.State}} {{.Message}}')).toBe(`degraded a is degraded: ${why}`);
    await seen(() => replicas() === '1/1');
    const before = shoal('service', 'inspect', 'a_web', '--format', '{{.Version.Index}} {{.UpdateStatus.StartedAt}}');
    for (let look = 0; look < 3; look++) execFileSync('sh', ['-c', `bin/shoal -H unix://${daemon.socket} repo sync infra || true`]);
    expect(shoal('service', 'inspect', 'a_web', '--format', '{{.Version.Index}} {{.UpdateStatus.StartedAt}}')).toBe(before);
    repository.git('revert', '--no-edit', 'HEAD');
    await seen(() => stack() === 'a applied healthy');
    shoal('service', 'scale', '--detach', 'a_web=3');
    const counts = '{{.PreviousSpec.Mode.Replicated.Replicas}} {{.Spec.Mode.Replicated.Replicas}}';
    await seen(() => shoal('service', 'inspect', 'a_web', '--format', counts) === '3 1');
    shoal('repo', 'rm', '--prune', 'infra');
    expect([stack(), shoal('service', 'ls', '-q')]).toEqual(['', '']);
  });
});
