import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { externalCa } from '#cli/commands/swarm/external-ca';
import { temporaryFolder } from '#test/support/folder';

test('it is read as docker reads it', async () => {
  const path = join(await temporaryFolder(), 'ca.pem');
  writeFileSync(path, 'root');
  expect(externalCa('protocol=CFSSL,url=https://a')).toEqual({ Protocol: 'cfssl', URL: 'https://a', Options: {} });
  expect(externalCa(`url=https://a,cacert=${path},Protocol=cfssl,more=x=y`)).toEqual({
    Protocol: 'cfssl',
    URL: 'https://a',
    Options: { more: 'x=y' },
    CACert: 'root',
  });
});

test.each([
  ['cfssl', "invalid field 'cfssl' must be a key=value pair"],
  ['url=https://a', 'the external-ca option needs a protocol= parameter'],
  ['protocol=cfssl', 'the external-ca option needs a url= parameter'],
  ['protocol=acme,url=https://a', 'unrecognized external CA protocol acme'],
  ['protocol=cfssl,url=https://a,cacert=/no/such/file', 'unable to read CA cert for external CA: '],
])('%s is refused by name', (text, why) => {
  expect(() => externalCa(text)).toThrow(`invalid argument "${text}" for "--external-ca" flag: ${why}`);
});
