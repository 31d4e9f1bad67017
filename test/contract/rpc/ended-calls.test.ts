/** What the other end of a line gives up: whoever waited hears of it in a turn of its own, never amid the frame that says so. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { connectDispatcher } from '#rpc/dispatcher-client';
import { SessionResponse } from '#rpc/generated/shoal/v1/dispatcher';
import { description } from '#test/support/played-dispatcher';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

const kinds = { data: 0, headers: 1, reset: 3, settings: 4 } as const;
const endOfHeaders = 4;
const acknowledged = 1;
const internalError = 2;
/** `:status 200` and `content-type application/grpc`, as HPACK writes them. */
const answerHeaders = Buffer.concat([Buffer.from([0x88, 0x5f, 16]), Buffer.from('application/grpc')]);

function frame(kind: keyof typeof kinds, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = kinds[kind];
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function numbers(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, 4 * at);
  return bytes;
}

/** A manager that says frames, and answers nothing by itself. */
async function played(): Promise<{ address: string; connection: () => Promise<Socket> }> {
  const server: Server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connected = once(server, 'connection').then(([socket]) => {
    const connection = socket as Socket;
    cleanups.push(() => connection.destroy());
    connection.on('error', () => undefined);
    connection.write(Buffer.concat([frame('settings', 0, 0), frame('settings', acknowledged, 0)]));
    return connection;
  });
  cleanups.push(() => server.close());
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, connection: () => connected };
}

/** Resolves when so many calls have come. */
async function calls(connection: Socket, count: number): Promise<void> {
  let bytes: Buffer = Buffer.alloc(0);
  const preface = 24;
  const begun = (): number => {
    let seen = 0;
    for (let at = preface; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) if (bytes[at + 3] === kinds.headers) seen++;
    return seen;
  };
  for await (const piece of connection.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, piece]);
    if (begun() === count) return;
  }
}

const opened = (): Buffer => {
  const message = SessionResponse.encode({ response: { $case: 'opened', value: { sessionId: 's', beats: false, reports: false } } }).finish();
  return Buffer.concat([Buffer.from([0]), numbers(message.length), message]);
};

test('who waits for a call that is reset hears of it after all that came with it', async () => {
  const manager = await played();
  const { openSession, close } = connectDispatcher(manager.address);
  cleanups.push(close);
  const heard: string[] = [];
  const first = openSession('n', description).catch(() => heard.push('the first is over'));
  const second = openSession('n', description).then(() => heard.push('the second stands'));
  const connection = await manager.connection();
  await calls(connection, 2);
  connection.write(
    Buffer.concat([frame('headers', endOfHeaders, 3, answerHeaders), frame('reset', 0, 1, numbers(internalError)), frame('data', 0, 3, opened())]),
  );
  await Promise.all([first, second]);
  expect(heard).toEqual(['the second stands', 'the first is over']);
});
