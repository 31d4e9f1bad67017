/** What the stacks of a commit may have of a vault together: what is in force is had first, whatever new ones are called. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { VaultValues } from '#gitops/vault/vault-values';
import { readVaultReference, vaultSecret } from '#model/options/vault';
import type { RenderedStack } from '#reconciler/rendered';
import { initialisedCluster } from '#test/support/memory-cluster';
import { VaultServer } from '#test/support/vault-server';
import { VirtualClock } from '#test/support/virtual-clock';
import { stackSpec } from '../../control/specs.ts';

let vault: VaultServer;

beforeEach(async () => {
  vault = await new VaultServer().start();
});

afterEach(() => vault.stop());

/** A stack with almost as much as one may have: five of them are more than a commit may have. */
function large(name: string): RenderedStack {
  const references = [1, 2, 3, 4].map((number) => {
    vault.put(`old/${name}-${number}`, { value: 'x'.repeat(750_000) });
    const reference = readVaultReference(`vault:old/${name}-${number}#value`);
    if (!reference) throw new Error('no reference');
    return vaultSecret(name, reference);
  });
  return { Name: name, Path: `stacks/${name}`, Commit: 'c', digest: name, spec: stackSpec({ Name: name, Secrets: references }) };
}

test('a new stack takes nothing of the bounds from those that have their values', async () => {
  const parts = { cluster: initialisedCluster(), clock: new VirtualClock(), signal: new AbortController().signal, repository: 'main' };
  const values = new VaultValues({ ...parts, place: { Address: vault.address, Token: 'root-token' } });
  const had = ['b', 'c', 'd', 'e'].map(large);
  const errors = (stacks: readonly RenderedStack[]) => stacks.flatMap((stack) => ('errors' in stack ? [[stack.Name, stack.errors[0]]] : []));
  expect(errors(await values.resolved(had, 'look'))).toEqual([]);
  // By its name it comes first.
  const all = await values.resolved([large('a'), ...had], 'look');
  expect(errors(all)).toEqual([['a', expect.stringContaining('the values of one commit are longer than')]]);
});
