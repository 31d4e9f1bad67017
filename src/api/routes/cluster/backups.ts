/** Routes of the whole cluster as one file: taken from a manager, and brought back on a node that is in no cluster. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { readView, type Context } from '../../context.ts';
import type { Custody } from '../../dependencies.ts';
import { HttpError } from '../../errors.ts';
import { flag, get, post, type Answer, type Call, type Route } from '../../router.ts';

/** In base64: it is never a part of an address, which may be logged. */
const passphraseHeader = 'shoal-passphrase';
const shortestPassphrase = 8;
const longestPassphrase = 1024;

export function backupRoutes(context: Context): Route[] {
  const { custody } = context;
  return custody ? [get('/shoal/v1/backup', (call) => take(call, context, custody)), post('/shoal/v1/restore', (call) => restore(call, custody))] : [];
}

async function take(call: Call, context: Context, custody: Custody): Promise<Answer> {
  const passphrase = passphraseOf(call);
  await readView(context);
  const bytes = custody.backup(passphrase);
  call.response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
  await pipeline(Readable.from(bytes), call.response);
  return 'sent';
}

async function restore(call: Call, custody: Custody): Promise<Answer> {
  const passphrase = passphraseOf(call);
  const { query } = call;
  const places = { ListenAddr: query.get('listen') ?? '', AdvertiseAddr: query.get('advertise') ?? '' };
  return { status: 200, json: await custody.restore({ ...places, passphrase, force: flag(call, 'force') }, call.request.iterator({ destroyOnReturn: false })) };
}

function passphraseOf({ request }: Call): string {
  const text = Buffer.from(String(request.headers[passphraseHeader] ?? ''), 'base64').toString('utf8');
  if (text.length >= shortestPassphrase && text.length <= longestPassphrase) return text;
  throw new HttpError(400, `a passphrase of ${shortestPassphrase} to ${longestPassphrase} characters is needed`);
}
