/** Messages over a unix socket: JSON, one a line. */
import { connect, type Socket } from 'node:net';

/** A table of 30,000 tasks has some 20 MiB. */
const lineLimitBytes = 256 * 1024 * 1024;

export interface LineSocket<Out> {
  send(message: Out): void;
  /** Ends after what was sent. */
  close(): void;
  /** Ends at once. */
  destroy(): void;
}

/** Calls `heard` for each message and `ended` once. A line that is no JSON or too long ends the connection. */
export function lineSocket<In, Out>(socket: Socket, heard: (message: In) => void, ended: () => void): LineSocket<Out> {
  let parts: string[] = [];
  let length = 0;
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = text.split('\n');
    const last = lines.pop() ?? '';
    for (const line of lines) {
      const whole = [...parts, line].join('');
      parts = [];
      length = 0;
      if (!deliver(whole, heard)) return void socket.destroy();
    }
    parts.push(last);
    length += last.length;
    if (length > lineLimitBytes) socket.destroy();
  });
  socket.on('error', () => undefined);
  socket.once('close', ended);
  return {
    send: (message) => void (socket.writable && socket.write(`${JSON.stringify(message)}\n`)),
    close: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}

/** Connects to `path`; undefined when nobody answers there. */
export function connectLines(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', () => resolve(undefined));
  });
}

function deliver<In>(line: string, heard: (message: In) => void): boolean {
  let message: In;
  try {
    message = JSON.parse(line) as In;
  } catch {
    return false;
  }
  heard(message);
  return true;
}
