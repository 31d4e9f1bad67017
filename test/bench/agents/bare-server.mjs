/** What a machine takes for an answer of so many bytes, whoever gives it: `GET /N` at the socket argv[2] is answered with N bytes. Plain Node. */
import { createServer } from 'node:http';

const [, , socket = ''] = process.argv;
createServer((request, response) => response.end(Buffer.alloc(Number(request.url?.slice(1)), 'x'))).listen(socket, () => process.send?.('listening'));
process.on('disconnect', () => process.exit());
