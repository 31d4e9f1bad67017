/** A cluster's root and certificates of its nodes, for tests of the lines between them. */
import { newAuthority, issuerOf } from '#ca/authority';
import { nodeTemplate, rootTemplate, type NodeIdentity } from '#ca/certificate';
import { certificates } from '#identity/certificates';
import type { Authority } from '#model/object/authority';
import { LiveTls } from '#rpc/credentials';

export class TestAuthority {
  static async begin(clusterId = 'c1'): Promise<TestAuthority> {
    const key = certificates.newKey();
    const certificate = await certificates.selfSigned(key, rootTemplate(Date.now()));
    return new TestAuthority(clusterId, newAuthority({ certificate, key }, { worker: new Uint8Array(16).fill(1), manager: new Uint8Array(16).fill(2) }));
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
