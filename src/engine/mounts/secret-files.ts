/** Secret and config files of tasks on a tmpfs of the host: never on a disk, gone with their task. */
import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, readdir, rm, rmdir, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Config, Secret } from '#model/object/secret';
import type { FileTarget } from '#model/object/service-spec';
import type { Task } from '#model/object/task';
import type { StepOutcome } from '#task/step';
import { createLimiter } from '../limiter.ts';
import { done, refused } from '../outcome.ts';

const tmpfsMagic = 0x01021994;
const ramfsMagic = 0x858458f6;

export class TaskFiles {
  /** Nothing may be written while the tmpfs is taken away: it would fall on the disk below. */
  readonly #oneByOne = createLimiter(1);
  #ready = false;

  /** `folder` is this node's own; it is made, and a tmpfs mounted on it, when the first file is needed. */
  constructor(readonly folder: string) {}

  path(taskId: string, kind: 'secret' | 'config', index: number): string {
    return join(this.folder, taskId, `${kind}-${index}`);
  }

  /** Writes the task's files with owner and mode; again is the same as once. Refuses when the folder is no tmpfs. */
  write(task: Task, secrets: readonly Secret[], configs: readonly Config[]): Promise<StepOutcome> {
    return this.#oneByOne.run(() => this.#write(task, secrets, configs));
  }

  async #write(task: Task, secrets: readonly Secret[], configs: readonly Config[]): Promise<StepOutcome> {
    const problem = await this.#prepare();
    if (problem) return refused(problem);
    await mkdir(join(this.folder, task.ID), { recursive: true, mode: 0o700 });
    const spec = task.Spec.ContainerSpec ?? {};
    const files = [
      ...(spec.Secrets ?? []).map(
        (each, index) => ({ kind: 'secret', index, File: each.File, object: secrets.find((secret) => secret.ID === each.SecretID) }) as const,
      ),
      ...(spec.Configs ?? []).map(
        (each, index) => ({ kind: 'config', index, File: each.File, object: configs.find((config) => config.ID === each.ConfigID) }) as const,
      ),
    ];
    for (const { kind, index, File, object } of files) {
      if (!File) continue;
      const failure = await writeOne(this.path(task.ID, kind, index), File, object?.Spec.Data ?? '');
      if (failure) return refused(failure);
    }
    return done;
  }

  async remove(taskId: string): Promise<void> {
    await rm(join(this.folder, taskId), { recursive: true, force: true });
  }

  /** Removes the files of all tasks but those in `keep`; when none are kept, the folder and its tmpfs too. */
  prune(keep: ReadonlySet<string>): Promise<void> {
    return this.#oneByOne.run(async () => {
      const names = await readdir(this.folder).catch(() => undefined);
      if (!names) return;
      for (const name of names) if (!keep.has(name)) await this.remove(name);
      if (keep.size === 0) await this.#takeDown();
    });
  }

  async #takeDown(): Promise<void> {
    this.#ready = false;
    const [own, parent] = await Promise.all([stat(this.folder), stat(dirname(this.folder))]);
    if (own.dev !== parent.dev) await promisify(execFile)('umount', [this.folder]);
    await rmdir(this.folder);
  }

  /** A sentence on what is wrong, or undefined; a failure is tried again with the next task. */
  async #prepare(): Promise<string | undefined> {
    if (this.#ready) return undefined;
    const problem = await prepareFolder(this.folder);
    this.#ready = problem === undefined;
    return problem;
  }
}

async function writeOne(path: string, target: FileTarget, base64: string): Promise<string | undefined> {
  const owner = { uid: Number(target.UID || 0), gid: Number(target.GID || 0) };
  if (!Number.isInteger(owner.uid) || !Number.isInteger(owner.gid))
    return `invalid owner ${target.UID}:${target.GID} of ${target.Name}: uid and gid must be numbers`;
  await writeFile(path, Buffer.from(base64, 'base64'), { mode: 0o600 });
  await chown(path, owner.uid, owner.gid);
  await chmod(path, target.Mode & 0o7777);
  return undefined;
}

async function prepareFolder(folder: string): Promise<string | undefined> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if (await isMemory(folder)) return undefined;
    await mountTmpfs(folder);
    return (await isMemory(folder)) ? undefined : `secrets and configs need a tmpfs, and ${folder} is none`;
  } catch (error) {
    return `secrets and configs need a tmpfs at ${folder}, and it cannot be mounted: ${(error as Error).message.trim()}`;
  }
}

async function isMemory(folder: string): Promise<boolean> {
  const { type } = await statfs(folder);
  return type === tmpfsMagic || type === ramfsMagic;
}

/** `noswap` (Linux 6.4) keeps it off the swap disk as well; older kernels do without. */
async function mountTmpfs(folder: string): Promise<void> {
  const mount = (options: string) => promisify(execFile)('mount', ['-t', 'tmpfs', '-o', options, 'shoal', folder]);
  await mount('mode=0700,nosuid,nodev,noswap').catch(() => mount('mode=0700,nosuid,nodev'));
}
