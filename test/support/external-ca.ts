/** An authority elsewhere that speaks as CFSSL does, over HTTPS, to managers alone. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { nodeTemplate, type Validity } from '#ca/certificate';
import { certificates } from '#identity/certificates';
import type { LiveTls } from '#rpc/credentials';

export interface Asked {
  hosts: string[];
  certificate_request: string;
  subject: { CN: string; names: { OU: string; O: string }[] };
}

export class ExternalCa {
  /** Who asked, by certificate, and for whom. */
  readonly asked: { by: string; for: string }[] = [];
  /** What is answered; as it does when it is well. */
  answer: (asked: Asked) => Promise<string> | string = (asked) => this.sign(asked);
  readonly #server: Server;

  private constructor(
    readonly root: { certificate: string; key: string },
    { now }: LiveTls,
  ) {
    const tls = { cert: now.certificate, key: now.key, ca: now.roots, requestCert: true, rejectUnauthorized: true };
    this.#server = createServer(tls, (request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (part: string) => (text += part));
      request.on('end', () => {
        const asked = JSON.parse(text) as Asked;
        this.asked.push({ by: (request.socket as TLSSocket).getPeerCertificate().subject.CN, for: asked.subject.CN });
        void Promise.resolve(this.answer(asked)).then((answer) => response.end(answer));
      });
    });
  }

  /** @param tls what it shows; its name is that of the address */
  static async start(root: { certificate: string; key: string }, tls: LiveTls): Promise<ExternalCa> {
    const started = new ExternalCa(root, tls);
    await new Promise<void>((resolve) => started.#server.listen(0, '127.0.0.1', resolve));
    return started;
  }

  get url(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}/api/v1/cfssl/sign`;
  }

  async sign({ certificate_request, subject: { CN, names }, hosts }: Asked, validity?: Validity): Promise<string> {
    const [{ OU, O } = { OU: '', O: '' }] = names;
    const template = nodeTemplate({ nodeId: CN, role: OU === 'swarm-manager' ? 'manager' : 'worker', clusterId: O }, Date.now(), 24 * 3600 * 1e9);
    const certificate = await certificates.issue(certificate_request, { ...template, names: hosts, ...(validity && { validity }) }, this.root);
    return JSON.stringify({ success: true, result: { certificate }, errors: [], messages: [] });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
