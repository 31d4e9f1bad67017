/** When an image is pulled, with what, and what a failure means. */
import Docker from 'dockerode';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Images } from '#engine/images';
import { until } from '../../support/machine.mjs';
import { FakeEngineSocket } from '#test/support/fake-engine-socket';
import { makeTask } from '#test/support/worker';

const never = new AbortController().signal;
const digest = `web@sha256:${'a'.repeat(64)}`;
let engine: FakeEngineSocket;
let images: Images;
/** Milliseconds: a slow machine takes none of them. */
let nowMs: number;

beforeEach(async () => {
  engine = new FakeEngineSocket();
  await engine.start();
  nowMs = 0;
  images = new Images(new Docker({ socketPath: engine.socketPath }), 2, () => nowMs);
});
afterEach(() => engine.stop());

const ensure = (Image: string, PullPolicy?: string, signal = never) =>
  images.ensure(makeTask('t1', { Image, ...(PullPolicy && { Shoal: { PullPolicy } }) }), signal);

function registryFails(): void {
  engine.answerPull = async (response) => {
    response.statusCode = 500;
    response.end('{"message":"dial tcp: lookup registry: connection refused"}');
  };
}

describe('policies', () => {
  test.each<[string, string, string | undefined, boolean, number]>([
    ['a tag is pulled though it is present', 'web:1', undefined, true, 1],
    ['an absent tag is pulled', 'web:1', undefined, false, 1],
    ['a present digest is not', digest, undefined, true, 0],
    ['an absent digest is', digest, undefined, false, 1],
    ['an image id is not', 'b'.repeat(64), undefined, true, 0],
    ['missing: a present one is not', 'web:1', 'missing', true, 0],
    ['missing: an absent one is', 'web:1', 'missing', false, 1],
    ['never: a present one is not', 'web:1', 'never', true, 0],
    ['always: a present one is', 'web:1', 'always', true, 1],
  ])('%s', async (_name, image, policy, present, pulls) => {
    if (present) engine.present.add(image);
    expect(await ensure(image, policy)).toEqual({ ok: true });
    expect(engine.pulls.length).toBe(pulls);
  });

  test('never: an absent one is refused without asking', async () => {
    expect(await ensure('web:1', 'never')).toEqual({ ok: false, permanent: true, message: 'No such image: web:1' });
    expect(engine.pulls).toEqual([]);
  });
});

describe('a registry that fails', () => {
  test('does not matter when the image is here', async () => {
    registryFails();
    engine.present.add('web:1');
    expect(await ensure('web:1')).toEqual({ ok: true });
  });

  test('matters with policy always', async () => {
    registryFails();
    engine.present.add('web:1');
    expect(await ensure('web:1', 'always')).toMatchObject({ ok: false, permanent: true });
  });

  test('is told, with the image', async () => {
    registryFails();
    expect(await ensure('web:1')).toEqual({ ok: false, permanent: true, message: 'No such image: web:1: dial tcp: lookup registry: connection refused' });
  });

  test('is not asked again at once for each of a thousand tasks; an image that comes by another way is found', async () => {
    registryFails();
    const first = await ensure('web:1');
    for (let index = 0; index < 1000; index++) expect(await ensure('web:1')).toBe(first);
    expect(engine.pulls.length).toBe(1);
    nowMs = 2000;
    expect(await ensure('web:1')).not.toBe(first);
    expect(engine.pulls.length).toBe(2);
    engine.present.add('web:1');
    expect(await ensure('web:1')).toEqual({ ok: true });
  });

  test('is told also when it fails in the middle', async () => {
    engine.answerPull = async (response) => void response.end('{"status":"Pulling"}\n{"errorDetail":{},"error":"unexpected EOF"}\n');
    expect(await ensure('web:1')).toMatchObject({ ok: false, permanent: true, message: 'No such image: web:1: unexpected EOF' });
  });

  test('an engine that is away is no verdict', async () => {
    const away = new Images(new Docker({ socketPath: '/nowhere/docker.sock' }), 1);
    expect(await away.ensure(makeTask('t1', { Image: 'web:1' }), never)).toMatchObject({
      ok: false,
      permanent: false,
      message: expect.stringContaining('ENOENT'),
    });
  });
});

test('what is asked: tag, platform, credentials as they came', async () => {
  const auth = Buffer.from('{"username":"u"}').toString('base64url');
  const task = makeTask('t1', { Image: 'reg.example:5000/web', Shoal: { Platform: 'linux/arm64' } });
  await images.ensure({ ...task, Shoal: { ...task.Shoal, RegistryAuth: auth } }, never);
  expect(Object.fromEntries(engine.pulls[0]?.query ?? [])).toEqual({ fromImage: 'reg.example:5000/web', tag: 'latest', platform: 'linux/arm64' });
  expect(engine.pulls[0]?.auth).toBe(auth);
});

test('one pull serves all who ask for it', async () => {
  expect(await Promise.all([ensure('web:1'), ensure('web:1'), ensure('web:1')])).toEqual([{ ok: true }, { ok: true }, { ok: true }]);
  expect(engine.pulls.length).toBe(1);
});

test('a pull ends when nobody wants it any more, not before', async () => {
  let closed = false;
  engine.answerPull = async (response) => void response.on('close', () => (closed = true)).write('{"status":"Pulling"}\n');
  const [first, second] = [new AbortController(), new AbortController()];
  const outcomes = [ensure('web:1', undefined, first.signal), ensure('web:1', undefined, second.signal)];
  await until(
    () => engine.pulls.length === 1,
    2000,
    () => 'no pull',
  );
  first.abort();
  expect(await outcomes[0]).toMatchObject({ ok: false, permanent: false });
  expect(closed).toBe(false);
  second.abort();
  expect(await outcomes[1]).toMatchObject({ ok: false, permanent: false });
  await until(
    () => closed,
    2000,
    () => 'the pull goes on',
  );
});

test('a registry that takes the connection and says nothing keeps no other image from the node; its own comes when it speaks', async () => {
  let speak = (): void => undefined;
  engine.answerPull = async (response) => {
    if (engine.pulls.at(-1)?.query.get('fromImage')?.startsWith('silent')) await new Promise<void>((resolve) => (speak = resolve));
    response.end('{"status":"done"}\n');
  };
  images = new Images(new Docker({ socketPath: engine.socketPath }), 1, () => nowMs, undefined, 10);
  const silent = ensure('silent.example/a:1');
  await until(
    () => engine.pulls.length === 1,
    30_000,
    () => 'no pull',
  );
  expect(await ensure('web:1')).toEqual({ ok: true });
  speak();
  expect(await silent).toEqual({ ok: true });
});
