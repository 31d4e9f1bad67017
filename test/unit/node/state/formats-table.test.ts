/** The table of formats in src/README.md says of each what this program writes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encode } from '#base/codec';
import { Storage } from '#disk/storage';
import { sealed } from '#disk/sealed-stream';
import { featureLevel } from '#model/feature-level';
import { encodeState } from '#replica/state-format';
import { protocolVersion } from '#resolver/protocol';
import { Store } from '#store/store';
import { encodeEntry } from '#test/support/entry-bytes';
import { temporaryFolder } from '#test/support/folder';
import { VirtualClock } from '#test/support/virtual-clock';

/** Format → version, of the table. */
function told(): Map<string, string> {
  const text = readFileSync(new URL('../../../../src/README.md', import.meta.url), 'utf8').split('\n## Formats')[1] ?? '';
  const rows = text.split('\n').filter((line) => line.startsWith('| '));
  return new Map(rows.map((line) => line.split('|').map((cell) => cell.trim())).map(([, format = '', , version = '']) => [format, version]));
}

/** Versions of a log segment and of a snapshot behind their magic. */
async function written(): Promise<{ segment: number | undefined; snapshot: number | undefined }> {
  const folder = await temporaryFolder();
  const configuration = { voters: ['a'], learners: [] };
  const options = { clock: new VirtualClock(), node: 'a', segmentBytes: 1e6, reserveBytes: 0, begin: { index: 0, term: 0, configuration } };
  const { storage } = await Storage.open({ ...options, folder });
  const entries = [{ index: 1, term: 1, kind: 'normal' as const, bytes: Buffer.from('x') }];
  await storage.write({ hardState: { term: 1, vote: 'a', commit: 1 }, entries, installed: undefined, replies: [], attest: { term: 1, index: 1, lastTerm: 1 } });
  await storage.snapshot({ index: 1, term: 1, configuration }, [Buffer.from('state')]);
  await storage.close();
  const versionOf = (kind: string): number | undefined => {
    const name = readdirSync(folder).find((each) => each.startsWith(kind));
    return readFileSync(join(folder, name ?? kind))[8];
  };
  return { segment: versionOf('log-'), snapshot: versionOf('snapshot-') };
}

test('versions in the table are those that are written', async () => {
  const { segment, snapshot } = await written();
  const [state] = encodeState(new Store().image());
  const backup: Uint8Array[] = [];
  for await (const piece of sealed('a passphrase', [Buffer.from('x')], (count) => Buffer.alloc(count, 7), { logN: 10, r: 8, p: 1 })) backup.push(piece);
  const versions = {
    'file header': segment,
    'log segment': segment,
    snapshot,
    backup: Buffer.concat(backup)[8],
    entry: encodeEntry({ actions: [], now: 1 })[0],
    state: state?.[0],
    'feature level': featureLevel,
    'resolver line': protocolVersion,
    codec: encode({})[0],
  };
  const table = told();
  expect(Object.fromEntries(Object.keys(versions).map((format) => [format, table.get(format)]))).toEqual(
    Object.fromEntries(Object.entries(versions).map(([format, version]) => [format, String(version)])),
  );
});
