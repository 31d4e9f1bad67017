/** A worker process of the reconciler: runs git and renders, so that nothing foreign is touched in the daemon itself. */
import { Refusal } from '#base/refusal';
import { encodeFrame, FrameReader } from '../frames.ts';
import { largestRequestBytes, type WorkerAnswer, type WorkerRequest } from '../protocol.ts';
import { Desk } from './desk.ts';
import { endWithParent, killGroup } from '../process-group.ts';

function main(): void {
  const groups = new Set<number>();
  const running = new Map<number, AbortController>();
  const send = (answer: WorkerAnswer): Promise<void> =>
    new Promise((resolve) => {
      // What is said in one turn goes out, and wakes the daemon, once.
      if (process.stdout.writableCorked === 0) {
        process.stdout.cork();
        process.nextTick(() => process.stdout.uncork());
      }
      process.stdout.write(encodeFrame(answer), () => resolve());
    });
  const desk = new Desk();
  const serve = async (request: WorkerRequest): Promise<void> => {
    if (request.type === 'cancel') return running.get(request.id)?.abort();
    const { id } = request;
    const stop = new AbortController();
    running.set(id, stop);
    const heard = (pid: number, alive: boolean): void => {
      if (alive) groups.add(pid);
      else groups.delete(pid);
      void send({ id, type: 'group', pid, alive });
    };
    try {
      await desk.serve(request, { signal: stop.signal, groups: heard, send });
    } catch (error) {
      const code = error instanceof Refusal && (error.code === 'notFound' || error.code === 'invalidArgument') ? error.code : 'unavailable';
      await send({ id, type: 'refused', code, message: (error as Error).message.slice(0, 4000) });
    } finally {
      running.delete(id);
    }
  };
  const end = (): void => {
    for (const pid of groups) killGroup(pid);
    process.exit(0);
  };
  const reader = new FrameReader(largestRequestBytes, (value) => void serve(value as WorkerRequest));
  process.stdin.on('data', (chunk: Buffer) => reader.push(chunk));
  // The daemon is gone: nobody waits for anything.
  process.stdin.on('end', end);
  process.stdin.on('error', end);
  process.stdout.on('error', end);
  if (process.argv[2] !== 'render') return;
  // Amid a stack nobody hears that the daemon is gone.
  endWithParent();
  // Whoever has it started has something fetched first.
  setImmediate(() => void import('./render.ts').then(({ getReady }) => getReady()));
}

main();
