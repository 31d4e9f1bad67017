import { readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { forgetCertificateFiles, readCertificateFiles, writeCertificateFiles } from '#identity/certificate-files';
import { temporaryFolder } from '#test/support/folder';

const belongs = (certificate: string, key: string): boolean => certificate.at(-1) === key.at(-1);
const files = (number: number) => ({ roots: 'roots', certificate: `certificate ${number}`, key: `key ${number}` });

test('what was written is read, by its owner alone, under the names that Docker gives', async () => {
  const state = await temporaryFolder();
  expect(readCertificateFiles(state, belongs)).toBeUndefined();
  writeCertificateFiles(state, files(1));
  expect(readCertificateFiles(state, belongs)).toEqual(files(1));
  const folder = join(state, 'certificates');
  expect(readdirSync(folder).sort()).toEqual(['swarm-node.crt', 'swarm-node.key', 'swarm-root-ca.crt']);
  expect(readdirSync(folder).map((name) => statSync(join(folder, name)).mode & 0o777)).toEqual([0o600, 0o600, 0o600]);
  forgetCertificateFiles(state);
  expect(readCertificateFiles(state, belongs)).toBeUndefined();
});

test('a crash between one file and the next leaves a certificate with its key', async () => {
  const state = await temporaryFolder();
  const path = (name: string) => join(state, 'certificates', name);
  writeCertificateFiles(state, files(1));
  // The new files lie beside the old ones; then one has taken its place.
  writeFileSync(path('swarm-node.key.new'), 'key 2');
  expect(readCertificateFiles(state, belongs)).toEqual(files(1));
  writeFileSync(path('swarm-node.crt.new'), 'certificate 2');
  expect(readCertificateFiles(state, belongs)).toEqual(files(1));
  renameSync(path('swarm-node.key.new'), path('swarm-node.key'));
  expect(readCertificateFiles(state, belongs)).toEqual(files(2));
  renameSync(path('swarm-node.crt.new'), path('swarm-node.crt'));
  expect(readCertificateFiles(state, belongs)).toEqual(files(2));
});

test('files that do not go together are none', async () => {
  const state = await temporaryFolder();
  writeCertificateFiles(state, { ...files(1), key: 'key 2' });
  expect(readCertificateFiles(state, belongs)).toBeUndefined();
  writeCertificateFiles(state, files(1));
  rmSync(join(state, 'certificates', 'swarm-root-ca.crt'));
  expect(readCertificateFiles(state, belongs)).toBeUndefined();
});
