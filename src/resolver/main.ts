/** The resolver's process: answers names for the containers of one node, with or without a daemon. */
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { ControlServer } from './control-server.ts';
import { Door, type DoorPlace } from './door.ts';
import { NameService } from './name-service.ts';
import { readyLine, type Legacy } from './protocol.ts';
import { startSuccessor } from './successor.ts';

/** Whether a daemon could still find us is looked at so often. */
const abandonedMs = 5000;
/** Queries that are not answered by then never will be: upstream servers have 4 s. */
const drainLimitMs = 12_000;
const firstDescriptor = 3;

const { values } = parseArgs({
  options: {
    /** Path that daemons find us at. */
    socket: { type: 'string', default: '' },
    instance: { type: 'string', default: '' },
    owner: { type: 'string', default: '' },
    build: { type: 'string', default: '' },
    /** A predecessor's legacy is on standard input, its sockets follow. */
    take: { type: 'boolean', default: false },
    'resolv-conf': { type: 'string', default: '/etc/resolv.conf' },
  },
});

const service = new NameService({ file: values['resolv-conf'], port: 53 });
const control = new ControlServer(values.socket, { build: values.build, instance: values.instance, owner: values.owner }, service, {
  handOver,
  door: keepDoor,
  end: () => process.exit(0),
});

let door: Door | undefined;

async function keepDoor({ path, leadsTo }: DoorPlace): Promise<void> {
  if (door?.place.path === path && door.stands) return door.leadTo(leadsTo);
  // Who is led already stays led.
  door?.close();
  door = await Door.open({ path, leadsTo });
}

async function handOver(command: readonly string[]): Promise<void> {
  const heirloom = service.legacy();
  const descriptor = door?.descriptor();
  if (!heirloom || (door && descriptor === undefined)) throw new Error('the sockets cannot be handed on by this version of Node');
  const { legacy, descriptors } = heirloom;
  if (door && descriptor !== undefined) await startSuccessor(command, { ...legacy, door: door.place }, [...descriptors, descriptor]);
  else await startSuccessor(command, legacy, descriptors);
  door?.close();
  const limit = setTimeout(() => process.exit(0), drainLimitMs);
  void service.drain().then(() => {
    clearTimeout(limit);
    // The daemon's line ends with its answer, and with it the process.
    control.close();
    setTimeout(() => process.exit(0), 100);
  });
}

// Only those who may write the run folder speak to us.
process.umask(0o077);
// The terminal or the session that our daemon was started from is not ours.
process.on('SIGHUP', () => undefined);
process.on('uncaughtException', (error) => {
  // Names of the whole node are worth more than one query; what broke is told.
  control.log('error', { error: error.message, stack: error.stack }, 'a query or a message broke the resolver; it goes on with the next');
});
if (values.take) {
  const legacy = JSON.parse(await text(process.stdin)) as Legacy;
  await service.take(legacy, firstDescriptor);
  if (legacy.door) door = await Door.open(legacy.door, firstDescriptor + 2 * legacy.servers.length);
}
await control.listen();
if (values.take) process.stdout.write(`${readyLine}\n`);
setInterval(() => {
  if (control.abandoned) process.exit(0);
}, abandonedMs);
