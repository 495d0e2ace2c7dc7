/** Where the HTTP API in front of a member's own node answers. */
import { z } from 'zod';
import { fromEnvironment } from './environment.ts';

const ApiSchema = z.object({ id: z.string(), url: z.url() });

/** Its base URL. Where services are elsewhere (an emulator), API Gateway's own host names lead nowhere. */
export function apiEndpoint(): string {
  const { id, url } = ApiSchema.parse(JSON.parse(fromEnvironment('FUQI_API')));
  const elsewhere = process.env.AWS_ENDPOINT_URL;
  return elsewhere ? `${elsewhere}/_aws/execute-api/${id}` : url;
}
