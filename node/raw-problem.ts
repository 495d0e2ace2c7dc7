/**
 * Problems that are found below HTTP's requests, told in their form all the same: headers that are no HTTP, too
 * large, or never end. The connection ends with the answer.
 */
import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { PROBLEM_TYPE, type ProblemDocument, problemDocument } from '../shared/api/problem.ts';
import type { Exchanges } from './exchanges.ts';

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

/** Answers on a socket on which nothing was answered yet, and closes it. */
export function answerRaw(socket: Duplex, document: ProblemDocument): void {
  const body = JSON.stringify(document);
  const { status } = document;
  const head = [
    `HTTP/1.1 ${status} ${REASONS[status] ?? ''}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

/** Answers what Node's parser refuses or stops waiting for. */
export function answerClientErrors(server: Server, { open }: Exchanges, headersMs: number): void {
  const isAnswering = (socket: Duplex): boolean => {
    for (const exchange of open) {
      if (exchange.socket === socket && exchange.response.headersSent) return true;
    }
    return false;
  };
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || isAnswering(socket)) socket.destroy();
    else answerRaw(socket, problemOf(error, headersMs));
  });
}

function problemOf({ code }: NodeJS.ErrnoException, headersMs: number): ProblemDocument {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const detail = `The request’s headers did not come within ${headersMs / 1000} s, or its body took too long.`;
    return problemDocument('request-timeout', detail);
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return problemDocument('bad-request', 'The request’s headers are too large.', {}, 431);
  }
  return problemDocument('bad-request', 'The bytes are no HTTP request.');
}
