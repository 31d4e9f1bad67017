/** A name server of somebody else's on a host: it gives one address to every question. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Host } from './machine.mjs';

const script = `const [, at, answer] = process.argv; const socket = require('dgram').createSocket('udp4');
  socket.on('message', (asked, from) => {
    const end = asked.indexOf(0, 12) + 5;
    const head = Buffer.from(asked.subarray(0, 12)); head.writeUInt16BE(0x8180, 2); head.writeUInt16BE(1, 6); head.writeUInt32BE(0, 8);
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 3, 0, 4, ...answer.split('.').map(Number)]);
    socket.send(Buffer.concat([head, asked.subarray(12, end), record]), from.port, from.address);
  });
  socket.bind(53, at, () => console.log('ready'));`;

/** At an address that the host has from then on. */
export async function startNameServer(host: Host, address: string, answer: string): Promise<{ stop(): void }> {
  host.run(['ip', 'address', 'replace', `${address}/32`, 'dev', 'lo']);
  const [program, ...args] = ['env', ...host.enter, process.execPath, '-e', script, address, answer];
  const server = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout, 'data');
  return { stop: () => void server.kill('SIGKILL') };
}
