/** What every engine does for the agent: Docker's and the simulated one. */
import { mkdtempSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DockerEngine } from '#engine/docker-engine';
import type { Engine, LogLine, LogOptions } from '#engine/engine';
import { SimulatedEngine, type SimulatedImage } from '#test/support/simulated-engine';
import type { ContainerSpec } from '#model/object/service-spec';
import type { Task } from '#model/object/task';
import type { ObservedContainer } from '#task/step';
import { loadImage, startHost, until, whyNoHost } from '../support/machine.mjs';
import { realClock } from '#test/support/real-clock';
import { makeNetwork, makeSecret, makeTask } from '#test/support/worker';

type Host = Awaited<ReturnType<typeof startHost>>;
const never = new AbortController().signal;

/** Programs of the test image and what the simulated engine makes of them. */
const programs: Readonly<Record<string, { spec: ContainerSpec; image: SimulatedImage }>> = {
  sleeps: { spec: { Command: ['/bin/sleep', '1000'], Init: true }, image: {} },
  exits: { spec: { Command: ['/bin/sh', '-c', 'exit 3'] }, image: { exit: { afterMs: 10, code: 3 } } },
  talks: {
    spec: { Command: ['/bin/sh', '-c', 'echo one; sleep 0.1; echo two >&2; sleep 0.1; printf three'] },
    image: {
      exit: { afterMs: 10, code: 0 },
      output: [
        { stream: 'stdout', text: 'one\n' },
        { stream: 'stderr', text: 'two\n' },
        { stream: 'stdout', text: 'three' },
      ],
    },
  },
  healthy: {
    spec: { Command: ['/bin/sleep', '1000'], Init: true, Healthcheck: { Test: ['CMD', '/bin/true'], Interval: 1e8, Retries: 1 } },
    image: { health: { afterMs: 50, verdict: 'healthy' } },
  },
  unhealthy: {
    spec: { Command: ['/bin/sleep', '1000'], Init: true, Healthcheck: { Test: ['CMD', '/bin/false'], Interval: 1e8, Retries: 1 } },
    image: { health: { afterMs: 50, verdict: 'unhealthy' } },
  },
  broken: { spec: { Command: ['/bin/nothing-here'] }, image: { startError: '/bin/nothing-here: no such file or directory' } },
  deaf: { spec: { Command: ['/bin/sh', '-c', "trap '' TERM; while true; do sleep 0.1; done"] }, image: { stopMs: 60_000 } },
};

function contract(name: string, skipReason: string | undefined, open: () => Promise<{ engine: Engine; close: () => Promise<void> }>): void {
  describe.skipIf(skipReason !== undefined)(skipReason ? `${name} (skipped: ${skipReason})` : name, () => {
    let engine: Engine;
    let close: () => Promise<void>;
    let count = 0;
    beforeAll(async () => ({ engine, close } = await open()));
    afterAll(async () => close?.());

    const taskOf = (program: string): Task => {
      const id = `${program}${++count}`;
      return makeTask(id, { ...programs[program]?.spec, Image: `shoal-${program}:1` });
    };
    const seen = async (taskId: string): Promise<ObservedContainer | undefined> => (await engine.observe(taskId))[0];
    const seenAs = async (taskId: string, wanted: (container: ObservedContainer | undefined) => boolean) => {
      let last: ObservedContainer | undefined;
      await until(
        async () => wanted((last = await seen(taskId))),
        20_000,
        () => JSON.stringify(last),
      );
      return last;
    };
    const run = async (program: string): Promise<{ task: Task; containerId: string }> => {
      const task = taskOf(program);
      const outcome = await engine.carryOut({ type: 'createContainer', task, gateways: [] }, never);
      expect(outcome).toMatchObject({ ok: true });
      const containerId = (outcome.ok && outcome.container?.containerId) || '';
      expect(await engine.carryOut({ type: 'startContainer', task, containerId }, never)).toEqual({ ok: true });
      return { task, containerId };
    };

    test('a container is created, started, stopped and removed, and each step may be repeated', async () => {
      const task = taskOf('sleeps');
      expect(await engine.carryOut({ type: 'pull', task }, never)).toEqual({ ok: true });
      const created = await engine.carryOut({ type: 'createContainer', task, gateways: [] }, never);
      expect(await engine.carryOut({ type: 'createContainer', task, gateways: [] }, never)).toEqual(created);
      const containerId = (created.ok && created.container?.containerId) || '';
      expect(await seen(task.ID)).toMatchObject({ containerId, taskId: task.ID, serviceId: task.ServiceID, state: 'created' });
      for (let i = 0; i < 2; i++) expect(await engine.carryOut({ type: 'startContainer', task, containerId }, never)).toEqual({ ok: true });
      expect(await seen(task.ID)).toMatchObject({ state: 'running', pid: expect.any(Number) });
      expect((await seen(task.ID))?.health).toBeUndefined();
      for (let i = 0; i < 2; i++)
        expect(await engine.carryOut({ type: 'stopContainer', taskId: task.ID, containerId, graceMs: 5000 }, never)).toEqual({ ok: true });
      expect(await seen(task.ID)).toMatchObject({ state: 'exited', exitCode: 143 });
      for (let i = 0; i < 2; i++) expect(await engine.carryOut({ type: 'removeContainer', taskId: task.ID, containerId }, never)).toEqual({ ok: true });
      expect(await seen(task.ID)).toBeUndefined();
    });

    test('an exit code is told', async () => {
      const { task } = await run('exits');
      expect(await seenAs(task.ID, (container) => container?.state === 'exited')).toMatchObject({ exitCode: 3 });
    });

    test('health is told', async () => {
      const good = await run('healthy');
      const bad = await run('unhealthy');
      await seenAs(good.task.ID, (container) => container?.health === 'healthy');
      await seenAs(bad.task.ID, (container) => container?.health === 'unhealthy');
      expect(await seen(bad.task.ID)).toMatchObject({ state: 'running' });
    });

    test('a program that does not obey is killed after the grace time', async () => {
      const { task, containerId } = await run('deaf');
      await engine.carryOut({ type: 'stopContainer', taskId: task.ID, containerId, graceMs: 1000 }, never);
      expect(await seen(task.ID)).toMatchObject({ state: 'exited', exitCode: 137 });
    });

    test('an image that is nowhere is refused for good, with its name', async () => {
      const task = makeTask('none1', { Image: 'shoal-nowhere:1' });
      const outcome = await engine.carryOut({ type: 'pull', task }, never);
      expect(outcome).toMatchObject({ ok: false, permanent: true, message: expect.stringContaining('No such image: shoal-nowhere:1') });
      expect(await engine.carryOut({ type: 'createContainer', task, gateways: [] }, never)).toMatchObject({
        ok: false,
        permanent: true,
        message: expect.stringContaining('No such image: shoal-nowhere:1'),
      });
    });

    test('a program that cannot start is refused for good', async () => {
      const task = taskOf('broken');
      const created = await engine.carryOut({ type: 'createContainer', task, gateways: [] }, never);
      const outcome = await engine.carryOut({ type: 'startContainer', task, containerId: (created.ok && created.container?.containerId) || '' }, never);
      expect(outcome).toMatchObject({ ok: false, permanent: true, message: expect.stringMatching(/^starting container failed: .*no such file or directory/) });
    });

    test('a watcher hears of the end of a container', async () => {
      const heard = new Set<string | undefined>();
      const ending = new AbortController();
      engine.watch((taskId) => heard.add(taskId), ending.signal);
      try {
        const { task } = await run('exits');
        await until(
          () => heard.has(task.ID),
          10_000,
          () => [...heard].join(),
        );
      } finally {
        ending.abort();
      }
    });

    test('networks come and go', async () => {
      const network = makeNetwork('networkaaaaaaaaaaaaaaaaaa', 'web_default', '10.203.1.0/24');
      for (const made of [{ made: true }, {}]) {
        expect(await engine.carryOut({ type: 'createNetwork', network, gateway: '10.203.1.1' }, never)).toEqual({ ok: true, ...made });
      }
      expect(await engine.observeNetworks()).toEqual([network.ID]);
      for (let i = 0; i < 2; i++) expect(await engine.carryOut({ type: 'removeNetwork', networkId: network.ID }, never)).toEqual({ ok: true });
      expect(await engine.observeNetworks()).toEqual([]);
    });

    test('logs come in order, with their streams and times', async () => {
      const { task, containerId } = await run('talks');
      await seenAs(task.ID, (container) => container?.state === 'exited');
      const read = async (options: Partial<LogOptions>) => {
        const lines: LogLine[] = [];
        for await (const line of engine.logs(containerId, { follow: false, stdout: true, stderr: true, ...options }, never)) lines.push(line);
        return lines;
      };
      const lines = await read({ follow: true });
      expect(lines.map(({ stream, text }) => [stream, text])).toEqual([
        ['stdout', 'one\n'],
        ['stderr', 'two\n'],
        ['stdout', 'three'],
      ]);
      for (const line of lines) expect(Math.abs(Date.parse(line.timestamp) - Date.now())).toBeLessThan(60_000);
      expect((await read({ tail: 1 })).map((line) => line.text)).toEqual(['three']);
      expect((await read({ stdout: false })).map((line) => line.text)).toEqual(['two\n']);
      expect(await read({ sinceMs: Date.now() + 60_000 })).toEqual([]);
    });

    test('following a log ends with the signal', async () => {
      const { containerId } = await run('sleeps');
      const ending = new AbortController();
      const lines = engine.logs(containerId, { follow: true, stdout: true, stderr: true }, ending.signal);
      const first = lines[Symbol.asyncIterator]().next();
      ending.abort();
      expect(await first).toMatchObject({ done: true });
    });

    test('files may be mounted, dropped and pruned again and again', async () => {
      const File = { Name: 'key', UID: '0', GID: '0', Mode: 0o400 };
      const task = makeTask('files1', { Secrets: [{ SecretID: 's1', SecretName: 'key', File }] });
      const secrets = [makeSecret('s1', 'key', 'hush')];
      for (let i = 0; i < 2; i++) expect(await engine.carryOut({ type: 'mountFiles', task, secrets, configs: [] }, never)).toEqual({ ok: true });
      expect(await engine.carryOut({ type: 'pruneFiles', keep: [task.ID] }, never)).toEqual({ ok: true });
      for (let i = 0; i < 2; i++) expect(await engine.carryOut({ type: 'unmountFiles', taskId: task.ID }, never)).toEqual({ ok: true });
    });

    test('a cancelled step is no refusal', async () => {
      const aborted = AbortSignal.abort();
      expect(await engine.carryOut({ type: 'pull', task: taskOf('sleeps') }, aborted)).toMatchObject({ ok: false, permanent: false });
    });

    test('it describes its node', async () => {
      expect(await engine.describe()).toMatchObject({ Hostname: expect.any(String), Platform: { OS: 'linux' }, Resources: { NanoCPUs: expect.any(Number) } });
    });
  });
}

contract('the simulated engine', undefined, async () => {
  const description = { Hostname: 'h1', Platform: { Architecture: 'x86_64', OS: 'linux' }, Resources: { NanoCPUs: 2e9 }, Engine: { EngineVersion: '0' } };
  const image = (reference: string) => programs[/^shoal-(\w+):1$/.exec(reference)?.[1] ?? '']?.image;
  return { engine: new SimulatedEngine({ description, image }, realClock), close: async () => {} };
});

let host: Host;
let runFolder: string;

contract('Docker Engine', whyNoHost(), async () => {
  host = await startHost();
  loadImage(host.socket, 'shoal-sleeps:1');
  for (const program of Object.keys(programs)) if (program !== 'sleeps') host.docker(['tag', 'shoal-sleeps:1', `shoal-${program}:1`]);
  runFolder = mkdtempSync('/dev/shm/shoal-run-');
  return {
    engine: new DockerEngine({ socketPath: host.socket, nodeId: 'node1', runFolder }),
    close: async () => {
      await host.stop();
      rmSync(runFolder, { recursive: true, force: true });
    },
  };
});
