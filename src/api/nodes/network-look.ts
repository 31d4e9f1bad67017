/** The one path by which a manager has a node look at its network: what may be asked by it, and what an answer is. */
import type { IncomingMessage } from 'node:http';
import { doctorChecks, type Finding, type Heard, type Listening, type Look, type NetworkLook } from '#model/doctor/examination';
import { list, object, record, text, uint32, word } from '#model/shape/shape';
import { HttpError } from '../errors.ts';
import { decode, decodeBody } from '../request/body.ts';

export const lookPath = '/shoal/v1/node/network';

const mostPeers = 1000;

interface LookBody {
  what?: NetworkLook['what'];
  peers?: readonly { nodeId?: string; name?: string; address?: string }[];
  managers?: readonly string[];
}

const question = object<LookBody>({
  what: word('what', 'listen', 'send', 'heard', 'look'),
  peers: list(object<{ nodeId?: string; name?: string; address?: string }>({ nodeId: text, name: text, address: text })),
  managers: list(text),
});

export async function lookAsked(request: IncomingMessage): Promise<NetworkLook> {
  const { what, peers = [], managers = [] } = await decodeBody(request, question);
  if (what === 'listen' || what === 'heard') return { what };
  if (peers.length > mostPeers || managers.length > mostPeers) throw new HttpError(400, 'these are too many for one look at a network');
  if (what === 'look') return { what, managers };
  if (what === 'send') return { what, peers: peers.map(({ nodeId = '', name = '', address = '' }) => ({ nodeId, name, address })) };
  throw new HttpError(400, 'this is no look at a network');
}

const listening = object<Partial<Listening>>({ address: text, mtu: uint32, port: uint32 });
const heard = list(object<Partial<Heard>>({ address: text, arrived: uint32, accepted: uint32 }));
const look = object<{ findings?: readonly Partial<Finding>[]; services?: Look['services'] }>({
  findings: list(object<Partial<Finding>>({ level: word('level', 'error', 'warning'), check: word('check', ...doctorChecks), text, advice: text })),
  services: record(text),
});

/** Told of one node at most, and so long each: a node may say what it likes. */
const mostFindings = 100;
const longest = 1000;

/** Throws for what is no answer. */
export function listeningIn(answer: unknown): Listening {
  const { address = '', mtu = 0, port = 0 } = decode(answer, listening);
  if (mtu < 68 || mtu > 65_535 || port < 1 || port > 65_535) throw new HttpError(502, 'its answer is none');
  return { address, mtu, port };
}

export function heardIn(answer: unknown): readonly Heard[] {
  return decode(answer, heard).map(({ address = '', arrived = 0, accepted = 0 }) => ({ address, arrived, accepted }));
}

export function lookIn(answer: unknown): Look {
  const { findings = [], services } = decode(answer, look);
  if (!services) throw new HttpError(502, 'its answer is none');
  const told = findings.slice(0, mostFindings).map(({ level = 'error', check = 'node', text: what = '', advice = '' }) => ({
    level,
    check,
    text: what.slice(0, longest),
    advice: advice.slice(0, longest),
  }));
  return { findings: told, services };
}
