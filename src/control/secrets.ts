/** Use cases of secrets. */
import type { SecretSpec } from '#model/object/secret';
import type { UseCase } from './cluster.ts';
import { createFile, removeFile, updateFile } from './secrets-and-configs.ts';

export function createSecret(spec: SecretSpec): UseCase<{ ID: string }> {
  return createFile('secret', spec);
}

export function updateSecret(ref: string, version: number, spec: SecretSpec): UseCase<void> {
  return updateFile('secret', ref, version, spec);
}

export function removeSecret(ref: string): UseCase<void> {
  return removeFile('secret', ref);
}
