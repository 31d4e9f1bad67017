/** Many blobs by one `git cat-file --batch`: a process for each would be most of the work of a first look. */
import { spawn } from 'node:child_process';
import { Refusal } from '#base/refusal';

export interface BatchOptions {
  folder: string;
  environment: NodeJS.ProcessEnv;
  signal: AbortSignal;
  /** How long git may take for all of them. */
  limitMs: number;
}

/** Contents by id, all of them or a Refusal. The caller bounds how much it asks for. */
export async function readBlobs(oids: readonly string[], options: BatchOptions): Promise<Map<string, Uint8Array>> {
  const output = await run(`${oids.join('\n')}\n`, options);
  const blobs = new Map<string, Uint8Array>();
  let at = 0;
  for (const oid of oids) {
    const end = output.indexOf('\n', at);
    const [name, type, size] = output.toString('utf8', at, end === -1 ? undefined : end).split(' ');
    if (name !== oid || type !== 'blob') throw new Refusal('unavailable', `blob ${oid} cannot be read from the mirror`);
    const start = end + 1;
    at = start + Number(size) + 1;
    if (at > output.length) throw new Refusal('unavailable', `blob ${oid} cannot be read whole from the mirror`);
    // A copy: a view would keep everybody's bytes as long as one blob is cached.
    blobs.set(oid, Uint8Array.from(output.subarray(start, at - 1)));
  }
  return blobs;
}

function run(input: string, { folder, environment, signal, limitMs }: BatchOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', ['-C', folder, 'cat-file', '--batch'], { env: environment, signal, timeout: limitMs, stdio: ['pipe', 'pipe', 'ignore'] });
    const parts: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    child.on('error', reject);
    // Git that ended early shows in its output, not here.
    child.stdin.on('error', () => {});
    child.on('close', () => resolve(Buffer.concat(parts)));
    child.stdin.end(input);
  });
}
