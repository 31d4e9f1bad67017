/** Git trees for trying what nobody would commit: whatever a commit holds, each of its stacks becomes a stack or reasons, the answers are such as the daemon takes, and what did not change is not made again. */
import fc from 'fast-check';
import { Refusal } from '#base/refusal';
import type { RenderedStack } from '#reconciler/rendered';
import { parseAnswer } from '../../src/gitops/protocol.ts';
import { InputMemory } from '../../src/gitops/worker/input-memory.ts';
import { ObjectCache } from '../../src/gitops/worker/object-cache.ts';
import { renderCommit } from '../../src/gitops/worker/render.ts';
import { Snapshot, type Objects } from '../../src/gitops/worker/snapshot.ts';
import { heldObjects, type HeldFile } from './held-objects.ts';

export interface TriedCommit {
  files: readonly HeldFile[];
  path: string;
  /** A change of one object's bytes: which, where in thousandths, and to what. */
  damage: { which: number; at: number; byte: number } | undefined;
}

const segment = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('stacks', 'a', 'b', 'compose.yml', 'x', 'up', 'loop') },
  fc.constantFrom('.', '..', '.git', '', '/abs', 'é', 'new\nline', '-dash', '\u001b[31m', 'x'.repeat(300), '__proto__', 'constructor', '\ud800'),
  fc.string({ maxLength: 4, unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
);
const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
const stackPath = fc.constantFrom('stacks/a/compose.yml', 'stacks/b/compose.yml', 'stacks/b/docker-compose.yaml', 'stacks/a/x', 'stacks/up', 'x');
const reference = fc.oneof(path, fc.constantFrom('../../x', '../../../etc/passwd', '/etc/passwd', 'x', '../b/compose.yml', 'a/'.repeat(3000), 'compose.yml'));
const stackText = fc.oneof(
  reference.map((file) => `services:\n  w:\n    image: i\n    configs: [c]\nconfigs:\n  c:\n    file: ${JSON.stringify(file)}\n`),
  reference.map((file) => `services:\n  w:\n    image: i\n    env_file: ${JSON.stringify(file)}\n`),
  reference.map((file) => `include: [${JSON.stringify(file)}]\nservices:\n  w:\n    image: i\n`),
  reference.map((file) => `services:\n  w:\n    extends: {file: ${JSON.stringify(file)}, service: w}\n    image: i\n`),
  fc.constantFrom('services:\n  w:\n    image: i\n', 'name: other\nservices:\n  w:\n    image: i\n', '', '[', 'A=1\n', '../../x', 'ENC[AES256_GCM,data:x]'),
  fc.string({ maxLength: 20, unit: 'binary' }),
);
const file: fc.Arbitrary<HeldFile> = fc.record(
  {
    path: fc.oneof({ weight: 3, arbitrary: stackPath }, path),
    mode: fc.oneof({ weight: 5, arbitrary: fc.constant('100644') }, fc.constantFrom('120000', '160000', '100755', '40000', '0', 'nonsense')),
    text: fc.oneof({ weight: 3, arbitrary: stackText }, reference),
    absent: fc.constantFrom(false, false, false, true),
    size: fc.constantFrom(1e9, 17 * 1024 * 1024),
  },
  { requiredKeys: ['path', 'mode', 'text'] },
);
export const triedCommits: fc.Arbitrary<TriedCommit> = fc.record({
  files: fc.array(file, { maxLength: 12 }),
  path: fc.oneof({ weight: 5, arbitrary: fc.constant('stacks') }, fc.constantFrom('', '.', 'stacks/', 'stacks/a', './stacks', 'x', '__proto__'), path),
  damage: fc.option(fc.record({ which: fc.nat(20), at: fc.nat(1000), byte: fc.nat(255) }), { nil: undefined, freq: 4 }),
});

const commit = 'c'.repeat(40);

/** What is wrong with what the worker makes of a commit; undefined when all is well. */
export async function judgeCommit({ files, path: folder, damage }: TriedCommit): Promise<string | undefined> {
  const { top, objects } = heldObjects(files);
  const shelf = new ObjectCache().shelf('one');
  const memory = new InputMemory();
  const have = Object.create(null) as Record<string, string>;
  const render = async (): Promise<{ done: RenderedStack[]; same: string[] }> => {
    const done: RenderedStack[] = [];
    const same: string[] = [];
    await renderCommit({
      snapshot: new Snapshot(commit, top, damage ? damaged(objects, damage) : objects, shelf),
      path: folder,
      have,
      skip: {},
      memory,
      settings: { variables: {} },
      fingerprint: (digest) => digest,
      begun: () => {},
      same: async (names) => void same.push(...names),
      done: async (stack, digest) => {
        parseAnswer(JSON.parse(JSON.stringify({ id: 1, type: 'stack', stack, digest })));
        done.push(stack);
        have[stack.Name] = digest;
      },
    });
    return { done, same };
  };
  try {
    const first = await render();
    const bad = first.done.find((stack) => 'errors' in stack && stack.errors.length === 0);
    if (bad) return `${bad.Name} is refused without a reason`;
    const names = first.done.map(({ Name }) => Name);
    if (new Set(names).size !== names.length) return 'a stack is given twice';
    const second = await render();
    if (second.done.length > 0) return `${second.done.map(({ Name }) => Name).join()} did not change and is given again`;
    if (second.same.length !== names.length) return 'a stack that did not change is lost';
  } catch (error) {
    if (error instanceof Refusal || (error as Error).message === 'a tree of the repository is damaged') return undefined;
    throw error;
  }
  return undefined;
}

function damaged(objects: Objects, { which, at, byte }: NonNullable<TriedCommit['damage']>): Objects {
  let count = 0;
  const contents: Objects['contents'] = async (oids) => {
    const found = new Map(await objects.contents(oids));
    for (const [oid, bytes] of found) {
      if (count++ !== which || bytes.length === 0) continue;
      const copy = Uint8Array.from(bytes);
      copy[Math.floor((copy.length * at) / 1001)] = byte;
      found.set(oid, copy);
    }
    return found;
  };
  return { infos: objects.infos, contents };
}
