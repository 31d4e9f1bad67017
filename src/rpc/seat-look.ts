/** Whether a manager is reached where it says that it is: its certificate says who answers there. */
import { connect as connectTo } from 'node:net';
import { connect } from 'node:tls';
import { Refusal } from '#base/refusal';
import { unitOf } from '#ca/certificate';
import { placeParts } from '#model/manager-address';
import { contextFor, type NodeTls } from './credentials.ts';

/** As long as one that joins is looked for. */
const usualReachMs = 5000;

/** Refuses `failedPrecondition` where manager `nodeId` does not answer at HOST:PORT within `limitMs` milliseconds. */
export async function checkSeated(address: string, nodeId: string, tls: NodeTls, limitMs = usualReachMs): Promise<void> {
  const found = await whoAnswers(address, tls, limitMs);
  if ('id' in found && found.id === nodeId) return;
  const why = 'id' in found ? `node ${found.id} answers there` : found.failure;
  throw new Refusal('failedPrecondition', `it is not reached at ${address}, where it says that it is: ${why}`);
}

function whoAnswers(address: string, tls: NodeTls, limitMs: number): Promise<{ id: string } | { failure: string }> {
  return new Promise((resolve) => {
    const socket = connectTo(placeParts(address));
    const end = (found: { id: string } | { failure: string }): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(found);
    };
    const failed = ({ code, message }: NodeJS.ErrnoException): void => end({ failure: code === 'ECONNREFUSED' ? 'connection refused' : message });
    const timer = setTimeout(() => end({ failure: `no answer within ${limitMs / 1000} s` }), limitMs);
    socket.on('error', failed);
    socket.once('connect', () => {
      const secured = connect({ socket, secureContext: contextFor(tls), servername: unitOf('manager'), ALPNProtocols: ['h2'] }, () => {
        const name = secured.getPeerCertificate().subject.CN;
        end(typeof name === 'string' ? { id: name } : { failure: 'another one answers there' });
      });
      secured.on('error', failed);
      secured.once('close', () => end({ failure: 'the connection was closed' }));
    });
  });
}
