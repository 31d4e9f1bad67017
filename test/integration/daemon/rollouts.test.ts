/** Updates, failures and repairs as the owner of a stack sees them: exit codes, `service ps`, and what runs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { HostDaemon } from '#test/support/daemon';
import { type Host, loadImage, startHost, stays, until, whyNoHost } from '../../support/machine.mjs';

const reason = whyNoHost();
const good = 'shoal-rollout:1';
const better = 'shoal-rollout:2';
/** Fails a moment after its start, again and again. */
const failing = 'shoal-rollout:failing';
const done = 'shoal-rollout:done';
const sick = 'shoal-rollout:sick';

interface Task {
  ID: string;
  CreatedAt: string;
  DesiredState: string;
  Slot?: number;
  Spec: { ContainerSpec: { Image: string } };
  Status: { State: string; Timestamp: string; Err?: string; ContainerStatus?: { ContainerID: string; ExitCode?: number } };
}

describe.skipIf(reason !== undefined)(reason ? `rollouts (skipped: ${reason})` : 'rollouts', () => {
  let host: Host;
  let daemon: HostDaemon;

  beforeAll(async () => {
    host = await startHost();
    loadImage(host.socket, good, { command: stays });
    loadImage(host.socket, better, { command: stays, files: { '/www/better': '' } });
    loadImage(host.socket, failing, { command: ['/bin/sh', '-c', 'echo broken; sleep 0.2; exit 3'] });
    loadImage(host.socket, done, { command: ['/bin/sh', '-c', 'echo work; exit 0'] });
    loadImage(host.socket, sick, { command: stays, changes: ['HEALTHCHECK --interval=500ms --timeout=1s --retries=2 CMD ["/bin/false"]'] });
    daemon = new HostDaemon(host);
    await daemon.start();
    await daemon.ask('swarm', 'init', '--advertise-addr', '127.0.0.1');
  });

  afterAll(async () => {
    await daemon?.remove();
    await host?.stop();
  });

  /** One service `app` in the stack; `deploy` is put beside quick defaults. */
  function stackOf(image: string, deploy: object = {}, service: object = {}): string {
    const quick = { replicas: 2, update_config: { monitor: '1s' }, restart_policy: { delay: '500ms' } };
    return JSON.stringify({ services: { app: { image, init: true, deploy: { ...quick, ...deploy }, ...service } } });
  }

  async function tasksOf(service: string): Promise<Task[]> {
    const ids = (await daemon.ask('service', 'ps', '-q', '--no-trunc', service)).split('\n').filter(Boolean);
    const tasks = JSON.parse(await daemon.askDocker('inspect', '--type', 'task', ...ids)) as Task[];
    return tasks.sort((a, b) => (a.CreatedAt < b.CreatedAt ? -1 : 1));
  }

  const running = (tasks: readonly Task[], image: string) => tasks.filter((task) => task.Status.State === 'running' && task.Spec.ContainerSpec.Image === image);
  const at = (text: string | undefined) => Date.parse(text ?? '');

  test('drain empties the node, active fills it again', async () => {
    await daemon.deploy('drain', stackOf(good));
    const node = await daemon.ask('node', 'ls', '-q');
    const own = () => host.docker(['ps', '-q', '--filter', 'name=drain_app']);
    // Nobody can take them over: they are waited for no longer than that.
    await daemon.ask('node', 'drain', '--timeout', '1s', node);
    await until(() => own() === '', 60_000, own);
    expect(await daemon.ask('service', 'ps', '--no-trunc', 'drain_app')).toContain('no suitable node (1 node not available for new tasks)');
    await daemon.ask('node', 'update', '--availability', 'active', node);
    await until(() => own().split('\n').length === 3, 60_000, own);
  });

  // Each has a stack of its own and waits for most of its time.
  describe.concurrent('side by side', { timeout: 180_000 }, () => {
    test('stop-first goes slot by slot, with the delay between, the old one down before the new one is up', async () => {
      const rolling = { replicas: 3, update_config: { parallelism: 1, delay: '1500ms', monitor: '500ms', order: 'stop-first' } };
      expect((await daemon.deploy('steps', stackOf(good, rolling))).code).toBe(0);
      const { code, stdout, stderr } = await daemon.deploy('steps', stackOf(better, rolling));
      expect(code).toBe(0);
      // As Docker says it of an image that only this engine has.
      expect(stderr).toMatch(new RegExp(`^image ${better} could not be accessed on a registry to record\\s`));
      expect(stdout).toMatch(/^Updating service steps_app \(id: \w{25}\)$/m);
      const tasks = await tasksOf('steps_app');
      const fresh = running(tasks, better);
      expect(fresh.length).toBe(3);
      for (const task of fresh) {
        const old = tasks.find((other) => other.Slot === task.Slot && other.Spec.ContainerSpec.Image === good);
        expect(old?.Status.State).toBe('shutdown');
        expect(at(old?.Status.Timestamp)).toBeLessThanOrEqual(at(task.Status.Timestamp));
      }
      const begun = fresh.map(({ Status }) => at(Status.Timestamp)).sort((a, b) => a - b);
      // The next slot begins after the delay, and then has to stop one container and start another.
      for (const [index, time] of begun.entries()) if (index > 0) expect(time - (begun[index - 1] ?? 0)).toBeGreaterThanOrEqual(1500);
      const lines = (await daemon.ask('service', 'ps', 'steps_app')).split('\n').slice(1);
      expect(lines.map((line) => line.split(/ {2,}/)[1])).toEqual(['1', '2', '3'].flatMap((slot) => [`steps_app.${slot}`, `\\_ steps_app.${slot}`]));
    });

    test('parallelism 2 of 4 goes in two waves', async () => {
      const waves = { replicas: 4, update_config: { parallelism: 2, delay: '2s', monitor: '500ms' } };
      await daemon.deploy('waves', stackOf(good, waves));
      expect((await daemon.deploy('waves', stackOf(better, waves))).code).toBe(0);
      const created = (await tasksOf('waves_app')).filter(({ Spec }) => Spec.ContainerSpec.Image === better).map(({ CreatedAt }) => at(CreatedAt));
      expect(created.length).toBe(4);
      const gaps = created.slice(1).map((time, index) => time - (created[index] ?? 0));
      expect(gaps[1]).toBeGreaterThanOrEqual(2000);
      expect(Math.max(gaps[0] ?? Infinity, gaps[2] ?? Infinity)).toBeLessThan(gaps[1] ?? 0);
    });

    test('start-first has the new one up before the old one is told to stop', async () => {
      const order = { replicas: 1, update_config: { order: 'start-first', monitor: '500ms' } };
      await daemon.deploy('first', stackOf(good, order));
      expect((await daemon.deploy('first', stackOf(better, order))).code).toBe(0);
      const [old, fresh] = await tasksOf('first_app');
      expect([old?.Spec.ContainerSpec.Image, fresh?.Spec.ContainerSpec.Image]).toEqual([good, better]);
      expect(at(fresh?.Status.Timestamp)).toBeLessThanOrEqual(at(old?.Status.Timestamp));
    });

    test('failure_action rollback brings the old image back, exit 3', async () => {
      // With a delay a failure is seen before the next slot is begun.
      const rolls = { update_config: { failure_action: 'rollback', monitor: '2s', delay: '1s' }, rollback_config: { monitor: '500ms' } };
      expect((await daemon.deploy('back', stackOf(good, rolls))).code).toBe(0);
      const untouched = running(await tasksOf('back_app'), good).map(({ ID }) => ID);
      const { code, stdout, stderr } = await daemon.deploy('back', stackOf(failing, rolls));
      expect(code, stdout + stderr).toBe(3);
      expect(stderr).toContain('back_app: ');
      expect(stderr).toContain('rollback completed');
      const tasks = await tasksOf('back_app');
      expect(running(tasks, good).length).toBe(2);
      // One at a time: the second slot was never touched.
      expect(running(tasks, good).filter(({ ID }) => untouched.includes(ID)).length).toBe(1);
      expect(await daemon.ask('service', 'inspect', '--format', '{{.UpdateStatus.State}} {{.Spec.TaskTemplate.ContainerSpec.Image}}', 'back_app')).toBe(
        `rollback_completed ${good}`,
      );
      // The same files again are a change again, for the store holds the rolled back one.
      expect((await daemon.deploy('back', stackOf(good, rolls))).code).toBe(0);
    });

    test('failure_action pause leaves the rest alone, exit 4 with the reason', async () => {
      const pauses = { update_config: { failure_action: 'pause', monitor: '2s', delay: '1s' } };
      await daemon.deploy('halt', stackOf(good, pauses));
      const { code, stderr } = await daemon.deploy('halt', stackOf(failing, pauses));
      expect(code).toBe(4);
      expect(stderr).toContain('halt_app: update paused due to failure or early termination of task');
      expect(stderr).toContain('task: non-zero exit (3)');
      expect(running(await tasksOf('halt_app'), good).length).toBe(1);
      expect(await daemon.ask('service', 'inspect', '--format', '{{.UpdateStatus.State}}', 'halt_app')).toBe('paused');
      // A repaired stack goes on from there.
      expect((await daemon.deploy('halt', stackOf(better, pauses))).code).toBe(0);
      await daemon.ask('stack', 'rm', 'halt');
    });

    test('failure_action continue goes through all slots', async () => {
      const goesOn = { replicas: 2, update_config: { failure_action: 'continue', monitor: '1s' }, restart_policy: { condition: 'none' } };
      await daemon.deploy('on', stackOf(good, goesOn));
      expect((await daemon.deploy('on', stackOf(failing, goesOn))).code).toBe(4);
      expect(running(await tasksOf('on_app'), good).length).toBe(0);
      await daemon.ask('stack', 'rm', 'on');
    });

    test('a container killed by hand is replaced after the restart delay', async () => {
      await daemon.deploy('mend', stackOf(good, { replicas: 1, restart_policy: { delay: '2s' } }));
      const [task] = await tasksOf('mend_app');
      host.docker(['kill', task?.Status.ContainerStatus?.ContainerID ?? '']);
      await until(
        async () => running(await tasksOf('mend_app'), good).some(({ ID }) => ID !== task?.ID),
        20_000,
        () => 'not replaced',
      );
      const [old, fresh] = await tasksOf('mend_app');
      expect(old?.Status).toMatchObject({ State: 'failed', Err: 'task: non-zero exit (137)', ContainerStatus: { ExitCode: 137 } });
      expect(at(fresh?.Status.Timestamp) - at(old?.Status.Timestamp)).toBeGreaterThanOrEqual(2000);
      const text = await daemon.ask('service', 'ps', 'mend_app');
      expect(text).toMatch(/^\w{12} +mend_app\.1 +\S+ +\S+ +Running +Running/m);
      expect(text).toMatch(/^\w{12} +\\_ mend_app\.1 +\S+ +\S+ +Shutdown +Failed .* +"task: non-zero exit \(137\)"/m);
    });

    test('a container removed by hand is replaced too', async () => {
      await daemon.deploy('gone', stackOf(good, { replicas: 1 }));
      const [task] = await tasksOf('gone_app');
      host.docker(['rm', '-f', task?.Status.ContainerStatus?.ContainerID ?? '']);
      await until(
        async () => running(await tasksOf('gone_app'), good).some(({ ID }) => ID !== task?.ID),
        20_000,
        () => 'not replaced',
      );
    });

    test('an image that is nowhere: exit 4, with the reason there and in service ps', async () => {
      const { code, stderr } = await daemon.deploy('missing', stackOf('shoal-nowhere:1'), ['--timeout', '30s']);
      expect(code).toBe(4);
      expect(stderr).toMatch(/missing_app\.1: \w+: No such image: shoal-nowhere:1/);
      expect(await daemon.ask('service', 'ps', '--no-trunc', 'missing_app')).toMatch(/Rejected .* "No such image: shoal-nowhere:1/);
      expect(await daemon.askDocker('service', 'ls', '--filter', 'name=missing_app', '--format', '{{.Replicas}}')).toBe('0/2');
      await daemon.ask('stack', 'rm', 'missing');
    });

    test('a constraint that no node fulfils: exit 4 in Swarm’s words', async () => {
      const text = 'no suitable node (scheduling constraints not satisfied on 1 node)';
      const placed = stackOf(good, { placement: { constraints: ['node.labels.disk == ssd'] } });
      const { code, stderr } = await daemon.deploy('far', placed, ['--timeout', '3s']);
      expect(code).toBe(4);
      expect(stderr).toContain(`far_app.1: pending: ${text}`);
      expect(await daemon.ask('service', 'ps', '--no-trunc', 'far_app')).toMatch(new RegExp(`Running +Pending .* "${text.replaceAll(/[()]/g, '\\$&')}"`));
      // As soon as a node fits, it goes on by itself.
      const node = await daemon.ask('node', 'ls', '-q');
      await daemon.ask('node', 'update', '--label-add', 'disk=ssd', node);
      expect((await daemon.deploy('far', placed)).code).toBe(0);
      await daemon.ask('stack', 'rm', 'far');
    });

    test('resources that no node has', async () => {
      const huge = stackOf(good, { resources: { reservations: { cpus: '999' } } });
      const { code, stderr } = await daemon.deploy('huge', huge, ['--timeout', '2s']);
      expect([code, stderr]).toEqual([4, expect.stringContaining('no suitable node (insufficient resources on 1 node)')]);
      await daemon.ask('stack', 'rm', 'huge');
    });

    test('max_attempts is the end of it', async () => {
      const limited = stackOf(failing, { replicas: 1, restart_policy: { max_attempts: 1, delay: '200ms' } });
      expect((await daemon.deploy('tries', limited)).code).toBe(4);
      const tasks = await tasksOf('tries_app');
      expect(tasks.map(({ Status }) => Status.State)).toEqual(['failed', 'failed']);
      expect(tasks.every(({ DesiredState }) => DesiredState === 'shutdown')).toBe(true);
    });

    test('a one-shot that ends well: exit 0; one that fails: exit 4', async () => {
      const once = { replicas: 2, restart_policy: { condition: 'none' } };
      expect((await daemon.deploy('once', stackOf(done, once))).code).toBe(0);
      expect((await tasksOf('once_app')).map(({ Status }) => Status.State)).toEqual(['complete', 'complete']);
      expect((await daemon.deploy('once', stackOf(failing, once))).code).toBe(4);
      await daemon.ask('stack', 'rm', 'once');
    });

    test('a container that is never healthy: exit 4 with the reason', async () => {
      const { code, stderr } = await daemon.deploy('ill', stackOf(sick, { replicas: 1 }), ['--timeout', '30s']);
      expect(code).toBe(4);
      expect(stderr).toMatch(/unhealthy/);
      await daemon.ask('stack', 'rm', 'ill');
    });

    test('replicas 0, and back', async () => {
      expect((await daemon.deploy('zero', stackOf(good, { replicas: 0 }))).code).toBe(0);
      expect((await daemon.run(['service', 'scale', 'zero_app=2'])).code).toBe(0);
      expect(running(await tasksOf('zero_app'), good).length).toBe(2);
      const { code, stdout, stderr } = await daemon.run(['service', 'scale', 'nobody=1', 'zero_app=0']);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('nobody') });
      expect(stdout).toContain('zero_app scaled to 0');
      await until(
        () => host.docker(['ps', '-q', '--filter', 'name=zero_app']) === '',
        20_000,
        () => host.docker(['ps']),
      );
    });

    test('service update --force makes new containers of the same spec', async () => {
      await daemon.deploy('force', stackOf(good));
      const before = running(await tasksOf('force_app'), good).map(({ ID }) => ID);
      expect((await daemon.run(['service', 'update', '--force', 'force_app'])).code).toBe(0);
      const after = running(await tasksOf('force_app'), good).map(({ ID }) => ID);
      expect([after.length, after.filter((id) => before.includes(id))]).toEqual([2, []]);
    });

    test('the same files again change nothing', async () => {
      await daemon.deploy('same', stackOf(good));
      const before = host.docker(['ps', '-q', '--filter', 'name=same_app']);
      const { code, stdout } = await daemon.deploy('same', stackOf(good));
      expect([code, stdout.split('\n')[0]]).toEqual([0, 'Stack same is unchanged']);
      expect(host.docker(['ps', '-q', '--filter', 'name=same_app'])).toBe(before);
    });

    test('Ctrl-C ends the wait, not the deploy; --detach does not wait', async () => {
      const { stderr } = await daemon.deploy('wait', stackOf(good, { update_config: { monitor: '30s' } }), [], {
        signalAfter: { said: /wait_app: \d/, signal: 'SIGINT' },
      });
      expect(stderr).toContain('The deploy goes on in the background');
      await until(
        async () => running(await tasksOf('wait_app'), good).length === 2,
        20_000,
        () => 'the deploy ended with the wait',
      );
      const detached = await daemon.deploy('wait', stackOf(better), ['--detach']);
      expect([detached.code, detached.stdout]).toEqual([0, expect.stringMatching(/^Updating service wait_app \(id: \w+\)\n$/)]);
      await until(
        async () => running(await tasksOf('wait_app'), better).length === 2,
        20_000,
        () => 'not updated',
      );
    });

    test('wrong usage is 2, a refusal is 1 and changes nothing', async () => {
      for (const args of [['stack', 'deploy', 'x'], ['stack', 'deploy', '--nonsense', '-c', 'x.yml', 'x'], ['service', 'scale', 'x'], ['nonsense']]) {
        expect((await daemon.run(args)).code, args.join(' ')).toBe(2);
      }
      const bad = await daemon.deploy('bad', 'services:\n  a:\n    image: x\n    depoly: {}\n');
      expect(bad.code).toBe(1);
      expect(bad.stderr).toMatch(/bad\.yml:4:5: services\.a/);
      expect((await daemon.deploy('bad', stackOf(good, {}, { networks: ['nowhere'] }))).code).toBe(1);
      expect((await daemon.run(['stack', 'deploy', '-c', '/nowhere.yml', 'bad'])).code).toBe(1);
      expect((await daemon.run(['stack', 'ps', 'bad'])).code).toBe(1);
    });

    test('--json gives lines that parse, ending with the verdict', async () => {
      const { code, stdout, stderr } = await daemon.deploy('json', stackOf(good), ['--json']);
      expect([code, stderr]).toEqual([0, '']);
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(lines[0]).toMatchObject({ stack: 'json', changed: true, services: [{ Name: 'json_app', Change: 'created' }] });
      expect(lines.at(-2)).toMatchObject({ service: 'json_app', state: 'converged', running: 2, wanted: 2 });
      expect(lines.at(-1)).toMatchObject({
        result: 'converged',
        exit: 0,
        services: [{ service: 'json_app', state: 'converged', running: 2, wanted: 2, reasons: [] }],
      });
    });

    test('the steps of the ready pipelines, as a runner runs them', async () => {
      const jobs = parse(readFileSync('stacks/ci/gitlab-ci.yml', 'utf8')) as Record<string, { script?: string[]; after_script?: string[] }>;
      const steps = ['lint', 'plan', 'deploy', 'rollback'].flatMap((job) => [...(jobs[job]?.script ?? []), ...(jobs[job]?.after_script ?? [])]);
      const jenkins = [...readFileSync('stacks/ci/Jenkinsfile', 'utf8').matchAll(/\bsh '(.*)'$/gm)].map(([, step]) => step ?? '');
      expect(jenkins.length).toBe(4);
      for (const step of jenkins) expect(steps).toContain(step);
      const folder = join(host.folder, 'pipeline');
      mkdirSync(folder);
      const variables = {
        ...process.env,
        ...daemon.environment,
        STACK: 'piped',
        STACK_FILE: 'compose.yml',
        PATH: `${resolve('bin')}:${process.env['PATH'] ?? ''}`,
      };
      const run = async (job: string): Promise<number> => {
        const script = (jobs[job]?.script ?? []).join('\n');
        const child = spawn('bash', ['-eo', 'pipefail', '-c', script], { cwd: folder, env: variables, stdio: 'ignore' });
        const [code] = (await once(child, 'exit')) as [number];
        return code;
      };
      const written = (name: string): string => readFileSync(join(folder, name), 'utf8');
      const commit = (text: string): void => writeFileSync(join(folder, 'compose.yml'), text);
      commit('services: {app: {image: x, depoly: {}}}');
      expect(await run('lint')).toBe(1);
      expect(written('lint.xml')).toContain('compose.yml:1:28');
      commit(stackOf(good));
      expect([await run('lint'), await run('plan'), await run('deploy')]).toEqual([0, 0, 0]);
      expect(written('plan.md')).toContain('piped_app');
      expect(JSON.parse(written('deploy.jsonl').trim().split('\n').at(-1) ?? '')).toMatchObject({ result: 'converged', exit: 0 });
      commit(stackOf(failing, { update_config: { failure_action: 'pause', monitor: '2s' } }));
      expect(await run('deploy')).toBe(4);
      expect(await run('rollback')).toBe(0);
      expect(running(await tasksOf('piped_app'), good)).toHaveLength(2);
      await daemon.ask('stack', 'rm', 'piped');
    });

    test('a published port that a program of the host has is told by the deploy and by service ps, and served when it is free', async () => {
      const [enter = '', ...prefix] = host.enter;
      const listen = `require('net').createServer().listen(18099, '0.0.0.0', () => console.log('ready'))`;
      const program = spawn(enter, [...prefix, process.execPath, '-e', listen], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(program.stdout, 'data');
      const stack = stackOf(good, { replicas: 1, update_config: { monitor: '500ms' } }, { ports: ['18099:80'] });
      const refused = await daemon.deploy('clash', stack);
      expect(refused.code).toBe(4);
      const text = /cannot publish port 18099\/tcp of service clash_app: it is in use by node \(process \d+\)/;
      expect(`${refused.stdout}${refused.stderr}`).toMatch(text);
      expect(await daemon.ask('service', 'ps', '--no-trunc', 'clash_app')).toMatch(text);
      program.kill();
      await once(program, 'exit');
      await until(
        async () => !text.test(await daemon.ask('service', 'ps', '--no-trunc', 'clash_app')),
        60_000,
        () => daemon.lastLog(),
      );
      expect((await daemon.deploy('clash', stack)).code).toBe(0);
      await daemon.ask('stack', 'rm', 'clash');
    });
  });
});
