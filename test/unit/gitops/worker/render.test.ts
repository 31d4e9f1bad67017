import { expect, test } from 'vitest';
import { InputMemory } from '../../../../src/gitops/worker/input-memory.ts';
import { ObjectCache } from '../../../../src/gitops/worker/object-cache.ts';
import { renderCommit } from '../../../../src/gitops/worker/render.ts';
import { closedOpener, type Opener } from '../../../../src/gitops/worker/sealed/opener.ts';
import { Snapshot } from '../../../../src/gitops/worker/snapshot.ts';
import { heldObjects } from '#test/support/held-objects';

const secret = 'hunter2secret';
const sealed = '-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n';
const opener: Opener = { open: async () => ({ bytes: Buffer.from(`PW=${secret}\n`), secrets: [secret] }) };
const repositoryFile = { 'shoal.yml': 'stacks: [{ path: "*/*" }]\n' };
const compose = (image: string): string => `services: { app: { image: "${image}" } }\n`;

/** One worker and one daemon that render commit after commit. */
class Bench {
  readonly #memory = new InputMemory();
  readonly #have: Record<string, string> = {};
  /** Objects that were read for the last commit. */
  read = 0;

  /** Stack → `same`, its errors or its images. */
  async render(files: Readonly<Record<string, string>>, closed = false): Promise<Record<string, string>> {
    const { top, objects } = heldObjects(Object.entries(files).map(([path, text]) => ({ path, mode: '100644', text })));
    const told: Record<string, string> = {};
    this.read = 0;
    const contents: typeof objects.contents = (oids) => {
      this.read += oids.length;
      return objects.contents(oids);
    };
    await renderCommit({
      snapshot: new Snapshot('c', top, { ...objects, contents }, new ObjectCache().shelf('one'), closed ? closedOpener : opener),
      path: 'stacks',
      have: { ...this.#have },
      skip: {},
      memory: this.#memory,
      settings: { variables: {} },
      ...(closed && { closed }),
      fingerprint: (digest) => digest,
      begun: () => {},
      same: async (names) => names.forEach((name) => (told[name] = 'same')),
      done: async (stack, digest) => {
        if (!closed) this.#have[stack.Name] = digest;
        told[stack.Name] = 'errors' in stack ? stack.errors.join() : stack.spec.Services.map((each) => JSON.stringify(each.TaskTemplate)).join();
      },
    });
    return told;
  }
}

test('an override that came beside a stack file is laid over it, and one that went is not any more', async () => {
  const bench = new Bench();
  const files = { ...repositoryFile, 'stacks/web/compose.yml': compose('app:1') };
  const overridden = { ...files, 'stacks/web/compose.override.yml': compose('app:2') };
  expect((await bench.render(files))['web']).toContain('app:1');
  expect(await bench.render(files)).toEqual({ web: 'same' });
  expect((await bench.render(overridden))['web']).toContain('app:2');
  expect((await bench.render(files))['web']).toContain('app:1');
});

test('a second folder of a name is refused also where the first was rendered before, and the stack is back once it is gone', async () => {
  const bench = new Bench();
  const files = { ...repositoryFile, 'stacks/web/compose.yml': compose('app:1') };
  await bench.render(files);
  expect((await bench.render({ ...files, 'too/web/compose.yml': compose('app:1') }))['web']).toContain('is that of folder');
  expect((await bench.render(files))['web']).toContain('app:1');
});

test('a commit that is not followed shows nothing of what is sealed, and leaves what is followed as it is remembered', async () => {
  const bench = new Bench();
  const files = {
    'stacks/web/compose.yml': compose('app:1'),
    'stacks/web/.env': sealed,
    'stacks/db/compose.yml': compose('db:${PW}'),
    'stacks/db/.env': sealed,
  };
  const proposed = { ...files, 'stacks/web/compose.yml': compose('app:${PW}') };
  expect((await bench.render(files))['db']).toContain(secret);
  const told = await bench.render(proposed, true);
  expect(told['web']).toContain('sealed files are opened for the commit that is followed alone');
  expect(told['db']).toBe('same');
  expect(JSON.stringify(told)).not.toContain(secret);
  expect(await bench.render(files)).toEqual({ web: 'same', db: 'same' });
  expect((await bench.render(proposed))['web']).toContain(secret);
});

test('a stack of a name without end is refused under the beginning of its name, and no other one', async () => {
  const long = `stacks/${'n'.repeat(60_000)}/compose.yml`;
  const shown = `${'n'.repeat(40)}…`;
  const told = await new Bench().render({ [long]: compose('app:1'), 'stacks/web/compose.yml': compose('app:1') });
  expect(Object.keys(told).toSorted()).toEqual([shown, 'web']);
  expect(told[shown]).toContain(`stacks/${shown}/compose.yml: its name has 60000 bytes: that of a stack has at most 255`);
  expect(told['web']).toContain('app:1');
});

test('a commit has a bound of stacks, however many entries lead to them', async () => {
  const folders = Array.from({ length: 5_001 }, (_, each) => [`${each % 2 === 0 ? 'even' : 'odd'}/s${each}/compose.yml`, compose('app:1')]);
  const files = { 'shoal.yml': 'stacks: [{ path: "even/*" }, { path: "odd/*" }]\n', ...Object.fromEntries(folders) };
  await expect(new Bench().render(files)).rejects.toThrow('the commit has 5001 stacks: at most 5000 are taken');
});

test('what a stack read in folders is compared by their trees, and file by file only where those moved', async () => {
  const bench = new Bench();
  const files = {
    ...repositoryFile,
    'stacks/web/compose.yml': 'services: { app: { image: "app:1", env_file: [conf/a.env, ../../shared/b.env] } }\n',
    'stacks/web/conf/a.env': 'A=1\n',
    'shared/b.env': 'B=1\n',
    'stacks/db/compose.yml': compose('db:1'),
  };
  expect((await bench.render(files))['web']).toMatch(/A=1.*B=1/);
  const beside = { ...files, 'stacks/web/conf/other': 'x', 'shared/other': 'x' };
  expect(await bench.render(beside)).toEqual({ db: 'same', web: 'same' });
  expect(await bench.render({ ...beside, 'stacks/db/compose.yml': compose('db:2') })).toMatchObject({ web: 'same' });
  expect((await bench.render({ ...beside, 'stacks/web/conf/a.env': 'A=2\n' }))['web']).toMatch(/A=2.*B=1/);
  const shared = { ...beside, 'shared/b.env': 'B=2\n' };
  expect((await bench.render(shared))['web']).toMatch(/A=1.*B=2/);
  const { 'shared/b.env': _gone, ...without } = shared;
  expect((await bench.render(without))['web']).toContain('shared/b.env');
  expect((await bench.render(shared))['web']).toMatch(/A=1.*B=2/);
});

test('of five hundred stacks a commit renders the one that it touches, and a file that some of them share renders exactly those', async () => {
  const bench = new Bench();
  const sharing = new Set([3, 99, 412]);
  const stacks = Array.from({ length: 500 }, (_, each): [string, string] => {
    const more = sharing.has(each) ? ', env_file: ../../shared/all.env' : '';
    return [`stacks/s${each}/compose.yml`, `services: { app: { image: "app:1"${more} } }\n`];
  });
  const files = { ...repositoryFile, 'shared/all.env': 'A=1\n', ...Object.fromEntries(stacks) };
  const rendered = async (changed: Readonly<Record<string, string>>): Promise<string[]> =>
    Object.entries(await bench.render({ ...files, ...changed })).flatMap(([name, what]) => (what === 'same' ? [] : [name]));
  expect(await rendered({})).toHaveLength(500);
  expect(await rendered({ 'stacks/s7/compose.yml': compose('app:2') })).toEqual(['s7']);
  // Four folders and two files: the others are not even looked into.
  expect(bench.read).toBe(6);
  expect(await rendered({ 'stacks/s7/compose.yml': compose('app:2'), 'shared/all.env': 'A=2\n' })).toEqual(['s3', 's412', 's99']);
  expect(await rendered({ 'stacks/s7/compose.yml': compose('app:2'), 'shared/all.env': 'A=2\n', 'shared/other.env': 'B=1\n' })).toEqual([]);
});
