/** The state folder, the repository and the running containers that a daemon of the first version left (test/fixtures/first-version). */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StoreImage } from '#store/store';

const fixture = join(import.meta.dirname, '../fixtures/first-version');

/** What the engine was asked, in order, and the files that it bind-mounts, relative to the run folder. */
export interface EngineRecord {
  files: readonly { path: string; mode: number; text: string }[];
  requests: readonly { path: string; body?: unknown }[];
}

/** Puts the folders `state` and `repository` into `folder`. */
export function unpackFirstVersion(folder: string): void {
  execFileSync('tar', ['-C', folder, '-xzf', join(fixture, 'folders.tar.gz')]);
}

export function engineRecord(): EngineRecord {
  return JSON.parse(readFileSync(join(fixture, 'engine.json'), 'utf8')) as EngineRecord;
}

/** All objects as that version's own code read them. */
export function firstVersionObjects(): StoreImage['objects'] {
  return (JSON.parse(readFileSync(join(fixture, 'objects.json'), 'utf8')) as StoreImage).objects;
}
