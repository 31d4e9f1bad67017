/** What clients of a network send by hand: datagrams, first bytes, and packets as nodes wrap them. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';

/** The answer to one datagram: whom the task sees, and its name. Empty when none comes: such may be lost, and is asked for again. */
export async function askByUdp(host: string, port: number, socket = createSocket('udp4')): Promise<[string, string]> {
  try {
    socket.send('who', port, host);
    const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(1000) })) as [Buffer];
    const [caller = '', name = ''] = answer.toString().split(' ');
    return [caller, name];
  } catch {
    return ['', ''];
  }
}

export async function askByTcp(host: string, port: number, text: string): Promise<string> {
  const socket = connect({ host, port, timeout: 3000 });
  socket.on('timeout', () => socket.destroy());
  try {
    socket.write(text);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return answer.toString();
  } catch {
    return '';
  } finally {
    socket.destroy();
  }
}

export function hex(address: string): string {
  return address
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('');
}

/** A datagram to a container as a node of the network would send it, made by hand. */
export function vxlanPacket(number: number, address: string, port: number, text: string): Buffer {
  const bytes = (digits: string): Buffer => Buffer.from(digits, 'hex');
  const two = (value: number): string => value.toString(16).padStart(4, '0');
  const length = 8 + text.length;
  // From a neighbour that there need not be.
  const head = `4500${two(20 + length)}0000400040110000${hex(address.replace(/\d+$/, '77'))}${hex(address)}`;
  const sum = (head.match(/.{4}/g) ?? []).reduce((total, word) => total + Number.parseInt(word, 16), 0);
  const checked = head.slice(0, 20) + two(~((sum & 0xffff) + (sum >> 16)) & 0xffff) + head.slice(24);
  const frame = `0242${hex(address)}02420a0000010800${checked}${two(7000)}${two(port)}${two(length)}0000`;
  return Buffer.concat([bytes(`08000000${number.toString(16).padStart(6, '0')}00`), bytes(frame), Buffer.from(text)]);
}
