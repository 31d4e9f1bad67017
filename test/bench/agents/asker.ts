/** Asks managers as people and their tools do, in a process of its own: until an answer's last byte, and unread, for what a client makes of it is the client's. With each ask a bare server is asked for as many bytes as such an ask had last. */
import { request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';

export interface AskOrder {
  /** Sockets, by the names of their managers. */
  managers: readonly { name: string; socket: string }[];
  /** Socket of a server that answers `GET /N` with N bytes. */
  bare: string;
  forMs: number;
  perSecond: number;
}

export interface Asked {
  what: string;
  /** Place among the questions. */
  kind: number;
  by: string;
  /** When it was asked, by the machine's clock. */
  at: number;
  ms: number;
  /** What the bare server took, asked at the same moment. */
  bareMs: number;
  isRefused: boolean;
}

type Question = (number: number) => readonly [method: string, path: string, body?: unknown];

const filter = (text: unknown): string => encodeURIComponent(JSON.stringify(text));
const questions: readonly Question[] = [
  (number) => ['GET', `/services/s${number % 10}`],
  (number) => ['GET', `/tasks?filters=${filter({ service: [`s${number % 10}`], 'desired-state': ['running'] })}`],
  () => ['GET', '/services?status=true'],
  () => ['GET', '/info'],
  (number) => ['POST', '/configs/create', { Name: `c${number}`, Data: 'eA==' }],
  () => ['GET', '/nodes'],
  (number) => ['GET', `/tasks?filters=${filter({ node: [`sim-${number % 50}`] })}`],
];

/** Each manager in turn, one thing after the other; the next is asked whether or not the last one has answered. */
async function askAll({ managers, bare, forMs, perSecond }: AskOrder): Promise<Asked[]> {
  const waits: Promise<Asked>[] = [];
  const sizes = questions.map(() => 0);
  const end = performance.now() + forMs;
  for (let number = 0; performance.now() < end; number++) {
    const { socket, name: by } = managers[number % managers.length] as AskOrder['managers'][number];
    const kind = number % questions.length;
    const [method, path, body] = questions[kind]?.(number) ?? ['GET', '/info'];
    const at = Date.now();
    const both = Promise.all([answered(socket, method, path, body), answered(bare, 'GET', `/${sizes[kind]}`)]);
    const asked = both.then(([{ ms, bytes, isRefused }, { ms: bareMs }]) => {
      sizes[kind] = bytes;
      return { what: `${method} ${path.replace(/[?].*/, '')}`, kind, by, at, ms, bareMs, isRefused };
    });
    waits.push(asked);
    await pause(1000 / perSecond);
  }
  return await Promise.all(waits);
}

function answered(socketPath: string, method: string, path: string, body?: unknown): Promise<{ ms: number; bytes: number; isRefused: boolean }> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, headers: { 'Content-Type': 'application/json' } }, (response) => {
      let bytes = 0;
      response.on('data', (part: Buffer) => (bytes += part.length));
      response.on('error', reject);
      response.on('end', () => resolve({ ms: performance.now() - began, bytes, isRefused: (response.statusCode ?? 500) >= 400 }));
    });
    call.on('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

if (isMainThread && process.send) {
  process.on('message', (order: AskOrder) => void askAll(order).then((asked) => process.send?.(asked)));
  process.on('disconnect', () => process.exit());
}
