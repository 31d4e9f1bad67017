/** The flags that say where a repository's stacks have values from that a vault holds. */
import type { Command } from 'commander';
import type { VaultPlace } from '#model/object/repository';
import { CommandError, exitCodes } from '../../command-error.ts';
import { lineOf, textOf } from '../../files.ts';

export interface VaultFlags {
  /** false: none any more. */
  vault?: string | false;
  vaultTokenFile?: string;
  vaultRoleId?: string;
  vaultSecretIdFile?: string;
  vaultNamespace?: string;
  vaultCaFile?: string;
}

const vaultHelp = `
With --vault its stacks may name values that a HashiCorp Vault or an OpenBao holds, as external secrets:
  secrets: { db: { external: true, name: "vault:apps/db#password" } }
The token goes to that address alone. Give it a policy for the paths that these stacks need: who may push may read them.`;

export function addVaultOptions(command: Command): Command {
  return command
    .option('--vault <url>', 'address of the vault that its stacks have values from: https://HOST:PORT')
    .option('--vault-token-file <file>', 'file with the token that the vault is asked with')
    .option('--vault-role-id <id>', 'role of AppRole, in the place of a token')
    .option('--vault-secret-id-file <file>', 'file with the secret id that goes with --vault-role-id')
    .option('--vault-namespace <name>', 'namespace that the vault is asked in')
    .option('--vault-ca-file <file>', 'certificates by which the vault is known')
    .addHelpText('after', vaultHelp);
}

/** What the flags say, for the daemon; undefined: nothing of a vault. */
export function vaultOf(flags: VaultFlags): { Vault?: Partial<VaultPlace> } {
  const { vault, vaultTokenFile, vaultRoleId, vaultSecretIdFile, vaultNamespace, vaultCaFile } = flags;
  if (vaultTokenFile !== undefined && (vaultRoleId !== undefined || vaultSecretIdFile !== undefined))
    throw new CommandError('--vault-token-file and --vault-role-id are one or the other', exitCodes.usage);
  const Vault: Partial<VaultPlace> = {
    ...(vault !== undefined && { Address: vault === false ? '' : vault }),
    ...(vaultTokenFile !== undefined && { Token: lineOf('--vault-token-file', vaultTokenFile) }),
    ...(vaultRoleId !== undefined && { RoleID: vaultRoleId }),
    ...(vaultSecretIdFile !== undefined && { SecretID: lineOf('--vault-secret-id-file', vaultSecretIdFile) }),
    ...(vaultNamespace !== undefined && { Namespace: vaultNamespace }),
    ...(vaultCaFile !== undefined && { CA: textOf('--vault-ca-file', vaultCaFile) }),
  };
  return Object.keys(Vault).length > 0 ? { Vault } : {};
}
