/** A bare repository of ours on this manager's disk: what the store holds of it, as git reads it. */
import { mkdirSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Refusal } from '#base/refusal';
import { largestPushedBytes, mostPushes } from '#control/repository/pushed';
import { beside, plainEnvironment } from '../worker/git-environment.ts';
import { isFolder } from '../worker/mirror-files.ts';
import { gitBytes, GitFailure, settings, type GitBounds, type GitCall, type GroupListener } from '../worker/run-git.ts';

export interface BarePlace {
  folder: string;
  home: string;
  branch: string;
  signal: AbortSignal;
  groups: GroupListener;
  /** Whether git answers requests from it now. */
  busy: () => boolean;
}

/** With room for what is received beside it. */
export const diskBytes = 8 * largestPushedBytes;
export const gitBounds: GitBounds = { fileBytes: diskBytes, outputBytes: 2 * largestPushedBytes, silenceMs: 60_000, totalMs: 5 * 60_000 };

export class Bare {
  readonly #place: BarePlace;

  constructor(place: BarePlace) {
    this.#place = place;
  }

  /** Brings the folder to `commit`, with the packs that hold all that it leads to. */
  async bringTo(commit: string | undefined, packs: () => readonly Uint8Array[]): Promise<void> {
    await this.#make();
    if (commit === undefined) return;
    if (this.#place.busy() || !(await this.#worn())) {
      if ((await this.head()) === commit) return;
      try {
        return await this.#fill(commit, packs());
      } catch (error) {
        if (this.#place.signal.aborted) throw error;
      }
    }
    // What is damaged or worn is made anew, but never under a git at work: all of it is in the store.
    if (this.#place.busy())
      throw new Refusal('unavailable', "this manager's copy of the repository is made anew when the requests that are under way are over: try again then");
    await rm(this.#place.folder, { recursive: true, force: true });
    await this.#make();
    await this.#fill(commit, packs());
  }

  async head(): Promise<string | undefined> {
    const said = await this.#git(['rev-parse', '--verify', '--quiet', `refs/heads/${this.#place.branch}^{commit}`]).catch(() => Buffer.alloc(0));
    return /^([0-9a-f]{40,64})\n/.exec(said.toString('utf8'))?.[1];
  }

  async isCommit(oid: string, received: string): Promise<boolean> {
    return (await this.#git(['cat-file', '-t', oid], received)).toString('utf8').trim() === 'commit';
  }

  /** Whether all commits that `after` follows, up to `before`, are there: a shallow clone has not all to send. */
  async isWhole(before: string | undefined, after: string, received: string): Promise<boolean> {
    const range = before === undefined ? [after] : [after, `^${before}`];
    return this.#git(['rev-list', '--quiet', ...range], received).then(
      () => true,
      (error: unknown) => {
        if (error instanceof GitFailure) return false;
        throw error;
      },
    );
  }

  async comesAfter(before: string, after: string, received: string): Promise<boolean> {
    return this.#git(['merge-base', '--is-ancestor', before, after], received).then(
      () => true,
      (error: unknown) => {
        if (error instanceof GitFailure && error.code === 1) return false;
        throw error;
      },
    );
  }

  /** A pack of what `after` leads to and `before` does not. */
  async pack(after: string, before: string | undefined, received: string): Promise<Buffer> {
    const revisions = `${after}\n${before === undefined ? '' : `^${before}\n`}`;
    return this.#git(['pack-objects', '--revs', '--stdout', '-q', '--delta-base-offset'], received, revisions);
  }

  async #fill(commit: string, packs: readonly Uint8Array[]): Promise<void> {
    for (const pack of packs) await this.#git(['index-pack', '--stdin'], '', pack);
    await this.#git(['rev-list', '--objects', '--quiet', commit]);
    await this.#git(['update-ref', `refs/heads/${this.#place.branch}`, commit]);
  }

  /** Each push leaves a pack; what no branch leads to any more stays with them. */
  async #worn(): Promise<boolean> {
    const names = await readdir(join(this.#place.folder, 'objects', 'pack')).catch(() => []);
    return names.filter((name) => name.endsWith('.pack')).length > 2 * mostPushes;
  }

  async #make(): Promise<void> {
    const { folder, branch } = this.#place;
    if (await isFolder(join(folder, 'objects', 'pack'))) return;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    await this.#git(['init', '--quiet', '--bare', `--initial-branch=${branch}`]);
  }

  async #git(args: readonly string[], received = '', input?: string | Uint8Array): Promise<Buffer> {
    const { folder, home, signal, groups } = this.#place;
    const environment = beside(plainEnvironment(home), received === '' ? undefined : received);
    const call: GitCall = { folder, environment, signal, bounds: gitBounds, ...(input !== undefined && { input }) };
    try {
      return await gitBytes([...settings(), ...args], call, groups);
    } catch (error) {
      if (error instanceof GitFailure && error.broken !== undefined) throw new Refusal('unavailable', `git cannot go on: ${error.broken}`);
      throw error;
    }
  }
}
