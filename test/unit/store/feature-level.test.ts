/** What older managers would take for something else never reaches a log that they read. */
import { expect, test } from 'vitest';
import { limitsLevel, stacksLevel } from '#model/feature-level';
import { create, newMeta, update, type Action } from '#store/action';
import { needOf } from '#store/feature-level';

const meta = newMeta('id');
const stack = { ...meta, Spec: { Name: 'web' } };
const revision = (more: object, content: object = {}) => ({ ...meta, Spec: { Name: 'web@1', Stack: 'web', Number: 1, Content: content }, ...more });
const repository = (more: object) => ({ ...meta, Spec: { Name: 'main', ...more } });
const vault = { Vault: { Address: 'https://vault', Token: 't' } };
const made = (kind: string, object: object): Action => create(kind as 'stack', object as never);

test.each([
  ['waves', made('stack', { ...stack, Rollout: { Left: [], Prunes: false, Since: '' } }), made('stack', stack)],
  ['a unit', made('revision', revision({ Unit: { Digest: 'd', New: true } })), made('revision', revision({}))],
  ['values of a vault', made('revision', revision({}, { Pinned: { Asked: 'd', Versions: {} } })), made('revision', revision({}))],
  ['a vault', made('repository', repository(vault)), made('repository', repository({}))],
  [
    'a word that takes away',
    made('repository', repository({ Allow: ['stacks=shop-*'] })),
    made('repository', repository({ Allow: ['privileged'] })),
    limitsLevel,
  ],
])('%s needs a level that all managers have', (_what, wanted, plain, level = stacksLevel) => {
  expect(needOf(wanted)?.level).toBe(level);
  expect(needOf(plain)?.level).toBeLessThan(level);
});

test('what is there already may be told of', () => {
  const before = repository(vault);
  expect(needOf(update('repository', before as never), before)?.level).toBe(1);
});
