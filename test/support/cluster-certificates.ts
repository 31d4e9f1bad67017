/** A cluster's root and certificates of its nodes, for tests of the lines between them. */
import { randomBytes } from 'node:crypto';
import { issuerOf, newAuthority, newRoot } from '#ca/authority';
import { nodeTemplate, type NodeIdentity } from '#ca/certificate';
import { certificates } from '#identity/certificates';
import type { Authority } from '#model/object/authority';
import { LiveTls } from '#rpc/credentials';

export class TestAuthority {
  static async begin(clusterId = 'c1'): Promise<TestAuthority> {
    return new TestAuthority(
      clusterId,
      newAuthority(await newRoot(certificates, Date.now()), (count) => randomBytes(count)),
    );
  }

  private constructor(
    readonly clusterId: string,
    readonly authority: Authority,
  ) {}

  /** @param at when it is issued: one of long ago has expired */
  async node(nodeId: string, role: NodeIdentity['role'], at = Date.now()): Promise<LiveTls> {
    const key = certificates.newKey();
    const template = nodeTemplate({ nodeId, role, clusterId: this.clusterId }, at, 24 * 3600 * 1e9);
    const certificate = await certificates.issue(await certificates.request(key), template, issuerOf(this.authority));
    return new LiveTls({ certificate, key, roots: this.authority.Certificate });
  }
}
