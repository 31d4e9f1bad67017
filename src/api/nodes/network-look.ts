/** The one path by which a manager has a node look at its network, and what may be asked by it. */
import type { IncomingMessage } from 'node:http';
import type { NetworkLook } from '#model/doctor/examination';
import { list, object, text, word } from '#model/shape/shape';
import { HttpError } from '../errors.ts';
import { decodeBody } from '../request/body.ts';

export const lookPath = '/shoal/v1/node/network';

const mostPeers = 1000;

interface LookBody {
  what?: NetworkLook['what'];
  peers?: readonly { nodeId?: string; name?: string; address?: string }[];
  managers?: readonly string[];
}

const shape = object<LookBody>({
  what: word('what', 'listen', 'look', 'heard'),
  peers: list(object<{ nodeId?: string; name?: string; address?: string }>({ nodeId: text, name: text, address: text })),
  managers: list(text),
});

export async function lookAsked(request: IncomingMessage): Promise<NetworkLook> {
  const { what, peers = [], managers = [] } = await decodeBody(request, shape);
  if (what === 'listen' || what === 'heard') return { what };
  if (what !== 'look' || peers.length > mostPeers || managers.length > mostPeers) throw new HttpError(400, 'this is no look at a network');
  return { what, peers: peers.map(({ nodeId = '', name = '', address = '' }) => ({ nodeId, name, address })), managers };
}
