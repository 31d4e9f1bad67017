/** Writers in a process of their own: to our API over its socket, or to an etcd over gRPC. */
import { Agent, request } from 'node:http';
import { credentials, makeGenericClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { runWriters, type Load } from './writers.ts';

export interface ChildLoad extends Load {
  target: { type: 'http'; socket: string } | { type: 'etcd'; port: number };
}

const load = JSON.parse(process.argv[2] ?? '') as ChildLoad;

function httpWriter(socketPath: string): (id: string, text: string) => Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: load.writers });
  const call = (method: string, path: string, body?: unknown): Promise<string> =>
    new Promise((resolve, reject) => {
      const sent = request({ socketPath, agent, method, path, headers: { 'Content-Type': 'application/json' } }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const reply = Buffer.concat(parts).toString();
          if ((response.statusCode ?? 500) < 400) resolve(reply);
          else reject(new Error(`${method} ${path}: ${reply}`));
        });
      });
      sent.on('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  // Docker's API asks for the version that was read, so a write is two requests.
  return async (id, text) => {
    const { Spec, Version } = JSON.parse(await call('GET', `/configs/${id}`)) as { Spec: object; Version: { Index: number } };
    await call('POST', `/configs/${id}/update?version=${Version.Index}`, { ...Spec, Labels: { label: text } });
  };
}

/** A field of a protocol buffer: number, length, bytes. */
function field(number: number, bytes: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = bytes.length; ; rest >>>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes]);
}

function etcdWriter(port: number): (key: string, text: string) => Promise<void> {
  const Client = makeGenericClientConstructor(
    {
      put: {
        path: '/etcdserverpb.KV/Put',
        requestStream: false,
        responseStream: false,
        requestSerialize: ({ key, value }: { key: string; value: string }) => Buffer.concat([field(1, Buffer.from(key)), field(2, Buffer.from(value))]),
        requestDeserialize: (bytes: Buffer) => bytes,
        responseSerialize: (bytes: Buffer) => bytes,
        responseDeserialize: (bytes: Buffer) => bytes,
      },
    },
    'KV',
  );
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure()) as unknown as {
    put(request: { key: string; value: string }, done: (error: ServiceError | null) => void): void;
  };
  return (key, value) => new Promise((resolve, reject) => client.put({ key, value }, (error) => (error ? reject(error) : resolve())));
}

const { target } = load;
const figures = await runWriters(load, target.type === 'http' ? httpWriter(target.socket) : etcdWriter(target.port));
process.stdout.write(JSON.stringify(figures), () => process.exit(0));
