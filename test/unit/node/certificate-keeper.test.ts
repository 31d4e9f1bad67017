import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { silentLogger } from '#test/support/silent-logger';
import { seededRandom } from '#base/random';
import { issuerOf } from '#ca/authority';
import { nodeTemplate } from '#ca/certificate';
import { certificates } from '#identity/certificates';
import { CertificateKeeper } from '#node/member/certificate-keeper';
import { TestAuthority } from '#test/support/cluster-certificates';
import { temporaryFolder } from '#test/support/folder';
import { VirtualClock } from '#test/support/virtual-clock';

const hourMs = 3_600_000;

async function setUp({ expiryMs = 90 * 24 * hourMs } = {}) {
  const state = await temporaryFolder();
  const clock = new VirtualClock();
  const cluster = await TestAuthority.begin();
  const asked = { count: 0, renewed: 0, refuse: false };
  const lock: { text: string | undefined } = { text: undefined };
  const keeper = (nodeId = 'n1') =>
    new CertificateKeeper({
      state,
      nodeId,
      certificates,
      certify: async (request) => {
        asked.count++;
        if (asked.refuse) throw new Error('nobody signs');
        const template = nodeTemplate({ nodeId, role: 'worker', clusterId: cluster.clusterId }, clock.now(), expiryMs * 1e6);
        return { certificate: await certificates.issue(request, template, issuerOf(cluster.authority)), roots: cluster.authority.Certificate, incarnation: 1 };
      },
      lock: () => lock.text,
      renewed: () => asked.renewed++,
      clock,
      random: seededRandom(1),
      logger: silentLogger,
    });
  return { state, clock, asked, keeper, lock };
}

/** Signing takes turns of its own. */
const settled = async (condition: () => boolean) => expect.poll(condition, { timeout: 30_000 }).toBe(true);

test('a node without certificate gets one, and goes on with it after a restart', async () => {
  const { asked, keeper } = await setUp();
  const first = keeper();
  await first.obtain();
  const second = keeper();
  await second.obtain();
  expect(second.tls?.now).toEqual(first.tls?.now);
  expect([asked.count, second.problem, second.tlsInfo()?.TrustRoot]).toEqual([1, undefined, first.tls?.now.roots]);
});

test('a certificate of another node, of another key, or one that has expired is not used', async () => {
  const { state, clock, asked, keeper } = await setUp({ expiryMs: hourMs });
  const first = keeper();
  await first.obtain();
  first.stop();
  expect(keeper('n2').load()).toBe(false);
  const key = join(state, 'certificates', 'swarm-node.key');
  const good = readFileSync(key);
  writeFileSync(key, certificates.newKey());
  expect(keeper().load()).toBe(false);
  writeFileSync(key, good);
  const again = keeper();
  expect(again.load()).toBe(true);
  again.stop();
  await clock.advance(hourMs);
  asked.refuse = true;
  const late = keeper();
  await late.obtain();
  expect([late.tls, late.problem]).toEqual([undefined, 'Swarm certificates have expired. To replace them, leave the swarm and join again.']);
});

test('it is renewed between half and four fifths of its life, with a new key, and what uses it hears of it', async () => {
  const { clock, asked, keeper } = await setUp({ expiryMs: 90 * 24 * hourMs });
  const one = keeper();
  await one.obtain();
  const before = one.tls?.now;
  let heard = 0;
  one.tls?.watch(() => heard++);
  await clock.advance(44 * 24 * hourMs);
  expect([asked.count, asked.renewed]).toEqual([1, 1]);
  await clock.advance(30 * 24 * hourMs);
  await settled(() => heard === 1);
  expect(one.tls?.now.key).not.toBe(before?.key);
  one.stop();
});

test('as long as nobody renews it, it is asked for again, less and less often', async () => {
  const { clock, asked, keeper } = await setUp();
  const one = keeper();
  asked.refuse = true;
  await one.obtain();
  for (const count of [2, 3]) {
    await clock.advance(10_000);
    await settled(() => asked.count === count);
  }
  asked.refuse = false;
  await clock.advance(60_000);
  await settled(() => one.tls !== undefined);
  one.stop();
});

test('under a lock the key lies encrypted; a crash between two locks leaves what either opens', async () => {
  const { state, keeper, lock } = await setUp();
  const path = join(state, 'certificates', 'swarm-node.key');
  lock.text = 'first';
  const first = keeper();
  await first.obtain();
  first.stop();
  expect(readFileSync(path, 'utf8')).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
  const reads = (text: string | undefined): boolean => {
    lock.text = text;
    const again = keeper();
    const found = again.load();
    again.stop();
    return found;
  };
  expect([reads(undefined), reads('other'), reads('first')]).toEqual([false, false, true]);
  first.stage('second');
  expect([reads('first'), reads('second')]).toEqual([true, true]);
  lock.text = 'second';
  first.sealAgain();
  expect([reads('first'), reads('second')]).toEqual([false, true]);
  lock.text = undefined;
  first.sealAgain();
  expect(readFileSync(path, 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----/);
});
