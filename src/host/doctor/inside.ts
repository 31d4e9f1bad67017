/** Looks from inside a container: what names lead to, and whether somebody answers there. */
import { elsewhereServer } from '#model/options/name-servers';
import { run } from '../run.ts';

export interface InsideQuestions {
  /** Each is asked of the container's own resolver. */
  names: readonly string[];
  /** Is asked of another host's name server. */
  elsewhere?: string | undefined;
  /** Each is called by TCP: who refuses has been reached. */
  addresses: readonly string[];
}

export interface InsideAnswers {
  /** In order; an error's code instead of addresses. */
  names: Readonly<Record<string, readonly string[] | string>>;
  /** What went wrong with those that nobody answered at. */
  addresses: Readonly<Record<string, string>>;
  /** What went wrong with the other host's name server. */
  elsewhere?: string;
}

/** Of both together. */
const limitMs = 10_000;
/** Nobody listens there; whoever is there says so at once. */
const deafPort = 9;

/** A program of its own, as it runs in the container's network. */
const script = `
const { names, elsewhere, addresses } = JSON.parse(process.argv[1]);
const resolverAt = (server) => {
  const resolver = new (require('node:dns').promises.Resolver)({ timeout: 2500, tries: 1 });
  resolver.setServers([server]);
  return resolver;
};
const resolver = resolverAt('127.0.0.11');
const look = async (name) => [name, await resolver.resolve4(name).then((found) => found.sort(), (error) => error.code)];
const lookElsewhere = async () => elsewhere === undefined ? undefined : resolverAt('${elsewhereServer}').resolve4(elsewhere).then(() => undefined, (error) => error.code);
const call = (host) => new Promise((resolve) => {
  const socket = require('node:net').connect({ host, port: ${deafPort} });
  const end = (why) => { socket.destroy(); resolve([host, why]); };
  socket.setTimeout(3000, () => end('no answer within 3 s'));
  socket.once('connect', () => end());
  socket.once('error', ({ code }) => end(code === 'ECONNREFUSED' ? undefined : code));
});
Promise.all([Promise.all(names.map(look)), Promise.all(addresses.map(call)), lookElsewhere()]).then(([found, called, wrong]) =>
  console.log(JSON.stringify({ names: Object.fromEntries(found), addresses: Object.fromEntries(called.filter(([, why]) => why !== undefined)), elsewhere: wrong })));`;

/** Undefined when the container is gone, or cannot be entered. */
export async function lookInside(pid: number, questions: InsideQuestions): Promise<InsideAnswers | undefined> {
  const enter = ['-t', String(pid), '-n', process.execPath, '-e', script, JSON.stringify(questions)];
  const { code, stdout } = await run('nsenter', enter, { timeoutMs: limitMs });
  if (code !== 0) return undefined;
  try {
    return JSON.parse(stdout) as InsideAnswers;
  } catch {
    return undefined;
  }
}
