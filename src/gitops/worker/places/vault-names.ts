/** Secrets whose `external` name is that of a value in a vault: they are the stack's own, and whoever applies it asks for them. */
import { stackLabels } from '#compose/convert/names';
import type { StackSpec } from '#model/object/stack';
import { isVaultName, readVaultReference, vaultSecret } from '#model/options/vault';
import { withNames } from './shared-files.ts';

export interface WithVault {
  stack: StackSpec;
  /** Reference → the secret that stands for it. */
  names: ReadonlyMap<string, string>;
}

export function withVault(stack: StackSpec): WithVault | { error: string; name: string } {
  const { External, Versioned } = stack;
  const config = External.Configs.find(isVaultName);
  if (config !== undefined) return { name: config, error: `config ${config}: what a vault holds is a secret: name it under secrets` };
  const names = new Map<string, string>();
  const secrets = [];
  for (const name of External.Secrets.filter(isVaultName)) {
    const reference = readVaultReference(name);
    if (!reference) return { name, error: `secret ${name}: a value in a vault is named vault:PATH#KEY, or vault:PATH?version=N#KEY` };
    const secret = { ...vaultSecret(stack.Name, reference), Labels: stackLabels(stack.Name, {}) };
    names.set(name, secret.Name);
    secrets.push(secret);
  }
  if (names.size === 0) return { stack, names };
  return {
    names,
    stack: {
      ...stack,
      Secrets: [...stack.Secrets, ...secrets],
      External: { ...External, Secrets: External.Secrets.filter((name) => !names.has(name)) },
      Versioned: { Secrets: [...(Versioned?.Secrets ?? []), ...names.values()], Configs: Versioned?.Configs ?? [] },
      Services: stack.Services.map((spec) =>
        withNames(
          spec,
          (name) => names.get(name) ?? name,
          (name) => name,
        ),
      ),
    },
  };
}
