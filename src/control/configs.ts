/** Use cases of configs. */
import type { ConfigSpec } from '#model/object/secret';
import type { UseCase } from './cluster.ts';
import { createFile, removeFile, updateFile } from './secrets-and-configs.ts';

export function createConfig(spec: ConfigSpec): UseCase<{ ID: string }> {
  return createFile('config', spec);
}

export function updateConfig(ref: string, version: number, spec: ConfigSpec): UseCase<void> {
  return updateFile('config', ref, version, spec);
}

export function removeConfig(ref: string): UseCase<void> {
  return removeFile('config', ref);
}
